"""The state of one emulator: settings, tokens, links, poll counters and the log of requests."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from airflow_provider_meetings.emulator.faults.errors import Failures
from airflow_provider_meetings.emulator.faults.hangs import Hangs
from airflow_provider_meetings.emulator.faults.media import MediaFaults
from airflow_provider_meetings.emulator.faults.pages import PageFaults
from airflow_provider_meetings.emulator.faults.rate_limits import RateLimits
from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.endpoints import Endpoint, Platform
from airflow_provider_meetings.emulator.model.feishu_apps import DOMAINS, Cloud
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.script import Script
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.state.consents import Consents
from airflow_provider_meetings.emulator.state.tokens import AppTickets, Tokens, TokenStatus

WecomSpelling = Literal["record_list", "record_meetings"]

# One day: https://open.feishu.cn/document/minutes-v1/minute-media/get
# Six hours, and one for summaries and AI transcripts: https://developer.work.weixin.qq.com/document/path/98205
_LINK_SECONDS: Final[Mapping[Platform, int]] = {"feishu": 24 * 3600, "wecom": 6 * 3600}


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One received request without its secrets; header names in lower case, ``body`` is its JSON object or empty."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]
    withheld: tuple[str, ...] = ()
    """The names of its secrets in query, headers and body."""


@dataclass(frozen=True, slots=True)
class Link:
    """The target of a media link. ``object_id``: the minute token or record_file_id by which media faults select it."""

    media: Media
    filename: str
    expires_at: float
    object_id: str = ""


class EmulatorState:
    """The state of one emulator; safe to use from the server's thread and the test's.

    Its plain public attributes are settings and may be changed at any time;
    :mod:`airflow_provider_meetings.emulator.control.settings` describes each.

    :param company: what to serve, or a script of what it has at which time; None: the default company.
    :param not_ready_polls: how many polls an object in processing answers "not ready", at each of its stages.
    :param token_seconds: lifetime of a token.
    :param link_seconds: lifetime of a media link; None: the vendor's, 1 day for Feishu, 6 hours or 1 for WeCom.
    :param rate_limits: enforce the vendors' rate limits.
    :param cloud: Feishu or Lark. Each knows only its own apps.
    :param clock: seconds since the epoch; a `VirtualClock` to control it.
    :param calendar: the time at which the company is shown, for meetings in another month than that of tokens, links
        and rate limits; None: `clock`.
    """

    def __init__(
        self,
        company: Company | Script | None = None,
        *,
        not_ready_polls: int = 0,
        token_seconds: int = 7200,
        link_seconds: int | None = None,
        rate_limits: bool = False,
        cloud: Cloud = "feishu",
        clock: Callable[[], float] = time.time,
        calendar: Callable[[], float] | None = None,
    ) -> None:
        self._company = default_company() if company is None else company
        self.calendar = calendar or self.now
        self.not_ready_polls = not_ready_polls
        self.token_seconds = token_seconds
        self.link_seconds = link_seconds
        self.rate_limits = rate_limits
        self.cloud: Cloud = cloud
        self.clock = clock
        self.consent: Literal["grant", "deny"] = "grant"
        # The page's sample value, "not fixed":
        # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
        self.refresh_seconds = 7 * 24 * 3600
        self.wecom_spelling: WecomSpelling = "record_list"
        self.has_more: Literal["always", "when-true"] = "always"
        self.meeting_list_tenant = True
        self.minutes_search_depth: int | None = None
        self.minutes_search_most: int | None = None
        self.requests: list[RequestRecord] = []
        self.token_requests: Counter[Platform] = Counter()
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.failures = Failures()
        self.media_faults = MediaFaults()
        self.pages = PageFaults()
        self.limits = RateLimits(self.now)
        self.tokens = Tokens(self.now)
        self.consents = Consents(self.now, self.tokens)
        self.app_tickets = AppTickets(self.now)
        self.hangs = Hangs()
        self._links: dict[str, Link] = {}
        self._polls: Counter[tuple[str, str]] = Counter()
        self._not_ready: dict[str, int] = {}
        self._lock = threading.RLock()
        self._initial = {name: value for name, value in vars(self).items() if isinstance(value, (int, str, type(None)))}
        self._initial_clock = clock
        # Short names for tests.
        self.fail = self.failures.add
        self.clear_failures = self.failures.clear
        self.fault = self.media_faults.add
        self.page_fault = self.pages.add
        self.clear_faults = self.media_faults.clear
        self.hang = self.hangs.add
        self.release = self.hangs.release

    @property
    def company(self) -> Company:
        """Return what is served now."""
        return self._company.at(self.calendar()) if isinstance(self._company, Script) else self._company

    @company.setter
    def company(self, company: Company | Script) -> None:
        self._company = company

    @property
    def domain(self) -> str:
        """Return the domain of the cloud, for the URLs of pages."""
        return DOMAINS[self.cloud]

    def now(self) -> float:
        return self.clock()

    def reset(self) -> None:
        """Restore the initial settings and clock, and forget all faults, requests, tokens and polls."""
        with self._lock:
            vars(self).update(self._initial)
            self.clock = self._initial_clock
            for faults in (self.failures, self.media_faults, self.pages, self.hangs):
                faults.clear()
            self.pages.size, self.pages.late = None, {}
            for issued in (self.limits, self.tokens, self.consents, self.app_tickets):
                issued.reset()
            self.forget_counters()
            self._links.clear()
            self._polls.clear()
            self._not_ready.clear()

    def issue_token(self, platform: Platform) -> tuple[str, int]:
        """Return the newest token of ``platform``, or a new one, and the whole seconds until it expires."""
        return self.tokens.issue(platform, self.token_seconds)

    def token_status(self, platform: Platform, token: str) -> TokenStatus:
        """Return the status of ``token``; a revoked token is unknown."""
        return self.tokens.status(platform, token)

    def revoke_tokens(self, token: str | None = None) -> None:
        """Revoke all access tokens of both platforms, or only ``token``, which may be a refresh token.

        :raises ValueError: the token is unknown.
        """
        revoked = self.tokens.revoke(token)
        if not (token is not None and self.consents.revoke(token)) and not revoked:
            raise ValueError("unknown token: it was never issued, or is revoked already")

    def count_request(self, endpoint: Endpoint) -> None:
        """Count one request, also if it is refused."""
        with self._lock:
            self.calls[endpoint.name] += 1
            if endpoint.token:
                self.token_requests[endpoint.platform] += 1

    def forget_counters(self) -> None:
        """Clear the log and the counters; tokens and rate limits keep their state."""
        with self._lock:
            self.requests.clear()
            for counter in (self.token_requests, self.calls, self.throttled, self.consents.presented):
                counter.clear()

    def issue_link(self, platform: Platform, media: Media, filename: str, object_id: str = "") -> str:
        """Return a random code that leads to ``media`` until it expires."""
        documented = 3600 if media.kind in {"txt", "docx", "docs", "pdf"} else _LINK_SECONDS[platform]
        seconds = documented if self.link_seconds is None else self.link_seconds
        code = secrets.token_urlsafe(32)
        self._links[code] = Link(media, filename, self.clock() + seconds, object_id)
        return code

    def open_link(self, code: str) -> Link | None:
        """Return the target of ``code``; None if it is unknown or expired."""
        link = self._links.get(code)
        return link if link is not None and self.clock() < link.expires_at else None

    def not_ready(self, object_id: str, polls: int) -> None:
        """Let one object answer "not ready" for the next ``polls`` polls at each of its stages.

        :param object_id: a meeting id, a minute token or a meeting_record_id.
        """
        with self._lock:
            self._not_ready[object_id] = polls
            for stage in ("meeting", "minute", "recording"):
                self._polls.pop((stage, object_id), None)

    def polls_needed(self, object_id: str, *, processing: bool) -> int:
        """Return the number of polls until an object is ready; by default ``not_ready_polls`` in processing, else 0."""
        return self._not_ready.get(object_id, self.not_ready_polls if processing else 0)

    def count_poll(self, stage: str, object_id: str) -> int:
        """Count one poll of an object and return the number of polls before it."""
        with self._lock:
            before = self._polls[stage, object_id]
            self._polls[stage, object_id] += 1
            return before

    def polls(self, stage: str, object_id: str) -> int:
        """Return the number of polls that :meth:`count_poll` has counted."""
        return self._polls[stage, object_id]

    def log(self, record: RequestRecord) -> None:
        """Append ``record`` to :attr:`requests`, before it is answered; a test may replace this."""
        self.requests.append(record)

"""What changes while the emulator runs: tokens, addresses, poll counters and the log of requests."""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from airflow_provider_meetings.emulator.company import Company, default_company
from airflow_provider_meetings.emulator.media import Media

Platform = Literal["feishu", "wecom"]
TokenStanding = Literal["valid", "expired", "unknown"]
WecomSpelling = Literal["record_list", "record_meetings"]

# Feishu hands out the same token while at least 30 minutes of it are left, and a new one beside it afterwards:
# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
# WeCom: "the same result within validity", from older copies of https://developer.work.weixin.qq.com/document/path/91039
_REUSED_WITH_LEFT: Final[Mapping[Platform, int]] = {"feishu": 30 * 60, "wecom": 1}
_TOKEN_PREFIX: Final[Mapping[Platform, str]] = {"feishu": "t-", "wecom": ""}
# One day: https://open.feishu.cn/document/minutes-v1/minute-media/get
# Six hours: https://developer.work.weixin.qq.com/document/path/98196
_LINK_SECONDS: Final[Mapping[Platform, int]] = {"feishu": 24 * 3600, "wecom": 6 * 3600}


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as it arrived; header names in lower case, ``body`` the parsed JSON or None."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Link:
    """What a signed address leads to; ``expires_at`` in seconds of the state's clock."""

    media: Media
    filename: str
    expires_at: float


class EmulatorState:
    """Hold one emulator's moving parts; safe to use from the server's thread and the test's at once.

    Public attributes are knobs and may be changed while it runs.

    :param company: what to serve; the default company if None.
    :param not_ready_polls: polls for which an object in the making answers "not ready", at each of its stages.
    :param token_seconds: lifetime of a token.
    :param link_seconds: lifetime of a media address; None for the vendor's own, 1 day for Feishu and 6 hours for WeCom.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        company: Company | None = None,
        *,
        not_ready_polls: int = 0,
        token_seconds: int = 7200,
        link_seconds: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.company = default_company() if company is None else company
        self.not_ready_polls = not_ready_polls
        self.token_seconds = token_seconds
        self.link_seconds = link_seconds
        self.clock = clock
        self.wecom_spelling: WecomSpelling = "record_list"
        self.requests: list[RequestRecord] = []
        self.token_requests: Counter[Platform] = Counter()
        self._tokens: dict[Platform, dict[str, float]] = {"feishu": {}, "wecom": {}}
        self._links: dict[str, Link] = {}
        self._polls: Counter[tuple[str, str]] = Counter()
        self._lock = threading.RLock()

    def issue_token(self, platform: Platform) -> tuple[str, int]:
        """Return a token of ``platform`` and the whole seconds left of it: the newest one, or a new one beside it."""
        with self._lock:
            now = self.clock()
            tokens = self._tokens[platform]
            if tokens:
                newest = next(reversed(tokens))
                if tokens[newest] - now >= _REUSED_WITH_LEFT[platform]:
                    return newest, int(tokens[newest] - now)
            token = _TOKEN_PREFIX[platform] + secrets.token_urlsafe(32)
            tokens[token] = now + self.token_seconds
            return token, self.token_seconds

    def token_standing(self, platform: Platform, token: str) -> TokenStanding:
        """Tell whether ``token`` may be used; a revoked one is unknown."""
        with self._lock:
            expires_at = self._tokens[platform].get(token)
            if expires_at is None:
                return "unknown"
            return "valid" if self.clock() < expires_at else "expired"

    def revoke_tokens(self) -> None:
        """Void every token of both platforms before its time."""
        with self._lock:
            for tokens in self._tokens.values():
                tokens.clear()

    def count_token_request(self, platform: Platform) -> None:
        """Count one call of a token endpoint, granted or refused."""
        with self._lock:
            self.token_requests[platform] += 1

    def issue_link(self, platform: Platform, media: Media, filename: str) -> str:
        """Return a random code that leads to ``media`` until it expires."""
        with self._lock:
            seconds = _LINK_SECONDS[platform] if self.link_seconds is None else self.link_seconds
            code = secrets.token_urlsafe(32)
            self._links[code] = Link(media, filename, self.clock() + seconds)
            return code

    def open_link(self, code: str) -> Link | None:
        """Return what ``code`` leads to, or None if it is unknown or expired."""
        with self._lock:
            link = self._links.get(code)
            return link if link is not None and self.clock() < link.expires_at else None

    def count_poll(self, stage: str, object_id: str) -> int:
        """Count one poll of an object in the making and return how many came before it."""
        with self._lock:
            before = self._polls[stage, object_id]
            self._polls[stage, object_id] += 1
            return before

    def polls(self, stage: str, object_id: str) -> int:
        """Return how many polls :meth:`count_poll` has counted."""
        with self._lock:
            return self._polls[stage, object_id]

    def log(self, record: RequestRecord) -> None:
        """Append ``record`` to :attr:`requests`."""
        with self._lock:
            self.requests.append(record)

"""What a platform's code means for us: the form of the rows in each platform's table."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    InvalidRequest,
    MeetingsApiError,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.sanitize import storable_text

LONGEST_MESSAGE = 1000
"""Characters of a platform's message that an error keeps."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One code: the error, the next step for a person, whether a fresh token may help, seconds to wait.

    `spread` adds up to so many seconds at random, so that calls refused together do not come back together. `blocks`
    are the waits that a refusal may stand for, in seconds, where it does not say which.
    """

    error: type[MeetingsApiError]
    next_step: str = ""
    renew: bool = False
    wait: float | None = None
    spread: float = 0.0
    blocks: tuple[float, ...] = ()

    @property
    def retries(self) -> bool:
        """Tell whether the call itself is sent again: after a wait, or once with a fresh token."""
        return self.renew or issubclass(self.error, RateLimited | ServerError)

    @classmethod
    def unknown(cls, response: requests.Response, next_step: str, *, status_tells: bool = True) -> Rule:
        """Judge a code that no table has: permanent, unless the status says that the server failed.

        :param status_tells: False for an endpoint that says 5xx also where the question is wrong.
        """
        failed = status_tells and response.status_code >= 500
        return cls(ServerError if failed else InvalidRequest, next_step)

    def seconds(self) -> float | None:
        """Return how long to wait where the answer does not say it; None leaves it to the transport."""
        if self.wait is None:
            return None
        return self.wait + self.spread * random.random()  # noqa: S311  # spreads calls, guards nothing

    def build(
        self,
        response: requests.Response,
        *,
        platform: str,
        code: int,
        vendor_message: str,
        log_id: str,
        retry_after: float | None = None,
    ) -> MeetingsApiError:
        """Build the error of one answer. `retry_after` in seconds, as that answer said."""
        error = self.error(
            f"{platform} refused {asked_path(response)}",
            platform=platform,
            code=code,
            vendor_message=storable_text(_cut(vendor_message)),
            log_id=log_id if is_log_id(log_id) else "",
            next_step=self.next_step,
            retry_after=retry_after if retry_after is not None else self.seconds(),
        )
        if isinstance(error, AuthenticationError):
            error.token_rejected = self.renew
        if isinstance(error, RateLimited):
            error.blocks = self.blocks
        return error


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one endpoint means by codes that mean something else, or nothing, elsewhere.

    :param path: as the documents print it: ``:name`` stands for an id.
    :param status_tells: see `Rule.unknown`.
    """

    path: str
    rules: Mapping[int, Rule]
    status_tells: bool = True

    def answered(self, response: requests.Response) -> bool:
        """Tell whether this endpoint gave the answer; the host may lie behind a path of its own."""
        form = re.sub(r":[a-z_]+", "[^/]+", self.path)
        return re.search(rf"{form}/?\Z", asked_path(response)) is not None


def is_log_id(value: str) -> bool:
    """Tell whether `value` has the form of a request's id: it is shown as it is, in logs too."""
    return re.fullmatch(r"[\w.-]{1,128}", value) is not None


def _cut(text: str) -> str:
    # It goes into an exception, a log line and a row.
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}… ({len(text)} characters)"


def code_of(body: Mapping[str, Any], name: str) -> int | None:
    """Return an answer's code, written as a number or as text; None if there is none."""
    value = body.get(name)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def json_object(response: requests.Response) -> dict[str, Any] | None:
    """Return the answer's JSON object; None if it is none, or nested beyond sense."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def asked_path(response: requests.Response) -> str:
    """Name what was asked; never the query, which may hold a token or a secret."""
    return str(response.request.path_url).partition("?")[0]


def no_code(response: requests.Response, *, platform: str, log_id: str, next_step: str) -> ServerError:
    """Build the error of an answer that is not the platform's: no JSON, or JSON without a code."""
    return ServerError(
        f"{platform} answered {asked_path(response)} with status {response.status_code} and no readable code",
        platform=platform,
        log_id=log_id,
        next_step=next_step,
    )

"""Map the error codes of a platform to typed errors."""

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
    QuotaExhausted,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.rate_limit import retry_after_seconds
from airflow_provider_meetings.api.sanitize import storable_text

MAX_MESSAGE_LENGTH = 1000
"""In characters; an error truncates the platform's message."""
THROTTLED = 429
"""An answer with this HTTP status is a rate limit, whatever its body is: a gateway may have written it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The meaning of one code.

    :param renew: whether a fresh token may help.
    :param wait: seconds before a retry, if the answer names none.
    :param spread: adds up to this many random seconds, so that calls refused together are not retried together.
    :param blocks: the possible durations of the block in seconds, if the answer does not say which one applies.
    """

    error: type[MeetingsApiError]
    next_step: str = ""
    renew: bool = False
    wait: float | None = None
    spread: float = 0.0
    blocks: tuple[float, ...] = ()

    def build(
        self,
        response: requests.Response,
        *,
        platform: str,
        code: int,
        vendor_message: str,
        log_id: str,
    ) -> MeetingsApiError:
        """Build the error of one answer; the wait that the answer names precedes that of the rule."""
        named = retry_after_seconds(response.headers) if issubclass(self.error, RateLimited | ServerError) else None
        retry_after = named
        if named is None and self.wait is not None:
            retry_after = self.wait + self.spread * random.random()  # noqa: S311  # not for security
        error = self.error(
            f"{platform} refused {request_path(response)}",
            platform=platform,
            code=code,
            vendor_message=storable_text(_truncate(vendor_message)),
            log_id=log_id if is_log_id(log_id) else "",
            next_step=self.next_step,
            retry_after=retry_after,
        )
        if isinstance(error, AuthenticationError):
            error.token_rejected = self.renew
        if isinstance(error, RateLimited) and named is None:
            error.blocks = self.blocks
        return error


RATE_LIMIT = Rule(RateLimited, "Send fewer calls, or try later: everything that uses this app shares the limit.")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The codes that have their own meaning at one endpoint.

    :param path: as in the documentation: ``:name`` is an id.
    """

    path: str
    rules: Mapping[int, Rule]

    def matches(self, response: requests.Response) -> bool:
        """Return whether the answer is from this endpoint; the base URL may have a path."""
        pattern = re.sub(r":[a-z_]+", "[^/]+", self.path)
        return re.search(rf"{pattern}/?\Z", request_path(response)) is not None


def find_rule(
    code: int, response: requests.Response, codes: Mapping[int, Rule], endpoints: tuple[Endpoint, ...], next_step: str
) -> Rule:
    """Return the rule of a code, which may differ by endpoint. Status 429 is a limit, which a code may name exactly.

    :param next_step: of a code without a rule; such an error is permanent, unless the status is 5xx.
    """
    endpoint = next((e for e in endpoints if e.matches(response)), None)
    rule = (endpoint.rules.get(code) if endpoint else None) or codes.get(code)
    if response.status_code == THROTTLED and not (rule and issubclass(rule.error, RateLimited | QuotaExhausted)):
        return RATE_LIMIT
    failed = response.status_code >= 500
    return rule or (Rule(ServerError, f"Try again later. {next_step}") if failed else Rule(InvalidRequest, next_step))


def is_log_id(value: str) -> bool:
    """Return whether `value` is a plausible request id, safe to show."""
    return re.fullmatch(r"[\w.-]{1,128}", value) is not None


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE_LENGTH else f"{text[:MAX_MESSAGE_LENGTH]}… ({len(text)} characters)"


def code_of(body: Mapping[str, Any], name: str) -> int | None:
    """Return the code of an answer, sent as a number or as text; None if there is none."""
    value = body.get(name)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,10}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def request_path(response: requests.Response) -> str:
    """Return the path of the request, without its query, which may contain a secret."""
    return str(response.request.path_url).partition("?")[0]


def read_code(
    response: requests.Response, name: str, *, platform: str, log_id: str, next_step: str
) -> tuple[int, dict[str, Any]]:
    """Return the code of an answer, and its JSON object.

    :raises ServerError: for an answer without JSON or without a code; `RateLimited` with status 429.
    """
    try:
        body = response.json()
    except (ValueError, RecursionError):  # the latter if it is nested too deeply
        body = None
    if isinstance(body, dict) and (code := code_of(body, name)) is not None:
        return code, body
    throttled = response.status_code == THROTTLED
    raise (RateLimited if throttled else ServerError)(
        f"{platform} answered {request_path(response)} with status {response.status_code} and no readable code",
        platform=platform,
        log_id=log_id,
        next_step=RATE_LIMIT.next_step if throttled else next_step,
        retry_after=retry_after_seconds(response.headers),
    )

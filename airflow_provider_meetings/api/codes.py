"""What a platform's code means for us: the form of the rows in each platform's table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from airflow_provider_meetings.api.errors import AuthenticationError, InvalidRequest, MeetingsApiError, ServerError
from airflow_provider_meetings.api.models import storable_text


@dataclass(frozen=True, slots=True)
class Rule:
    """One code: the error, the next step for a person, whether a fresh token may help, seconds to wait."""

    error: type[MeetingsApiError]
    next_step: str = ""
    renew: bool = False
    wait: float | None = None

    @classmethod
    def unknown(cls, response: requests.Response, next_step: str) -> Rule:
        """Judge a code that no table has: permanent, unless the status says that the server failed."""
        return cls(ServerError if response.status_code >= 500 else InvalidRequest, next_step)

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
            vendor_message=storable_text(vendor_message),
            log_id=storable_text(log_id),
            next_step=self.next_step,
            retry_after=retry_after if retry_after is not None else self.wait,
        )
        if isinstance(error, AuthenticationError):
            error.token_rejected = self.renew
        return error


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

"""Feishu's and Lark's codes, and what each means for us. Only the body's code decides, never the HTTP status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import requests

from airflow_provider_meetings.api.codes import Rule, json_object, no_code
from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    Gone,
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    NotReady,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    ServerError,
)

PLATFORM = "feishu"


_LOGIN = "Check login (app id) and password (app secret) of the connection, in the developer console of this app."
_LATER = "Try again later."
_RANGE = (
    "Give the app the scope named in the documentation and, for minutes, a data range that covers the owner; "
    "then publish a version of the app."
)
_REFUSED_TWICE = "The token was renewed once and refused again: does the API accept tenant tokens, is the host right?"

# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN  (generic codes)
_GENERIC = {
    10003: Rule(AuthenticationError, _LOGIN),
    10012: Rule(AuthenticationError, _LOGIN),
    10014: Rule(AuthenticationError, _LOGIN),
    10015: Rule(AuthenticationError, _LOGIN),
    20002: Rule(AuthenticationError, _LOGIN),
    99991543: Rule(AuthenticationError, _LOGIN),
    99991400: Rule(RateLimited, "Fewer calls at a time, or later: everything that uses this app shares the limit."),
    99991401: Rule(PermissionDenied, "Add this worker's address to the app's IP allow-list."),
    99991403: Rule(QuotaExhausted, "The month's quota of API calls is used up: wait for the next, or change the plan."),
    99991661: Rule(AuthenticationError, _REFUSED_TWICE),
    99991662: Rule(PermissionDenied, "The app is disabled in this tenant: have an administrator enable it."),
    99991663: Rule(AuthenticationError, _REFUSED_TWICE, renew=True),
    99991664: Rule(AuthenticationError, _REFUSED_TWICE, renew=True),
    99991665: Rule(AuthenticationError, _REFUSED_TWICE, renew=True),
    99991668: Rule(AuthenticationError, _REFUSED_TWICE, renew=True),
    99991671: Rule(AuthenticationError, _REFUSED_TWICE, renew=True),
    99991677: Rule(AuthenticationError, _REFUSED_TWICE, renew=True),
    99991672: Rule(PermissionDenied, _RANGE),
    99991673: Rule(PermissionDenied, "The app is not available in this tenant: have an administrator enable it."),
    99991676: Rule(PermissionDenied, _RANGE),
    99991679: Rule(PermissionDenied, "The user has not granted this scope: have the user consent again."),
    99992402: Rule(InvalidRequest, "Check the ids that were given."),
}

# https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
# https://open.feishu.cn/document/minutes-v1/minute-media/get
_MINUTES = {
    2091001: Rule(InvalidRequest, "Check the minute token: 24 characters, the last part of the minute's address."),
    2091002: Rule(NotFound, "Check the minute token."),
    2091003: Rule(NotReady, "Wait: the minute is still being transcribed."),
    2091004: Rule(Gone, "The minute was deleted."),
    2091005: Rule(PermissionDenied, _RANGE),
    2091006: Rule(ServerError, _LATER),
}

# https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
_RECORDING = {
    121001: Rule(ServerError, _LATER),
    121002: Rule(InvalidRequest, "The platform does not support this for the meeting."),
    121003: Rule(InvalidRequest, "Check the meeting id: the long id, not the 9-digit meeting number."),
    121004: Rule(NotReady, "The meeting has no recording: not yet, or it was never recorded."),
    121005: Rule(PermissionDenied, "A tenant token needs the scope vc:record:readonly."),
    122001: Rule(NotReady, "Wait: the meeting is still running."),
    122002: Rule(NotFound, "Check the meeting id: the long id, not the 9-digit meeting number."),
    124002: Rule(NotReady, "Wait: the recording is still being made."),
}

# https://open.feishu.cn/document/moments-v1/post/get
_MOMENTS = {
    1420001: Rule(InvalidRequest, "Check the post id: digits only."),
    1420002: Rule(PermissionDenied, "Give the app the scope moments:moments:readonly."),
    1420003: Rule(RateLimited, "Fewer calls at a time, or later."),
    1420004: Rule(NotFound, "Check the post id; the post may have been deleted."),
}

CODES: Mapping[int, Rule] = {**_GENERIC, **_MINUTES, **_RECORDING, **_MOMENTS}


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/get-  (the envelope of an answer)
def decode(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a successful answer, or raise what its code means.

    :raises MeetingsApiError: the class that the code's rule names; unknown codes are permanent unless the
        status says that the server failed.
    """
    body = json_object(response)
    if body is None or type(body.get("code")) is not int:
        raise no_code(
            response,
            platform=PLATFORM,
            log_id=_log_id({}, response),
            next_step="If it lasts, check that the connection's host is the API's (https://open.feishu.cn or "
            "https://open.larksuite.com) and that no proxy answers in its place.",
        )
    if body["code"] == 0:
        return body
    raise error_of(body, response)


def error_of(body: Mapping[str, Any], response: requests.Response) -> MeetingsApiError:
    """Build the typed error of an answer whose code is not 0."""
    code = body["code"]
    rule = CODES.get(code)
    if rule is None and response.status_code == 429:
        rule = CODES[99991400]
    if rule is None:
        rule = Rule.unknown(response, "Look the code up at https://open.feishu.cn/search.")
    return rule.build(
        response,
        platform=PLATFORM,
        code=code,
        vendor_message=str(body.get("msg") or ""),
        log_id=_log_id(body, response),
        retry_after=_reset_seconds(response) if rule.error is RateLimited else None,
    )


def _log_id(body: Mapping[str, Any], response: requests.Response) -> str:
    # The official page spells it `logid`, the SDK `log_id`.
    detail = body.get("error")
    found = (detail.get("log_id") or detail.get("logid")) if isinstance(detail, dict) else None
    headers = response.headers
    return str(found or headers.get("X-Tt-Logid") or headers.get("X-Request-Id") or "")


# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN  (frequency control)
def _reset_seconds(response: requests.Response) -> float | None:
    try:
        seconds = float(response.headers.get("x-ogw-ratelimit-reset", ""))
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None

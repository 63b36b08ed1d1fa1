"""The error codes of WeCom. The HTTP status is 200, except from a gateway; an `errcode` other than 0 is an error."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import requests

from airflow_provider_meetings.api.errors import (
    AuthenticationError,
    Gone,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.error_codes import THROTTLED, Endpoint, Rule, find_rule, read_code, request_path

PLATFORM = "wecom"

log = logging.getLogger(__name__)

_HINT = re.compile(r"hint: \[([\w.-]+)\]")

_LOGIN = "Check login (corp id) and password (the app's secret, not the corp's) of the connection."
_REFUSED_TWICE = "The token was refreshed and rejected again: use the secret of the app that owns the meetings."
_AUTHORIZE = "Have an administrator authorize this app for the meeting API."
_VISIBLE = "Have an administrator add this person to the app's visible range."
_MEMBER = "Check the userid: the company has no such member, or not in the app's visible range; or the member has left."
_MEETING = "Check the ids: the platform has no such meeting or file, or it belongs to a meeting of another app."
_OTHER_APP = "The secret belongs to another app: use that of the app that created the meetings."
_CLOSED = "The company's meeting app is closed: have an administrator open it in the admin console."
_EDITION = "Meetings of this kind need another edition of WeCom: check that of the company and of the account."
_ARGUMENT = "Check the ids and the window."

# https://developer.work.weixin.qq.com/document/path/90313  (global codes)
# https://developer.work.weixin.qq.com/document/path/90454  (limits: a minute's limit blocks for 60 s)
CODES: Mapping[int, Rule] = {
    **dict.fromkeys((-1, 6000), Rule(ServerError, "Try again later.")),
    **dict.fromkeys((40001, 40014, 42001), Rule(AuthenticationError, _REFUSED_TWICE, renew=True)),
    40003: Rule(InvalidRequest, _MEMBER),
    **dict.fromkeys((40013, 41002, 41004), Rule(AuthenticationError, _LOGIN)),
    41001: Rule(AuthenticationError, "The request had no token: does a proxy remove the query of the URL?"),
    **dict.fromkeys((40035, 40058), Rule(InvalidRequest, _ARGUMENT)),
    # The code does not show whether the limit per minute, hour or day was exceeded; the daily one is retried each hour.
    45009: Rule(
        RateLimited,
        "The API is blocked for a minute, an hour or the day: send fewer calls, later.",
        wait=60.0,
        blocks=(60.0, 3600.0),
    ),
    45033: Rule(
        RateLimited, "Too many calls at once: run fewer tasks at a time (an Airflow pool helps).", wait=1.0, spread=2.0
    ),
    **dict.fromkeys((48001, 48004), Rule(PermissionDenied, _AUTHORIZE)),
    48002: Rule(PermissionDenied, "Have an administrator add this app to the meeting API's list of allowed apps."),
    48006: Rule(PermissionDenied, "An unused app loses its permissions: have an administrator enable it again."),
    **dict.fromkeys((50002, 60011, 60021, 60030), Rule(PermissionDenied, _VISIBLE)),
    60020: Rule(PermissionDenied, "Have an administrator add this worker's address to the app's trusted IPs."),
    **dict.fromkeys((60111, 301021), Rule(NotFound, _MEMBER)),
    **dict.fromkeys((90602, 730001, 730002, 730003, 730004, 730006), Rule(NotFound, _MEETING)),
    **dict.fromkeys((301002, 730005), Rule(PermissionDenied, _OTHER_APP)),
    301007: Rule(PermissionDenied, "The company is dissolved or blocked: have its administrator ask WeCom."),
    **dict.fromkeys((400028, 680106), Rule(PermissionDenied, _CLOSED)),
    **dict.fromkeys((730007, 730011), Rule(PermissionDenied, _EDITION)),
    730008: Rule(Gone, "The meeting was deleted: omit it."),
    730009: Rule(InvalidRequest, "Make the administrators of the meeting participants of it."),
    730010: Rule(PermissionDenied, "Omit the meeting: the API serves only those that were created through it."),
}

MISSING = range(41000, 42000)
"""The platform's codes for a missing parameter; most of them belong to products that are not used here."""

ENDPOINTS: tuple[Endpoint, ...] = (
    # https://developer.work.weixin.qq.com/document/path/91039
    # At other endpoints 40001 may mean an invalid token; here it means an invalid secret.
    Endpoint("/cgi-bin/gettoken", {40001: Rule(AuthenticationError, _LOGIN)}),
)


def decode(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    :raises MeetingsApiError: of the class that the code's rule names; an unknown code is permanent.
    """
    code, body = read_code(
        response,
        "errcode",
        platform=PLATFORM,
        log_id="",
        next_step="If it persists, check the connection's host (https://qyapi.weixin.qq.com) and the proxy.",
    )
    if code == 0 and response.status_code != THROTTLED:
        _warn_of_ignored_fields(body, response)
        return body
    message = str(body.get("errmsg") or "")
    step = f"See https://open.work.weixin.qq.com/devtool/query?e={code}."
    step = f"{_ARGUMENT} {step}" if code in MISSING else step
    rule = find_rule(code, response, CODES, ENDPOINTS, step)
    raise rule.build(response, platform=PLATFORM, code=code, vendor_message=message, log_id=_log_id(message))


def _log_id(message: str) -> str:
    hint = _HINT.search(message)
    return hint.group(1) if hint else ""


# https://developer.work.weixin.qq.com/document/path/90455
def _warn_of_ignored_fields(body: Mapping[str, Any], response: requests.Response) -> None:
    # The platform ignored parameters of a wrong type, so it may have answered a different request.
    message = str(body.get("errmsg") or "")
    if "wrong json format" in message.lower():
        log.warning(
            "wecom answered %s with 'wrong json format': it ignored an invalid parameter (log id %s)",
            request_path(response),
            _log_id(message) or "unknown",
        )

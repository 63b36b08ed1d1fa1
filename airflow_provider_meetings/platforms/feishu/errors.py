"""Turn Feishu's and Lark's answers into data or typed errors, by the code in the body, not by the HTTP status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_provider_meetings.api.errors import NotFound
from airflow_provider_meetings.api.http.error_codes import THROTTLED, find_rule, is_log_id, read_code
from airflow_provider_meetings.platforms.feishu.codes import CODES, ENDPOINTS, UNKNOWN_APPS

PLATFORM = "feishu"


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/get-  (the envelope of an answer)
def decode(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    :raises MeetingsApiError: of the class that the code's rule names; an unknown code is permanent unless the HTTP
        status is 5xx.
    """
    code, body = read_code(
        response,
        "code",
        platform=PLATFORM,
        log_id=_log_id({}, response),
        next_step="If it persists, check that the connection's host is the API's (https://open.feishu.cn or "
        "https://open.larksuite.com) and that no proxy answers instead.",
    )
    if code == 0 and response.status_code != THROTTLED:
        return body
    rule = find_rule(code, response, CODES, ENDPOINTS, "Look the code up at https://open.feishu.cn/search.")
    error = rule.build(
        response,
        platform=PLATFORM,
        code=code,
        # The user token endpoint has no `msg`.
        vendor_message=str(body.get("msg") or body.get("error_description") or ""),
        log_id=_log_id(body, response),
    )
    # The wrong cloud does not know the app, or does not find the object.
    if (code in UNKNOWN_APPS or rule.error is NotFound) and (hint := other_cloud_hint(response.url)):
        error.next_step = f"{error.next_step} {hint}"
    raise error


def _log_id(body: Mapping[str, Any], response: requests.Response) -> str:
    # The official page spells it `logid`, the SDK `log_id`.
    detail = body.get("error")
    named = [detail.get("log_id"), detail.get("logid")] if isinstance(detail, dict) else []
    log_ids = [*named, response.headers.get("X-Tt-Logid"), response.headers.get("X-Request-Id")]
    return next((str(value) for value in log_ids if is_log_id(str(value or ""))), "")


# https://open.feishu.cn/document/server-side-sdk/faq  (an app belongs to one of the two clouds)
_OTHER_CLOUD = {"open.feishu.cn": ("Lark", "open.larksuite.com"), "open.larksuite.com": ("Feishu", "open.feishu.cn")}


def accounts_url(base_url: str) -> str:
    """Return the base URL of the consent page; for a host of neither cloud, `base_url` itself."""
    host = urlsplit(base_url).hostname or ""
    return f"https://{host.replace('open.', 'accounts.')}" if host in _OTHER_CLOUD else base_url


def other_cloud_hint(url: str) -> str:
    """Return the hint that an unknown app or object may belong to the other cloud; empty for other hosts."""
    name, host = _OTHER_CLOUD.get(urlsplit(url).hostname or "", ("", ""))
    return f"If it belongs to {name}, set the host to https://{host}." if name else ""

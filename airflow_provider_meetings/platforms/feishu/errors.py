"""Read the envelope of Feishu's and Lark's answers. Only the body's code decides, never the HTTP status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from airflow_provider_meetings.api.errors import MeetingsApiError, NotFound, RateLimited
from airflow_provider_meetings.api.http.error_codes import Rule, code_of, is_log_id, json_object, no_code
from airflow_provider_meetings.platforms.feishu.codes import CODES, ENDPOINTS, LIMIT, UNKNOWN_APPS

# https://open.feishu.cn/document/server-side-sdk/faq  (an app belongs to one of the two)


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of the two.

    :param api: host of the API.
    :param accounts: host of the page on which users consent.
    """

    name: str
    api: str
    accounts: str


FEISHU = Cloud("Feishu", "open.feishu.cn", "accounts.feishu.cn")
LARK = Cloud("Lark", "open.larksuite.com", "accounts.larksuite.com")
_OTHER = {FEISHU.api: LARK, LARK.api: FEISHU}


def accounts_url(base_url: str) -> str:
    """Return where users consent: beside the API of either cloud, else at the host of the base URL itself."""
    accounts = {cloud.api: cloud.accounts for cloud in (FEISHU, LARK)}.get(urlsplit(base_url).hostname or "")
    return f"https://{accounts}" if accounts else base_url


def elsewhere(url: str) -> str:
    """Say where it may be instead, of what the host of `url` does not know; empty for another host than those two."""
    other = _OTHER.get(urlsplit(url).hostname or "")
    if other is None:
        return ""
    return f"What belongs to {other.name} is known at https://{other.api} alone: then write that into the host."


PLATFORM = "feishu"


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/get-  (the envelope of an answer)
def decode(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of a successful answer, or raise what its code means.

    :raises MeetingsApiError: the class that the code's rule names; unknown codes are permanent unless the
        status says that the server failed.
    """
    body = json_object(response)
    code = None if body is None else code_of(body, "code")
    if body is None or code is None:
        raise no_code(
            response,
            platform=PLATFORM,
            log_id=_log_id({}, response),
            next_step="If it lasts, check that the connection's host is the API's (https://open.feishu.cn or "
            "https://open.larksuite.com) and that no proxy answers in its place.",
        )
    if code == 0:
        return body
    raise error_of(code, body, response)


def error_of(code: int, body: Mapping[str, Any], response: requests.Response) -> MeetingsApiError:
    """Build the typed error of an answer whose code is not 0."""
    rule = rule_of(code, response)
    error = rule.build(
        response,
        platform=PLATFORM,
        code=code,
        # The endpoint of user tokens has no `msg`.
        vendor_message=str(body.get("msg") or body.get("error_description") or ""),
        log_id=_log_id(body, response),
        retry_after=_reset_seconds(response) if rule.error is RateLimited else None,
    )
    # Asked at the wrong one of the two clouds, an app is unknown, and with a token of both an object is not found.
    if (code in UNKNOWN_APPS or rule.error is NotFound) and (hint := elsewhere(response.url)):
        error.next_step = f"{error.next_step} {hint}"
    return error


def rule_of(code: int, response: requests.Response) -> Rule:
    """Find what a code means at the endpoint that answered."""
    endpoint = next((e for e in ENDPOINTS if e.answered(response)), None)
    rule = (endpoint.rules.get(code) if endpoint else None) or CODES.get(code)
    if rule is None and response.status_code == 429:
        rule = CODES[LIMIT]
    return rule or Rule.unknown(
        response,
        "Look the code up at https://open.feishu.cn/search.",
        status_tells=endpoint is None or endpoint.status_tells,
    )


def _log_id(body: Mapping[str, Any], response: requests.Response) -> str:
    # The official page spells it `logid`, the SDK `log_id`.
    detail = body.get("error")
    named = [detail.get("log_id"), detail.get("logid")] if isinstance(detail, dict) else []
    given = [*named, response.headers.get("X-Tt-Logid"), response.headers.get("X-Request-Id")]
    return next((str(value) for value in given if is_log_id(str(value or ""))), "")


# https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN  (frequency control)
def _reset_seconds(response: requests.Response) -> float | None:
    try:
        seconds = float(response.headers.get("x-ogw-ratelimit-reset", ""))
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None

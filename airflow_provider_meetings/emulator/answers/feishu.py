"""Feishu's answers: the envelope of a success, the bodies of errors, and the ids of users."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_meetings.emulator.codes.registry import documented
from airflow_provider_meetings.emulator.model.feishu import FeishuUser

Shape = Literal["envelope", "flat", "oauth"]

# The page refers to https://www.rfc-editor.org/rfc/rfc6749#section-5.2 and shows only "server_error" and
# "invalid_grant". The others are assumed.
_OAUTH_ERRORS: Final = {
    20001: "invalid_request",
    20002: "invalid_client",
    20036: "unsupported_grant_type",
    20048: "invalid_client",
    20063: "invalid_request",
    20067: "invalid_scope",
    20068: "invalid_scope",
    20070: "invalid_request",
}
_USER_ID_TYPES: Final = ("open_id", "union_id", "user_id")


@dataclass(eq=False)
class FeishuError(Exception):
    """An error answer: HTTP status, Feishu's code and its message."""

    status: int
    code: int
    msg: str
    headers: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ("minutes:minutes:readonly",)


def error(endpoint: str, code: int, headers: Mapping[str, str] | None = None) -> FeishuError:
    """Return the error that the documents of ``endpoint`` list under ``code``."""
    row = documented(endpoint, code)
    return FeishuError(row.status, row.code, row.message, headers or {})


def missing_scope(endpoint: str, code: int, scopes: tuple[str, ...]) -> FeishuError:
    """Return 99991672 or 99991679 with ``scopes``, of which ``endpoint`` needs one."""
    row = documented(endpoint, code)
    text = row.message.rpartition("[")[0]
    return FeishuError(row.status, code, f"{text}[{', '.join(scopes)}]", scopes=scopes)


def log_id(now: float) -> str:
    """Return a request id for ``X-Tt-Logid``: the UTC second of ``now``, then random hexadecimal digits."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(now)) + secrets.token_hex(9).upper()


def flat(content: dict[str, Any], now: float) -> JSONResponse:
    """Return HTTP 200 with ``content`` without an envelope, as the token endpoints answer."""
    return JSONResponse(content, headers={"X-Tt-Logid": log_id(now)})


def success(data: dict[str, Any], now: float, msg: str = "success") -> JSONResponse:
    """Return HTTP 200 with ``data`` in the envelope."""
    return flat({"code": 0, "msg": msg, "data": data}, now)


def error_response(error: FeishuError, now: float, shape: Shape = "envelope") -> JSONResponse:
    """Return ``error`` in the shape of its endpoint."""
    request_id = log_id(now)
    if shape == "oauth":
        content: dict[str, Any] = {
            "code": error.code,
            "error": "server_error" if error.status >= 500 else _OAUTH_ERRORS.get(error.code, "invalid_grant"),
            "error_description": error.msg,
        }
    else:
        content = {"code": error.code, "msg": error.msg}
        if shape == "envelope" and error.code != 99991400:
            content["error"] = _details(error, request_id)
    return JSONResponse(content, error.status, {"X-Tt-Logid": request_id, **error.headers})


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/get-
def _details(error: FeishuError, request_id: str) -> dict[str, Any]:
    """Return the ``error`` object. Feishu writes ``log_id`` in most answers and ``logid`` in its own example."""
    code = error.code
    if code == 99991672:
        return {
            "logid": request_id,
            "permission_violations": [{"type": "action_scope_required", "subject": scope} for scope in error.scopes],
            "helps": [{"url": "https://open.feishu.cn/app/cli_x/auth", "description": "add scope"}],
        }
    details: dict[str, Any] = {
        "log_id": request_id,
        "troubleshooter": f"https://open.feishu.cn/search?log_id={request_id}&code={code}",
    }
    # https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
    if code == 99991679:
        violations = [{"subject": scope, "type": "action_privilege_required"} for scope in error.scopes]
        details["permission_violations"] = violations
    if code == 99992402:
        details["field_violations"] = [{"field": "page_size", "value": "", "description": "field is invalid"}]
    return details


def user_id(request: Request, user: FeishuUser | None, endpoint: str, invalid: int) -> str:
    """Return the id of ``user`` in the type that ``request`` asks for; empty without a user.

    The app has every field permission, so ``user_id`` is never withheld.

    :raises FeishuError: the type is unknown; with the code ``invalid`` of ``endpoint``.
    """
    id_type = request.query_params.get("user_id_type", "open_id")
    if id_type not in _USER_ID_TYPES:
        raise error(endpoint, invalid)
    return str(getattr(user, id_type)) if user else ""


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of the body; an empty one if the body is anything else."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def whole_number(text: str | None) -> int | None:
    """Return a whole number that was sent as text; None if it is not one."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 12 else None

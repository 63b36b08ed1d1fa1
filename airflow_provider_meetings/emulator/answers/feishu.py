"""The shape of every Feishu answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse

from airflow_provider_meetings.emulator.codes.registry import find
from airflow_provider_meetings.emulator.model.feishu import FeishuUser

Shape = Literal["envelope", "flat", "oauth"]

# https://www.rfc-editor.org/rfc/rfc6749#section-5.2, which the page says that it follows; its examples show
# "server_error" and "invalid_grant" alone, so that these are assumed.
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


class FeishuError(Exception):
    """Refuse a request with a status, Feishu's code and its message."""

    def __init__(
        self,
        status: int,
        code: int,
        msg: str,
        headers: Mapping[str, str] | None = None,
        scopes: tuple[str, ...] = ("minutes:minutes:readonly",),
    ) -> None:
        super().__init__(status, code, msg)
        self.status = status
        self.code = code
        self.msg = msg
        self.headers = dict(headers or {})
        self.scopes = scopes


def refused(endpoint: str, code: int) -> FeishuError:
    """Return the refusal that the documents of ``endpoint`` list under ``code``."""
    row = find(endpoint, code)
    if row is None:
        raise LookupError(f"{code} is in no table")
    return FeishuError(row.status, row.code, row.message)


def lacking(endpoint: str, code: int, scopes: tuple[str, ...]) -> FeishuError:
    """Return the refusal 99991672 or 99991679, which names the scopes of which ``endpoint`` needs one."""
    error = refused(endpoint, code)
    text = error.msg.rpartition("[")[0]
    return FeishuError(error.status, code, f"{text}[{', '.join(scopes)}]", scopes=scopes)


def path_unknown() -> FeishuError:
    """Return the answer to an unknown path, which no page shows: assumed."""
    return FeishuError(404, 404, "404 page not found")


def log_id(now: float) -> str:
    """Return a request id as ``X-Tt-Logid`` carries it: the UTC second of ``now``, then random hexadecimal digits."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(now)) + secrets.token_hex(9).upper()


def flat(content: dict[str, Any], now: float) -> JSONResponse:
    """Answer 200 with ``content`` as it is: the token endpoint has no ``data``."""
    return JSONResponse(content, headers={"X-Tt-Logid": log_id(now)})


def success(data: dict[str, Any], now: float, msg: str = "success") -> JSONResponse:
    """Answer 200 with ``data`` in the envelope."""
    return flat({"code": 0, "msg": msg, "data": data}, now)


def refusal(error: FeishuError, now: float, shape: Shape = "envelope") -> JSONResponse:
    """Answer with the vendor's code, in the shape of the endpoint."""
    identity = log_id(now)
    if shape == "oauth":
        content: dict[str, Any] = {
            "code": error.code,
            "error": "server_error" if error.status >= 500 else _OAUTH_ERRORS.get(error.code, "invalid_grant"),
            "error_description": error.msg,
        }
    else:
        content = {"code": error.code, "msg": error.msg}
        details = _details(error, identity)
        if shape == "envelope" and details:
            content["error"] = details
    return JSONResponse(content, error.status, {"X-Tt-Logid": identity, **error.headers})


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/get-
def _details(error: FeishuError, identity: str) -> dict[str, Any]:
    """Return the ``error`` object; Feishu spells the id ``log_id`` in most answers and ``logid`` in its own example."""
    code = error.code
    if code == 99991400:
        return {}
    if code == 99991672:
        return {
            "logid": identity,
            "permission_violations": [{"type": "action_scope_required", "subject": one} for one in error.scopes],
            "helps": [{"url": "https://open.feishu.cn/app/cli_x/auth", "description": "add scope"}],
        }
    details: dict[str, Any] = {
        "log_id": identity,
        "troubleshooter": f"https://open.feishu.cn/search?log_id={identity}&code={code}",
    }
    # https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
    if code == 99991679:
        violations = [{"subject": one, "type": "action_privilege_required"} for one in error.scopes]
        details["permission_violations"] = violations
    if code == 99992402:
        details["field_violations"] = [{"field": "page_size", "value": "", "description": "field is invalid"}]
    return details


_KINDS: Final = ("open_id", "union_id", "user_id")


def shown_user(request: Request, user: FeishuUser | None, endpoint: str, invalid: int) -> str:
    """Return the id of ``user`` of the kind that ``request`` asks for, empty for nobody.

    Every field permission is granted, so ``user_id`` is never withheld. An unknown kind is refused with the code
    ``invalid`` of ``endpoint``.
    """
    kind = request.query_params.get("user_id_type", "open_id")
    if kind not in _KINDS:
        raise refused(endpoint, invalid)
    return str(getattr(user, kind)) if user else ""

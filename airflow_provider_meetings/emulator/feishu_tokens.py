"""Feishu's tokens: of the app, of the user, and who may call what with which."""

from __future__ import annotations

from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator import feishu_answers as answers
from airflow_provider_meetings.emulator.company import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.gate import Gate
from airflow_provider_meetings.emulator.state import EmulatorState
from airflow_provider_meetings.emulator.tokens import REFRESH_SECONDS

Caller = Literal["tenant", "user"]

_REFRESH_REFUSALS: Final = {"used": 20073, "revoked": 20064, "expired": 20037, "unknown": 20026}


class FeishuTokens:
    """Hand out tokens for the one app and the one user who has consented."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes; the tenant token's path is in circulation with and without a trailing slash."""
        return [
            self.gate.route("feishu.tenant_access_token", self.tenant_access_token),
            self.gate.route("feishu.tenant_access_token", self.tenant_access_token, ending="/"),
            self.gate.route("feishu.user_access_token", self.user_access_token),
        ]

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
    async def tenant_access_token(self, request: Request) -> Response:
        """Answer flat, with ``expire`` in seconds. A refusal has status 200, which the documents leave uncertain."""
        body = await json_body(request)
        if not body.get("app_id") or not body.get("app_secret"):
            # Assumed: the page does not say what a missing field answers.
            raise answers.refused("feishu.tenant_access_token", 10003)
        if (body["app_id"], body["app_secret"]) != (FEISHU_APP_ID, FEISHU_APP_SECRET):
            raise answers.refused("feishu.tenant_access_token", 10015)
        token, expire = self.state.issue_token("feishu")
        content = {"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}
        return answers.flat(content, self.state.now())

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
    async def user_access_token(self, request: Request) -> Response:
        """Answer flat; a refresh token works once. Another grant, or none, is a wrong token (assumed: 20026)."""
        name = "feishu.user_access_token"
        body = await json_body(request)
        if request.headers.get("authorization", "").lower().startswith("basic ") and "client_secret" in body:
            raise answers.refused(name, 20070)
        if (body.get("client_id"), body.get("client_secret")) != (FEISHU_APP_ID, FEISHU_APP_SECRET):
            raise answers.refused(name, 20024)
        token = body.get("refresh_token")
        if body.get("grant_type") != "refresh_token" or not isinstance(token, str):
            raise answers.refused(name, 20026)
        renewed = self.state.tokens.refresh(token, self.state.token_seconds)
        if isinstance(renewed, str):
            raise answers.refused(name, _REFRESH_REFUSALS[renewed])
        content = {
            "code": 0,
            "access_token": renewed[0],
            "expires_in": self.state.token_seconds,
            "refresh_token": renewed[1],
            "refresh_token_expires_in": REFRESH_SECONDS,
            "token_type": "Bearer",
            "scope": "minutes:minutes.basic:read vc:record:readonly offline_access",
        }
        return answers.flat(content, self.state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN
def authorize(state: EmulatorState, request: Request, endpoint: str, *callers: Caller) -> Caller:
    """Return whose token signs ``request``; refuse a missing, void or wrong kind of token as the generic page does.

    :param callers: the kinds of token that the endpoint takes.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise answers.refused(endpoint, 99991661)
    standing = state.tokens.standing("feishu_user", token)
    if standing != "unknown" or token.startswith(("u-", "eyJ")):
        # 99991668: invalid, or "user access token not support"; only the message tells which.
        if standing != "valid" or "user" not in callers:
            raise answers.refused(endpoint, 99991677 if standing == "expired" else 99991668)
        return "user"
    # Feishu has no code of its own for an expired tenant token, nor for an API that takes none.
    if state.token_standing("feishu", token) != "valid" or "tenant" not in callers:
        raise answers.refused(endpoint, 99991663)
    return "tenant"


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object that came, an empty one if it was none."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

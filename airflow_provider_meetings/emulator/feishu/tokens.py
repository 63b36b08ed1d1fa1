"""Feishu's tokens of self-built apps, and who may call what with which token."""

from __future__ import annotations

from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.model.feishu_apps import NEEDED, SELF_BUILT_ONLY, App, Cloud, lacks
from airflow_provider_meetings.emulator.seed.credentials import app_of
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

Caller = Literal["tenant", "user"]

_TENANT: Final = "feishu.tenant_access_token"


class FeishuTokens:
    """Hand out tenant tokens for the self-built app."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes; the tenant token's path is in circulation with and without a trailing slash."""
        return [
            self.gate.route(_TENANT, self.tenant_access_token),
            self.gate.route(_TENANT, self.tenant_access_token, ending="/"),
        ]

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
    async def tenant_access_token(self, request: Request) -> Response:
        """Answer flat, with ``expire`` in seconds. Assumed: 10014 for a store app, whose way is another."""
        if app_of_body(self.state.cloud, await json_body(request), _TENANT).store:
            raise answers.refused(_TENANT, 10014)
        token, expire = self.state.issue_token("feishu")
        content = {"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}
        return answers.flat(content, self.state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN
def app_of_body(cloud: Cloud, body: dict[str, Any], endpoint: str) -> App:
    """Return the app whose id and secret came.

    10003 for an app id that the cloud does not know, among them those of the other cloud, and 10014 beside 10015 for a
    wrong secret, are what users report, with status 200; the page lists the codes alone.
    """
    app = app_of(cloud, body.get("app_id"))
    if app is None or not body.get("app_secret"):
        raise answers.refused(endpoint, 10003)
    if body["app_secret"] != app.secret:
        raise answers.refused(endpoint, 10015)
    return app


# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN
def authorize(state: EmulatorState, request: Request, endpoint: str, *callers: Caller) -> Caller:
    """Return whose token signs ``request``; refuse a missing, void or wrong kind of token as the generic page does.

    :param callers: the kinds of token that the endpoint takes.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise answers.refused(endpoint, 99991661)
    standing = state.tokens.status("feishu_user", token)
    if standing != "unknown" or token.startswith(("u-", "eyJ")):
        # 99991668: invalid, or "user access token not support"; only the message tells which.
        if standing != "valid" or "user" not in callers:
            raise answers.refused(endpoint, 99991677 if standing == "expired" else 99991668)
        _check_scopes(state, endpoint, token)
        return "user"
    # Feishu has no code of its own for an expired tenant token, nor for an API that takes none.
    of_store = state.tokens.status("feishu_store", token) == "valid"
    if not (of_store or state.token_status("feishu", token) == "valid") or "tenant" not in callers:
        raise answers.refused(endpoint, 99991663)
    if of_store:
        _check_kind(endpoint)
    return "tenant"


# https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
def _check_scopes(state: EmulatorState, endpoint: str, token: str) -> None:
    """Refuse a user's token without a scope that ``endpoint`` needs; an app has all that its user could grant."""
    consent, scopes = state.consents.behind(token)
    app = app_of(state.cloud, consent.app_id)
    if app is not None and app.store:
        _check_kind(endpoint)
    missing = lacks(endpoint, scopes)
    if missing:
        raise answers.lacking(endpoint, 99991679, missing)


def _check_kind(endpoint: str) -> None:
    """Refuse a store app what only self-built apps may call; that it is as if it lacked the scope is assumed."""
    if endpoint in SELF_BUILT_ONLY:
        raise answers.lacking(endpoint, 99991672, NEEDED[endpoint])


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object that came, an empty one if it was none."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

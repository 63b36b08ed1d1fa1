"""Feishu's tokens of self-built and of store apps, and the check of a request's token."""

from __future__ import annotations

from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import json_body
from airflow_provider_meetings.emulator.model.feishu_apps import NEEDED, SELF_BUILT_ONLY, App, Cloud, missing_scopes
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_TENANT_KEY, find_app
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

Caller = Literal["tenant", "user"]

_TENANT: Final = "feishu.tenant_access_token"
_RESEND: Final = "feishu.app_ticket_resend"
_APP: Final = "feishu.app_access_token"
_STORE_TENANT: Final = "feishu.store_tenant_access_token"


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
async def tenant_access_token(state: EmulatorState, request: Request) -> Response:
    """Answer without an envelope, with ``expire`` in seconds. Assumed: 10014 for a store app."""
    if _app_of_body(state.cloud, await json_body(request), _TENANT).store:
        raise answers.error(_TENANT, 10014)
    token, expire = state.issue_token("feishu")
    return answers.flat({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}, state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_ticket_resend
async def resend(state: EmulatorState, request: Request) -> Response:
    """Push a ticket; only ``GET /_emulator/`` shows it. Self-built apps get 10016."""
    app = _app_of_body(state.cloud, await json_body(request), _RESEND)
    if not app.store:
        raise answers.error(_RESEND, 10016)
    state.app_tickets.push()
    return answers.flat({"code": 0, "msg": "success"}, state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_access_token
async def app_access_token(state: EmulatorState, request: Request) -> Response:
    """Answer without an envelope, with the app's token. The vendor's SDK expects 10012 for an invalid ticket."""
    body = await json_body(request)
    app = _app_of_body(state.cloud, body, _APP)
    if not app.store or not state.app_tickets.is_valid(body.get("app_ticket")):
        raise answers.error(_APP, 10012)
    token, expire = state.tokens.issue("feishu_app", state.token_seconds)
    return answers.flat({"code": 0, "msg": "success", "app_access_token": token, "expire": expire}, state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token
async def store_tenant_access_token(state: EmulatorState, request: Request) -> Response:
    """Answer without an envelope. Assumed: 99991664 for an invalid app token, 10013 for a tenant without the app."""
    body = await json_body(request)
    app_token, tenant_key = body.get("app_access_token"), body.get("tenant_key")
    if not isinstance(app_token, str) or not isinstance(tenant_key, str):
        raise answers.error(_STORE_TENANT, 10003)
    if state.tokens.status("feishu_app", app_token) != "valid":
        raise answers.error(_STORE_TENANT, 99991664)
    if tenant_key != FEISHU_TENANT_KEY:
        raise answers.error(_STORE_TENANT, 10013)
    token, expire = state.tokens.issue("feishu_store", state.token_seconds)
    return answers.flat({"code": 0, "msg": "success", "tenant_access_token": token, "expire": expire}, state.now())


# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN
def _app_of_body(cloud: Cloud, body: dict[str, Any], endpoint: str) -> App:
    """Return the app with the id and secret in ``body``.

    The page lists only the codes. Users report, with HTTP 200, 10003 for an unknown app id, such as one of the other
    cloud, and 10015 or 10014 for a wrong secret.

    :raises FeishuError: the id is unknown or the secret is wrong.
    """
    app = find_app(cloud, body.get("app_id"))
    if app is None or not body.get("app_secret"):
        raise answers.error(endpoint, 10003)
    if body["app_secret"] != app.secret:
        raise answers.error(endpoint, 10015)
    return app


# https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN
def authorize(state: EmulatorState, request: Request, endpoint: str, *callers: Caller) -> Caller:
    """Return the kind of token of ``request``.

    :param callers: the kinds of token that the endpoint accepts.
    :raises FeishuError: the token is missing, invalid, of another kind, or lacks a scope.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise answers.error(endpoint, 99991661)
    status = state.tokens.status("feishu_user", token)
    if status != "unknown" or token.startswith(("u-", "eyJ")):
        # 99991668 is "invalid" or "user access token not support"; only the message tells them apart.
        if status != "valid" or "user" not in callers:
            raise answers.error(endpoint, 99991677 if status == "expired" else 99991668)
        _check_scopes(state, endpoint, token)
        return "user"
    # Feishu has no code for an expired tenant token, and none for an API that does not accept tenant tokens.
    is_store = state.tokens.status("feishu_store", token) == "valid"
    if not (is_store or state.token_status("feishu", token) == "valid") or "tenant" not in callers:
        raise answers.error(endpoint, 99991663)
    if is_store:
        _check_store_app(endpoint)
    return "tenant"


# https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
def _check_scopes(state: EmulatorState, endpoint: str, token: str) -> None:
    """Check that a user's token has a scope that ``endpoint`` needs; apps have all scopes."""
    consent, scopes = state.consents.by_access_token(token)
    app = find_app(state.cloud, consent.app_id)
    if app is not None and app.store:
        _check_store_app(endpoint)
    missing = missing_scopes(endpoint, scopes)
    if missing:
        raise answers.missing_scope(endpoint, 99991679, missing)


def _check_store_app(endpoint: str) -> None:
    """Refuse a store app where only self-built apps are allowed. Assumed: as if it lacked the scope."""
    if endpoint in SELF_BUILT_ONLY:
        raise answers.missing_scope(endpoint, 99991672, NEEDED[endpoint])

"""Feishu's OAuth: the consent page, the token endpoint, and the user of a token."""

from __future__ import annotations

import html
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import json_body
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.feishu_apps import APP_SCOPES, App
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_REDIRECT_URIS,
    FEISHU_TENANT_KEY,
    FEISHU_USER,
    find_app,
)
from airflow_provider_meetings.emulator.state.consents import Challenge, ConsentError, Grant
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

# The vendor serves this page on the host for accounts; the emulator serves all on one host.
AUTHORIZE_PATH: Final = "/open-apis/authen/v1/authorize"
_EXCHANGE: Final = "feishu.user_access_token"
_USER_INFO: Final = "feishu.user_info"
_USER_ID_SCOPE: Final = "contact:user.employee_id:readonly"
_MAX_SCOPES: Final = 50
# The page names 20027, users report 20029; the other codes are assumed.
_PAGE_ERRORS: Final = {
    20001: "response_type 请求不合法 / response_type is invalid",
    20027: "应用未申请相关权限 / the app has not applied for these scopes",
    20029: "redirect_uri 请求不合法 / redirect_uri is invalid",
    20043: "scope 请求不合法 / scope is invalid",
    20048: "应用不存在 / the app does not exist",
    20049: "code_challenge_method 请求不合法 / code_challenge_method is invalid",
}


# https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
async def consent_page(state: EmulatorState, request: Request) -> Response:
    """Redirect with a code, or with ``access_denied`` if the setting ``consent`` is "deny".

    The user answers at once. Assumed: text and HTTP status of the error page, and "code" as the default of
    ``response_type``, as in older copies of the page.
    """
    query = request.query_params
    app = find_app(state.cloud, query.get("client_id"))
    redirect_uri = query.get("redirect_uri", "")
    scopes = query.get("scope", "").split()
    method = query.get("code_challenge_method", "plain")
    if app is None:
        return _error_page(state, 20048)
    if redirect_uri not in FEISHU_REDIRECT_URIS:
        return _error_page(state, 20029)
    if query.get("response_type", "code") != "code":
        return _error_page(state, 20001)
    if len(scopes) > _MAX_SCOPES:
        return _error_page(state, 20043)
    if not APP_SCOPES.issuperset(scopes):
        return _error_page(state, 20027)
    challenge = None
    if query.get("code_challenge"):
        if method not in ("S256", "plain"):
            return _error_page(state, 20049)
        challenge = Challenge(query["code_challenge"], "S256" if method == "S256" else "plain")
    if state.consent == "deny":
        result = {"error": "access_denied"}
    else:
        result = {"code": state.consents.authorize(app.app_id, frozenset(scopes), redirect_uri, challenge)}
    if "state" in query:
        result["state"] = query["state"]
    return RedirectResponse(f"{redirect_uri}?{urlencode(result)}", 302)


def _error_page(state: EmulatorState, code: int) -> Response:
    log_id = answers.log_id(state.now())
    text = html.escape(f"错误码 / Error code: {code} {_PAGE_ERRORS[code]} Logid: {log_id}")
    page = f"<!doctype html><html><head><title>{code}</title></head><body><p>{text}</p></body></html>"
    return HTMLResponse(page, 400, {"X-Tt-Logid": log_id})


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
async def token(state: EmulatorState, request: Request) -> Response:
    """Answer without an envelope. A code and a refresh token work once."""
    body = await json_body(request)
    seconds = state.token_seconds
    try:
        app = _app(state, request, body)
        issued = state.consents.issue(_grant(state, body, app), seconds, state.refresh_seconds)
    except ConsentError as error:
        raise answers.error(_EXCHANGE, error.code) from None
    content: dict[str, Any] = {"code": 0, "access_token": issued.access_token, "expires_in": seconds}
    if issued.refresh_token is not None:
        content |= {"refresh_token": issued.refresh_token, "refresh_token_expires_in": issued.refresh_seconds}
    content |= {"token_type": "Bearer", "scope": " ".join(sorted(issued.scopes))}
    return answers.flat(content, state.now())


def _grant(state: EmulatorState, body: dict[str, Any], app: App) -> Grant:
    scope, grant_type = _text(body, "scope"), _required(body, "grant_type")
    if grant_type == "authorization_code":
        code, redirect_uri = _required(body, "code"), _text(body, "redirect_uri")
        verifier = _text(body, "code_verifier")
        return state.consents.use_code(code, app.app_id, redirect_uri, verifier, scope=scope)
    if grant_type != "refresh_token":
        raise ConsentError(20036)
    token = _required(body, "refresh_token")
    return state.consents.use_refresh_token(token, app.app_id, self_built=not app.store, scope=scope)


def _app(state: EmulatorState, request: Request, body: dict[str, Any]) -> App:
    if request.headers.get("authorization", "").lower().startswith("basic ") and "client_secret" in body:
        raise ConsentError(20070)
    app = find_app(state.cloud, _required(body, "client_id"))
    if app is None:
        raise ConsentError(20048)
    if _required(body, "client_secret") != app.secret:
        raise ConsentError(20002)
    return app


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ConsentError(20063)
    return value


def _required(body: dict[str, Any], name: str) -> str:
    """Return a required parameter. The page lists 20001 and 20063 for missing ones; 20063 in the body is assumed."""
    value = _text(body, name)
    if not value:
        raise ConsentError(20063)
    return value


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get
async def user_info(state: EmulatorState, request: Request) -> Response:
    """Answer with name and ids of the user. Only ``user_id`` needs a scope; email and phone numbers are left out."""
    authorize(state, request, _USER_INFO, "user")
    _, scopes = state.consents.by_access_token(request.headers["authorization"].partition(" ")[2])
    data = {
        "name": FEISHU_USER.name,
        "en_name": FEISHU_USER.name,
        "avatar_url": "https://example.invalid/avatar.jpg",
        "open_id": FEISHU_USER.open_id,
        "union_id": FEISHU_USER.union_id,
        "tenant_key": FEISHU_TENANT_KEY,
    }
    if _USER_ID_SCOPE in scopes:
        data["user_id"] = FEISHU_USER.user_id
    return answers.success(data, state.now())

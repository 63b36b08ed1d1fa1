"""Feishu's OAuth: the page on which a user consents, and the endpoint that hands out that user's tokens."""

from __future__ import annotations

import html
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.tokens import json_body
from airflow_provider_meetings.emulator.model.feishu_apps import APP_SCOPES, App
from airflow_provider_meetings.emulator.seed.credentials import app_of
from airflow_provider_meetings.emulator.state.consents import Challenge, ConsentError
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

AUTHORIZE_PATH: Final = "/open-apis/authen/v1/authorize"
Version = Literal["v2", "v3"]
_NAMES: Final[dict[Version, str]] = {"v2": "feishu.user_access_token", "v3": "feishu.user_access_token_v3"}
_MOST_SCOPES: Final = 50
# 20027 is named on the page, 20029 seen by many who wrote of it; the others are assumed.
_PAGE_ERRORS: Final = {
    20001: "response_type 请求不合法 / response_type is invalid",
    20027: "应用未申请相关权限 / the app has not applied for these scopes",
    20029: "redirect_uri 请求不合法 / redirect_uri is invalid",
    20043: "scope 请求不合法 / scope is invalid",
    20048: "应用不存在 / the app does not exist",
    20049: "code_challenge_method 请求不合法 / code_challenge_method is invalid",
}


class FeishuOauth:
    """Let the one user consent, and hand out tokens for it."""

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes. The vendor has two of them on another host, of accounts; here all are on one."""
        return [
            Route(AUTHORIZE_PATH, self.authorize),
            self.gate.route(_NAMES["v2"], self.token_v2, first=self.present),
            self.gate.route(_NAMES["v3"], self.token_v3, first=self.present),
        ]

    # https://open.feishu.cn/document/authentication-management/access-token/obtain-oauth-code
    async def authorize(self, request: Request) -> Response:
        """Send the browser back with a code, or with ``access_denied`` while the knob ``consent`` is "deny".

        The user needs no time to read. Assumed: the form and the status of an error's page, and that a
        ``response_type`` that did not come is "code", as older copies of the page have it.
        """
        query = request.query_params
        app = app_of(self.state.cloud, query.get("client_id"))
        if app is None:
            return self._page(20048)
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in self.state.redirect_uris:
            return self._page(20029)
        if query.get("response_type", "code") != "code":
            return self._page(20001)
        scopes = query.get("scope", "").split()
        if len(scopes) > _MOST_SCOPES:
            return self._page(20043)
        if not APP_SCOPES.issuperset(scopes):
            return self._page(20027)
        challenge = None
        if query.get("code_challenge"):
            method = query.get("code_challenge_method", "plain")
            if method not in ("S256", "plain"):
                return self._page(20049)
            challenge = Challenge(query["code_challenge"], "S256" if method == "S256" else "plain")
        if self.state.consent == "deny":
            outcome = {"error": "access_denied"}
        else:
            code = self.state.consents.agree(app.app_id, frozenset(scopes), redirect_uri, challenge)
            outcome = {"code": code}
        if "state" in query:
            outcome["state"] = query["state"]
        return RedirectResponse(_with_query(redirect_uri, outcome), 302)

    async def present(self, request: Request) -> None:
        """Count the refresh token that came, whatever becomes of the request."""
        self.state.consents.present((await json_body(request)).get("refresh_token"))

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
    async def token_v2(self, request: Request) -> Response:
        """Answer flat; a code and a refresh token work once."""
        return await self._token(request, "v2")

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token-v3
    async def token_v3(self, request: Request) -> Response:
        """Answer as v2, but refuse a ``code_verifier`` where there was no challenge."""
        return await self._token(request, "v3")

    async def _token(self, request: Request, version: Version) -> Response:
        name = _NAMES[version]
        body = await json_body(request)
        try:
            app = self._app(request, body)
            scope = _text(body, "scope")
            grant_type = _required(body, "grant_type")
            if grant_type == "authorization_code":
                code = _required(body, "code")
                where, verifier = _text(body, "redirect_uri"), _text(body, "code_verifier")
                strict = version == "v3"
                consent = self.state.consents.exchange(code, app.app_id, where, verifier, scope=scope, strict=strict)
            elif grant_type == "refresh_token":
                token = _required(body, "refresh_token")
                consent = self.state.consents.renew(token, app.app_id, self_built=not app.store, scope=scope)
                if self.state.user_token_grace is not None:
                    for old in consent.tokens:
                        self.state.tokens.shorten(old, self.state.user_token_grace)
            else:
                raise ConsentError(20036)
            seconds = self.state.token_seconds
            grant = self.state.consents.grant(consent, scope, seconds, self.state.refresh_seconds)
        except ConsentError as error:
            raise answers.refused(name, error.code) from None
        content: dict[str, Any] = {"code": 0, "access_token": grant.access_token, "expires_in": seconds}
        if grant.refresh_token is not None:
            content |= {"refresh_token": grant.refresh_token, "refresh_token_expires_in": grant.refresh_seconds}
        content |= {"token_type": "Bearer", "scope": " ".join(sorted(grant.scopes))}
        return answers.flat(content, self.state.now())

    def _app(self, request: Request, body: dict[str, Any]) -> App:
        if request.headers.get("authorization", "").lower().startswith("basic ") and "client_secret" in body:
            raise ConsentError(20070)
        app = app_of(self.state.cloud, _required(body, "client_id"))
        if app is None:
            raise ConsentError(20048)
        if _required(body, "client_secret") != app.secret:
            raise ConsentError(20002)
        return app

    def _page(self, code: int) -> Response:
        """Answer with a page for a human: who asks is a browser, and the redirect cannot be trusted."""
        identity = answers.log_id(self.state.now())
        text = html.escape(f"错误码 / Error code: {code} {_PAGE_ERRORS[code]} Logid: {identity}")
        page = f"<!doctype html><html><head><title>{code}</title></head><body><p>{text}</p></body></html>"
        return HTMLResponse(page, 400, {"X-Tt-Logid": identity})


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ConsentError(20063)
    return value


def _required(body: dict[str, Any], name: str) -> str:
    """Return a parameter; of 20001 and 20063, both of them for missing ones, 20063 is assumed to be for the body."""
    value = _text(body, name)
    if not value:
        raise ConsentError(20063)
    return value


def _with_query(uri: str, values: dict[str, str]) -> str:
    """Return ``uri`` with more in its query; its fragment stays at the end, as the page shows."""
    parts = urlsplit(uri)
    query = "&".join(one for one in (parts.query, urlencode(values)) if one)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))

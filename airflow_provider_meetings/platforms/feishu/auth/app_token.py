"""Fetch the app's own token: with the secret of a self-built app, or with the ticket of a store app."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

import requests

from airflow_provider_meetings.api.http.auth import Token, TokenAuth, token_key
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.platforms.feishu.api.models import FeishuAnswer
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM, decode
from airflow_provider_meetings.platforms.feishu.quotas import STORE_APP_TOKEN, STORE_TENANT_TOKEN, TENANT_TOKEN


class AppTokens:
    """Fetch tenant tokens."""

    def __init__(self, transport: Transport, credentials: Credentials, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._app = credentials
        self._clock = clock
        store_app = credentials.store_app
        self.key = self._key("tenant" if store_app is None else f"tenant:{store_app.tenant_key}")

    def _key(self, kind: str) -> str:
        # A new ticket is a new login, as a new secret is: a rejected one is remembered.
        secret = self._app.app_secret
        if self._app.store_app is not None:
            secret += f"\n{hashlib.sha256(self._app.store_app.ticket.encode()).hexdigest()}"
        return token_key(PLATFORM, self._transport.base_url, self._app.app_id, secret, kind)

    def fetch(self) -> Token:
        """Fetch a tenant token.

        :raises AuthenticationError: if the secret or the ticket is rejected.
        """
        store_app = self._app.store_app
        app = {"app_id": self._app.app_id, "app_secret": self._app.app_secret}
        if store_app is None:
            # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
            return self._request("tenant_access_token/internal", TENANT_TOKEN, app)
        app["app_ticket"] = store_app.ticket
        # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_access_token
        app_auth = TokenAuth(
            key=self._key("app"),
            fetch=partial(self._request, "app_access_token", STORE_APP_TOKEN, app),
            place=partial(_in_body, store_app.tenant_key),
            store=self._app.tokens,
            on_secret=self._transport.on_secret,
        )
        # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token
        return self._request("tenant_access_token", STORE_TENANT_TOKEN, auth=app_auth)

    def _request(
        self, path: str, quota: Quota, body: dict[str, str] | None = None, auth: TokenAuth | None = None
    ) -> Token:
        # The call that needs the token is retried, not this one.
        answer = self._transport.call(
            "POST", f"/open-apis/auth/v3/{path}", decode, quota=quota, json=body, auth=auth, max_attempts=1
        )
        # Both are top-level fields, not under `data`.
        read = FeishuAnswer.fields
        seconds = read.integer(answer, "expire") or 0
        return Token(read.required(answer, path.partition("/")[0]), self._clock() + seconds, seconds)


def _in_body(tenant_key: str, request: requests.PreparedRequest, token: str) -> None:
    request.prepare_body(None, None, {"app_access_token": token, "tenant_key": tenant_key})

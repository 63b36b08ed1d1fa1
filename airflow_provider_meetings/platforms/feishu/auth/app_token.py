"""Fetch the app's own token: with the secret of a self-built app, or with the ticket of a store app."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from airflow_provider_meetings.api.errors import AuthenticationError
from airflow_provider_meetings.api.http.auth import Token, token_key
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.platforms.feishu.api.models import FeishuAnswer
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials, StoreApp
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM, decode
from airflow_provider_meetings.platforms.feishu.quotas import STORE_APP_TOKEN, STORE_TENANT_TOKEN, TENANT_TOKEN

_AUTH = "/open-apis/auth/v3"


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
            return self._request("tenant_access_token/internal", TENANT_TOKEN, app, "tenant_access_token")
        app["app_ticket"] = store_app.ticket
        token = self._app_token(app, None)
        try:
            return self._of_tenant(store_app, token)
        except AuthenticationError as error:
            if not error.token_rejected:
                raise
        return self._of_tenant(store_app, self._app_token(app, token.value))

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_access_token
    def _app_token(self, app: dict[str, str], rejected: str | None) -> Token:
        fetch = partial(self._request, "app_access_token", STORE_APP_TOKEN, app, "app_access_token")
        token = self._app.tokens.token(self._key("app"), fetch, rejected=rejected)
        self._transport.on_secret(token.value)
        return token

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token
    def _of_tenant(self, store_app: StoreApp, app_token: Token) -> Token:
        body = {"app_access_token": app_token.value, "tenant_key": store_app.tenant_key}
        return self._request("tenant_access_token", STORE_TENANT_TOKEN, body, "tenant_access_token")

    def _request(self, path: str, quota: Quota, body: dict[str, Any], name: str) -> Token:
        # The call that needs the token is retried, not this one.
        answer = self._transport.call("POST", f"{_AUTH}/{path}", decode, quota=quota, json=body, max_attempts=1)
        # Both are top-level fields, not under `data`.
        read = FeishuAnswer.fields
        seconds = read.integer(answer, "expire") or 0
        return Token(read.required(answer, name), self._clock() + seconds, seconds)

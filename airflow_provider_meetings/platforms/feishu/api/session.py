"""Signed calls to Feishu or Lark, as an app or as a user."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from airflow_provider_meetings.api.errors import AuthenticationError, InvalidRequest
from airflow_provider_meetings.api.http.auth import Signature, TokenAuth
from airflow_provider_meetings.api.http.oauth import TokenPair, UserTokenAuth
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.platforms.feishu.auth.app_token import AppTokens
from airflow_provider_meetings.platforms.feishu.auth.consent import parse_token_pair
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.errors import decode
from airflow_provider_meetings.platforms.feishu.quotas import USER_TOKEN


class FeishuSession:
    """Sign and send calls.

    :param transport: bound to ``https://open.feishu.cn`` or ``https://open.larksuite.com``.
    """

    def __init__(
        self, transport: Transport, credentials: Credentials, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.transport = transport
        self._credentials = credentials
        self._clock = clock
        app = AppTokens(transport, credentials, clock)
        self._app_auth = self._auth = TokenAuth(
            key=app.key, fetch=app.fetch, place=_bearer, store=credentials.tokens, on_secret=transport.on_secret
        )
        if credentials.users is not None:
            self._auth = UserTokenAuth(
                users=credentials.users,
                renew=self._renew,
                ready=self._ready,
                place=_bearer,
                on_secret=transport.on_secret,
            )

    def whoami(self) -> str:
        """Fetch a token; return the app and the host."""
        self._auth.signature()
        return f"app {self._credentials.app_id} at {self.transport.base_url}"

    def log_in_as_app(self) -> None:
        """Fetch a token of the app, also if calls are made as a user."""
        self._app_auth.signature()

    def exchange_code(self, code: str, *, verifier: str, redirect_uri: str) -> TokenPair:
        """Exchange the code of a consent for tokens; it works once, within five minutes.

        :raises InvalidRequest: before the request, for an invalid argument.
        :raises MeetingsApiError: if the platform refuses it.
        """
        parameters = {
            "code": check_text(code, "code"),
            "code_verifier": check_text(verifier, "verifier"),
            "redirect_uri": check_text(redirect_uri, "redirect_uri"),
        }
        self.transport.on_secret(code)
        tokens = self._request_tokens("authorization_code", parameters)
        for token in (tokens.access, tokens.refresh):
            self.transport.on_secret(token)
        return tokens

    def _ready(self, refresh_token: str) -> None:
        self.transport.on_secret(refresh_token)
        self.transport.acquire(USER_TOKEN)

    def _renew(self, refresh_token: str) -> TokenPair:
        return self._request_tokens("refresh_token", {"refresh_token": refresh_token}, kept=True)

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
    def _request_tokens(self, grant_type: str, parameters: dict[str, str], *, kept: bool = False) -> TokenPair:
        app = {"client_id": self._credentials.app_id, "client_secret": self._credentials.app_secret}
        body = self.transport.call(
            "POST",
            "/open-apis/authen/v2/oauth/token",
            decode,
            quota=USER_TOKEN,
            json={"grant_type": grant_type, **app, **parameters},
            max_attempts=1,  # the code or refresh token works once: only the caller knows whether it may be sent again
            kept=kept,
        )
        return parse_token_pair(body)

    def _get(
        self, path: str, quota: Quota, params: dict[str, str] | None = None, tokens: TokenPair | None = None
    ) -> Any:
        """Send a GET; with `tokens`, use its token and do not retry: it is not stored yet."""
        auth, attempts = (self._auth, None) if tokens is None else (_WithToken(tokens), 1)
        answer = self.transport.call("GET", path, decode, quota=quota, params=params, auth=auth, max_attempts=attempts)
        return answer.get("data")

    def _post(self, path: str, quota: Quota, params: dict[str, str], json: dict[str, Any]) -> Any:
        answer = self.transport.call("POST", path, decode, quota=quota, params=params, json=json, auth=self._auth)
        return answer.get("data")

    def _people(self) -> dict[str, str]:
        """Return the parameter that selects the type of the user ids in the answer."""
        return {"user_id_type": self._credentials.user_id_type}

    def _need_user(self, what: str) -> None:
        if self._credentials.users is None:
            raise InvalidRequest(
                f"{what} takes a user's token only, and this connection calls as the app",
                next_step="Use a connection with the extra identity = user, for which a user has consented.",
            )

    def _need_app(self, what: str) -> None:
        if self._credentials.users is not None:
            raise InvalidRequest(
                f"{what} takes the app's token only, and this connection calls as a user",
                next_step="Use a connection of the same app without the extra identity.",
            )


class _WithToken(TokenAuth):
    """Sign with a token that is not stored yet."""

    def __init__(self, tokens: TokenPair) -> None:
        self._value = tokens.access

    def signature(self, *, rejected: Signature | None = None) -> Signature:
        """Return the signature; a rejected token cannot be replaced."""
        if rejected is not None:
            raise AuthenticationError("feishu rejected the token that it has just issued", platform="feishu")
        return Signature(self._value, _bearer)


def _bearer(request: requests.PreparedRequest, token: str) -> None:
    request.headers["Authorization"] = f"Bearer {token}"

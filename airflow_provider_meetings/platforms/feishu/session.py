"""One self-built app's calls to Feishu or Lark: its token, and the envelope around every answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from airflow_provider_meetings.api.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.budget import Quota
from airflow_provider_meetings.api.transport import Transport
from airflow_provider_meetings.platforms.feishu.arguments import UserIdType, check_user_id_type
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM, decode
from airflow_provider_meetings.platforms.feishu.quotas import TENANT_TOKEN
from airflow_provider_meetings.platforms.feishu.wire import parse_token


class FeishuSession:
    """Sign and send calls.

    :param transport: bound to ``https://open.feishu.cn`` or ``https://open.larksuite.com``.
    :param app_id: the app's id, ``cli_…``.
    :param app_secret: its secret.
    :param user_id_type: which id of a person the answers give.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        app_id: str,
        app_secret: str,
        tokens: TokenStore,
        user_id_type: UserIdType = "open_id",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.transport = transport
        self._app_id = app_id
        self._app_secret = app_secret
        self._user_id_type = check_user_id_type(user_id_type)
        self._clock = clock
        self._auth = TokenAuth(
            key=token_key(PLATFORM, transport.base_url, app_id, app_secret),
            fetch=self._fetch_token,
            place=_bearer,
            store=tokens,
            on_secret=transport.on_secret,
        )

    def whoami(self) -> str:
        """Fetch a token; tell the app and the host."""
        self._auth.signature()
        return f"app {self._app_id} at {self.transport.base_url}"

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
    def _fetch_token(self) -> Token:
        body = self.transport.call(
            "POST",
            "/open-apis/auth/v3/tenant_access_token/internal",
            decode,
            quota=TENANT_TOKEN,
            json={"app_id": self._app_id, "app_secret": self._app_secret},
            max_attempts=1,  # the call that needs the token is the one that is retried
        )
        value, seconds = parse_token(body)
        return Token(value, self._clock() + seconds, seconds)

    def _get(self, path: str, quota: Quota, params: dict[str, str] | None = None) -> Any:
        return self.transport.call("GET", path, decode, quota=quota, params=params, auth=self._auth).get("data")

    def _people(self, user_id_type: UserIdType | None) -> dict[str, str]:
        """Say which id of a person the answer shall give."""
        given = self._user_id_type if user_id_type is None else check_user_id_type(user_id_type)
        return {"user_id_type": given}


def _bearer(request: requests.PreparedRequest, token: str) -> None:
    request.headers["Authorization"] = f"Bearer {token}"

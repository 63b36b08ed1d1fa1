"""Signed calls to WeCom as one self-built app."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from airflow_provider_meetings.api.http.auth import Token, TokenAuth, TokenStore, token_key
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.platforms.wecom.api.models import WeComAnswer
from airflow_provider_meetings.platforms.wecom.errors import PLATFORM, decode
from airflow_provider_meetings.platforms.wecom.quotas import TOKEN


class WeComSession:
    """Sign and send calls.

    :param transport: bound to ``https://qyapi.weixin.qq.com``.
    :param corp_id: the corp's id, ``ww…``.
    :param corp_secret: the app's secret.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        corp_id: str,
        corp_secret: str,
        tokens: TokenStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.transport = transport
        self._corp_id = corp_id
        self._corp_secret = corp_secret
        self._clock = clock
        self._auth = TokenAuth(
            key=token_key(PLATFORM, transport.base_url, corp_id, corp_secret),
            fetch=self._fetch_token,
            place=_in_query,
            store=tokens,
            on_secret=transport.on_secret,
        )

    def whoami(self) -> str:
        """Fetch a token; return the corp and the host."""
        self._auth.signature()
        return f"corp {self._corp_id} at {self.transport.base_url}"

    # https://developer.work.weixin.qq.com/document/path/91039
    def _fetch_token(self) -> Token:
        params = {"corpid": self._corp_id, "corpsecret": self._corp_secret}
        body = self.transport.call("GET", "/cgi-bin/gettoken", decode, quota=TOKEN, params=params, max_attempts=1)
        read = WeComAnswer.fields
        lifetime = read.integer(body, "expires_in") or 0
        return Token(read.required(body, "access_token"), self._clock() + lifetime, lifetime)

    def _post(self, path: str, quota: Quota, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.transport.call("POST", path, decode, quota=quota, json=body, auth=self._auth)
        return answer


def _in_query(request: requests.PreparedRequest, token: str) -> None:
    request.prepare_url(request.url, {"access_token": token})

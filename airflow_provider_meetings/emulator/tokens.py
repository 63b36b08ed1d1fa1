"""The tokens that are in circulation: of the app, and of the one user who has consented."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Final, Literal

from airflow_provider_meetings.emulator.company import FEISHU_USER_REFRESH_TOKEN, FEISHU_USER_TOKEN
from airflow_provider_meetings.emulator.endpoints import Platform

TokenStanding = Literal["valid", "expired", "unknown"]
Holder = Literal["feishu", "wecom", "feishu_user"]
RefreshStanding = Literal["valid", "used", "revoked", "expired", "unknown"]

# Feishu hands out the same token while at least 30 minutes of it are left, and a new one beside it afterwards:
# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
# WeCom: "the same result within validity", from older copies of https://developer.work.weixin.qq.com/document/path/91039
_REUSED_WITH_LEFT: Final[Mapping[Platform, int]] = {"feishu": 30 * 60, "wecom": 1}
_PREFIX: Final[Mapping[Holder, str]] = {"feishu": "t-", "wecom": "", "feishu_user": "eyJ."}
# The sample value of the page, "not fixed":
# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
REFRESH_SECONDS: Final = 7 * 24 * 3600


class Tokens:
    """Issue, judge and void tokens by the state's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._tokens: dict[Holder, dict[str, float]] = {}
        self._refresh: dict[str, float] = {}
        self._used: set[str] = set()
        self._revoked: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """Begin anew: no token but the user's fixed one, which never expires, and its refresh token."""
        with self._lock:
            self._tokens = {"feishu": {}, "wecom": {}, "feishu_user": {FEISHU_USER_TOKEN: math.inf}}
            self._refresh = {FEISHU_USER_REFRESH_TOKEN: math.inf}
            self._used.clear()
            self._revoked.clear()

    def issue(self, platform: Platform, seconds: int) -> tuple[str, int]:
        """Return a token of ``platform`` and the whole seconds left of it: the newest one, or a new one beside it."""
        with self._lock:
            now = self._clock()
            tokens = self._tokens[platform]
            if tokens:
                newest = next(reversed(tokens))
                if tokens[newest] - now >= _REUSED_WITH_LEFT[platform]:
                    return newest, int(tokens[newest] - now)
            return self._new(platform, seconds), seconds

    def refresh(self, refresh_token: str, seconds: int) -> tuple[str, str] | RefreshStanding:
        """Return a new user token and the refresh token that follows, or why there is none. Each works once."""
        with self._lock:
            if refresh_token in self._used:
                return "used"
            if refresh_token in self._revoked:
                return "revoked"
            expires_at = self._refresh.get(refresh_token)
            if expires_at is None:
                return "unknown"
            if self._clock() >= expires_at:
                return "expired"
            self._used.add(refresh_token)
            following = "eyJ." + secrets.token_urlsafe(32)
            self._refresh[following] = self._clock() + REFRESH_SECONDS
            return self._new("feishu_user", seconds), following

    def standing(self, holder: Holder, token: str) -> TokenStanding:
        """Tell whether ``token`` may be used; a revoked one is unknown."""
        with self._lock:
            expires_at = self._tokens[holder].get(token)
            if expires_at is None:
                return "unknown"
            return "valid" if self._clock() < expires_at else "expired"

    def revoke(self, token: str | None = None) -> None:
        """Void ``token`` before its time, or every access token of the apps and the user if None."""
        with self._lock:
            for tokens in self._tokens.values():
                if token is None:
                    tokens.clear()
                else:
                    tokens.pop(token, None)
            if token in self._refresh:
                self._revoked.add(token)

    def _new(self, holder: Holder, seconds: int) -> str:
        token = _PREFIX[holder] + secrets.token_urlsafe(32)
        self._tokens[holder][token] = self._clock() + seconds
        return token

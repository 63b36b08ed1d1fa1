"""The access tokens of apps and users, and the tickets of store apps."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Final, Literal

from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_TICKET, FEISHU_USER_TOKEN

TokenStatus = Literal["valid", "expired", "unknown"]
# "feishu" is the tenant token of a self-built app, "feishu_store" of a store app, "feishu_app" a store app's own token.
AppHolder = Literal["feishu", "wecom", "feishu_store", "feishu_app"]
Holder = Literal[AppHolder, "feishu_user"]

# A token is returned again while it is valid for at least so many seconds. Feishu then returns a second one:
# https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
# WeCom: "the same result within validity", from older copies of https://developer.work.weixin.qq.com/document/path/91039
_FEISHU_REUSE_SECONDS: Final = 30 * 60
_WECOM_REUSE_SECONDS: Final = 1
# Assumed: as long as the vendor's SDK for Go keeps a ticket, https://github.com/larksuite/oapi-sdk-go
_TICKET_SECONDS: Final = 12 * 3600
_PREFIX: Final[Mapping[Holder, str]] = {
    "feishu": "t-",
    "feishu_store": "t-",
    "feishu_app": "a-",
    "wecom": "",
    "feishu_user": "eyJ.",
}


class Tokens:
    """Issue, check and revoke access tokens.

    :param clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget all tokens except the user's fixed token, which never expires."""
        tokens: dict[Holder, dict[str, float]] = {holder: {} for holder in _PREFIX}
        tokens["feishu_user"][FEISHU_USER_TOKEN] = math.inf
        self._tokens = tokens

    def issue(self, holder: AppHolder, seconds: int) -> tuple[str, int]:
        """Return the newest token of ``holder``, or a new one, and the whole seconds until it expires."""
        with self._lock:
            now = self._clock()
            tokens = self._tokens[holder]
            if tokens:
                newest = next(reversed(tokens))
                reuse = _WECOM_REUSE_SECONDS if holder == "wecom" else _FEISHU_REUSE_SECONDS
                if tokens[newest] - now >= reuse:
                    return newest, int(tokens[newest] - now)
            return self.new(holder, seconds), seconds

    def new(self, holder: Holder, seconds: int) -> str:
        token = _PREFIX[holder] + secrets.token_urlsafe(32)
        self._tokens[holder][token] = self._clock() + seconds
        return token

    def status(self, holder: Holder, token: str) -> TokenStatus:
        """Return the status of ``token``; a revoked token is unknown."""
        expires_at = self._tokens[holder].get(token)
        if expires_at is None:
            return "unknown"
        return "valid" if self._clock() < expires_at else "expired"

    def revoke(self, token: str | None = None) -> bool:
        """Revoke ``token``, or all access tokens for None; return whether it existed."""
        with self._lock:
            if token is None:
                for tokens in self._tokens.values():
                    tokens.clear()
                return True
            return any(tokens.pop(token, None) is not None for tokens in self._tokens.values())


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/application-v6/event/app_ticket-events
class AppTickets:
    """Issue and check tickets. The vendor pushes one an hour; the emulator only on request."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget all tickets except the fixed one, pushed now."""
        self._pushed = {FEISHU_APP_TICKET: self._clock()}

    def push(self) -> str:
        """Push a new ticket. Assumed: earlier tickets stay valid until they expire."""
        ticket = "ticket-" + secrets.token_urlsafe(16)
        self._pushed[ticket] = self._clock()
        return ticket

    def is_valid(self, ticket: object) -> bool:
        """Return whether ``ticket`` was pushed and has not expired."""
        pushed_at = self._pushed.get(ticket) if isinstance(ticket, str) else None
        return pushed_at is not None and self._clock() < pushed_at + _TICKET_SECONDS

    @property
    def pushed(self) -> list[str]:
        """Return all tickets, the latest last."""
        return list(self._pushed)

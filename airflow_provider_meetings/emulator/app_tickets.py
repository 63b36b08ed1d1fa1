"""The tickets that a store app needs, pushed to it by the platform: here into a list, for want of a receiver."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

from airflow_provider_meetings.emulator.seed.company import FEISHU_APP_TICKET


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/application-v6/event/app_ticket-events
class AppTickets:
    """Push tickets and judge them by the state's clock.

    The platform pushes one an hour; the emulator does when it is asked to, for nobody listens.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pushed: dict[str, float] = {}
        self.forget()

    def forget(self) -> None:
        """Begin anew: one ticket has just been pushed, a fixed one."""
        with self._lock:
            self._pushed = {FEISHU_APP_TICKET: self._clock()}

    def push(self) -> str:
        """Push a new ticket; assumed: those before stay good to their own end."""
        with self._lock:
            ticket = "ticket-" + secrets.token_urlsafe(16)
            self._pushed[ticket] = self._clock()
            return ticket

    def is_good(self, ticket: object, seconds: int) -> bool:
        """Tell whether ``ticket`` was pushed less than ``seconds`` ago."""
        with self._lock:
            pushed_at = self._pushed.get(ticket) if isinstance(ticket, str) else None
            return pushed_at is not None and self._clock() < pushed_at + seconds

    @property
    def pushed(self) -> list[str]:
        """Return all tickets, the latest at the end."""
        with self._lock:
            return list(self._pushed)

"""Say days ahead that a consent ends, and not with every poll."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from airflow_provider_meetings.api.grants import Standing

log = logging.getLogger(__name__)

CONSENT_DAYS: Final = 14
REFRESH_DAYS: Final = 2
_DAY: Final = 86400.0
_SAID: Final[dict[tuple[int, str], float]] = {}
"""When something was said, by process and text: a task says it once, a triggerer once a day."""


def day(moment: float) -> str:
    """Write a moment as a day, in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def ends_soon(standing: Standing, now: float) -> str:
    """Say what ends within days; empty if nothing does."""
    if standing.consent_ends - now < CONSENT_DAYS * _DAY:
        return f"The user's consent ends on {day(standing.consent_ends)} (UTC), however often it was renewed."
    if standing.renewable_until - now < REFRESH_DAYS * _DAY:
        return f"The user's token can be renewed until {day(standing.renewable_until)} (UTC) only."
    return ""


class Notices:
    """Warn of what a person should do soon.

    :param remedy: what that is, as a sentence.
    """

    def __init__(
        self, remedy: str, clock: Callable[[], float], said: dict[tuple[int, str], float] | None = None
    ) -> None:
        self._remedy = remedy
        self._clock = clock
        self._said = _SAID if said is None else said

    def of(self, standing: Standing) -> None:
        """Warn if something ends soon."""
        if text := ends_soon(standing, self._clock()):
            self.say_once(text, f"{text} {self._remedy}")

    def say_once(self, what: str, text: str) -> None:
        """Warn, unless this process did so within a day."""
        key = (os.getpid(), f"{self._remedy}|{what}")
        now = self._clock()
        if not 0 <= now - self._said.get(key, -_DAY) < _DAY:
            self._said[key] = now
            log.warning("%s", text)

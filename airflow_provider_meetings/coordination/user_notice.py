"""Say days ahead that a consent ends, and not with every poll."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

from airflow_provider_meetings.api.http.oauth import Standing, ends_soon

log = logging.getLogger(__name__)

_DAY: Final = 86400.0
_SAID: Final[dict[tuple[int, str], float]] = {}
"""When something was said, by process and text: a task says it once, a triggerer once a day."""


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

"""What one process remembers of a user's chain of tokens between two hooks."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from airflow_provider_meetings.api.http.oauth import ConsentStatus, ends_soon
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.coordination.memory import ProcessTokenStore


@dataclass(frozen=True, slots=True, repr=False)
class Unwritten(NeverPickled):
    """What must come into the record and did not yet.

    :param claim: the sealed record as this process left it, with its claim.
    :param refresh: the refresh token that was claimed: another one in the record means another consent.
    :param answer: whether it is the platform's answer, which nobody else knows; else the claim is taken back only.
    """

    claim: bytes
    refresh: str
    sealed: bytes
    answer: bool


@dataclass(slots=True, repr=False)
class ChainMemory(NeverPickled):
    """See above; times are steady seconds.

    :param name: of this process, as claims bear it.
    :param looked: when the record was read last.
    :param early_after: no renewal ahead of time is tried before.
    """

    name: str = field(default_factory=lambda: f"{secrets.token_hex(16)}.{os.getpid()}")
    unwritten: Unwritten | None = None
    looked: float = float("-inf")
    early_after: float = float("-inf")
    _claim: tuple[str, float] = ("", 0.0)
    _claim_seen: float = 0.0

    def seen_for(self, claim: tuple[str, float], now: float) -> float:
        """Return for how many seconds this process has seen a claim, whatever the clock of its writer says."""
        if claim != self._claim:
            self._claim, self._claim_seen = claim, now
        return now - self._claim_seen


_KNOWN: Final[WeakKeyDictionary[ProcessTokenStore, dict[tuple[int, str], ChainMemory]]] = WeakKeyDictionary()


def remembered(memory: ProcessTokenStore, key: str) -> ChainMemory:
    """Return what this process remembers beside its tokens; a forked process is another one and begins anew."""
    # Without a lock, which a fork in the middle would leave locked for ever.
    return _KNOWN.setdefault(memory, {}).setdefault((os.getpid(), key), ChainMemory())


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

    def of(self, consent_status: ConsentStatus) -> None:
        """Warn if something ends soon."""
        if text := ends_soon(consent_status, self._clock()):
            self.say_once(text, f"{text} {self._remedy}")

    def say_once(self, what: str, text: str) -> None:
        """Warn, unless this process did so within a day."""
        key = (os.getpid(), f"{self._remedy}|{what}")
        now = self._clock()
        if not 0 <= now - self._said.get(key, -_DAY) < _DAY:
            self._said[key] = now
            log.warning("%s", text)

"""What one process remembers about a user's tokens between two hooks."""

from __future__ import annotations

import logging
import os
import secrets
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.coordination.memory import ProcessTokenStore

log = logging.getLogger(__name__)

_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True, repr=False)
class PendingWrite(NeverPickled):
    """A record that is to be stored and could not be yet.

    :param claim: the encrypted record with this process's claim, as it was stored before.
    :param refresh: the refresh token that was claimed; another one in the record means another consent.
    :param is_answer: whether it holds the platform's answer, which no other process knows. Else it releases the claim.
    """

    claim: bytes
    refresh: str
    encrypted: bytes
    is_answer: bool


@dataclass(slots=True, repr=False)
class ProcessState(NeverPickled):
    """State of one process and one user; times are monotonic seconds unless stated otherwise.

    :param name: the name of this process in claims.
    :param checked_at: when the record was last read.
    :param early_renewal_at: when an early renewal may be tried again.
    """

    name: str = field(default_factory=lambda: f"{secrets.token_hex(16)}.{os.getpid()}")
    pending: PendingWrite | None = None
    checked_at: float = float("-inf")
    early_renewal_at: float = float("-inf")
    _claim: tuple[str, float] = ("", 0.0)
    _claim_seen_at: float = 0.0
    _warned: dict[str, float] = field(default_factory=dict)

    def seen_for(self, claim: tuple[str, float], now: float) -> float:
        """Return for how many seconds this process has seen a claim, whatever its writer's clock says."""
        if claim != self._claim:
            self._claim, self._claim_seen_at = claim, now
        return now - self._claim_seen_at

    def warn_daily(self, topic: str, text: str, now: float) -> None:
        """Log a warning, unless one of this topic was logged within a day before `now` (seconds since the epoch)."""
        if not 0 <= now - self._warned.get(topic, now - _DAY) < _DAY:
            self._warned[topic] = now
            log.warning("%s", text)


_STATES: Final[WeakKeyDictionary[ProcessTokenStore, dict[tuple[int, str], ProcessState]]] = WeakKeyDictionary()


def process_state(memory: ProcessTokenStore, key: str) -> ProcessState:
    """Return the state that belongs to a process's tokens. A forked process has a new one."""
    # Without a lock: a fork at the wrong moment would leave it locked forever.
    return _STATES.setdefault(memory, {}).setdefault((os.getpid(), key), ProcessState())

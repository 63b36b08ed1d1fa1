"""One renewal of a user's tokens: claim the refresh token, send it, store the answer; nothing interrupts it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from airflow_provider_meetings.api.errors import AuthenticationError, ConsentEnded
from airflow_provider_meetings.api.http.oauth import Renew
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.oauth.process_state import PendingWrite, ProcessState
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords
from airflow_provider_meetings.coordination.oauth.uninterruptible import run_uninterrupted

log = logging.getLogger(__name__)

_WRITE_SECONDS: Final = 30.0
"""No attempt to write begins later. One attempt lasts as long as the backend waits for its server."""
_WRITE_PAUSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Renewal:
    """Renew the tokens of one user."""

    records: UserRecords
    state: ProcessState
    remedy: str
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    steady: Callable[[], float]

    def run(self, value: bytes, record: UserRecord, renew: Renew) -> UserRecord | None:
        """Return the renewed record; None if another process has changed the record.

        :raises AuthenticationError: if the answer cannot be stored; this process keeps it and tries again later.
        :raises BackendError: if the refresh token could not be claimed. Errors of `renew` are raised, too.
        """
        return run_uninterrupted(lambda: self._run(value, record, renew))

    def store_pending(self, timeout: float = _WRITE_SECONDS) -> bool:
        """Store what this process could not store before; return False if the user has consented again.

        :param timeout: seconds after which no attempt begins; 0 for one attempt.
        :raises BackendError: if it cannot be stored now; it stays pending.
        """
        if self.state.pending is None:
            return True
        deadline = self.steady() + timeout
        while True:
            try:
                stored = self._store(self.state.pending)
                break
            except BackendError as error:
                # Limited by time, not by attempts: with a server that hangs, each attempt lasts until its timeout.
                if self.steady() + _WRITE_PAUSE_SECONDS >= deadline:
                    raise
                log.warning("Cannot store the result of a token renewal, retrying: %s", error)
                self.sleep(_WRITE_PAUSE_SECONDS)  # uninterrupted: a lost answer ends the consent
        self.state.pending = None
        return stored

    def _run(self, value: bytes, record: UserRecord, renew: Renew) -> UserRecord | None:
        claim = self.records.encrypt(record.claimed(self.state.name, self.clock()))
        try:
            if not self.records.compare_and_set(value, claim):
                return None
        except BackendError:
            # The claim may be stored although its answer was lost. Only this process knows that nothing was sent.
            self._finish(claim, record, record.released(), is_answer=False)
            raise
        try:
            tokens = renew(record.refresh)
        except ConsentEnded as error:
            if not self._finish(claim, record, record.ended(error), is_answer=True):
                return None  # the user has consented again: the refusal is of the old consent
            raise
        except BaseException:
            self._finish(claim, record, record.released(), is_answer=False)
            raise
        renewed = record.renewed(tokens, self.clock())
        self.state.pending = PendingWrite(claim, record.refresh, self.records.encrypt(renewed), is_answer=True)
        try:
            return renewed if self.store_pending() else None
        except BackendError as error:
            raise AuthenticationError(
                f"The user's token was renewed, but the new token could not be stored: {error}",
                next_step=self.remedy,
            ) from None

    def _finish(self, claim: bytes, record: UserRecord, final: UserRecord, *, is_answer: bool) -> bool:
        """Store the end of a renewal without new tokens. Its reason is raised by the caller."""
        self.state.pending = PendingWrite(claim, record.refresh, self.records.encrypt(final), is_answer)
        try:
            return self.store_pending()
        except BackendError as error:
            # This process can continue; others will conclude that it has ended.
            log.warning("Cannot store the result of a token renewal: %s", error)
            return True

    def _store(self, pending: PendingWrite) -> bool:
        old: bytes | None = pending.claim
        while not self.records.compare_and_set(old, pending.encrypted):
            old, record = self.records.find()
            # Another refresh token in the record means that the user has consented again. After any other change the
            # platform's answer is still the only valid successor.
            if record is not None:
                if record.refresh != pending.refresh:
                    return False
                if not pending.is_answer and record.claimed_by != self.state.name:
                    return False
            elif old is not None or not pending.is_answer:
                return False
        return True

"""One renewal: claim the refresh token, send it, write down what came of it, in one piece that nothing interrupts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from airflow_provider_meetings.api.errors import AuthenticationError, ConsentEnded
from airflow_provider_meetings.api.http.oauth import Renew
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.oauth.process_state import ChainMemory, Unwritten
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords
from airflow_provider_meetings.coordination.oauth.uninterruptible import run_uninterrupted

log = logging.getLogger(__name__)

_WRITE_SECONDS: Final = 30.0
"""No try to write begins later; one lasts as long as the backend waits for its server."""
_WRITE_PAUSE_SECONDS: Final = 1.0


class Renewal:
    """Renew one user's tokens.

    :param sleep: waits between two tries to write; not to be interrupted, for without the answer the chain is cut.
    :param steady: seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        records: UserRecords,
        mine: ChainMemory,
        *,
        remedy: str,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        steady: Callable[[], float],
    ) -> None:
        self._records = records
        self._mine = mine
        self._remedy = remedy
        self._clock = clock
        self._sleep = sleep
        self._steady = steady

    def of(self, value: bytes, record: UserRecord, renew: Renew) -> UserRecord | None:
        """Return what takes the record's place; None if another one took it meanwhile.

        :raises AuthenticationError: if the answer cannot be written down; this process knows it still.
        :raises BackendError: if it could not be claimed; else what `renew` raises.
        """
        return run_uninterrupted(lambda: self._renewed(value, record, renew))

    def write_down(self, timeout: float = _WRITE_SECONDS) -> bool:
        """Write what this process has not written yet, and keep on for a while; False if another consent counts.

        :param timeout: after so many seconds no try begins; 0 for one try.
        :raises BackendError: if it cannot be written just now; it is remembered.
        """
        unwritten = self._mine.unwritten
        if unwritten is None:
            return True
        until = self._steady() + timeout
        while True:
            try:
                written = self._written(unwritten)
                break
            except BackendError as error:
                # By the clock and not by the tries: a server that hangs makes each as long as its time-out.
                if self._steady() + _WRITE_PAUSE_SECONDS >= until:
                    raise
                log.warning("What became of a refresh token could not be written down, trying again: %s", error)
                self._sleep(_WRITE_PAUSE_SECONDS)
        self._mine.unwritten = None
        return written

    def _renewed(self, value: bytes, record: UserRecord, renew: Renew) -> UserRecord | None:
        claim = self._records.sealed(record.claimed(self._mine.name, self._clock()))
        try:
            if not self._records.compare_and_set(value, claim):
                return None
        except BackendError:
            # Perhaps it was written, and the answer was lost: nobody else can know that nothing was sent.
            self._leave(claim, record, record.released(), answer=False)
            raise
        try:
            grant = renew(record.refresh)
        except ConsentEnded as error:
            if not self._leave(claim, record, record.ended(error), answer=True):
                return None  # of a consent that counts no more
            raise
        except BaseException:
            self._leave(claim, record, record.released(), answer=False)
            raise
        successor = record.succeeded(grant, self._clock())
        return successor if self._settle(claim, record, successor) else None

    def _settle(self, claim: bytes, record: UserRecord, answer: UserRecord) -> bool:
        self._mine.unwritten = Unwritten(claim, record.refresh, self._records.sealed(answer), answer=True)
        try:
            return self.write_down()
        except BackendError as error:
            raise AuthenticationError(
                f"The user's token was renewed, but the answer could not be written down: {error}",
                next_step=self._remedy,
            ) from None

    def _leave(self, claim: bytes, record: UserRecord, leaving: UserRecord, *, answer: bool) -> bool:
        """Write what there is to say without a new token; the reason for it is raised by whoever calls this."""
        self._mine.unwritten = Unwritten(claim, record.refresh, self._records.sealed(leaving), answer)
        try:
            return self.write_down()
        except BackendError as error:
            # This process will go on by itself; others will take it for dead.
            log.warning("What became of a refresh token could not be written down: %s", error)
            return True

    def _written(self, unwritten: Unwritten) -> bool:
        old: bytes | None = unwritten.claim
        while not self._records.compare_and_set(old, unwritten.sealed):
            old, record = self._records.found()
            # Only another refresh token says that the user has consented anew. Whatever else was changed meanwhile,
            # what the platform gave for this one is the only way on.
            if record is not None:
                stands = record.refresh == unwritten.refresh
                if not stands or not (unwritten.answer or record.claimed_by == self._mine.name):
                    return False
            elif old is not None or not unwritten.answer:
                return False
        return True

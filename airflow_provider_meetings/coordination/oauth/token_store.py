"""One user's chain of refresh tokens, each of which works once: sent by one process, its successor written before use.

Who sends a refresh token first writes into its record that it does so. Only one can: the record is swapped, in one
piece, by whoever still finds it as it was. That holds also where a hold was lost, by a process that stood still.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from airflow_provider_meetings.api.errors import AuthenticationError, MeetingsApiError, ServerError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.oauth import ConsentStatus, Ready, Renew, TokenPair
from airflow_provider_meetings.coordination.backend import BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.process_state import ChainMemory, Notices, remembered
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords, unreachable
from airflow_provider_meetings.coordination.oauth.refresh import Renewal

LONGEST_REQUEST_SECONDS: Final = 90.0
"""After so long a request that was sent is over: connecting, waiting for the answer, and some more."""
_HELD_SECONDS: Final = 1.0
"""So long a hold is waited for at a time: that wait cannot be interrupted, the pause between two can."""
_PAUSE_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 60.0
"""So often a process that has a token looks whether the user, or another one, has consented anew."""
_EARLY_AGAIN_SECONDS: Final = 60.0
"""After a renewal ahead of time has failed, the token before is used for so long without trying again."""


class UserTokenChain:
    """Keep one user's tokens in a durable backend; see `UserTokens`. What lies there is encrypted.

    :param name: of the chain; holds no secret.
    :param secret: the app's. Under another one the record cannot be read, and the user must consent again.
    :param memory: the access tokens of this process, which outlive a hook.
    :param remedy: how a person consents, as a sentence.
    :param pause: waits so many seconds for another process's renewal; may raise ServerError to give that up.
    :param timeout: seconds after which waiting for it is given up.
    :param sleep: waits so many seconds where nothing may be given up.
    :param steady: seconds of a clock that nobody sets.
    :param longest: after so many seconds a request that was sent is over.
    """

    def __init__(
        self,
        backend: DurableBackend,
        *,
        name: str,
        secret: str,
        memory: ProcessTokenStore,
        remedy: str,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        timeout: float = float("inf"),
        sleep: Callable[[float], None] = time.sleep,
        steady: Callable[[], float] = time.monotonic,
        notices: Notices | None = None,
        longest: float = LONGEST_REQUEST_SECONDS,
    ) -> None:
        self._backend = backend
        self._name = name
        self._records = UserRecords(backend, name, secret, remedy)
        self._memory = memory
        self._memory_key = f"{name}|{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
        self._remedy = remedy
        self._clock = clock
        self._pause = pause
        self._timeout = min(timeout, longest + 2 * _HELD_SECONDS)
        self._sleep = sleep
        self._steady = steady
        self._notices = notices or Notices(remedy, clock)
        self._longest = longest

    def token(self, renew: Renew, *, ready: Ready | None = None, rejected: str | None = None) -> Token:
        """Return a token that can be used; see `UserTokens`.

        :raises AuthenticationError: if nobody has consented, the consent has ended, or its chain was cut.
        :raises ServerError: if another process has been renewing it for longer than we would wait.
        :raises StoreError: if the backend cannot be reached.
        """
        # Counted from here: threads of one process wait for each other first.
        until = self._steady() + self._timeout
        unwanted = rejected if rejected is not None else self._replaced()
        return self._memory.token(
            self._memory_key,
            lambda: self._shared(renew, ready, unwanted, until),
            rejected=unwanted,
            timeout=self._timeout,
        )

    def consent_status(self) -> ConsentStatus | None:
        """Tell until when the consent reaches; see `UserTokens`."""
        try:
            return self._records.read()[1].consent_status
        except AuthenticationError:
            return None
        except BackendError as error:
            raise unreachable(error) from None

    def now(self) -> float:
        """Return the time by which the tokens are judged."""
        return self._clock()

    def accept(self, grant: TokenPair, user: str = "") -> ConsentStatus:
        """Begin a new chain with what a consent gave; see `KeptUserTokens`."""
        record = UserRecord.consented(grant, self._clock(), user)
        sealed = self._records.sealed(record)
        try:
            while True:
                value, before = self._records.found()
                if self._records.compare_and_set(value, sealed):
                    break
        except BackendError as error:
            raise unreachable(error) from None
        held = self._memory.existing(self._memory_key)
        self._memory.token(self._memory_key, lambda: record.token, rejected=held.value if held else None)
        another = before.user if before is not None and user and before.user != user else ""
        return replace(record.consent_status, instead_of=another)

    @property
    def _mine(self) -> ChainMemory:
        return remembered(self._memory, self._memory_key)

    def _replaced(self) -> str | None:
        """Return the token that this process has, if another one stands in the record by now."""
        held, mine, now = self._memory.existing(self._memory_key), self._mine, self._steady()
        if held is None or now - mine.looked < _LOOK_SECONDS:
            return None
        mine.looked = now
        try:
            _, record = self._records.read()
        except (AuthenticationError, BackendError):
            return None  # what works is used on; who must renew will say it
        return held.value if record.access != held.value else None

    def _shared(self, renew: Renew, ready: Ready | None, rejected: str | None, until: float) -> Token:
        mine = self._mine
        renewal = Renewal(
            self._records, mine, remedy=self._remedy, clock=self._clock, sleep=self._sleep, steady=self._steady
        )

        def renewed(value: bytes, record: UserRecord) -> UserRecord | None:
            record.raise_if_ended()
            if ready is not None:
                ready(record.refresh)  # before the claim: who dies waiting has sent nothing, and everybody can know it
            return renewal.of(value, record, renew)

        try:
            if (before := self._until_written(renewal, rejected)) is not None:
                return before
            while True:
                mine.looked = self._steady()
                token = self._once(renewed, rejected, mine)
                if token is not None:
                    return token
                if self._steady() >= until:
                    raise ServerError(
                        "Another process is renewing the user's token, or has died of it: "
                        f"no answer within {self._timeout:g} s",
                        next_step="Try again later.",
                        retry_after=min(self._longest, _LOOK_SECONDS),
                    )
                self._pause(_PAUSE_SECONDS)
        except BackendError as error:
            raise unreachable(error) from None

    def _until_written(self, renewal: Renewal, rejected: str | None) -> Token | None:
        """Write what was not written yet; where that cannot be, return the token before, as long as it works."""
        held = self._memory.existing(self._memory_key)
        if held is None or held.value == rejected or self._clock() >= held.expires_at:
            renewal.write_down()
            return None
        try:
            renewal.write_down(timeout=0)  # with each question, for this process may end with any
        except BackendError:
            return held
        return None

    def _once(
        self, renewed: Callable[[bytes, UserRecord], UserRecord | None], rejected: str | None, mine: ChainMemory
    ) -> Token | None:
        """Look once, renewing if it is our turn; None: look again."""
        _, record = self._records.read()
        if self._usable(record, rejected):
            return record.token
        # Nobody waits for a renewal as long as the token before still works.
        works = self._works(record, rejected)
        if works and self._steady() < mine.early_after:
            return record.token
        try:
            with self._backend.lock(self._name, 0 if works else min(_HELD_SECONDS, self._longest)):
                value, record = self._records.read()
                if self._usable(record, rejected):
                    return record.token
                # Not one of ours either: what became of it is written down above, or another thread is sending it.
                if not record.claimed_by:
                    try:
                        successor = renewed(value, record)
                    except MeetingsApiError as error:
                        if not self._works(record, rejected):
                            raise
                        return self._go_on(record, error, mine)
                    if successor is not None:
                        self._notices.of(successor.consent_status)
                    return successor.token if successor is not None else None
        except Busy:
            return record.token if works else None
        return self._claimed_elsewhere(record, mine, works=self._works(record, rejected))

    def _go_on(self, record: UserRecord, error: MeetingsApiError, mine: ChainMemory) -> Token:
        mine.early_after = self._steady() + _EARLY_AGAIN_SECONDS
        what = type(error).__name__ if isinstance(error, AuthenticationError) else "early"  # a person must act, or not
        self._notices.say_once(
            what, f"There is no new token of the user's yet; the one before works until its end. {error}"
        )
        return record.token

    def _claimed_elsewhere(self, record: UserRecord, mine: ChainMemory, *, works: bool) -> Token | None:
        # Its sender holds the key no longer: it has died, or it stood still, will go on, and write down the answer.
        died = (
            "The user's refresh token was sent by a process that ended before it stored the answer; "
            "sent again, it would be refused"
        )
        if works:
            self._notices.say_once("claimed", f"{died}. The token before works until its end. {self._remedy}")
            return record.token
        # Its clock may be ahead, or ours was set back: nobody waits longer than since we saw it ourselves.
        seen = mine.seen_for((record.claimed_by, record.claimed_at), self._steady())
        if max(seen, self._clock() - record.claimed_at) >= self._longest:
            raise AuthenticationError(died, next_step=self._remedy)
        return None

    def _works(self, record: UserRecord, rejected: str | None) -> bool:
        return record.access != rejected and self._clock() < record.access_ends

    def _usable(self, record: UserRecord, rejected: str | None) -> bool:
        token = record.token
        plausible = token.plausible(self._clock())
        usable = token.value != rejected and plausible and self._memory.fresh(token)
        if usable:
            self._notices.of(record.consent_status)
        return usable

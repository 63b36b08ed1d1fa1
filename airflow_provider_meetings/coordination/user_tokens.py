"""One user's chain of refresh tokens, each of which works once: sent by one process, its successor written before use.

Who sends a refresh token first writes into its record that it does so. Only one can: the record is swapped, in one
piece, by whoever still finds it as it was. That holds also where a hold was lost, by a process that stood still.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from airflow_provider_meetings.api.auth import Token
from airflow_provider_meetings.api.errors import AuthenticationError, ConsentEnded, ServerError, StoreError
from airflow_provider_meetings.api.grants import Grant, Renew, Standing
from airflow_provider_meetings.coordination.backend import BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.process import ProcessTokenStore
from airflow_provider_meetings.coordination.seal import Seal
from airflow_provider_meetings.coordination.user_notice import Notices
from airflow_provider_meetings.coordination.user_record import UserRecord

log = logging.getLogger(__name__)

LONGEST_REQUEST_SECONDS: Final = 90.0
"""After so long a request that was sent is over: connecting, waiting for the answer, and some more."""
PENDING_SECONDS: Final = 600.0
"""So long a consent that was begun can be finished."""
_PAUSE_SECONDS: Final = 0.5
_WRITE_TRIES: Final = 30
_CLOCK_SLACK_SECONDS: Final = 60.0

Read = tuple[bytes, UserRecord]


class UserTokenChain:
    """Keep one user's tokens in a durable backend; see `UserTokens`. What lies there is encrypted.

    :param name: of the chain; holds no secret.
    :param secret: the app's. Under another one the record cannot be read, and the user must consent again.
    :param memory: the access tokens of this process, which outlive a hook.
    :param remedy: how a person consents, as a sentence.
    :param pause: waits so many seconds.
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
        notices: Notices | None = None,
        longest: float = LONGEST_REQUEST_SECONDS,
    ) -> None:
        self._backend = backend
        self._name = name
        self._seal = Seal(secret)
        self._memory = memory
        self._memory_key = f"{name}|{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
        self._remedy = remedy
        self._clock = clock
        self._pause = pause
        self._notices = notices or Notices(remedy, clock)
        self._number = secrets.token_hex(16)
        self._longest = longest
        self._unwritten: tuple[bytes, bytes] | None = None

    def token(self, renew: Renew, *, rejected: str | None = None) -> Token:
        """Return a token that can be used; see `UserTokens`.

        :raises AuthenticationError: if nobody has consented, the consent has ended, or its chain was cut.
        :raises StoreError: if the backend cannot be reached.
        """
        return self._memory.token(self._memory_key, lambda: self._shared(renew, rejected), rejected=rejected)

    def standing(self) -> Standing | None:
        """Tell until when the consent reaches; see `UserTokens`."""
        try:
            return self._read()[1].standing
        except AuthenticationError:
            return None

    def now(self) -> float:
        """Return the time by which the tokens are judged."""
        return self._clock()

    def accept(self, grant: Grant) -> Standing:
        """Begin a new chain with what a consent gave, whatever stands there; written before this returns."""
        record = UserRecord.consented(grant, self._clock())
        sealed = self._sealed(record)
        try:
            while not self._backend.swap(self._name, self._backend.read(self._name), sealed):
                pass
            self._backend.set(f"{self._name}|pending", b"", 0)
        except BackendError as error:
            raise _unreachable(error) from None
        return record.standing

    def describe(self, user: str) -> None:
        """Write down whose tokens these are, unless they were renewed meanwhile: then it is said another time."""
        try:
            value, record = self._read()
            self._backend.swap(self._name, value, self._sealed(replace(record, user=user)))
        except BackendError as error:
            raise _unreachable(error) from None

    def begin(self, pending: dict[str, Any]) -> None:
        """Remember a consent that was begun, for `PENDING_SECONDS`."""
        name = f"{self._name}|pending"
        try:
            self._backend.set(name, self._seal.close(name, pending), PENDING_SECONDS)
        except BackendError as error:
            raise _unreachable(error) from None

    def pending(self) -> dict[str, Any] | None:
        """Return the consent that was begun last, unless that was too long ago."""
        name = f"{self._name}|pending"
        try:
            value = self._backend.get(name)
        except BackendError as error:
            raise _unreachable(error) from None
        return self._seal.open(name, value) if value else None

    def _shared(self, renew: Renew, rejected: str | None) -> Token:
        try:
            self._write_down()
            while True:
                token = self._once(renew, rejected)
                if token is not None:
                    return token
                self._pause(_PAUSE_SECONDS)
        except BackendError as error:
            raise _unreachable(error) from None

    def _once(self, renew: Renew, rejected: str | None) -> Token | None:
        """Look once, renewing if it is our turn; None: look again."""
        _, record = self._read()
        if self._usable(record, rejected):
            return record.token
        # Nobody waits for a renewal as long as the token before still works.
        works = record.access != rejected and self._clock() < record.access_ends
        try:
            with self._backend.hold(self._name, 0 if works else self._longest):
                value, record = self._read()
                if self._usable(record, rejected):
                    return record.token
                if record.claimed_by in ("", self._me()):
                    return self._renewed(value, record, renew)
        except Busy as busy:
            if works:
                return record.token
            raise ServerError(f"Another process has been renewing the user's token: {busy}") from None
        return self._claimed_elsewhere(record, works=works)

    def _claimed_elsewhere(self, record: UserRecord, *, works: bool) -> Token | None:
        # Its sender holds the key no longer: it has died, or it stood still, will go on, and write down the answer.
        died = (
            "The user's refresh token was sent by a process that ended before it wrote down the answer; "
            "sent again, it would be refused"
        )
        if works:
            self._notices.say_once("claimed", f"{died}. The token before works until its end. {self._remedy}")
            return record.token
        if self._clock() - record.claimed_at >= self._longest:
            raise AuthenticationError(died, next_step=self._remedy)
        return None

    def _renewed(self, value: bytes, record: UserRecord, renew: Renew) -> Token | None:
        record.raise_if_ended()
        claim = self._sealed(record.claimed(self._me(), self._clock()))
        if not self._backend.swap(self._name, value, claim):
            return None
        try:
            grant = renew(record.refresh)
        except ConsentEnded as error:
            self._leave(claim, record.ended(error))
            raise
        except BaseException:
            self._leave(claim, record.released())
            raise
        successor = record.succeeded(grant, self._clock())
        self._unwritten = claim, self._sealed(successor)
        if not self._write_down():
            return None  # somebody has consented anew meanwhile: that counts
        self._notices.of(successor.standing)
        return successor.token

    def _write_down(self) -> bool:
        """Write the answer that no other process knows; keep on for a while, for without it the chain is cut."""
        if self._unwritten is None:
            return True
        claim, sealed = self._unwritten
        for left in reversed(range(_WRITE_TRIES)):
            try:
                written = self._backend.swap(self._name, claim, sealed)
            except BackendError as error:
                if not left:
                    raise AuthenticationError(
                        f"The user's token was renewed, but the answer could not be written down: {error}",
                        next_step=self._remedy,
                    ) from None
                log.warning("What a renewal gave could not be written down, trying again: %s", error)
                self._pause(1.0)
            else:
                break
        self._unwritten = None
        return written

    def _leave(self, claim: bytes, record: UserRecord) -> None:
        try:
            self._backend.swap(self._name, claim, self._sealed(record))
        except BackendError as error:
            # We would go on by ourselves; others will take us for dead.
            log.warning("That a refresh token was not used could not be written down: %s", error)

    def _usable(self, record: UserRecord, rejected: str | None) -> bool:
        token = record.token
        # One that has more than its life before it was written by a clock that has been set back since.
        plausible = token.expires_at - self._clock() <= token.lifetime + _CLOCK_SLACK_SECONDS
        usable = token.value != rejected and plausible and self._memory.fresh(token)
        if usable:
            self._notices.of(record.standing)
        return usable

    def _read(self) -> Read:
        value = self._backend.read(self._name)
        if value is None:
            raise AuthenticationError("No user has consented for this connection yet", next_step=self._remedy)
        content = self._seal.open(self._name, value)
        if content is None:
            raise AuthenticationError(
                "The user's tokens cannot be read: the app's secret was changed since the consent, or they are damaged",
                next_step=self._remedy,
            )
        return value, UserRecord.from_dict(content)

    def _me(self) -> str:
        # A forked process has a copy of this object, and is another one.
        return f"{self._number}.{os.getpid()}"

    def _sealed(self, record: UserRecord) -> bytes:
        return self._seal.close(self._name, record.to_dict())


def _unreachable(error: BackendError) -> StoreError:
    return StoreError(f"The user's tokens cannot be reached, and without them nothing is asked: {error}")

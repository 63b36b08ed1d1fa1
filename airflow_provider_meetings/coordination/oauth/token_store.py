"""A user's tokens, shared by all processes. Each refresh token works once, and its answer is stored before it is used.

A process that sends the refresh token first stores a claim in the record. Only one can: the record is replaced
atomically by a process that finds it unchanged. This holds even if a stopped process has lost its lock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass, replace
from typing import Any, Final

from airflow_provider_meetings.api.errors import AuthenticationError, MeetingsApiError, ServerError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.oauth import ConsentStatus, Ready, Renew, TokenPair, UserTokens, ends_soon
from airflow_provider_meetings.coordination.backend import BackendError, Busy, DurableBackend
from airflow_provider_meetings.coordination.encryption import Encryptor
from airflow_provider_meetings.coordination.memory import TIMEOUT_SECONDS, ProcessTokenStore
from airflow_provider_meetings.coordination.oauth.process_state import ProcessState, process_state
from airflow_provider_meetings.coordination.oauth.record import UserRecord, UserRecords, store_errors
from airflow_provider_meetings.coordination.oauth.refresh import Renewal

MAX_REQUEST_SECONDS: Final = 90.0
"""A request has ended after this time: connecting, waiting for the answer, and a margin."""
PENDING_SECONDS: Final = 600.0
"""Seconds within which a consent must be finished."""
_LOCK_SECONDS: Final = 1.0
"""One wait for the lock. It cannot be interrupted; the pause between two waits can."""
_PAUSE_SECONDS: Final = 0.5
_CHECK_SECONDS: Final = 60.0
"""How often a process with a valid token checks whether a user has consented again."""
_EARLY_RETRY_SECONDS: Final = 60.0
"""After an early renewal has failed, the old token is used for this time without another attempt."""


@dataclass(eq=False, repr=False)
class UserTokenStore(UserTokens):
    """Keep one user's tokens, encrypted, in a durable backend.

    :param name: the name of the tokens; holds no secret.
    :param secret: the app's secret. With another one the tokens cannot be read, and the user must consent again.
    :param memory: the access tokens of this process, which outlive a hook.
    :param remedy: how a user consents, as a sentence.
    :param consent_seconds: how long after a consent the platform renews its tokens.
    :param pause: waits some seconds for another process's renewal; may raise ServerError to stop waiting.
    :param timeout: seconds to wait for another process's renewal.
    :param sleep: waits some seconds where waiting must not be interrupted.
    :param steady: a monotonic clock, in seconds.
    :param max_request_seconds: seconds after which a request that was sent has ended.
    """

    backend: DurableBackend
    _: KW_ONLY
    name: str
    secret: InitVar[str]
    memory: ProcessTokenStore
    remedy: str
    consent_seconds: float
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep
    timeout: float = float("inf")
    sleep: Callable[[float], None] = time.sleep
    steady: Callable[[], float] = time.monotonic
    max_request_seconds: float = MAX_REQUEST_SECONDS

    def __post_init__(self, secret: str) -> None:
        self._encryptor = Encryptor(secret)
        self._records = UserRecords(self.backend, self.name, secret, self.remedy)
        self._memory_key = f"{self.name}|{hashlib.sha256(secret.encode()).hexdigest()[:16]}"
        self.timeout = min(self.timeout, self.max_request_seconds + 2 * _LOCK_SECONDS)

    def token(self, renew: Renew, *, ready: Ready | None = None, rejected: str | None = None) -> Token:
        """Return a valid token.

        :raises AuthenticationError: if no user has consented, the consent has ended, or the answer to the last
            refresh token was lost.
        :raises ServerError: if another process has been renewing the token for longer than the timeout.
        :raises StoreError: if the backend cannot be reached.
        """
        # The deadline includes the wait for another thread of this process.
        deadline = self.steady() + self.timeout
        if rejected is None:
            rejected = self._replaced_token()
        return self.memory.token(
            self._memory_key,
            lambda: self._wait_for_token(renew, ready, rejected, deadline),
            rejected=rejected,
            timeout=self.timeout,
        )

    def consent_status(self) -> ConsentStatus | None:
        with store_errors():
            _, record = self._records.find()
        return record.consent_status(self.consent_seconds) if record else None

    def now(self) -> float:
        return self.clock()

    def accept(self, tokens: TokenPair, user: str = "") -> ConsentStatus:
        record = UserRecord.consented(tokens, self.clock(), user)
        encrypted = self._records.encrypt(record)
        with store_errors():
            while True:
                value, before = self._records.find()
                if self._records.compare_and_set(value, encrypted):
                    break
        existing = self.memory.existing(self._memory_key)
        self.memory.token(self._memory_key, lambda: record.token, rejected=existing.value if existing else None)
        another = before.user if before is not None and user and before.user != user else ""
        return replace(record.consent_status(self.consent_seconds), instead_of=another)

    def begin_consent(self, state: str, pending: dict[str, Any]) -> None:
        name = self._pending_name(state)
        with store_errors():
            self.backend.set(name, self._encryptor.encrypt(name, pending), PENDING_SECONDS)

    def pending_consent(self, state: str) -> dict[str, Any] | None:
        name = self._pending_name(state)
        with store_errors():
            value = self.backend.get(name)
        return self._encryptor.decrypt(name, value) if value else None

    def finish_consent(self, state: str) -> None:
        with store_errors():
            self.backend.set(self._pending_name(state), b"", 0)

    def _pending_name(self, state: str) -> str:
        return f"{self.name}|pending|{state}"

    @property
    def _state(self) -> ProcessState:
        return process_state(self.memory, self._memory_key)

    def _replaced_token(self) -> str | None:
        """Return the token in memory if the record holds another one by now; checked once a minute."""
        existing, state, now = self.memory.existing(self._memory_key), self._state, self.steady()
        if existing is None or now - state.checked_at < _CHECK_SECONDS:
            return None
        state.checked_at = now
        try:
            _, record = self._records.read()
        except (AuthenticationError, BackendError):
            return None  # the token in memory still works; the next renewal reports the problem
        return existing.value if record.access != existing.value else None

    def _wait_for_token(self, renew: Renew, ready: Ready | None, rejected: str | None, deadline: float) -> Token:
        renewal = Renewal(
            self._records, self._state, remedy=self.remedy, clock=self.clock, sleep=self.sleep, steady=self.steady
        )

        def run_renewal(value: bytes, record: UserRecord) -> UserRecord | None:
            record.raise_if_ended()
            if ready is not None:
                ready(record.refresh)  # before the claim: a process that ends while it waits has sent nothing
            return renewal.run(value, record, renew)

        with store_errors():
            if (old := self._store_pending(renewal, rejected)) is not None:
                return old
            while True:
                self._state.checked_at = self.steady()
                token = self._find_or_renew(run_renewal, rejected)
                if token is not None:
                    return token
                if self.steady() >= deadline:
                    raise ServerError(
                        f"Another process is renewing the user's token, or has died: no answer within "
                        f"{self.timeout:g} s",
                        next_step="Try again later.",
                        retry_after=TIMEOUT_SECONDS,
                    )
                self.pause(_PAUSE_SECONDS)

    def _store_pending(self, renewal: Renewal, rejected: str | None) -> Token | None:
        """Store what is pending; if that fails, return the old token while it is valid."""
        existing = self.memory.existing(self._memory_key)
        if existing is None or existing.value == rejected or self.clock() >= existing.expires_at:
            renewal.store_pending()
            return None
        try:
            renewal.store_pending(timeout=0)
        except BackendError:
            return existing
        return None

    def _find_or_renew(
        self, run_renewal: Callable[[bytes, UserRecord], UserRecord | None], rejected: str | None
    ) -> Token | None:
        """Return the stored token or a renewed one; None if another process is renewing it."""
        _, record = self._records.read()
        if self._fresh(record, rejected):
            return record.token
        # While the old token is valid, no process waits for a renewal.
        valid = self._valid(record, rejected)
        if valid and self.steady() < self._state.early_renewal_at:
            return record.token
        try:
            with self.backend.lock(self.name, 0 if valid else min(_LOCK_SECONDS, self.max_request_seconds)):
                value, record = self._records.read()
                if self._fresh(record, rejected):
                    return record.token
                if not record.claimed_by:
                    try:
                        renewed = run_renewal(value, record)
                    except MeetingsApiError as error:
                        if not self._valid(record, rejected):
                            raise
                        return self._use_old(record, error)
                    if renewed is None:
                        return None
                    self._warn_before_end(renewed)
                    return renewed.token
        except Busy:
            return record.token if valid else None
        return self._handle_claim(record, valid=self._valid(record, rejected))

    def _use_old(self, record: UserRecord, error: MeetingsApiError) -> Token:
        self._state.early_renewal_at = self.steady() + _EARLY_RETRY_SECONDS
        # An AuthenticationError needs a person; other errors share one topic.
        topic = type(error).__name__ if isinstance(error, AuthenticationError) else "early renewal"
        self._warn(topic, f"Cannot renew the user's token; using the old one until it expires: {error}")
        return record.token

    def _handle_claim(self, record: UserRecord, *, valid: bool) -> Token | None:
        """Handle a claim whose process no longer holds the lock: it has ended, or was stopped and may continue."""
        problem = (
            "The user's refresh token was sent by a process that ended before it stored the answer. The platform "
            "would refuse it now"
        )
        if valid:
            self._warn("claim", f"{problem}. The old token works until it expires. {self.remedy}")
            return record.token
        # Its clock may be ahead, or this one was set back: the time since this process first saw the claim counts, too.
        seen = self._state.seen_for((record.claimed_by, record.claimed_at), self.steady())
        if max(seen, self.clock() - record.claimed_at) >= self.max_request_seconds:
            raise AuthenticationError(problem, next_step=self.remedy)
        return None

    def _valid(self, record: UserRecord, rejected: str | None) -> bool:
        return record.access != rejected and self.clock() < record.access_ends

    def _fresh(self, record: UserRecord, rejected: str | None) -> bool:
        token = record.token
        fresh = token.value != rejected and token.plausible(self.clock()) and self.memory.fresh(token)
        if fresh:
            self._warn_before_end(record)
        return fresh

    def _warn_before_end(self, record: UserRecord) -> None:
        if text := ends_soon(record.consent_status(self.consent_seconds), self.clock()):
            self._warn(text, f"{text} {self.remedy}")

    def _warn(self, topic: str, text: str) -> None:
        self._state.warn_daily(topic, text, self.clock())

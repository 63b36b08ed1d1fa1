"""The record of one user's tokens: both tokens, when they expire, and which process is sending the refresh token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from airflow_provider_meetings.api.errors import MESSAGE_FIELDS, AuthenticationError, ConsentEnded, StoreError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.oauth import ConsentStatus, TokenPair
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.encryption import Encryptor


@dataclass(frozen=True, slots=True, repr=False)
class UserRecord(NeverPickled):
    """The current tokens of a user; times in seconds since the epoch.

    :param claimed_by: the process that is sending the refresh token; empty for none.
    :param refused: the fields of the error with which the platform refused the refresh token for good.
    """

    access: str
    access_ends: float
    access_seconds: float
    refresh: str
    refresh_ends: float
    consented_at: float
    scope: str = ""
    user: str = ""
    claimed_by: str = ""
    claimed_at: float = 0.0
    refused: dict[str, Any] | None = None

    @classmethod
    def consented(cls, tokens: TokenPair, now: float, user: str = "") -> Self:
        return cls(**_token_fields(tokens, now), consented_at=now, scope=tokens.scope, user=user)

    def claimed(self, by: str, now: float) -> Self:
        return replace(self, claimed_by=by, claimed_at=now)

    def released(self) -> Self:
        """Return the record without a claim: the refresh token was not used and may be sent again."""
        return replace(self, claimed_by="", claimed_at=0.0)

    def renewed(self, tokens: TokenPair, now: float) -> Self:
        return replace(self.released(), **_token_fields(tokens, now), scope=tokens.scope or self.scope)

    def ended(self, error: ConsentEnded) -> Self:
        """Return the record with the platform's refusal, so that no process sends the refresh token again."""
        return replace(self.released(), refused={name: getattr(error, name) for name in MESSAGE_FIELDS})

    def raise_if_ended(self) -> None:
        if self.refused is not None:
            raise ConsentEnded(**self.refused)

    @property
    def token(self) -> Token:
        return Token(self.access, self.access_ends, self.access_seconds)

    def consent_status(self, consent_seconds: float) -> ConsentStatus:
        return ConsentStatus(self.consented_at + consent_seconds, self.refresh_ends, self.scope, self.user)


def _token_fields(tokens: TokenPair, now: float) -> dict[str, Any]:
    return {
        "access": tokens.access,
        "access_ends": now + tokens.access_seconds,
        "access_seconds": tokens.access_seconds,
        "refresh": tokens.refresh,
        "refresh_ends": now + tokens.refresh_seconds,
    }


class UserRecords:
    """Read and replace a user's encrypted record. Each method except `encrypt` may raise BackendError."""

    def __init__(self, backend: DurableBackend, name: str, secret: str, remedy: str) -> None:
        self._backend = backend
        self._name = name
        self._encryptor = Encryptor(secret)
        self._remedy = remedy

    def read(self) -> tuple[bytes, UserRecord]:
        """Return the record, encrypted and decrypted.

        :raises AuthenticationError: if it is missing or cannot be read.
        """
        value = self._backend.read(self._name)
        if value is None:
            raise AuthenticationError("No user has consented for this connection yet", next_step=self._remedy)
        content = self._encryptor.decrypt(self._name, value)
        if content is None:
            raise AuthenticationError(
                "The user's tokens cannot be decrypted: the app's secret was changed since the consent, or the stored "
                "tokens are damaged",
                next_step=self._remedy,
            )
        try:
            return value, UserRecord(**content)
        except TypeError:  # a field is missing, or unknown: a newer version may claim the refresh token by it
            raise AuthenticationError(
                "The user's tokens were stored by another version of this provider",
                next_step=f"Run the same version everywhere. {self._remedy}",
            ) from None

    def find(self) -> tuple[bytes | None, UserRecord | None]:
        """Return the same; None for a record that is missing or cannot be read."""
        try:
            return self.read()
        except AuthenticationError:
            return self._backend.read(self._name), None

    def compare_and_set(self, old: bytes | None, new: bytes) -> bool:
        return self._backend.compare_and_set(self._name, old, new)

    def encrypt(self, record: UserRecord) -> bytes:
        """Encrypt a record. Each result is different, as `compare_and_set` requires."""
        return self._encryptor.encrypt(self._name, asdict(record))


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn a `BackendError` into the error for users' tokens that cannot be read or stored."""
    try:
        yield
    except BackendError as error:
        text = f"The user's tokens cannot be reached; no request was sent without them: {error}"
        raise StoreError(text) from None

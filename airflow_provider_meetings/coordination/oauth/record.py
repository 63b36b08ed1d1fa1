"""What is written down of one user's tokens: both, their ends, and who has sent the refresh token."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Final, Self

from airflow_provider_meetings.api.errors import WORDS, AuthenticationError, ConsentEnded, StoreError
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.oauth import ConsentStatus, TokenPair
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.encryption import Encryptor

# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
CONSENT_SECONDS: Final = 365 * 86400.0
"""So long after a consent a token can be renewed, however often it was."""
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "float": (int, float),
    "dict[str, Any] | None": (dict, type(None)),
}


@dataclass(frozen=True, slots=True, repr=False)
class UserRecord(NeverPickled):
    """One link of the chain; times in seconds since the epoch.

    :param claimed_by: the process that has sent the refresh token, and nobody knows the answer yet; empty for none.
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
    def consented(cls, grant: TokenPair, now: float, user: str = "") -> Self:
        """Begin a chain."""
        return cls(**_granted(grant, now), consented_at=now, scope=grant.scope, user=user)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read it.

        :raises ValueError: naming a field that is missing, unknown or of another form; no value is shown. One that is
            unknown is not passed over: a newer version may say by it that the refresh token was sent.
        """
        kinds = {field.name: _KINDS[str(field.type)] for field in fields(cls)}
        needed = {field.name for field in fields(cls) if field.default is MISSING}
        for name in sorted(needed - data.keys()):
            raise ValueError(f"{name} is missing")
        for name, value in data.items():
            if name not in kinds:
                raise ValueError(f"{name[:40]!r} is unknown")
            if isinstance(value, bool) or not isinstance(value, kinds[name]):
                raise ValueError(f"{name} is of another form")
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        return asdict(self)

    def claimed(self, by: str, now: float) -> Self:
        """Say that the refresh token is being sent."""
        return replace(self, claimed_by=by, claimed_at=now)

    def released(self) -> Self:
        """Say that it may be sent again: its sender lives, and got no answer or one that leaves it whole."""
        return replace(self, claimed_by="", claimed_at=0.0)

    def succeeded(self, grant: TokenPair, now: float) -> Self:
        """Put what came in its place."""
        scope = grant.scope or self.scope
        return replace(self.released(), **_granted(grant, now), scope=scope)

    def ended(self, error: ConsentEnded) -> Self:
        """Write down that the platform takes the refresh token no more, so that nobody sends it again."""
        return replace(self.released(), refused={name: getattr(error, name) for name in WORDS})

    def raise_if_ended(self) -> None:
        """Raise what the platform said to the one who sent it."""
        if self.refused is not None:
            raise ConsentEnded(**self.refused)

    @property
    def token(self) -> Token:
        """Return the access token."""
        return Token(self.access, self.access_ends, self.access_seconds)

    @property
    def consent_status(self) -> ConsentStatus:
        """Tell until when it reaches."""
        return ConsentStatus(self.consented_at + CONSENT_SECONDS, self.refresh_ends, self.scope, self.user)


def _granted(grant: TokenPair, now: float) -> dict[str, Any]:
    return {
        "access": grant.access,
        "access_ends": now + grant.access_seconds,
        "access_seconds": grant.access_seconds,
        "refresh": grant.refresh,
        "refresh_ends": now + grant.refresh_seconds,
    }


class UserRecords:
    """Read and swap the record; each method but `sealed` raises BackendError besides.

    :param name: under which it lies; holds no secret.
    :param secret: the app's. Under another one the record cannot be read, and the user must consent again.
    :param remedy: how a person consents, as a sentence.
    """

    def __init__(self, backend: DurableBackend, name: str, secret: str, remedy: str) -> None:
        self._backend = backend
        self._name = name
        self._encryptor = Encryptor(secret)
        self._remedy = remedy

    def read(self) -> tuple[bytes, UserRecord]:
        """Return what lies there, and what it says.

        :raises AuthenticationError: if nothing does, or it cannot be read.
        """
        value = self._backend.read(self._name)
        if value is None:
            raise AuthenticationError("No user has consented for this connection yet", next_step=self._remedy)
        content = self._encryptor.decrypt(self._name, value)
        if content is None:
            raise AuthenticationError(
                "The user's tokens cannot be read: the app's secret was changed since the consent, or they are damaged",
                next_step=self._remedy,
            )
        try:
            return value, UserRecord.from_dict(content)
        except ValueError as error:
            raise AuthenticationError(
                f"The user's tokens cannot be read: another version of this provider has written them ({error})",
                next_step=f"Run the same version everywhere. {self._remedy}",
            ) from None

    def found(self) -> tuple[bytes | None, UserRecord | None]:
        """Return the same; None for what is not there, or cannot be read."""
        try:
            return self.read()
        except AuthenticationError:
            return self._backend.read(self._name), None

    def compare_and_set(self, old: bytes | None, new: bytes) -> bool:
        """Put `new` in the place of `old`; see `DurableBackend`."""
        return self._backend.compare_and_set(self._name, old, new)

    def sealed(self, record: UserRecord) -> bytes:
        """Encrypt a record; the result is like no other, as `compare_and_set` needs it."""
        return self._encryptor.encrypt(self._name, record.to_dict())


def unreachable(error: BackendError) -> StoreError:
    """Say that the place which keeps users' tokens is away."""
    return StoreError(f"The user's tokens cannot be reached, and without them nothing is asked: {error}")

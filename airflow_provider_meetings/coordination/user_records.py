"""Where one user's record lies, encrypted."""

from __future__ import annotations

from airflow_provider_meetings.api.errors import AuthenticationError, StoreError
from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.encryption import Seal
from airflow_provider_meetings.coordination.user_record import UserRecord


class UserRecords:
    """Read and swap the record; each method but `sealed` raises BackendError besides.

    :param name: under which it lies; holds no secret.
    :param secret: the app's. Under another one the record cannot be read, and the user must consent again.
    :param remedy: how a person consents, as a sentence.
    """

    def __init__(self, backend: DurableBackend, name: str, secret: str, remedy: str) -> None:
        self._backend = backend
        self._name = name
        self._seal = Seal(secret)
        self._remedy = remedy

    def read(self) -> tuple[bytes, UserRecord]:
        """Return what lies there, and what it says.

        :raises AuthenticationError: if nothing does, or it cannot be read.
        """
        value = self._backend.read(self._name)
        if value is None:
            raise AuthenticationError("No user has consented for this connection yet", next_step=self._remedy)
        content = self._seal.open(self._name, value)
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

    def swap(self, old: bytes | None, new: bytes) -> bool:
        """Put `new` in the place of `old`; see `DurableBackend`."""
        return self._backend.swap(self._name, old, new)

    def sealed(self, record: UserRecord) -> bytes:
        """Encrypt a record; the result is like no other, as `swap` needs it."""
        return self._seal.close(self._name, record.to_dict())


def unreachable(error: BackendError) -> StoreError:
    """Say that the place which keeps users' tokens is away."""
    return StoreError(f"The user's tokens cannot be reached, and without them nothing is asked: {error}")

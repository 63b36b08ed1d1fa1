"""A consent that was begun and is not finished: what must be known when the browser comes back."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.encryption import Encryptor
from airflow_provider_meetings.coordination.oauth.record import unreachable

PENDING_SECONDS: Final = 600.0
"""So long a consent that was begun can be finished."""


class KeptConsent:
    """Keep it encrypted where the tokens will be; see `ConsentUnderWay`.

    :param name: of the chain that it shall begin; holds no secret.
    :param secret: the app's.
    """

    def __init__(self, backend: DurableBackend, *, name: str, secret: str) -> None:
        self._backend = backend
        self._name = f"{name}|pending"
        self._encryptor = Encryptor(secret)

    def begin(self, pending: dict[str, Any]) -> None:
        """Remember it for `PENDING_SECONDS`.

        :raises StoreError: as all of them, if the backend cannot be reached.
        """
        self._set(self._encryptor.encrypt(self._name, pending), PENDING_SECONDS)

    def pending(self) -> dict[str, Any] | None:
        """Return what was begun last, unless that was too long ago or it was finished."""
        try:
            value = self._backend.get(self._name)
        except BackendError as error:
            raise unreachable(error) from None
        return self._encryptor.decrypt(self._name, value) if value else None

    def finish(self) -> None:
        """Forget it, before what came of it is used: it serves once."""
        self._set(b"", 0)

    def _set(self, value: bytes, seconds: float) -> None:
        try:
            self._backend.set(self._name, value, seconds)
        except BackendError as error:
            raise unreachable(error) from None

"""A consent that has begun: what must be known when the browser returns."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.encryption import Encryptor
from airflow_provider_meetings.coordination.oauth.record import unreachable

PENDING_SECONDS: Final = 600.0
"""Seconds within which a consent must be finished."""


class PendingConsent:
    """Keep a pending consent encrypted beside the user's tokens; see `ConsentInProgress`.

    Each method raises StoreError if the backend cannot be reached.

    :param name: the name of the user's tokens; holds no secret.
    :param secret: the app's secret.
    """

    def __init__(self, backend: DurableBackend, *, name: str, secret: str) -> None:
        self._backend = backend
        self._name = f"{name}|pending"
        self._encryptor = Encryptor(secret)

    def begin(self, pending: dict[str, Any]) -> None:
        """Store a consent for `PENDING_SECONDS`."""
        self._set(self._encryptor.encrypt(self._name, pending), PENDING_SECONDS)

    def pending(self) -> dict[str, Any] | None:
        """Return the last consent that was begun, unless it has expired or was finished."""
        try:
            value = self._backend.get(self._name)
        except BackendError as error:
            raise unreachable(error) from None
        return self._encryptor.decrypt(self._name, value) if value else None

    def finish(self) -> None:
        """Remove the consent before its result is used: it is valid once."""
        self._set(b"", 0)

    def _set(self, value: bytes, seconds: float) -> None:
        try:
            self._backend.set(self._name, value, seconds)
        except BackendError as error:
            raise unreachable(error) from None

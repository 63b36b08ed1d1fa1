"""A consent that has begun: what must be known when the browser returns."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_meetings.api.http.oauth import ConsentInProgress
from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.encryption import Encryptor
from airflow_provider_meetings.coordination.oauth.record import unreachable

PENDING_SECONDS: Final = 600.0
"""Seconds within which a consent must be finished."""


class PendingConsent(ConsentInProgress):
    """Keep a pending consent encrypted beside the user's tokens.

    Each method raises StoreError if the backend cannot be reached.

    :param name: the name of the user's tokens; holds no secret.
    :param secret: the app's secret.
    """

    def __init__(self, backend: DurableBackend, *, name: str, secret: str) -> None:
        self._backend = backend
        self._name = f"{name}|pending"
        self._encryptor = Encryptor(secret)

    def begin(self, pending: dict[str, Any]) -> None:
        self._set(self._encryptor.encrypt(self._name, pending), PENDING_SECONDS)

    def pending(self) -> dict[str, Any] | None:
        try:
            value = self._backend.get(self._name)
        except BackendError as error:
            raise unreachable(error) from None
        return self._encryptor.decrypt(self._name, value) if value else None

    def finish(self) -> None:
        self._set(b"", 0)

    def _set(self, value: bytes, seconds: float) -> None:
        try:
            self._backend.set(self._name, value, seconds)
        except BackendError as error:
            raise unreachable(error) from None

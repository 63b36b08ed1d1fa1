"""The hook of a platform at which users consent to be represented by an app."""

from __future__ import annotations

from abc import abstractmethod

from airflow_provider_meetings.api.http.oauth import ConsentStatus
from airflow_provider_meetings.hooks.meetings import MeetingsHook


class ConsentHook(MeetingsHook):
    """Connect to a platform as a user who consents in a browser, which may run on another machine."""

    @abstractmethod
    def begin_consent(self) -> str:
        """Return the address at which the user consents. It holds no secret and expires."""

    @abstractmethod
    def finish_consent(self, redirected_to: str) -> tuple[ConsentStatus, str]:
        """Exchange the address that the browser was redirected to for tokens, and store these.

        :returns: how long the consent is valid, and the user's name for display; both may be unknown.
        """

    @abstractmethod
    def describe_consent(self, consent_status: ConsentStatus) -> str:
        """Return for whom and until when a consent is valid, as a sentence."""

    @abstractmethod
    def missing_scopes(self, consent_status: ConsentStatus) -> tuple[str, ...]:
        """Return the scopes that were requested and not granted."""

"""The toy's hook."""

from __future__ import annotations

from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.hooks.meetings import Login, MeetingsHook
from tests.platforms.toymeet import MANIFEST
from tests.platforms.toymeet.client import ToyMeetClient


class ToyMeetHook(MeetingsHook):
    """Connect to the toy."""

    default_conn_name = "toymeet_default"
    conn_type = "toymeet"
    hook_name = "ToyMeet"
    default_base_url = "https://toymeet.invalid"
    manifest = MANIFEST

    def make_client(
        self, transport: Transport, media_session: MediaSession, login: Login, tokens: TokenStore
    ) -> ToyMeetClient:
        """Build the client."""
        return ToyMeetClient(transport, media_session, account=login.id, secret=login.secret, tokens=tokens)

"""The hook of WeCom."""

from __future__ import annotations

from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.hooks.meetings import Login, MeetingsHook
from airflow_provider_meetings.platforms.wecom import MANIFEST
from airflow_provider_meetings.platforms.wecom.api.client import DEFAULT_BASE_URL
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from airflow_provider_meetings.platforms.wecom.transcripts import READERS


class WeComHook(MeetingsHook):
    """Connect to WeCom as a self-built app; `get_conn` returns a `WeComClient`.

    :param meetings_conn_id: a connection of type ``wecom``: login is the corp id, password the app's secret; extras
        ``rate_share``, ``proxy``, ``ca_bundle``, ``allowed_media_hosts``.
    """

    default_conn_name = "wecom_default"
    conn_type = "wecom"
    hook_name = "WeCom meetings"
    default_base_url = DEFAULT_BASE_URL
    manifest = MANIFEST
    readers = READERS

    def make_client(
        self, transport: Transport, media_session: MediaSession, login: Login, tokens: TokenStore
    ) -> WeComClient:
        """Build the client; see `MeetingsHook`."""
        return WeComClient(
            transport, corp_id=login.id, corp_secret=login.secret, tokens=tokens, media_session=media_session
        )

    def get_conn(self) -> WeComClient:
        """Return the client of WeCom's API."""
        client = super().get_conn()
        assert isinstance(client, WeComClient)  # noqa: S101  # made above
        return client

"""The hook of Feishu and Lark."""

from __future__ import annotations

from airflow_provider_meetings.api.auth import TokenStore
from airflow_provider_meetings.api.transport import Transport
from airflow_provider_meetings.hooks.meetings import Login, MeetingsHook
from airflow_provider_meetings.platforms.feishu.client import FeishuClient
from airflow_provider_meetings.platforms.feishu.endpoints import DEFAULT_BASE_URL


class FeishuHook(MeetingsHook):
    """Connect to Feishu or Lark as a self-built app; `get_conn` returns a `FeishuClient`.

    :param meetings_conn_id: a connection of type ``feishu``: login is the app id, password the app secret, host
        ``https://open.larksuite.com`` for Lark; extras ``tenant``, ``user_id_type``, ``rate_share``, ``proxy``,
        ``ca_bundle``, ``allowed_media_hosts``.
    """

    default_conn_name = "feishu_default"
    conn_type = "feishu"
    hook_name = "Feishu / Lark meetings"
    default_base_url = DEFAULT_BASE_URL

    def make_client(self, transport: Transport, login: Login, tokens: TokenStore) -> FeishuClient:
        """Build the client; see `MeetingsHook`."""
        return FeishuClient(
            transport,
            app_id=login.id,
            app_secret=login.secret,
            tokens=tokens,
            tenant=login.extra.get("tenant") or None,
            user_id_type=login.extra.get("user_id_type") or "open_id",
        )

    def get_conn(self) -> FeishuClient:
        """Return the client, whose methods are Feishu's endpoints."""
        client = super().get_conn()
        assert isinstance(client, FeishuClient)  # noqa: S101  # made above
        return client

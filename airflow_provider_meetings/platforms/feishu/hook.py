"""The hook of Feishu and Lark."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.oauth import ConsentStatus, UserTokens, day, ends_soon
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.coordination.memory import PROCESS_TOKENS
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.hooks.meetings import ConsentHook, Login
from airflow_provider_meetings.hooks.shared_state import durable_backend, kept_on_this_host
from airflow_provider_meetings.platforms.feishu import MANIFEST
from airflow_provider_meetings.platforms.feishu.api.client import DEFAULT_BASE_URL
from airflow_provider_meetings.platforms.feishu.auth.consent import (
    CONSENT_SECONDS,
    START_AGAIN,
    read_redirect,
    start_consent,
)
from airflow_provider_meetings.platforms.feishu.auth.identity import Consent, Credentials, StoreApp, read_identity
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient, FeishuUserClient
from airflow_provider_meetings.platforms.feishu.transcripts import READERS


class FeishuHook(ConsentHook):
    """Connect to Feishu or Lark as an app or as a user; `get_conn` returns a `FeishuClient`.

    :param meetings_conn_id: a connection of type ``feishu``: login is the app id, password the app secret, host
        ``https://open.larksuite.com`` for Lark; extras ``tenant``, ``user_id_type``, ``rate_share``,
        ``coordination_conn_id``, ``proxy``, ``ca_bundle``, ``allowed_media_hosts``; ``identity``, ``redirect_uri``,
        ``scopes`` to call as a user; ``app_type``, ``app_ticket``, ``tenant_key`` for an app from the store.
    """

    default_conn_name = "feishu_default"
    conn_type = "feishu"
    hook_name = "Feishu / Lark meetings"
    default_base_url = DEFAULT_BASE_URL
    manifest = MANIFEST
    readers = READERS

    _app_id = ""
    _consent: Consent | None = None
    _users: UserTokens | None = None
    _kept = ""

    def make_client(
        self, transport: Transport, media_session: MediaSession, login: Login, tokens: TokenStore
    ) -> FeishuClient:
        """Build the client; see `MeetingsHook`."""
        identity = read_identity(login.extra)
        self._app_id = login.id
        self._consent = identity if isinstance(identity, Consent) else None
        if self._consent:
            self._kept = kept_on_this_host(login.extra["coordination_conn_id"])
            self._users = UserTokenStore(
                durable_backend(login.extra["coordination_conn_id"]),
                name="|".join((PLATFORM, transport.base_url, login.id, "user", self.meetings_conn_id)),
                secret=login.secret,
                memory=PROCESS_TOKENS,
                remedy=f"Run airflow meetings authorize {self.meetings_conn_id} (without a shell: "
                f"FeishuAuthorizeOperator). {self._kept}".rstrip(),
                consent_seconds=CONSENT_SECONDS,
                pause=transport.pause,
                timeout=transport.queue_timeout,
            )
        credentials = Credentials(
            login.id,
            login.secret,
            tokens,
            tenant=login.extra["tenant"],
            user_id_type=login.extra["user_id_type"] or "open_id",
            store_app=identity if isinstance(identity, StoreApp) else None,
            users=self._users,
        )
        client = FeishuUserClient if self._consent else FeishuClient
        return client(transport, credentials, media_session=media_session)

    def tenant_of(self, extra: Mapping[str, Any]) -> str:
        """Return the tenant key: an app from the app directory has its own rate limits in each tenant."""
        return extra["tenant_key"] or ""

    def get_conn(self) -> FeishuClient:
        """Return the client of Feishu's API."""
        client = super().get_conn()
        assert isinstance(client, FeishuClient)  # noqa: S101  # made above
        return client

    def begin_consent(self) -> str:
        """Return the address at which the user consents; it is valid for ten minutes. See `ConsentHook`."""
        client = self.get_conn()
        with self.error_mapping():
            users, consent = self._user()
            address, state, started = start_consent(client.transport.base_url, self._app_id, consent)
            users.begin_consent(state, started)
            return address

    def finish_consent(self, redirected_to: str) -> tuple[ConsentStatus, str]:
        """Exchange the address that the browser was redirected to for tokens; see `ConsentHook`."""
        client = self.get_conn()
        with self.error_mapping():
            users, _ = self._user()
            code, state = read_redirect(redirected_to)
            if (started := users.pending_consent(state)) is None:
                raise InvalidRequest(
                    "No consent was started within the last ten minutes for this address: it was used, has expired, or "
                    "belongs to another consent or connection",
                    next_step=f"{START_AGAIN} {self._kept}".rstrip(),
                )
            # Before the code is used: the address works once, whatever happens next.
            users.finish_consent(state)
            tokens = client.exchange_code(code, **started)
            user_id = name = ""
            try:
                user = client.get_user_info(tokens)
                user_id, name = user.open_id or "", user.name or ""
            except MeetingsApiError as error:
                self.log.info("Could not read the user of the consent: %s", error)
            # Written once: from now on only the process that renews it may change it.
            return users.accept(tokens, user_id), name

    def describe_consent(self, consent_status: ConsentStatus) -> str:
        """Return for whom and until when a consent is valid, with a warning if that ends soon; see `ConsentHook`."""
        whom = f"user {consent_status.user}" if consent_status.user else "a user"
        text = (
            f"{whom} has consented until {day(consent_status.consent_ends)}, and the token can be renewed until "
            f"{day(consent_status.renewable_until)} (UTC) if it is not used before"
        )
        if consent_status.instead_of:
            text += f". It takes the place of the consent of ANOTHER USER, {consent_status.instead_of}"
        soon = ends_soon(consent_status, self._users.now()) if self._users else ""
        return f"{text}. SOON: {soon}" if soon else text

    def missing_scopes(self, consent_status: ConsentStatus) -> tuple[str, ...]:
        """Return the scopes that were requested and not granted."""
        granted = consent_status.scope.split()
        wanted = self._consent.scopes if self._consent else ()
        return tuple(scope for scope in wanted if granted and scope not in granted)

    def check_login(self, client: MeetingsClient) -> str:
        """Log in as the app, and report how long the user's consent is valid; see `MeetingsHook`."""
        if self._users is None:
            return super().check_login(client)
        assert isinstance(client, FeishuClient)  # noqa: S101  # made above
        client.log_in_as_app()
        consent_status = self._users.consent_status()
        if consent_status is None and self._may_be_a_copy():
            return (
                f"got a token for app {self._app_id}. Whether a user has consented is not visible here: run airflow "
                "connections test with the id of the connection"
            )
        text = super().check_login(client)
        return text if consent_status is None else f"{text}; {self.describe_consent(consent_status)}"

    def _may_be_a_copy(self) -> bool:
        # The UI tests a copy in an environment variable, under eight letters and digits. Consents belong to the id.
        conn_id = self.meetings_conn_id
        return re.fullmatch("[A-Za-z0-9]{8}", conn_id) is not None and f"AIRFLOW_CONN_{conn_id.upper()}" in os.environ

    def _user(self) -> tuple[UserTokens, Consent]:
        if self._users is None or self._consent is None:
            raise InvalidRequest(
                "This connection calls as the app, which needs no user's consent",
                next_step="Give it the extras identity = user and redirect_uri.",
            )
        return self._users, self._consent

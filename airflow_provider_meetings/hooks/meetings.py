"""The hook that every platform's hook extends: a connection becomes a client, its errors become Airflow's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_meetings.api.artifacts import Reader
from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.transport import QUEUE_SECONDS, Transport
from airflow_provider_meetings.api.http.usage import Usage
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.hooks.connections import (
    SUPERVISOR_LOCK,
    base_url_of,
    check_conn_id,
    check_fields,
    connection,
    hook_of,
)
from airflow_provider_meetings.hooks.shared_state import shared_rate_limiter, shared_tokens, tried

IMPATIENT_QUEUE_SECONDS = 15.0
"""So long the triggerer's threads wait for a place in the queue of a quota: they are few, and come again anyway."""


@dataclass(frozen=True, slots=True, repr=False)
class Login(NeverPickled):
    """What a connection says: who asks, with which secret, and the extras."""

    id: str
    secret: str
    extra: dict[str, Any]


class MeetingsHook(BaseHook):
    """Connect to a meeting platform.

    :param meetings_conn_id: the Airflow connection: login and password are the app's id and secret, host is the base
        URL with its scheme (blank: the platform's own); extras as the connection form shows them.
    """

    conn_name_attr = "meetings_conn_id"
    default_conn_name: ClassVar[str]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    default_base_url: ClassVar[str]
    readers: ClassVar[Mapping[str, Reader]] = {}
    """How the platform's files are read back into rows, by kind."""

    def __init__(self, meetings_conn_id: str | None = None) -> None:
        super().__init__()
        if meetings_conn_id is None:
            meetings_conn_id = self.default_conn_name
        self.meetings_conn_id = check_conn_id(meetings_conn_id, "meetings_conn_id")
        self._max_attempts = 4
        self._masked: set[str] = set()

    @classmethod
    def for_connection(cls, conn_id: str, *, patient: bool = True) -> MeetingsHook:
        """Find the platform's hook through the type of the connection.

        :param patient: whether a failed call is tried again here; not where the caller polls anyway.
        :raises AirflowFailException: if the connection is not one of a meeting platform.
        """
        hook = hook_of(conn_id, "meetings_conn_id")
        if not isinstance(hook, MeetingsHook):
            raise AirflowFailException(
                f"meetings_conn_id: connection {conn_id!r} is of another kind ({type(hook).__name__}). "
                "Name a connection of a meeting platform, such as type feishu or wecom"
            )
        if not patient:
            hook._max_attempts = 1
        return hook

    @abstractmethod
    def make_client(
        self, transport: Transport, media_session: MediaSession, login: Login, tokens: TokenStore
    ) -> MeetingsClient:
        """Build the platform's client.

        :param tokens: where it finds and leaves the tokens of this login.
        """

    def tenant_of(self, extra: Mapping[str, Any]) -> str:
        """Name the tenant that the platform counts calls for; empty where the login belongs to one only."""
        return ""

    @cached_property
    def client(self) -> MeetingsClient:
        """The client of this connection, made once."""
        conn = connection(self.meetings_conn_id, "meetings_conn_id")
        if conn.conn_type != self.conn_type:
            raise AirflowFailException(
                f"meetings_conn_id: connection {self.meetings_conn_id!r} is of type {conn.conn_type}, "
                f"not {self.conn_type}: its secret is not for this platform"
            )
        if isinstance(conn.password, str) and conn.password:
            self._mask(conn.password)
        extra = check_fields(conn)
        if proxy_password := urlsplit(extra.get("proxy") or "").password:
            self._mask(proxy_password)
        base_url = base_url_of(conn, self.default_base_url)
        transport = Transport(
            base_url=base_url,
            platform=self.conn_type,
            max_attempts=self._max_attempts,
            proxy=extra.get("proxy") or None,
            ca_bundle=extra.get("ca_bundle") or None,
            rate_limiter=shared_rate_limiter(
                (self.conn_type, base_url, str(conn.login), self.tenant_of(extra)),
                extra["rate_share"],
                extra.get("coordination_conn_id"),
            ),
            longest_queue=QUEUE_SECONDS if self._max_attempts > 1 else IMPATIENT_QUEUE_SECONDS,
            on_secret=self._mask,
        )
        login = Login(str(conn.login), str(conn.password), extra)
        tokens = shared_tokens(login.secret, extra.get("coordination_conn_id"), timeout=transport.timeout)
        return self.make_client(transport, MediaSession(transport, extra["allowed_media_hosts"]), login, tokens)

    def get_conn(self) -> MeetingsClient:
        """Return the client, whose methods are the platform's endpoints."""
        with self.airflow_errors():
            return self.client

    def check(self, query: RecordingQuery) -> tuple[Recording, ...]:
        """Ask one round; see `MeetingsClient.check`. Sensor and trigger both come here.

        :raises AirflowFailException: for what trying again cannot mend; AirflowException for the rest. The typed
            error is the cause.
        """
        with self.airflow_errors():
            return self.client.check(query)

    def test_connection(self) -> tuple[bool, str]:
        """Fetch a token, and share through what is named; the button in the UI and ``airflow connections test``."""
        self._max_attempts = 1
        self.close()
        self.__dict__.pop("client", None)
        try:
            with self.airflow_errors():
                whom = self.client.whoami()
                conn = connection(self.meetings_conn_id, "meetings_conn_id")
                through = conn.extra_dejson.get("coordination_conn_id")
                shares = f"; {tried(through)}" if through else ""
        except AirflowException as error:
            return False, str(error)
        return True, f"{self.hook_name}: got a token for {whom}{shares}"

    def close(self) -> None:
        """Close the connections of the client, if it was made; a poll every minute would pile them up."""
        if client := self.__dict__.get("client"):
            client.close()

    @property
    def usage(self) -> Usage | None:
        """What the calls came to; None if no client was made."""
        client = self.__dict__.get("client")
        return client.transport.usage if client else None

    @contextmanager
    def airflow_errors(self) -> Iterator[Self]:
        """Turn the core's errors into Airflow's: permanent ones are not tried again."""
        try:
            yield self
        except MeetingsApiError as error:
            kind = AirflowFailException if error.permanent else AirflowException
            raise kind(f"{error} (connection {self.meetings_conn_id!r})") from error

    def _mask(self, secret: str) -> None:
        # Masking is by literal value, and WeCom's secret and token stand percent-encoded in URLs. Each is registered
        # once: it costs a round trip to the supervisor, and all that is registered makes every log line slower.
        for form in (secret, quote(secret, safe="")):
            with SUPERVISOR_LOCK:
                if form not in self._masked:
                    self._masked.add(form)
                    mask_secret(form)


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Turn the core's errors into Airflow's: permanent ones are not tried again."""
    try:
        yield
    except MeetingsApiError as error:
        raise (AirflowFailException if error.permanent else AirflowException)(str(error)) from error

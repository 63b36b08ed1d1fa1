"""The base class of the platforms' hooks: from a connection to a client, from API errors to Airflow's exceptions."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_meetings.api.artifacts import Reader
from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.auth import TokenStore
from airflow_provider_meetings.api.http.oauth import ConsentStatus
from airflow_provider_meetings.api.http.transport import QUEUE_SECONDS, Transport
from airflow_provider_meetings.api.http.usage import Usage
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.coordination.backend import Backend
from airflow_provider_meetings.coordination.memory import PROCESS_TOKENS, MemoryBackend
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from airflow_provider_meetings.coordination.token_cache import FetchedTokens, SharedTokens
from airflow_provider_meetings.hooks.clock import clock_of
from airflow_provider_meetings.hooks.connections import (
    SUPERVISOR_LOCK,
    base_url_of,
    check_conn_id,
    check_fields,
    connection,
    hook_of,
)
from airflow_provider_meetings.hooks.coordination import fingerprint
from airflow_provider_meetings.hooks.shared_state import backend, check_sharing
from airflow_provider_meetings.manifests import Manifest, manifests

POLL_QUEUE_SECONDS = 15.0
"""Maximum wait for the rate limiter if the caller polls: the triggerer has few threads, and polls again anyway."""


@dataclass(frozen=True, slots=True, repr=False)
class Login(NeverPickled):
    """The credentials and extras of a connection."""

    id: str
    secret: str
    extra: dict[str, Any]


class MeetingsHook(BaseHook):
    """Connect to a meeting platform.

    :param meetings_conn_id: the Airflow connection: login is the app's id, password is the app's secret, host is the
        base URL with its scheme (blank: the platform's own). The connection form documents the extras.
    """

    conn_name_attr = "meetings_conn_id"
    default_conn_name: ClassVar[str]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    default_base_url: ClassVar[str]
    manifest: ClassVar[Manifest]
    readers: ClassVar[Mapping[str, Reader]] = {}
    """Readers that turn the platform's landed files into rows, by kind."""

    def __init__(self, meetings_conn_id: str | None = None) -> None:
        super().__init__()
        conn_id = self.default_conn_name if meetings_conn_id is None else meetings_conn_id
        self.meetings_conn_id = check_conn_id(conn_id, "meetings_conn_id")
        self._max_attempts = 4
        self._masked: set[str] = set()
        self._made_from: tuple[str, Backend] | None = None
        self.interrupted = threading.Event()

    @classmethod
    def for_connection(cls, conn_id: str, *, retry: bool = True) -> MeetingsHook:
        """Return the platform's hook for a connection, selected by the connection's type.

        :param retry: whether the client repeats failed calls; False for a caller that polls.
        :raises AirflowFailException: if the connection does not belong to a meeting platform.
        """
        hook = hook_of(conn_id, "meetings_conn_id")
        if not isinstance(hook, MeetingsHook):
            raise AirflowFailException(
                f"meetings_conn_id: connection {conn_id!r} does not belong to a meeting platform "
                f"({type(hook).__name__}). Use a connection of type {' or '.join(sorted(manifests()))}"
            )
        if not retry:
            hook._max_attempts = 1
        return hook

    @abstractmethod
    def make_client(
        self, transport: Transport, media_session: MediaSession, login: Login, tokens: TokenStore
    ) -> MeetingsClient:
        """Create the platform's client.

        :param tokens: the store of this login's tokens.
        """

    def tenant_of(self, extra: Mapping[str, Any]) -> str:
        """Return the tenant for the rate limits; empty if the login belongs to one tenant only."""
        return ""

    @cached_property
    def client(self) -> MeetingsClient:
        conn, login = self._login()
        shared = backend(login.extra["coordination_conn_id"])
        self._made_from = fingerprint(conn), shared
        tokens = SharedTokens(shared, login.secret, PROCESS_TOKENS, timeout=self._queue_timeout)
        client = self._connect(conn, login, shared, tokens)
        if self.interrupted.is_set():
            client.interrupt()
        return client

    def _login(self) -> tuple[Any, Login]:
        """Read and check the connection, and mask its secrets; return it, and its login."""
        conn = connection(self.meetings_conn_id, "meetings_conn_id")
        if conn.conn_type != self.conn_type:
            raise AirflowFailException(
                f"meetings_conn_id: connection {self.meetings_conn_id!r} is of type {conn.conn_type}, "
                f"not {self.conn_type}. Its secret must not be sent to this platform"
            )
        if isinstance(conn.password, str) and conn.password:
            self._mask(conn.password)
        form = self.manifest["connection-type"]["conn-fields"]
        extra = check_fields(conn, form, self.default_base_url)
        for name, field in form.items():
            if field["schema"].get("format") == "password" and extra[name]:
                self._mask(extra[name])
        if proxy_password := urlsplit(extra["proxy"] or "").password:
            self._mask(proxy_password)
        return conn, Login(str(conn.login), str(conn.password), extra)

    def _connect(self, conn: Any, login: Login, shared: Backend, tokens: TokenStore) -> MeetingsClient:
        base_url, extra = base_url_of(conn, self.default_base_url), login.extra
        transport = Transport(
            base_url=base_url,
            platform=self.conn_type,
            max_attempts=self._max_attempts,
            proxy=extra["proxy"],
            ca_bundle=extra["ca_bundle"],
            rate_limiter=SharedRateLimiter(
                shared, (self.conn_type, base_url, login.id, self.tenant_of(extra)), extra["rate_share"] or 1.0
            ),
            queue_timeout=self._queue_timeout,
            on_secret=self._mask,
        )
        client = self.make_client(transport, MediaSession(transport, extra["allowed_media_hosts"]), login, tokens)
        client.clock = clock_of(base_url)
        return client

    @property
    def _queue_timeout(self) -> float:
        return QUEUE_SECONDS if self._max_attempts > 1 else POLL_QUEUE_SECONDS

    def is_current(self) -> bool:
        """Read the connection and that of coordination again, and return whether the client was made from the same."""
        conn = connection(self.meetings_conn_id, "meetings_conn_id")
        if self._made_from is None or self._made_from[0] != fingerprint(conn):
            return False
        return self._made_from[1] is backend(conn.extra_dejson.get("coordination_conn_id"))

    def get_conn(self) -> MeetingsClient:
        """Return the client; its methods are the platform's endpoints."""
        with self.error_mapping():
            return self.client

    def test_connection(self) -> tuple[bool, str]:
        """Log in, and try the coordination connection; called by the UI and ``airflow connections test``.

        The login reads no shared state, and leaves none except its tokens if all is well.
        """
        self._max_attempts = 1
        try:
            with error_mapping():
                text = self._test()
        except AirflowException as error:
            # The UI tests a copy of the connection, under an id that the user does not know.
            shown = repr(self.meetings_conn_id)
            return False, str(error).replace(f"onnection {shown}", "onnection")
        return True, f"{self.hook_name}: {text}"

    def _test(self) -> str:
        conn, login = self._login()
        coordination = login.extra["coordination_conn_id"]
        shared, fetched = backend(coordination), FetchedTokens()
        with closing(self._connect(conn, login, MemoryBackend(), fetched)) as client:
            text = self.check_login(client)
        if coordination:
            text += f"; {check_sharing(coordination)}"
        tokens = SharedTokens(shared, login.secret, PROCESS_TOKENS)
        for key, token in fetched.by_key.items():
            tokens.put(key, token)
        return text

    def check_login(self, client: MeetingsClient) -> str:
        """Log in, and return what the connection test shows."""
        return f"got a token for {client.whoami()}"

    def close(self) -> None:
        """Close the client's connections; without it each poll would leave some open."""
        if client := self.__dict__.get("client"):
            client.close()

    def interrupt(self) -> None:
        """End the client's calls in progress, in any thread, and refuse further ones, also of a later client."""
        self.interrupted.set()
        if client := self.__dict__.get("client"):
            client.interrupt()

    @property
    def usage(self) -> Usage | None:
        """The client's API usage; None if there is no client."""
        client = self.__dict__.get("client")
        return client.transport.caller.usage if client else None

    def error_mapping(self) -> AbstractContextManager[None]:
        """Map API errors to Airflow's exceptions, naming the connection; see `error_mapping`."""
        return error_mapping(f" (connection {self.meetings_conn_id!r})")

    def _mask(self, secret: str) -> None:
        # Airflow masks literal values, and WeCom's URLs contain the secret and the token percent-encoded. Each form is
        # registered once: it costs a round trip to the supervisor, and each makes all log lines slower.
        for form in (secret, quote(secret, safe="")):
            with SUPERVISOR_LOCK:
                if form not in self._masked:
                    self._masked.add(form)
                    mask_secret(form)


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


@contextmanager
def error_mapping(note: str = "") -> Iterator[None]:
    """Map API errors to Airflow's exceptions: AirflowFailException for permanent ones, AirflowException for others.

    :param note: appended to the message.
    """
    try:
        yield
    except MeetingsApiError as error:
        kind = AirflowFailException if error.permanent else AirflowException
        raise kind(f"{error}{note}") from error

"""Open media links without any credential of the API, and only at allowed addresses."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.utils import default_headers, get_environ_proxies
from urllib3.connection import HTTPConnection

from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError, UnsafeAddress
from airflow_provider_meetings.api.http.cancellation import CancellableAdapter
from airflow_provider_meetings.api.http.redaction import (
    is_http,
    keep_queries_out_of_logs,
    redact,
    scheme_of,
    unreachable,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.address_policy import MediaAddresses, resolve
from airflow_provider_meetings.api.media.stream import MediaStream, Position

log = logging.getLogger(__name__)

MAX_REDIRECTS = 5


class MediaSession:
    """Open media links, from any number of threads.

    It uses no `requests.Session`: nothing stores cookies, reads a .netrc or adds a login, and threads share only the
    connection pool.

    :param transport: the platform's; its proxy, CA bundle and timeouts apply to media as well.
    :param allowed_hosts: see `MediaAddresses`.
    :param answer_seconds: limit for connecting and for all headers of one answer.
    """

    def __init__(
        self, transport: Transport, allowed_hosts: Iterable[str] = (), *, answer_seconds: float = 60.0
    ) -> None:
        self._transport = transport
        self._platform = transport.platform
        self._addresses = MediaAddresses(transport.base_url, allowed_hosts, platform=transport.platform)
        self._answer_seconds = answer_seconds
        self._adapter = GuardedAdapter(self._addresses)

    def close(self) -> None:
        self._adapter.close()

    def interrupt(self) -> None:
        """Cut every answer in progress, in any thread, and open nothing afterwards."""
        self._adapter.cancel()

    def stream(self, url: str, position: Position | None = None) -> MediaStream:
        """Open a media link.

        :param position: request only the bytes after it; the host may still send the whole file.
        :raises MeetingsApiError: see `open`, and `MediaStream` for the status codes.
        """
        # identity: the length of a compressed body cannot be compared with Content-Length.
        headers = {"Accept-Encoding": "identity", **(position.headers() if position else {})}
        return MediaStream(self.open(url, headers), self._platform, position)

    def open(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Request a link with `headers`, follow redirects, and return the answer with its body unread.

        :raises UnsafeAddress: if the link or a redirect leads to an address that is not allowed.
        :raises ServerError: if the link is invalid, its host is unreachable, it redirects more than five times, or the
            session was interrupted.
        """
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(url, headers)
            if not response.is_redirect:
                return response
            response.close()
            # Headers are read as Latin-1, but some hosts send UTF-8.
            location = response.headers["Location"].encode("latin-1").decode(errors="replace")
            url = self._redirect_target(response.url, location)
        raise unreachable(self._platform, response.url, f"more than {MAX_REDIRECTS} redirects")

    def _redirect_target(self, url: str, location: str) -> str:
        target = ""
        with suppress(ValueError):  # the next request refuses the empty link, without showing the location
            target = urljoin(url, location)
        if (scheme_of(url), scheme_of(target)) == ("https", "http"):
            raise self._unsafe("redirects from https to http")
        return target

    def _send(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        if not is_http(url):
            if scheme_of(url) not in {"", "http", "https"}:
                raise self._unsafe("is no http(s) address")
            raise ServerError(f"{self._platform} gave a link that is no http(s) address", platform=self._platform)
        if self._adapter.cancelled:
            raise ServerError("The media link was not opened: the task is being stopped", platform=self._platform)
        try:
            # auth: otherwise requests sends a user in the link as a login.
            headers = {**default_headers(), **headers}
            request = requests.Request("GET", url, headers=headers, auth=lambda request: request).prepare()
            url = str(request.url)
            keep_queries_out_of_logs(url)
            self._addresses.check_host(urlsplit(url).hostname or "")
            timeout, verify = self._transport.request_timeout, self._transport.verify
            proxies = self._transport.proxies or get_environ_proxies(url)
            send = partial(self._adapter.send, request, stream=True, timeout=timeout, verify=verify, proxies=proxies)
            response = self._adapter.exchange(send, self._answer_seconds)
        except MeetingsApiError:
            raise
        except Exception as error:  # also AssertionError of http.client, and urllib3's own errors
            raise unreachable(self._platform, url, error) from None
        log.debug("GET %s answered %s", redact(url), response.status_code)
        return response

    def _unsafe(self, problem: str) -> UnsafeAddress:
        return UnsafeAddress(
            f"a download link {problem}",
            next_step="No setting of the connection allows this: ask the platform.",
            platform=self._platform,
        )


class GuardedAdapter(CancellableAdapter):
    """Check the address of each direct connection, from any number of threads.

    The proxy resolves the names of what goes through it, and is itself often at a private address: neither is checked.
    """

    def __init__(self, addresses: MediaAddresses) -> None:
        super().__init__(type("Guarded", (_GuardedConnection,), {"addresses": addresses}))


class _GuardedConnection(HTTPConnection):
    addresses: ClassVar[MediaAddresses]

    # Runs for http and https alike, before the first byte: TLS begins in `connect`, after this.
    def _new_conn(self) -> socket.socket:
        for address in resolve(self._dns_host, self.port):
            self.addresses.check(self.host, address)
        connection = super()._new_conn()
        # urllib3 resolved the name again: the answer may differ.
        try:
            self.addresses.check(self.host, ip_address(connection.getpeername()[0]))
        except BaseException:
            connection.close()
            raise
        return connection

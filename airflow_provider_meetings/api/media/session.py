"""Open media links: nothing of the API's identity goes along, and no redirect leads where we do not go."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import default_headers, get_environ_proxies
from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection

from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError, UnsafeAddress
from airflow_provider_meetings.api.http.redaction import (
    is_http,
    keep_queries_out_of_logs,
    kind_of_failure,
    redact,
    scheme_of,
    unreachable,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.address_policy import MediaAddresses, resolve
from airflow_provider_meetings.api.media.cancellation import CancellableSockets, watched
from airflow_provider_meetings.api.media.stream import MediaStream, Position


class _Guarded(HTTPConnection):
    addresses: ClassVar[MediaAddresses]

    # The one place below http and https between name and first byte: TLS begins in `connect`, after this.
    def _new_conn(self) -> socket.socket:
        for address in resolve(self._dns_host, self.port):
            self.addresses.judge(self.host, address)
        made = super()._new_conn()
        # The name was resolved once more: it may lead elsewhere by now.
        try:
            self.addresses.judge(self.host, ip_address(made.getpeername()[0]))
        except BaseException:
            made.close()
            raise
        return made


class GuardedAdapter(HTTPAdapter):
    """Send requests over judged connections, from any number of threads.

    What goes through a proxy is not judged here: the proxy resolves names, and is itself often at a private address.

    :param sockets: knows each connection, also those to proxies.
    """

    def __init__(self, addresses: MediaAddresses, sockets: CancellableSockets) -> None:
        # Beforehand: the base class makes the pool manager.
        self._addresses = addresses
        self._sockets = sockets
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager of direct connections; see `HTTPAdapter`."""
        super().init_poolmanager(*args, **kwargs)

        class Judged(_Guarded):
            addresses = self._addresses

        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = watched(pools, self._sockets, Judged)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        """Make the pool manager of a proxy, or return the one that is there; see `HTTPAdapter`."""
        known = proxy in self.proxy_manager
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            manager.pool_classes_by_scheme = watched(manager.pool_classes_by_scheme, self._sockets)
        return manager


log = logging.getLogger(__name__)

MOST_REDIRECTS = 5


class MediaSession:
    """Open media links, from any number of threads.

    There is no `requests.Session` below: nothing keeps a cookie, reads a .netrc or adds a login, and threads share
    nothing but the pool of connections.

    :param transport: the platform's; its proxy, CA bundle and timeouts apply to media as well.
    :param allowed_hosts: see `MediaAddresses`.
    :param answer_seconds: limit for all headers of one answer.
    """

    def __init__(
        self, transport: Transport, allowed_hosts: Iterable[str] = (), *, answer_seconds: float = 60.0
    ) -> None:
        self._platform = transport.platform
        self._proxies = transport.proxies
        self._verify = transport.verify
        self._timeout = transport.request_timeout
        self._addresses = MediaAddresses(transport.base_url, allowed_hosts, platform=transport.platform)
        self._sockets = CancellableSockets(answer_seconds)
        self._adapter = GuardedAdapter(self._addresses, self._sockets)

    def close(self) -> None:
        """Close the connections that no answer is using."""
        self._adapter.close()

    def interrupt(self) -> None:
        """Cut every body and every answer under way, in any thread; open nothing afterwards."""
        self._sockets.end()

    def stream(self, url: str, position: Position | None = None) -> MediaStream:
        """Open a media link, without any token, cookie or login.

        :param position: request only the bytes after it; the host may send the whole file all the same.
        :raises MeetingsApiError: see `open`, and `MediaStream` for the status codes.
        """
        # identity: the length of a compressed body cannot be compared with Content-Length.
        headers = {"Accept-Encoding": "identity", **(position.headers() if position else {})}
        return MediaStream(self.open(url, headers), self._platform, position)

    def open(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Send `headers` to a link and to where it redirects; return the answer, its body unread.

        :raises UnsafeAddress: if the link, or a redirect, leads where we do not go.
        :raises ServerError: if it is no address, its host cannot be reached, it redirects more than five times, or
            the session was interrupted.
        """
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send(url, headers)
            if not response.is_redirect:
                return response
            response.close()
            # Headers are read as Latin-1, but some hosts send UTF-8.
            location = response.headers["Location"].encode("latin-1").decode(errors="replace")
            url = self._next(response.url, location)
        raise unreachable(self._platform, response.url, f"more than {MOST_REDIRECTS} redirects")

    def _next(self, before: str, location: str) -> str:
        after = ""
        with suppress(ValueError):  # its text is the location: the next request refuses the empty link without it
            after = urljoin(before, location)
        if (scheme_of(before), scheme_of(after)) == ("https", "http"):
            raise self._unsafe("is redirected from https to http")
        return after

    def _send(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        if not is_http(url):
            if scheme_of(url) not in {"", "http", "https"}:
                raise self._unsafe("is no http(s) address")
            raise ServerError(f"{self._platform} gave a link that is no http(s) address", platform=self._platform)
        if self._sockets.ended:
            raise ServerError(f"{self._platform}'s media host was not asked: told to stop", platform=self._platform)
        failure = ""
        response: requests.Response | None = None
        try:
            # auth: else requests makes a login of a user in the link.
            request = requests.Request("GET", url, headers={**default_headers(), **headers}, auth=_unsigned).prepare()
            url = str(request.url)
            keep_queries_out_of_logs(url)
            self._addresses.judge_host(urlsplit(url).hostname or "")
            proxies = self._proxies or get_environ_proxies(url)
            response = self._adapter.send(
                request, stream=True, timeout=self._timeout, verify=self._verify, proxies=proxies
            )
        except MeetingsApiError:
            raise
        except Exception as error:  # also what http.client asserts of a host, and urllib3's own
            failure = kind_of_failure(error)
        if response is None:
            raise unreachable(self._platform, url, failure)
        log.debug("GET %s answered %s", redact(url), response.status_code)
        return response

    def _unsafe(self, fault: str) -> UnsafeAddress:
        return UnsafeAddress(
            f"a download link {fault}",
            next_step="Nothing in the connection can allow that: ask the platform.",
            platform=self._platform,
        )


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

"""A forward proxy on a loopback port that resolves host names to local ports."""

from __future__ import annotations

import http.client
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """The proxy's address, its local port for each host name, and the requests it received, in order."""

    url: str
    names: dict[str, int]
    requests: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_CONNECT(self) -> None:
        host = self._record().rpartition(":")[0]
        with socket.create_connection(("127.0.0.1", self.server.proxy.names[host])) as upstream:
            self.send_response(200)
            self.end_headers()
            _relay(self.connection, upstream)
        self.close_connection = True

    def do_GET(self) -> None:
        parts = urlsplit(self._record())
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.proxy.names[parts.hostname or ""])
        upstream.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
        response = upstream.getresponse()
        body = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        upstream.close()

    def _record(self) -> str:
        self.server.proxy.requests.append(f"{self.command} {self.path}")
        self.server.proxy.headers.append({name.lower(): value for name, value in self.headers.items()})
        return self.path

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    proxy: Proxy
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect: some tests do."""


def _relay(one: socket.socket, other: socket.socket) -> None:
    peers = {one: other, other: one}
    with selectors.DefaultSelector() as ready:
        for end, peer in peers.items():
            ready.register(end, selectors.EVENT_READ, peer)
        while True:
            for key, _ in ready.select():
                assert isinstance(key.fileobj, socket.socket)
                data = key.fileobj.recv(65536)
                if not data:
                    return
                key.data.sendall(data)


@contextmanager
def serve_proxy(**names: int) -> Iterator[Proxy]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}", dict(names))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

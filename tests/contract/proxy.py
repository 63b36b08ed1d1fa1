"""A small forward proxy on a loopback port, which resolves names as the test says."""

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
    """The proxy's address, the ports on loopback that stand behind names, and what it was asked, in order."""

    url: str
    names: dict[str, int]
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_CONNECT(self) -> None:
        host = self._note().rpartition(":")[0]
        with socket.create_connection(("127.0.0.1", self.server.proxy.names[host])) as beyond:
            self.send_response(200)
            self.end_headers()
            _pump(self.connection, beyond)
        self.close_connection = True

    def do_GET(self) -> None:
        parts = urlsplit(self._note())
        beyond = http.client.HTTPConnection("127.0.0.1", self.server.proxy.names[parts.hostname or ""])
        beyond.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
        answer = beyond.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        beyond.close()

    def _note(self) -> str:
        self.server.proxy.asked.append(f"{self.command} {self.path}")
        self.server.proxy.headers.append({name.lower(): value for name, value in self.headers.items()})
        return self.path

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    proxy: Proxy
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what some tests are about."""


def _pump(one: socket.socket, other: socket.socket) -> None:
    beyond = {one: other, other: one}
    with selectors.DefaultSelector() as ready:
        for end in beyond:
            ready.register(end, selectors.EVENT_READ, beyond[end])
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

"""An HTTP server on a loopback port with the responses of the test, valid or not."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One received request; header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.close_connection = True
        self.server.origin.answer(Request(self.command, path, query, headers, body), self)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


Answer = Callable[[Handler], None]


def json_body(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps(content).encode()
    return raw_body(body, status=status, headers={"Content-Type": "application/json", **(headers or {})})


def raw_body(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Send `body`; a wrong Content-Length in `headers` is sent too."""
    return lambda handler: handler.send(status, {"Content-Length": str(len(body)), **(headers or {})}, body)


def verbatim(answer: bytes) -> Answer:
    """Send these bytes as status line, headers and body."""

    def send(handler: Handler) -> None:
        handler.wfile.write(answer)

    return send


def video(body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    return raw_body(body, headers={"Content-Type": "video/mp4", **(headers or {})})


def chunked(*pieces: bytes, finished: bool) -> Answer:
    """Send a chunked body; without `finished` the last chunk is missing, as on a lost connection."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if finished else b"")
    return lambda handler: handler.send(200, {"Content-Type": "video/mp4", "Transfer-Encoding": "chunked"}, body)


@dataclass
class Origin:
    """The server's address, the requests it received, and its responses."""

    url: str
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _answers: dict[str, list[Answer]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, path: str, *answers: Answer) -> str:
        """Respond to `path` with each in turn; the last one repeats. Return the URL."""
        self._answers[path] = list(answers)
        return self.url + path

    def answer(self, request: Request, handler: Handler) -> None:
        with self._lock:
            self.requests.append(request)
            answers = self._answers.get(request.path, [raw_body(b"unknown path", status=404)])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(handler)

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.requests)

    def hang(self, sent: bytes = b"") -> Answer:
        """Send these raw bytes and then nothing, until the test ends."""

        def answer(handler: Handler) -> None:
            handler.wfile.write(sent)
            handler.wfile.flush()
            # Limited, so that a client without time-out fails its test instead of blocking it.
            self.closing.wait(120)

        return answer


class _Server(ThreadingHTTPServer):
    origin: Origin
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect: some tests do."""


@contextmanager
def serve_origin(tls: ssl.SSLContext | None = None) -> Iterator[Origin]:
    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.origin = Origin(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.origin
    finally:
        server.origin.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()

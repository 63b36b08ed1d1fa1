"""A store that speaks S3, on a loopback port: moto, and before it a front that misbehaves as a test says.

The front also does what S3 does and moto does not: it checks the sha256 that comes with a part, lists it, and
knows an upload that is gone. Its listings come in short pages.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.server import ThreadedMotoServer

_CHECKSUM = "x-amz-checksum-sha256"
_SHORT_PAGES = {"List": "&max-keys=2", "ListParts": "&max-parts=1", "ListUploads": "&max-uploads=1"}
_OWN_HEADERS = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    operation: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes
    missing: int = 0  # bytes that are promised and do not come


Forward = Callable[[], Answered]
Fault = Callable[[Forward], Answered | None]  # None: the connection ends without an answer


def error(status: int, code: str) -> Answered:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said the front</Message></Error>"
    return Answered(status, {"Content-Type": "application/xml", "x-amz-request-id": "REQ-1"}, body.encode())


def refuse(status: int, code: str) -> Fault:
    """Answer with an error, and do nothing."""
    return lambda forward: error(status, code)


def do_but_say(status: int, code: str) -> Fault:
    """Do it, and answer with an error all the same."""

    def fault(forward: Forward) -> Answered:
        forward()
        return error(status, code)

    return fault


def do_and_hang_up(forward: Forward) -> None:
    """Do it, and lose the answer."""
    forward()


def hang_up(forward: Forward) -> None:
    """Lose the request."""


def well(forward: Forward) -> Answered:
    """Do it."""
    return forward()


@dataclass
class Front:
    """The front's address, what it was asked, and how it misbehaves."""

    moto: str
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _faults: dict[str, list[Fault]] = field(default_factory=dict)
    _sums: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, operation: str, *faults: Fault) -> None:
        """Meet each such request with one of the faults in turn, the last one for ever."""
        self._faults[operation] = list(faults)

    def reset(self) -> None:
        """Forget requests and faults, and release the requests that hang."""
        self.closing.set()
        self.closing = threading.Event()
        self.asked.clear()
        self._faults.clear()
        self._sums.clear()

    def hang(self, forward: Forward) -> None:
        """Never answer."""
        # A client that never gives up shall fail its test, not hang it.
        self.closing.wait(20)

    def count(self, operation: str) -> int:
        return sum(asked.operation == operation for asked in self.asked)

    def meet(self, asked: Asked, body: bytes, forward: Forward) -> Answered | None:
        with self._lock:
            self.asked.append(asked)
            faults = self._faults.get(asked.operation, [well])
            fault = faults.pop(0) if len(faults) > 1 else faults[0]
        return fault(lambda: self._as_s3(asked, body, forward))

    def _as_s3(self, asked: Asked, body: bytes, forward: Forward) -> Answered:
        said = asked.headers.get(_CHECKSUM)
        if said and said != base64.b64encode(hashlib.sha256(body).digest()).decode():
            return error(400, "BadDigest")
        answered = forward()
        upload = asked.query.get("uploadId", [""])[0]
        if asked.operation == "UploadPart" and said and answered.status == 200:
            self._sums[upload, asked.query["partNumber"][0]] = said
        if asked.operation == "UploadPart" and answered.status == 500:
            return error(404, "NoSuchUpload")  # moto stumbles over it
        if asked.operation != "ListParts":
            return answered

        def with_sum(found: re.Match[str]) -> str:
            kept = self._sums.get((upload, found[1]))
            return found[0] + (f"<ChecksumSHA256>{kept}</ChecksumSHA256>" if kept else "")

        listing = re.sub(r"<PartNumber>(\d+)</PartNumber>", with_sum, answered.body.decode())
        return Answered(answered.status, answered.headers, listing.encode())


def _operation(method: str, query: dict[str, list[str]]) -> str:
    if "uploadId" in query:
        part = "UploadPart" if "partNumber" in query else "?"
        return {"PUT": part, "POST": "Complete", "DELETE": "Abort", "GET": "ListParts"}[method]
    if "uploads" in query:
        return {"POST": "Create", "GET": "ListUploads"}[method]
    return {"PUT": "Put", "HEAD": "Head", "GET": "List" if "list-type" in query else "Get", "DELETE": "Delete"}[method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(split.query, keep_blank_values=True)
        asked = Asked(_operation(self.command, query), split.path, query, headers, len(body))
        answered = self.server.front.meet(asked, body, lambda: self._forward(asked.operation, body))
        self.close_connection = True
        if answered is None:
            return
        self.send_response(answered.status)
        for name, value in answered.headers.items():
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        length = answered.headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(answered.body) + answered.missing))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answered.body)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815

    def _forward(self, operation: str, body: bytes) -> Answered:
        connection = http.client.HTTPConnection(urlsplit(self.server.front.moto).netloc)
        try:
            path = self.path + _SHORT_PAGES.get(operation, "")
            connection.request(self.command, path, body, dict(self.headers))
            answer = connection.getresponse()
            return Answered(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    front: Front
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def serve_moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def serve_front(moto: str) -> Iterator[Front]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.front = Front(moto, f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.front
    finally:
        server.front.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()

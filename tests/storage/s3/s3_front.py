"""An S3 server on a loopback port: moto behind a front that injects faults.

The front adds what moto lacks: it checks and lists the sha256 of parts, and responds to parts of a missing upload. Its
listings have short pages.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.server import ThreadedMotoServer

_CHECKSUM = "x-amz-checksum-sha256"
_SHORT_PAGES = {"List": "&max-keys=2", "ListParts": "&max-parts=1", "ListUploads": "&max-uploads=1"}
_OWN_HEADERS = {"connection", "content-length", "date", "server", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Request:
    """One received request; header names in lower case."""

    operation: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    size: int


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes
    missing: int = 0  # bytes of Content-Length that are not sent


Forward = Callable[[], Response]
Fault = Callable[[Forward], Response | None]  # None: close the connection without a response


def error(status: int, code: str, message: str = "front error") -> Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(status, {"Content-Type": "application/xml", "x-amz-request-id": "REQ-1"}, body.encode())


def refuse(status: int, code: str, message: str = "front error") -> Fault:
    """Respond with an error and do nothing."""
    return lambda forward: error(status, code, message)


def respond(status: int, headers: dict[str, str], body: bytes = b"") -> Fault:
    """Respond with this and do nothing."""
    return lambda forward: Response(status, headers, body)


def edit(pattern: str, text: str = "") -> Fault:
    """Do it, and replace what matches in the body of the response."""

    def fault(forward: Forward) -> Response:
        response = forward()
        return replace(response, body=re.sub(pattern, text, response.body.decode(), flags=re.DOTALL).encode())

    return fault


def set_header(name: str, value: str | None) -> Fault:
    """Do it, and replace a header of the response; None removes it."""

    def fault(forward: Forward) -> Response:
        response = forward()
        headers = {key: old for key, old in response.headers.items() if key.lower() != name.lower()}
        return replace(response, headers=headers if value is None else {**headers, name: value})

    return fault


def succeed_but_respond(status: int, code: str) -> Fault:
    """Do it, but respond with an error."""

    def fault(forward: Forward) -> Response:
        forward()
        return error(status, code)

    return fault


def drop_response(forward: Forward) -> None:
    """Do it, but send no response."""
    forward()


def drop_request(forward: Forward) -> None:
    """Do nothing and send no response."""


def succeed(forward: Forward) -> Response:
    """Do it and respond."""
    return forward()


@dataclass
class Front:
    """The front's address, the requests it received, and its faults."""

    moto: str
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _faults: dict[str, list[Fault]] = field(default_factory=dict)
    _checksums: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, operation: str, *faults: Fault) -> None:
        """Use one fault for each request of the operation in turn; the last one repeats."""
        self._faults[operation] = list(faults)

    def reset(self) -> None:
        """Forget requests and faults, and release the requests that hang."""
        self.closing.set()
        self.closing = threading.Event()
        self.requests.clear()
        self._faults.clear()
        self._checksums.clear()

    def hang(self, forward: Forward) -> None:
        """Send no response until the test ends."""
        # Limited, so that a client without time-out fails its test instead of blocking it.
        self.closing.wait(120)

    def count(self, operation: str) -> int:
        return sum(request.operation == operation for request in self.requests)

    def handle(self, request: Request, body: bytes, forward: Forward) -> Response | None:
        with self._lock:
            self.requests.append(request)
            faults = self._faults.get(request.operation, [succeed])
            fault = faults.pop(0) if len(faults) > 1 else faults[0]
        return fault(lambda: self._as_s3(request, body, forward))

    def _as_s3(self, request: Request, body: bytes, forward: Forward) -> Response:
        checksum = request.headers.get(_CHECKSUM)
        if checksum and checksum != base64.b64encode(hashlib.sha256(body).digest()).decode():
            return error(400, "BadDigest")
        response = forward()
        upload = request.query.get("uploadId", [""])[0]
        if request.operation == "UploadPart" and checksum and response.status == 200:
            self._checksums[upload, request.query["partNumber"][0]] = checksum
        if request.operation == "UploadPart" and response.status == 500:
            return error(404, "NoSuchUpload")  # what S3 responds
        if request.operation != "ListParts":
            return response

        def add_checksum(found: re.Match[str]) -> str:
            stored = self._checksums.get((upload, found[1]))
            return found[0] + (f"<ChecksumSHA256>{stored}</ChecksumSHA256>" if stored else "")

        listing = re.sub(r"<PartNumber>(\d+)</PartNumber>", add_checksum, response.body.decode())
        return Response(response.status, response.headers, listing.encode())


def _operation(method: str, path: str, query: dict[str, list[str]]) -> str:
    if "uploadId" in query:
        part = "UploadPart" if "partNumber" in query else "?"
        return {"PUT": part, "POST": "Complete", "DELETE": "Abort", "GET": "ListParts"}[method]
    if "uploads" in query:
        return {"POST": "Create", "GET": "ListUploads"}[method]
    return {"PUT": "Put", "HEAD": "Head", "GET": "Get" if "/" in path.strip("/") else "List", "DELETE": "Delete"}[
        method
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(split.query, keep_blank_values=True)
        request = Request(_operation(self.command, split.path, query), split.path, query, headers, len(body))
        response = self.server.front.handle(request, body, lambda: self._forward(request.operation, body))
        self.close_connection = True
        if response is None:
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        length: str | None = str(len(response.body) + response.missing)
        if self.command == "HEAD":
            length = response.headers.get("Content-Length")
        if length is not None:
            self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815

    def _forward(self, operation: str, body: bytes) -> Response:
        connection = http.client.HTTPConnection(urlsplit(self.server.front.moto).netloc)
        try:
            path = self.path + _SHORT_PAGES.get(operation, "")
            connection.request(self.command, path, body, dict(self.headers))
            answer = connection.getresponse()
            return Response(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    front: Front
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect: some tests do."""


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

"""A fast static media host on loopback, in a separate process.

``python -m benchmarks.landing.origin FOLDER`` serves ``/<bytes>/<name>`` over HTTP and HTTPS (with a certificate that
it creates in FOLDER), and ``/<bytes>/<count>/`` as a page of links to `count` files. It prints its two ports, then
reads commands from its standard input:

* ``served``: print how many bytes of bodies were sent since the last such command;
* ``kill GROUP OFFSET``: kill that process group as soon as a body has been sent up to OFFSET;
* ``spare``: cancel the last ``kill``.

It exits at the end of its input, and so never outlives the benchmark.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import re
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.landing import body

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Tally:
    """Count the bytes sent, and execute the pending ``kill`` command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served = 0
        self._victim: tuple[int, int] | None = None

    def sent(self, count: int, offset: int) -> None:
        """Count `count` bytes that end at `offset` of a body."""
        with self._lock:
            self._served += count
            if self._victim and offset >= self._victim[1]:
                os.killpg(self._victim[0], signal.SIGKILL)
                self._victim = None

    def execute(self, line: str) -> None:
        """Execute one command."""
        match line.split():
            case ["served"]:
                with self._lock:
                    print(self._served, flush=True)
                    self._served = 0
            case ["kill", group, offset]:
                with self._lock:
                    self._victim = int(group), int(offset)
            case ["spare"]:
                with self._lock:
                    self._victim = None
            case _:
                raise ValueError(line)


class Handler(BaseHTTPRequestHandler):
    """Answer GET and HEAD, with ranges unless If-Range does not match."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ring: int
    tally: Tally

    def do_HEAD(self) -> None:
        """Answer with headers only."""
        self._answer()

    def do_GET(self) -> None:
        """Answer with the body."""
        start, stop = self._answer()
        try:
            for count in self._send(start, stop):
                start += count
                self.tally.sent(count, start)
        except OSError:  # the client is gone, often because it was killed
            self.close_connection = True

    def _answer(self) -> tuple[int, int]:
        """Send the headers; return which bytes of the body follow them."""
        text, _, name = self.path.lstrip("/").partition("/")
        if name.endswith("/"):
            return self._listing(int(name[:-1]))
        size, tag = int(text), f'"{text}"'
        requested = _RANGE.fullmatch(self.headers.get("Range", ""))
        if requested is None or self.headers.get("If-Range", tag) != tag:
            start, stop = 0, size
            self.send_response(200)
        else:
            start, stop = int(requested[1]), min(size, int(requested[2]) + 1) if requested[2] else size
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", "Mon, 09 Nov 2026 20:00:00 GMT")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        return start, stop

    def _listing(self, count: int) -> tuple[int, int]:
        page = "".join(f'<a href="{number}.mp4">{number}.mp4</a>\n' for number in range(count)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(page)
        return 0, 0

    def _send(self, start: int, stop: int) -> Iterator[int]:
        """Send bytes of a body, and yield the length of each piece once it is written to the socket."""
        for offset, count in body.extents(start, stop):
            if isinstance(self.connection, ssl.SSLSocket):
                self.connection.sendall(os.pread(self.ring, count, offset))
                yield count
                continue
            end = offset + count
            while offset < end:
                sent = os.sendfile(self.connection.fileno(), self.ring, offset, end - offset)
                offset += sent
                yield sent

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True
    request_queue_size = 64
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the handshake is made by the first read, in the connection's own thread."""
        connection, address = super().get_request()
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing about a killed client."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a self-signed certificate for 127.0.0.1 in `folder` as ``cert.pem``, and a context that uses it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context


def main(folder: str) -> None:
    """Serve until the standard input ends."""
    Handler.ring, Handler.tally = body.ring(), Tally()
    plain, tls = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
    tls.tls = certificate(Path(folder))
    for server in (plain, tls):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(plain.server_address[1], tls.server_address[1], flush=True)
    for line in sys.stdin:
        Handler.tally.execute(line)


if __name__ == "__main__":
    main(sys.argv[1])

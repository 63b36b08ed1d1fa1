"""A platform whose answers swell or do not end; its token endpoint is right."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from benchmarks.landing.body import MIB

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_TOKEN = json.dumps({"code": 0, "tenant_access_token": "t-bench", "expire": 7200}).encode()
_PLAIN_MIB, _ZIPPED_MIB = 500, 400

Pieces = Iterator[bytes]


@dataclass
class Host:
    """One kind of answer, served until the client leaves.

    :param slow: after the first piece send a byte each second, instead of the next pieces: a task is to be killed.
    :param begun: set when the first piece was sent.
    """

    pieces: Callable[[], Pieces]
    slow: bool
    url: str = ""
    begun: threading.Event = field(default_factory=threading.Event)

    def answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as received:
            request = b"".join(iter(lambda: received.readline().strip(), b""))
            if b"access_token" in request:
                connection.sendall(_HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_TOKEN), _TOKEN))
                return
            for piece in self.pieces():
                connection.sendall(piece)
                self.begun.set()
                if self.slow:
                    break
            while True:
                time.sleep(1)
                connection.sendall(b"0")


@contextmanager
def serve(pieces: Callable[[], Pieces], *, slow: bool) -> Iterator[Host]:
    """Serve one kind of answer on a loopback port."""
    next(pieces())  # compresses what is to be sent, before the clock starts
    host = Host(pieces, slow)

    def answer(connection: socket.socket) -> None:
        try:
            host.answer(connection)
        except OSError:
            return  # the client has left

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        host.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threading.Thread(target=accept, daemon=True).start()
        yield host
        listener.shutdown(socket.SHUT_RDWR)


def _plain() -> Pieces:
    yield _HEAD + b"Content-Length: %d\r\n\r\n" % (_PLAIN_MIB * MIB)
    yield from itertools.repeat(bytes(MIB), _PLAIN_MIB)


@cache
def _zipped_body(times: int) -> bytes:
    return gzip.compress(_zipped_body(times - 1)) if times else bytes(_ZIPPED_MIB * MIB)


def _zipped(times: int) -> Pieces:
    body = _zipped_body(times)
    yield _HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (b", ".join([b"gzip"] * times), len(body))
    yield body


def _chunked(size: int) -> Pieces:
    yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"%x\r\n%s\r\n" % (size, bytes(size)) * max(1, 65536 // size))


def _one_byte_a_second(start: bytes) -> Pieces:
    yield start
    while True:
        time.sleep(1)
        yield b"0"


KINDS: dict[str, Callable[[], Pieces]] = {
    f"plain, {_PLAIN_MIB} MiB": _plain,
    f"gzip of {_ZIPPED_MIB} MiB": lambda: _zipped(1),
    f"gzip in gzip of {_ZIPPED_MIB} MiB": lambda: _zipped(2),
    "chunked, without end": lambda: _chunked(MIB),
    "chunks of one byte, without end": lambda: _chunked(1),
    "one chunk, without end": lambda: itertools.chain(
        [_HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n"], itertools.repeat(bytes(MIB))
    ),
    "chunk of a negative size, without end": lambda: itertools.chain(
        [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"], itertools.repeat(bytes(MIB))
    ),
    "line without end between chunks": lambda: itertools.chain(
        [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1"], itertools.repeat(b"0" * MIB)
    ),
    "100 Continue, without end": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "1 byte/s in the headers": lambda: _one_byte_a_second(_HEAD + b"X-Header: "),
    "1 byte/s in the body": lambda: _one_byte_a_second(_HEAD + b"Content-Length: 99999\r\n\r\n{"),
}

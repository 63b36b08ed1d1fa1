"""Another process that uses the same backend: it runs the commands that a test sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, DurableBackend
from tests.contract.backends.backend_processes import Child, children
from tests.contract.backends.backend_servers import make_backend

Slot = tuple[float, float]
"""The earliest and the latest time of a slot, by the machine's monotonic clock."""


@contextmanager
def peers(kind: str, location: str, count: int = 1) -> Iterator[list[Child]]:
    """Start processes with a backend of their own. Each takes a command and its arguments, and sends the result."""
    with children(_serve, [(kind, location)] * count) as started:
        for peer in started:
            assert peer.receive() == "ready"
        yield started


def slots(backend: Backend, key: str, rates: list[Rate], count: int) -> list[Slot]:
    """Take slots as fast as they are given out."""
    taken = []
    for _ in range(count):
        before = time.monotonic()
        wait = backend.reserve(key, rates, 3600)
        taken.append((before + wait, time.monotonic() + wait))
    return taken


def count_up(backend: Backend, key: str, path: Path, times: int) -> int:
    """Count in a file under the lock; a count is lost if two processes do it at once."""
    for _ in range(times):
        with backend.lock(key, 60):
            found = int(path.read_text())
            time.sleep(0)
            path.write_text(str(found + 1))
    return times


def increment(backend: DurableBackend, key: str, mark: str) -> int:
    """Replace the record by the next number, and return it; each `mark` is used once."""
    while True:
        old = backend.read(key)
        number = int(old.split(b" ")[0]) + 1 if old else 0
        if backend.compare_and_set(key, old, f"{number} {mark}".encode()):
            return number


def increments(backend: DurableBackend, key: str, times: int, peer: int) -> list[int]:
    """Call `increment` several times."""
    return [increment(backend, key, f"{peer}.{number}") for number in range(times)]


def _lock(backend: Backend, pipe: Connection, key: str) -> str:
    with backend.lock(key, 0):
        pipe.send("locked")
        pipe.recv()
    return "released"


def _serve(pipe: Connection, kind: str, location: str) -> None:
    backend = make_backend(kind, location)
    commands: dict[str, Callable[..., object]] = {
        "get": backend.get,
        "read": backend.read,
        "lock": lambda key: _lock(backend, pipe, key),
        "slots": lambda *arguments: slots(backend, *arguments),
        "count_up": lambda *arguments: count_up(backend, *arguments),
        "increments": lambda *arguments: increments(backend, *arguments),
    }
    pipe.send("ready")
    while True:
        command, *arguments = pipe.recv()
        pipe.send(commands[command](*arguments))

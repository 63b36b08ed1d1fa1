"""Other processes for tests: forked from one server process that has imported everything, so that a start is cheap."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from airflow_provider_meetings.coordination.host import backend as host_backend

DEADLINE = 120.0
"""Seconds after which an answer is missing, however loaded the machine is."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["pytest", "tests.contract.backends.backend_peer", "tests.coordination.token_requesters", "sqlalchemy.pool"]
)


class Child:
    """A process that runs `target(pipe, *arguments)`."""

    def __init__(self, target: Callable[..., object], *arguments: object) -> None:
        self._pipe, other_end = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_run, args=(target, other_end, *arguments), daemon=True)
        self._process.start()
        other_end.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send(self, message: object) -> None:
        self._pipe.send(message)

    def receive(self) -> Any:
        """Return the next message.

        :raises EOFError: if the process has ended.
        """
        assert self._pipe.poll(DEADLINE), "the other process sent nothing"
        return self._pipe.recv()

    def wait(self) -> None:
        self._process.join(DEADLINE)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


@contextmanager
def children(target: Callable[..., object], arguments: Sequence[Sequence[object]]) -> Iterator[list[Child]]:
    """Start one process per list of arguments; end them when the block ends."""
    started: list[Child] = []
    try:
        for each in arguments:
            started.append(Child(target, *each))
        yield started
    finally:
        for child in started:
            child.end()


def _run(target: Callable[..., object], pipe: Connection, *arguments: object) -> None:
    # On a loaded machine a process may wait for a file for longer than the 2 seconds that tasks wait.
    host_backend._FILE_LOCK_SECONDS = DEADLINE
    target(pipe, *arguments)

"""Measure whole processes: seconds of the clock and of the CPU, and the peak of memory, as the kernel counted them."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.body import MIB


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took, with all that it started and waited for.

    `peak` is the resident memory in MiB of the largest of them. The kernel counts from the fork on, so that no value
    is below that of the process which starts it: for that reason the benchmark itself imports little.
    """

    wall: float
    cpu: float
    peak: float


class Failed(Exception):
    """A process did not do its job."""


class Process:
    """A process at the head of a group of its own; leaving the context ends the group.

    :param command: what to run.
    :param environment: goes over the one of the benchmark.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._begun = time.monotonic()
        self._popen = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
        self._said.close()

    def wait(self) -> tuple[int, Run]:
        """Wait for its end; return its exit code (that of a signal is negative) and what it took."""
        _, status, usage = os.wait4(self.pid, 0)
        wall = time.monotonic() - self._begun
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        return self._popen.returncode, Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MIB)

    def said(self) -> str:
        """Return the last line of words that it wrote to its standard error."""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()
        return next((line for line in reversed(lines) if any(map(str.isalpha, line))), "")[:300]


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.

    :raises Failed: with the end of what it said.
    """
    with Process(command, environment) as process:
        code, run = process.wait()
        if code:
            raise Failed(f"exit {code}: {process.said()}")
        return run

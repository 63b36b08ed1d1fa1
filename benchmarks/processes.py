"""Measure whole processes: wall time, CPU time and peak memory, as counted by the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.landing.body import MIB


@dataclass(frozen=True, slots=True)
class Run:
    """The usage of one process and of the children that it waited for.

    `peak` is the resident memory in MiB of the largest of these processes. The kernel counts from the fork on, so no
    peak is below that of the benchmark's own process: it therefore imports little.
    """

    wall: float
    cpu: float
    peak: float


class Failed(Exception):
    """A process failed."""


class Process:
    """A process that leads its own process group; leaving the context kills the group.

    :param environment: variables in addition to those of the benchmark.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._started = time.monotonic()
        self._popen = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            start_new_session=True,
        )
        self.pid = self._popen.pid

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()
        self._stderr.close()

    def wait(self) -> tuple[int, Run]:
        """Wait for the process; return its exit code (negative for a signal) and its usage."""
        _, status, usage = os.wait4(self.pid, 0)
        wall = time.monotonic() - self._started
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        return self._popen.returncode, Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MIB)

    def last_error_line(self) -> str:
        """Return the last line with letters on the standard error of the process."""
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").splitlines()
        return next((line for line in reversed(lines) if any(map(str.isalpha, line))), "")[:300]


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command.

    :raises Failed: with the last line of its standard error.
    """
    with Process(command, environment) as process:
        code, run = process.wait()
        if code:
            raise Failed(f"exit {code}: {process.last_error_line()}")
        return run

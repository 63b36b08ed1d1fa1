"""Groups of processes that start at the same moment with all imports done; each group has its own folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import Failed

_LEAD = 0.3
"""Seconds from the command to the start, so that the command reaches all groups first."""

Order = Mapping[str, Any]
"""What a process does: ``do``, a function of `members`, its arguments, and additional `environment`."""


class Group:
    """The processes of one user on one host: a launcher, which forks one for each order.

    :param home: HOME, TMPDIR and AIRFLOW_HOME lie in it, and with them the state folder.
    """

    def __init__(self, home: Path) -> None:
        folders = {"HOME": home / "home", "TMPDIR": home / "tmp", "AIRFLOW_HOME": home / "airflow"}
        for folder in folders.values():
            folder.mkdir(parents=True)
        self.home = home
        known = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "XDG"))}
        self._stderr = (home / "stderr").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.coordination.members"],
            env={**known, **{name: str(folder) for name, folder in folders.items()}},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            start_new_session=True,
        )

    def send(self, command: object) -> None:
        """Send a command to the launcher as JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return the next line of the launcher or of one of its processes.

        :raises Failed: if the launcher has ended.
        """
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        self._stderr.seek(0)
        raise Failed(f"a group of processes ended: {self._stderr.read().decode(errors='replace').strip()[-300:]}")

    def end(self) -> None:
        """Kill all its processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._stderr.close()


@contextmanager
def groups(count: int) -> Iterator[list[Group]]:
    """Start launchers, each with its own folders, and wait until they have imported everything."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        started = []
        for number in range(count):
            group = Group(Path(name) / str(number))
            stack.callback(group.end)
            started.append(group)
        for group in started:
            group.answer()
        yield started


def begin(launchers: Sequence[Group], orders: Sequence[Order]) -> float:
    """Fork one process per group and order, and start them together; return the monotonic start time."""
    for group in launchers:
        group.send([dict(order) for order in orders])
    for group in launchers:
        group.answer()
    start = time.monotonic() + _LEAD
    for group in launchers:
        group.send(start)
    return start


def together(launchers: Sequence[Group], orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Run the orders, and return all results.

    :raises Failed: with the text of the first error.
    """
    begin(launchers, orders)
    answers: list[dict[str, Any]] = [group.answer() for group in launchers for _ in orders]
    for answer in answers:
        if answer.get("error"):
            raise Failed(answer["error"])
    return answers

"""Many processes that begin at once, with all imports behind them: groups of them, each with folders of its own."""

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
"""Seconds from the word to the start: the word reaches all groups before it."""

Order = Mapping[str, Any]
"""What a process does: ``do``, a function of `benchmarks.members`, and its arguments; `environment` goes over ours."""


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
        self._said = (home / "stderr").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.members"],
            env={**known, **{name: str(folder) for name, folder in folders.items()}},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
        )

    def tell(self, word: object) -> None:
        """Say something to the launcher."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(word) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return the next line of the launcher or of a process of its.

        :raises Failed: if it has ended.
        """
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            return json.loads(line)
        self._said.seek(0)
        raise Failed(f"a group of processes ended: {self._said.read().decode(errors='replace').strip()[-300:]}")

    def end(self) -> None:
        """End all its processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._said.close()


@contextmanager
def groups(count: int) -> Iterator[list[Group]]:
    """Start launchers, each with folders of its own, and wait until they have imported everything."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        started = []
        for number in range(count):
            group = Group(Path(name) / str(number))
            stack.callback(group.end)
            started.append(group)
        for group in started:
            group.answer()
        yield started


def begin(crowd: Sequence[Group], orders: Sequence[Order]) -> float:
    """Have each group fork a process for each order, and all of them begin at once; return that monotonic moment."""
    for group in crowd:
        group.tell([dict(order) for order in orders])
    for group in crowd:
        group.answer()
    start = time.monotonic() + _LEAD
    for group in crowd:
        group.tell(start)
    return start


def together(crowd: Sequence[Group], orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Begin, and return what all came to.

    :raises Failed: with the text of the first error.
    """
    begin(crowd, orders)
    answers: list[dict[str, Any]] = [group.answer() for group in crowd for _ in orders]
    for answer in answers:
        if answer.get("error"):
            raise Failed(answer["error"])
    return answers

"""Processes that land in a lake and may be killed; run as a script, it forks one for each line that it reads.

A line is the JSON of ``root``, ``recordings``, ``day`` (of the load), ``step``, and perhaps ``stored`` and ``texts``
(what one transcript says): before that step of changing the lake's files the process kills itself; 0: never. The answer
comes when it has ended: the signal, and how many steps it took if none.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.warehouse.lake.lakes import NOW, land, transcript

_ON_PATHS = {"open", "os.rename", "os.remove", "os.mkdir"}
_ON_FILES = {"fcntl.flock", "os.truncate"}


@dataclass
class Loader:
    """Load in processes of their own; one at a time, or those started together."""

    process: subprocess.Popen[str]

    def load(
        self, root: Path, recordings: list[dict[str, Any]], *, day: int, step: int = 0, **others: Any
    ) -> tuple[int, int]:
        """Return the signal that ended the process, and its steps if none did."""
        self.start(root, recordings, day=day, step=step, **others)
        return self.ended()

    def start(self, root: Path, recordings: list[dict[str, Any]], *, day: int, step: int = 0, **others: Any) -> None:
        assert self.process.stdin is not None
        line = {"root": str(root), "recordings": recordings, "day": day, "step": step, **others}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def ended(self) -> tuple[int, int]:
        assert self.process.stdout is not None
        ended, steps = self.process.stdout.readline().split()
        return int(ended), int(steps)


@contextmanager
def loader(temporary: Path) -> Iterator[Loader]:
    """Start one; what a killed one leaves in the temporary folder is removed with the test's."""
    command = [sys.executable, "-m", "tests.warehouse.lake.killable"]
    above = Path(__file__).resolve().parents[3]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, **pipes, cwd=above, env=env) as process:
        yield Loader(process)


class Steps:
    """Count what changes the lake's files, and die before a given step."""

    def __init__(self, root: str, last: int) -> None:
        self.done = 0
        self._root = root
        self._last = last
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return  # who dies reading has changed nothing
        if event in _ON_FILES or (event in _ON_PATHS and str(arguments[0]).startswith(self._root)):
            self.done += 1
            if self.done == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def _load(
    told: int,
    root: str,
    recordings: list[dict[str, Any]],
    day: int,
    step: int,
    stored: Sequence[dict[str, Any]] = (),
    texts: Sequence[str] | None = None,
) -> None:
    steps = Steps(root, step)
    contents = None if texts is None else [transcript(*texts)]
    land(Path(root), recordings, stored=stored, contents=contents, now=NOW + timedelta(days=day))
    os.write(told, str(steps.done).encode())


def main() -> None:
    for line in sys.stdin:
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            _load(writes, **json.loads(line))
            os._exit(0)
        os.close(writes)
        _, status = os.waitpid(pid, 0)
        steps = os.read(reads, 20).decode() or "0"
        os.close(reads)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        sys.stdout.write(f"{ended} {steps}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

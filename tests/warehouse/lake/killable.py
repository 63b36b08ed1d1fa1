"""A process that runs loads into a lake in forked children, which may kill themselves.

Each line on stdin is a JSON list of loads, which run concurrently. A load has the fields of `load`: if `step` is not 0,
the child kills itself before that step of changing the lake's files. The answer on stdout is a JSON list with, for each
load, the signal that ended it (0 for none) and its number of steps.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.warehouse.lake.lakes import NOW, land, transcript

_PATH_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}
_FILE_EVENTS = {"fcntl.flock", "os.truncate"}


@dataclass
class Loader:
    """Runs loads in children of one process."""

    process: subprocess.Popen[str]

    def load(self, root: Path, recordings: list[dict[str, Any]], **others: Any) -> tuple[int, int]:
        """Return the signal that ended the load, and its number of steps."""
        (result,) = self.load_all([{"root": str(root), "recordings": recordings, **others}])
        return result

    def load_all(self, loads: list[dict[str, Any]]) -> list[tuple[int, int]]:
        """Run loads concurrently."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(loads) + "\n")
        self.process.stdin.flush()
        return [(ended, steps) for ended, steps in json.loads(self.process.stdout.readline())]


@contextmanager
def loader(temporary: Path) -> Iterator[Loader]:
    """Start a loader; killed loads leave their files in `temporary`."""
    command = [sys.executable, "-m", "tests.warehouse.lake.killable"]
    root = Path(__file__).resolve().parents[3]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, **pipes, cwd=root, env=env) as process:
        yield Loader(process)


class Steps:
    """Count the changes of the lake's files, and kill this process before a given one."""

    def __init__(self, root: str, last: int) -> None:
        self.done = 0
        self._root = root
        self._last = last
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return  # reading changes nothing
        if event in _FILE_EVENTS or (event in _PATH_EVENTS and str(arguments[0]).startswith(self._root)):
            self.done += 1
            if self.done == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def load(
    root: str,
    recordings: list[dict[str, Any]],
    day: int,
    step: int = 0,
    stored: Sequence[dict[str, Any]] = (),
    texts: Sequence[str] | None = None,
) -> int:
    """Load on a given day, and return the number of steps; `texts` are the segments of one transcript."""
    steps = Steps(root, step)
    contents = None if texts is None else [transcript(*texts)]
    now = NOW + timedelta(days=day)
    land(Path(root), recordings, stored=stored, contents=contents, now=now, sleep=time.sleep)
    return steps.done


def _start(arguments: dict[str, Any]) -> tuple[int, int]:
    reader, writer = os.pipe()
    if pid := os.fork():
        os.close(writer)
        return pid, reader
    os.write(writer, str(load(**arguments)).encode())
    os._exit(0)


def _wait(pid: int, reader: int) -> tuple[int, int]:
    _, status = os.waitpid(pid, 0)
    steps = int(os.read(reader, 20) or 0)
    os.close(reader)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), steps


def main() -> None:
    for line in sys.stdin:
        children = [_start(arguments) for arguments in json.loads(line)]
        sys.stdout.write(json.dumps([_wait(*child) for child in children]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

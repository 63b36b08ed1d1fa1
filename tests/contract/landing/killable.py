"""Processes that land one file and may be killed; run as a script, it forks one process per line of its input.

A line is the JSON of the keyword arguments of `land`. With ``step``, the process kills itself before that step on the
file system. The answers are the process id and, when the process has ended, the number of its signal, else its exit
code. The fork server has everything imported, so a process starts within milliseconds; it runs without Airflow.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing import source
from airflow_provider_meetings.api.landing.landing import IfPresent, Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.scripted import MEDIA, RECORDING, ScriptedClient

PIECE = 16 * 1024
_PATH_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir"}
_FILE_EVENTS = {"os.truncate", "fcntl.flock"}


@dataclass
class ForkServer:
    """Start processes, one at a time."""

    process: subprocess.Popen[str]

    def start(self, **arguments: Any) -> int:
        """Start one with these keyword arguments, and return its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(arguments, default=str) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def wait(self) -> int:
        """Wait for its end, and return the signal that ended it; 0 if it landed its file."""
        return self._answer()

    def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextmanager
def fork_server(module: str = "tests.contract.landing.killable") -> Iterator[ForkServer]:
    command = [sys.executable, "-m", module]
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        yield ForkServer(process)


def serve_forks(land: Callable[..., object]) -> None:
    """Run as the fork server: call `land` in a new process for each line of the input."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            land(**json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}\n")
        sys.stdout.flush()


def _kill_before(step: int, root: str) -> None:
    done = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event in _FILE_EVENTS or (event in _PATH_EVENTS and str(arguments[0]).startswith(root)):
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def land(root: str, url: str, step: int = 0, if_present: IfPresent = "verify") -> None:
    vars(source)["CHUNK_BYTES"] = PIECE
    transport = Transport(base_url="http://127.0.0.1:9", platform="acme")
    client = ScriptedClient(transport, lambda: Download(url))
    landing = Landing(client, LocalStore(Path(root), f"file://{root}"), layout=Layout(), if_present=if_present)
    if step:
        _kill_before(step, root)
    landing.land(RECORDING, MEDIA)


if __name__ == "__main__":
    serve_forks(land)

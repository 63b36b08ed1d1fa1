"""Processes that land one file and may be killed; run as a script, it forks one for each line that it reads.

A line is the JSON of ``root``, ``url``, ``if_present``, and ``step``: before that step on the file system the process
kills itself; 0: never. The answers are its process id and, when it has ended, the number of the signal that ended it.
A process that has everything imported is forked within milliseconds; the engine runs in it without Airflow.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing import source as origin
from airflow_provider_meetings.api.landing.landing import IfPresent, Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.scripted import MEDIA, RECORDING, ScriptedClient

PIECE = 16 * 1024
_ON_PATHS = {"open", "os.rename", "os.remove", "os.mkdir"}
_ON_FILES = {"os.truncate", "fcntl.flock"}


@dataclass
class ForkServer:
    """Start processes; one at a time."""

    process: subprocess.Popen[str]

    def start(self, root: Path, url: str, *, step: int = 0, if_present: IfPresent = "verify") -> int:
        """Start one, and return its process id."""
        assert self.process.stdin is not None
        line = {"root": str(root), "url": url, "step": step, "if_present": if_present}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def ended(self) -> int:
        """Wait for its end, and return the signal that ended it; 0 if it landed its file."""
        return self._answer()

    def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextmanager
def fork_server() -> Iterator[ForkServer]:
    command = [sys.executable, "-m", "tests.contract.killable"]
    above = Path(__file__).resolve().parent.parent.parent
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=above) as process:
        yield ForkServer(process)


def _die_before(step: int, root: str) -> None:
    done = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event in _ON_FILES or (event in _ON_PATHS and str(arguments[0]).startswith(root)):
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _land(root: str, url: str, step: int, if_present: IfPresent) -> None:
    vars(origin)["CHUNK_BYTES"] = PIECE
    transport = Transport(base_url="http://127.0.0.1:9", platform="acme")
    client = ScriptedClient(transport, lambda: Download(url))
    landing = Landing(client, LocalStore(Path(root), f"file://{root}"), layout=Layout(), if_present=if_present)
    if step:
        _die_before(step, root)
    landing.land(RECORDING, MEDIA)


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _land(**json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

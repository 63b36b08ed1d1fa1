"""Another process that uses the same backend; run as a script, it does what each line of its input says.

A line is a word and its arguments in JSON; the answers are lines of JSON. It is killed by whoever started it.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, DurableBackend

Slot = tuple[float, float]
"""The earliest and the latest moment of the machine's steady clock that a slot may mean."""


@dataclass
class Peer:
    """A process that was started."""

    process: subprocess.Popen[str]

    def tell(self, word: str, *arguments: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([word, *arguments]) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def peers(factory: str, argument: str, count: int = 1) -> Iterator[list[Peer]]:
    """Start processes with a backend of their own: `factory` is module:function, called with `argument`."""
    command = [sys.executable, "-m", "tests.contract.backend_peer", factory, argument]
    above = Path(__file__).resolve().parent.parent.parent
    started = []
    try:
        for _ in range(count):
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=above)
            started.append(Peer(process))
        for peer in started:
            assert peer.answer() == "ready"
        yield started
    finally:
        for peer in started:
            peer.kill()
            assert peer.process.stdin
            assert peer.process.stdout
            peer.process.stdin.close()
            peer.process.stdout.close()


def slots(backend: Backend, key: str, rate: list[list[float]], count: int) -> list[Slot]:
    """Take slots as fast as they are given."""
    taken = []
    for _ in range(count):
        before = time.monotonic()
        away = backend.reserve(key, [Rate(*each) for each in rate], 3600)
        taken.append((before + away, time.monotonic() + away))
    return taken


def count_up(backend: Backend, key: str, path: str, times: int) -> int:
    """Count in a file, which goes wrong where two do it at once."""
    for _ in range(times):
        with backend.lock(key, 60):
            file = Path(path)
            found = int(file.read_text())
            time.sleep(0)
            file.write_text(str(found + 1))
    return times


def steps(backend: DurableBackend, key: str, times: int, who: int) -> list[int]:
    """Take numbers, each from what the one before has written."""
    return [step(backend, key, f"{who}.{number}") for number in range(times)]


def step(backend: DurableBackend, key: str, mark: str) -> int:
    """Take the next number; `mark` is like no other."""
    while True:
        old = backend.read(key)
        number = int(old.split(b" ")[0]) + 1 if old else 0
        if backend.compare_and_set(key, old, f"{number} {mark}".encode()):
            return number


def _main() -> None:
    module, function = sys.argv[1].split(":")
    backend: DurableBackend = getattr(importlib.import_module(module), function)(sys.argv[2])
    _say("ready")
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        if word == "hold":
            with backend.lock(*arguments):
                _say("held")
                sys.stdin.readline()
            _say("released")
        elif word in ("get", "read"):
            value = backend.get(*arguments) if word == "get" else backend.read(*arguments)
            _say(None if value is None else value.hex())
        elif word == "steps":
            _say(steps(backend, *arguments))
        else:
            _say(slots(backend, *arguments) if word == "slots" else count_up(backend, *arguments))


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()

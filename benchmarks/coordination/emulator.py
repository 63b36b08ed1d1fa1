"""The platforms' emulator in a separate process, and its counters."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import Failed

APP_ID = "cli_bluewave0emulator"
APP_SECRET = "emulator-feishu-secret"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of Feishu, with the client's method and its argument.

    :param limits: the documented limits, which the emulator enforces: calls, seconds.
    """

    method: str
    argument: str
    path: str
    limits: Sequence[tuple[int, int]]

    def allowed(self, seconds: float) -> float:
        """Return how many calls are allowed in `seconds`."""
        return min(calls / window for calls, window in self.limits) * seconds


_MINUTE = "obcnroadmap0000000000001"
_MEETING = "7571000000000000101"
MINUTE = Endpoint("get_minute", _MINUTE, f"/open-apis/minutes/v1/minutes/{_MINUTE}", [(5, 1)])
RECORDING = Endpoint(
    "get_meeting_recording", _MEETING, f"/open-apis/vc/v1/meetings/{_MEETING}/recording", [(50, 1), (1000, 60)]
)


class Emulator:
    """Its URL and its counters."""

    def __init__(self, url: str) -> None:
        self.url = url

    def connection(self, **extra: object) -> str:
        """Return an Airflow connection to it, as JSON."""
        login = {"conn_type": "feishu", "login": APP_ID, "password": APP_SECRET, "host": self.url}
        return json.dumps({**login, "extra": extra})

    def token_requests(self) -> int:
        """Return the number of token requests."""
        counted: dict[str, int] = self._get("")["token_requests"]
        return sum(counted.values())

    def requests(self, path: str) -> int:
        """Return the number of requests for a path, including refused ones."""
        return len(self._get(f"requests?path={path}")["requests"])

    def _get(self, name: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/_emulator/{name}", timeout=30) as answer:
            return json.load(answer)


@contextmanager
def emulator() -> Iterator[Emulator]:
    """Start an emulator that enforces rate limits, on a free port; stop it on exit."""
    command = [sys.executable, "-m", "airflow_provider_meetings.emulator", "--port", "0", "--rate-limits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            if "http" not in first:
                raise Failed("the emulator did not start")
            yield Emulator(first.split()[-1])
        finally:
            process.terminate()

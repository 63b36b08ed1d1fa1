"""The emulator in a process of its own, with a company of the benchmark's, and the times of its requests.

As a program it reads orders, one JSON list a line (a method of `_Orders` and its arguments), and answers each with a
line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from benchmarks.processes import Failed

CORP_ID, CORP_SECRET = "ww0bluewave0emulator", "emulator-wecom-secret"
APP_ID, APP_SECRET = "cli_bluewave0emulator", "emulator-feishu-secret"
CREATOR = "zhangwei"

State = Literal["ready", "pending"]


class Platform:
    """The orders to the process, and its URL."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url

    def _order(self, *order: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline() or "null")

    def feishu(self, states: dict[str, State]) -> None:
        """Serve these meetings; a pending one answers 124002."""
        self._order("feishu", states)

    def wecom(self, recordings: Sequence[tuple[str, State, float]]) -> None:
        """Serve recordings of `CREATOR`, each of a meeting of its own: id, state, age in days."""
        self._order("wecom", recordings)

    def finish(self, meeting_ids: Sequence[str]) -> None:
        """Make Feishu's pending meetings ready."""
        self._order("finish", meeting_ids)

    def limit(self) -> None:
        """Enforce the vendors' rate limits from now on, and forget the requests so far."""
        self._order("limit")

    def times(self) -> list[tuple[float, str]]:
        """Return the requests since the last call of `limit`: seconds since the epoch, path."""
        found: list[tuple[float, str]] = self._order("times")
        return found

    def calls(self) -> dict[str, int]:
        """Return the requests of each endpoint, and ``throttled``, since the last call."""
        found: dict[str, int] = self._order("calls")
        return found

    def connections(self) -> dict[str, str]:
        """Return Airflow connections to it: ``bench_feishu``, ``bench_wecom`` and, for HTTP, ``bench_http``."""
        logins = {"feishu": (APP_ID, APP_SECRET), "wecom": (CORP_ID, CORP_SECRET), "http": (None, None)}
        return {
            f"AIRFLOW_CONN_BENCH_{kind.upper()}": json.dumps(
                {"conn_type": kind, "login": login, "password": password, "host": self.url}
            )
            for kind, (login, password) in logins.items()
        }


@contextmanager
def platform() -> Iterator[Platform]:
    """Start an emulator without rate limits, on a free port; stop it on exit."""
    command = [sys.executable, "-m", "benchmarks.platform"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if "http" not in url:
                raise Failed("the emulator did not start")
            yield Platform(process, url)
        finally:
            process.terminate()


def main() -> None:
    """Serve until the standard input ends."""
    from airflow_provider_meetings.emulator.server import serve
    from airflow_provider_meetings.emulator.state.emulator import EmulatorState, RequestRecord

    class TimedState(EmulatorState):
        """An emulator that keeps when each request came instead of the requests."""

        times: list[tuple[float, str]]

        def log(self, record: RequestRecord) -> None:
            with self._lock:
                self.times.append((time.time(), record.path))

    state = TimedState(not_ready_polls=1_000_000)
    state.times = []
    with serve(state) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        orders = _Orders(state)
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            sys.stdout.write(json.dumps(getattr(orders, name)(*arguments)) + "\n")
            sys.stdout.flush()


class _Orders:
    """What `Platform` orders."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._lock = threading.Lock()

    def feishu(self, states: dict[str, State]) -> None:
        from dataclasses import replace

        from airflow_provider_meetings.emulator.seed.company import default_company
        from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING

        company = default_company()
        meeting = company.feishu_meetings[READY_MEETING]
        minute = company.feishu_minutes[meeting.minute_token]
        tokens = {meeting_id: f"obcnbench{meeting_id[-15:]}" for meeting_id in states}
        self._state.company = replace(
            company,
            feishu_meetings={
                meeting_id: replace(
                    meeting,
                    meeting_id=meeting_id,
                    minute_token=tokens[meeting_id],
                    status="ready" if state == "ready" else "processing",
                )
                for meeting_id, state in states.items()
            },
            feishu_minutes={token: replace(minute, token=token) for token in tokens.values()},
        )

    def wecom(self, recordings: Sequence[tuple[str, State, float]]) -> None:
        from dataclasses import replace

        from airflow_provider_meetings.emulator.seed.company import default_company
        from airflow_provider_meetings.emulator.seed.wecom import TWO_FILES_RECORD

        company = default_company()
        one = company.wecom_recordings[TWO_FILES_RECORD]
        now = datetime.now(UTC).replace(microsecond=0)
        self._state.company = replace(
            company,
            wecom_recordings={
                f"mr-{name}": replace(
                    one,
                    meeting_record_id=f"mr-{name}",
                    meetingid=f"hy-{name}",
                    creator=CREATOR,
                    meeting_start_time=now - timedelta(days=age),
                    files=tuple(
                        replace(
                            file,
                            record_file_id=f"rf-{name}-{number}",
                            record_start_time=now - timedelta(days=age),
                            record_end_time=now - timedelta(days=age) + timedelta(minutes=30),
                        )
                        for number, file in enumerate(one.files[:1])
                    ),
                    status="done" if state == "ready" else "recording",
                )
                for name, state, age in recordings
            },
        )

    def finish(self, meeting_ids: Sequence[str]) -> None:
        for meeting_id in meeting_ids:
            self._state.not_ready(meeting_id, 0)

    def limit(self) -> None:
        self._state.rate_limits = True
        self._state.limits.reset()
        self._state.times.clear()
        self._state.forget_counters()

    def times(self) -> list[tuple[float, str]]:
        return list(self._state.times)

    def calls(self) -> dict[str, int]:
        with self._state._lock:
            found = {**self._state.calls, "throttled": self._state.throttled.total()}
            self._state.forget_counters()
        return found


if __name__ == "__main__":
    main()

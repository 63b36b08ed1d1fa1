from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from airflow_provider_meetings.api.media.progress import Meter, Progress


class RecordingMeter(Meter):
    def __init__(self) -> None:
        self.values: list[tuple[str, float]] = []

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        assert tags == {"platform": "acme"}
        self.values.append((name, value))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        self.values.append((name, seconds))


def test_progress_is_logged_every_five_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    meter, now = RecordingMeter(), 100.0
    progress = Progress("file 'a'", meter, {"platform": "acme"}, clock=lambda: now)
    mib = 2**20
    received = 40 * mib  # by an earlier attempt
    for _ in range(11):
        now += 1.0
        received += 2 * mib
        progress.add(2 * mib, received, 100 * mib)
    figures = progress.end(received)
    assert [record.message for record in caplog.records] == [
        "file 'a': 50.0 of 100.0 MiB (50 %), 2.0 MiB/s, about 25 s left",
        "file 'a': 60.0 of 100.0 MiB (60 %), 2.0 MiB/s, about 20 s left",
    ]
    assert figures == f"{62 * mib} bytes, fetched {22 * mib} of them in 11.0 s (2.0 MiB/s)"
    assert meter.values == [
        ("meetings.landing.bytes", 10 * mib),
        ("meetings.landing.bytes", 10 * mib),
        ("meetings.landing.bytes", 2 * mib),
        ("meetings.landing.duration", 11.0),
    ]


def test_progress_without_length(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    progress = Progress("f", RecordingMeter(), {"platform": "acme"}, clock=lambda: now)
    now = 5.0
    progress.add(2**20, 2**20, None)
    assert [record.message for record in caplog.records] == ["f: 1.0 MiB, 204.8 KiB/s"]

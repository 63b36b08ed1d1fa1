from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from airflow_provider_meetings.api.media.progress import Progress


class Numbers:
    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    def count(self, name: str, value: int, tags: Mapping[str, str]) -> None:
        assert tags == {"platform": "acme"}
        self.told.append((name, value))

    def timing(self, name: str, seconds: float, tags: Mapping[str, str]) -> None:
        self.told.append((name, seconds))


def test_a_line_every_five_seconds_with_rate_and_what_remains(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    numbers, now = Numbers(), 100.0
    progress = Progress("file 'a'", numbers, {"platform": "acme"}, clock=lambda: now)
    mib = 2**20
    stands = 40 * mib  # of an earlier try
    for _ in range(11):
        now += 1.0
        stands += 2 * mib
        progress.add(2 * mib, stands, 100 * mib)
    progress.end(stands)
    assert [record.message for record in caplog.records] == [
        "file 'a': 50.0 of 100.0 MiB (50 %), 2.0 MiB/s, about 25 s left",
        "file 'a': 60.0 of 100.0 MiB (60 %), 2.0 MiB/s, about 20 s left",
        f"file 'a': {62 * mib} bytes, {22 * mib} of them fetched in 11.0 s (2.0 MiB/s)",
    ]
    assert numbers.told == [
        ("meetings.landing.bytes", 10 * mib),
        ("meetings.landing.bytes", 10 * mib),
        ("meetings.landing.bytes", 2 * mib),
        ("meetings.landing.duration", 11.0),
    ]


def test_without_a_length_there_is_no_end_in_sight(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 0.0
    progress = Progress("f", Numbers(), {"platform": "acme"}, clock=lambda: now)
    now = 5.0
    progress.add(2**20, 2**20, None)
    assert [record.message for record in caplog.records] == ["f: 1.0 MiB, 204.8 KiB/s"]

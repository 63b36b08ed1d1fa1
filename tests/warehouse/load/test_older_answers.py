"""The answer that was asked for last counts, in whatever order the loads run; in databases and in a lake."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count, zip_longest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse import servers
from tests.warehouse.conftest import NOW
from tests.warehouse.lake.lakes import land, read

Answer = dict[str, Any]
Load = Callable[..., dict[str, int]]
Make = Callable[..., dict[str, Any]]
Dump = Callable[[str], list[dict[str, Any]]]

_FINAL = {"ready", "gone"}
_RUNS = count()
OLD, NEW = "2026-05-02T00:00:00+00:00", "2026-05-03T00:00:00+00:00"


def _asked_at(minutes: int) -> datetime:
    return NOW - timedelta(days=1) + timedelta(minutes=minutes)


@st.composite
def _answers(draw: st.DrawFn) -> list[Answer]:
    """Answers about one recording in the order of their loads, each asked for at another time."""
    minutes = draw(st.lists(st.integers(0, 99), min_size=2, max_size=5, unique=True))
    found = []
    for minute in minutes:
        state, title = draw(st.sampled_from(["ready", "ready", "gone", "processing"])), draw(st.sampled_from("xyz"))
        files = [{"file_id": f"f-{title}", "kind": "video"}] if state == "ready" else []
        one = {"platform": "wecom", "recording_id": "a", "state": state, "title": title, "files": files, "source": {}}
        found.append({**one, "asked_at": _asked_at(minute).isoformat()})
    return found


def _expected(answers: Sequence[Answer]) -> tuple[Any, ...]:
    """Return the row after all loads: of the last answer that was asked for, a final one before others."""
    last = max(answers, key=lambda one: (one["state"] in _FINAL, one["asked_at"]))
    asked_at = datetime.fromisoformat(last["asked_at"]).replace(tzinfo=None)
    return last["state"], last["title"], str(asked_at), [file["file_id"] for file in last["files"]]


def _check(
    cases: Sequence[Sequence[Answer]], load: Callable[[list[Answer]], object], read_table: Callable[[str, str], Any]
) -> None:
    run = f"t-{next(_RUNS)}-"
    tenants = [[{**one, "tenant": f"{run}{number:03}"} for one in case] for number, case in enumerate(cases)]
    for answers in zip_longest(*tenants):
        load([one for one in answers if one])
    files: dict[str, list[str]] = {}
    for row in read_table("recording_files", run):
        if row["_deleted_at"] is None:
            files.setdefault(row["tenant"], []).append(row["file_id"])
    found = {
        row["tenant"]: (
            row["state"],
            row["title"],
            str(servers.as_text(row["asked_at"]))[:19],
            files.get(row["tenant"]),
        )
        for row in read_table("recordings", run)
    }
    for case in tenants:
        state, title, asked_at, listed = _expected(case)
        assert found[case[0]["tenant"]] == (state, title, asked_at, listed or None), case


def _explore(examples: int, check: Callable[[list[list[Answer]]], None]) -> None:
    # Not shrunk: the failure names its case, and each try is a load.
    @settings(
        deadline=None,
        max_examples=examples,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.reuse, Phase.generate],
    )
    @given(st.lists(_answers(), min_size=10, max_size=20))
    def run(cases: list[list[Answer]]) -> None:
        check(cases)

    run()


def test_last_answer_counts_in_any_order(hook: Hook, loaded: Load) -> None:
    def read_table(name: str, run: str) -> list[dict[str, Any]]:
        return servers.run_sql(hook, f"SELECT * FROM {name} WHERE tenant LIKE '{run}%'")

    load = lambda items: loaded(hook, items)  # noqa: E731
    _explore(5 if hook.conn_type == "sqlite" else 2, lambda cases: _check(cases, load, read_table))


def test_last_answer_counts_in_any_order_in_a_lake(tmp_path: Path) -> None:
    def read_table(name: str, run: str) -> list[dict[str, Any]]:
        return [row for row in read(tmp_path, name) if row["tenant"].startswith(run)]

    _explore(3, lambda cases: _check(cases, lambda items: land(tmp_path, items), read_table))


def test_older_answer_changes_nothing(load: Load, recording: Make, dump: Dump, now: datetime) -> None:
    (file,) = recording()["files"]
    load(recordings=[recording(asked_at=NEW)])
    before = dump("recordings"), dump("recording_files")
    older = recording(asked_at=OLD, title="before", state="gone", files=[{**file, "file_id": "f-0"}])
    counts = load(recordings=[older], now=now + timedelta(hours=1))
    assert (counts["recordings"], counts["recording_files"]) == (0, 0)
    assert (dump("recordings"), dump("recording_files")) == before


def test_equal_answer_is_newer_than_other_older_ones(load: Load, recording: Make, dump: Dump, now: datetime) -> None:
    load(recordings=[recording(asked_at=OLD)])
    (before,) = dump("recordings")
    assert load(recordings=[recording(asked_at=NEW)], now=now + timedelta(hours=1))["recordings"] == 0
    load(recordings=[recording(asked_at="2026-05-02T12:00:00+00:00", title="other")])
    (after,) = dump("recordings")
    assert {name for name in after if after[name] != before[name]} == {"asked_at"}
    assert after["asked_at"].startswith("2026-05-03 00:00:00")


def test_answer_without_time_counts_as_now(load: Load, recording: Make, dump: Dump, now: datetime) -> None:
    load(recordings=[recording(asked_at=OLD, title="other")])
    load(recordings=[recording()])
    before = dump("recordings")
    assert before[0]["asked_at"].startswith("2026-05-04 03:02:01")
    load(recordings=[recording(asked_at=NEW, title="other")])
    assert dump("recordings") == before
    load(recordings=[recording()], now=now + timedelta(hours=1))
    assert dump("recordings") == before  # the same load again changes nothing


def test_answer_from_the_future_counts_as_now(
    load: Load, recording: Make, dump: Dump, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = "2036-05-04T00:00:00+00:00"
    with caplog.at_level(logging.WARNING):
        load(recordings=[recording(recording_id=f"rec-{n}", asked_at=ahead, files=[]) for n in range(3)])
    (warning,) = [record.getMessage() for record in caplog.records if "a clock runs ahead" in record.getMessage()]
    assert "rec-0" in warning
    assert ahead in warning
    assert {row["asked_at"][:19] for row in dump("recordings")} == {"2026-05-04 03:02:01"}
    later = now + timedelta(hours=1)
    load(recordings=[recording(recording_id="rec-0", asked_at=later.isoformat(), title="new", files=[])], now=later)
    assert [row["title"] for row in dump("recordings") if row["recording_id"] == "rec-0"] == ["new"]


def test_answer_of_before_the_column_is_older(
    load: Load, recording: Make, dump: Dump, sql: Callable[[str], Any]
) -> None:
    for title in ("same", "same", "other"):
        load(recordings=[recording(asked_at=OLD, title=title)])
        assert [(row["title"], row["asked_at"][:19]) for row in dump("recordings")] == [(title, "2026-05-02 00:00:00")]
        sql("UPDATE recordings SET asked_at = NULL")

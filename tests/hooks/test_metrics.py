"""Metrics of tasks and triggers, and the log line of their API usage."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.observability.stats import Stats as TriggererStats
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability.stats import Stats as TaskStats

from airflow_provider_meetings.api import wait
from airflow_provider_meetings.api.ledger.items import DAY
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.emulator.seed.feishu import (
    DELETED_MINUTE_MEETING,
    PROCESSING_MEETING,
    READY_MEETING,
    READY_MINUTE,
    RUNNING_MEETING,
)
from airflow_provider_meetings.hooks.metrics import AirflowMeter
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.triggers import recordings
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger
from tests.api.ledger.test_state import item, seen

Metrics = list[tuple[str, Any, dict[str, str]]]
ROOT = Path(__file__).resolve().parents[2]
FEISHU = {"platform": "feishu"}
LINE = re.compile(
    r"Usage of (\w+): (\d+) calls(?: \((.*)\))?, (\d+) rate limited, [\d.]+ s waited, (\d+) rejected tokens"
)


def collected(stats: Any) -> Iterator[Metrics]:
    """Replace the backend of Airflow's metrics."""
    metrics: Metrics = []

    class Backend(NoStatsLogger):
        @classmethod
        def incr(cls, stat: str, count: int = 1, rate: float = 1, *, tags: Any = None) -> None:
            metrics.append((stat, count, tags))

        @classmethod
        def timing(cls, stat: str, dt: Any, *, tags: Any = None) -> None:
            metrics.append((stat, type(dt).__name__, tags))

        @classmethod
        def gauge(cls, stat: str, value: float, rate: float = 1, delta: bool = False, *, tags: Any = None) -> None:
            metrics.append((stat, value, tags))

    stats.initialize(factory=Backend, export_legacy_names=False)
    yield metrics
    stats.initialize(factory=NoStatsLogger, export_legacy_names=False)


@pytest.fixture
def task_metrics() -> Iterator[Metrics]:
    yield from collected(TaskStats)


@pytest.fixture
def triggerer_metrics() -> Iterator[Metrics]:
    yield from collected(TriggererStats)


def lines(printed: str) -> list[tuple[str, ...]]:
    """Parse the usage lines: platform, calls, calls by endpoint, rate-limited calls, rejected tokens."""
    return [found.groups() for found in LINE.finditer(printed)]


def api(metrics: Metrics) -> dict[tuple[str, str], int]:
    counted: dict[tuple[str, str], int] = {}
    for name, value, tags in metrics:
        if name.startswith("meetings.api.") and isinstance(value, int):
            assert tags["platform"] == "feishu"
            key = (name.removeprefix("meetings.api."), tags.get("endpoint", ""))
            counted[key] = counted.get(key, 0) + value
    return counted


def listing(*meeting_ids: str) -> ListRecordingsOperator:
    return ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default", meeting_ids=list(meeting_ids))


def sensor(*meeting_ids: str, **arguments: Any) -> RecordingReadySensor:
    return RecordingReadySensor(
        task_id="wait", meetings_conn_id="feishu_default", meeting_ids=list(meeting_ids), poke_interval=0, **arguments
    )


def test_listing(emulated: Any, context: Any, task_metrics: Metrics, capsys: pytest.CaptureFixture[str]) -> None:
    listing(READY_MEETING).execute(context)
    by_endpoint = "auth.tenant_access_token 1, meetings.recording 1, minutes.get 1"
    assert lines(capsys.readouterr().out) == [("feishu", "3", by_endpoint, "0", "0")]
    assert api(task_metrics) == {
        ("calls", "auth.tenant_access_token"): 1,
        ("calls", "meetings.recording"): 1,
        ("calls", "minutes.get"): 1,
    }


def test_rejected_token_and_rate_limit(
    emulated: Any, context: Any, task_metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    listing(READY_MEETING).execute(context)
    emulated.state.revoke_tokens()
    emulated.state.fail("feishu.minute", 99991400, times=1, reset=1)
    task_metrics.clear()
    capsys.readouterr()
    listing(READY_MEETING).execute(context)
    ((_, calls, _, refused, rejected),) = lines(capsys.readouterr().out)
    assert (calls, refused, rejected) == ("5", "1", "1")
    assert api(task_metrics) == {
        ("calls", "auth.tenant_access_token"): 1,
        ("calls", "meetings.recording"): 2,
        ("calls", "minutes.get"): 2,
        ("refused", "minutes.get"): 1,
        ("tokens_rejected", "meetings.recording"): 1,
    }
    assert ("meetings.api.waited", "timedelta", {**FEISHU, "endpoint": "minutes.get"}) in task_metrics


def test_posts_and_landing(emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings = listing(READY_MEETING).execute(context)
    capsys.readouterr()
    FeishuPostsOperator(task_id="posts", post_ids=["7571000000000000201"]).execute(context)
    RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", recordings=recordings, target=f"file://{tmp_path}"
    ).execute(context)
    found = [(calls, by_endpoint) for _, calls, by_endpoint, *_ in lines(capsys.readouterr().out)]
    assert found == [("1", "moments.posts 1"), ("1", "minutes.media 1")]


def test_landing(emulated: Any, context: Any, tmp_path: Path, task_metrics: Metrics) -> None:
    recordings = listing(READY_MEETING).execute(context)
    (stored,) = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", recordings=recordings, target=f"file://{tmp_path}"
    ).execute(context)
    kind = {**FEISHU, "kind": "video"}
    assert [row for row in task_metrics if row[0].startswith("meetings.landing.")] == [
        ("meetings.landing.bytes", stored["size"], kind),
        ("meetings.landing.duration", "timedelta", kind),
        ("meetings.landing.files", 1, {**FEISHU, "outcome": "landed"}),
    ]


def test_many_pokes_log_one_line(
    emulated: Any,
    context: Any,
    task_metrics: Metrics,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wait, "MIN_PAUSE_SECONDS", 0)
    emulated.state.not_ready_polls = 2
    sensor(PROCESSING_MEETING).execute(context)
    ((_, calls, *_),) = lines(capsys.readouterr().out)
    assert int(calls) == len(emulated.state.requests) == sum(api(task_metrics).values())


@pytest.mark.parametrize(
    "task",
    [
        listing("7571999999999999999999"),
        listing(READY_MEETING),
        sensor(DELETED_MINUTE_MEETING),
        sensor(RUNNING_MEETING, deferrable=True),
        sensor(RUNNING_MEETING, timeout=0),
    ],
)
def test_each_outcome_logs_one_line(emulated: Any, context: Any, task: Any, capsys: pytest.CaptureFixture[str]) -> None:
    if task.task_id == "list":
        emulated.connect("feishu", password="wrong-secret")
    with suppress(AirflowException, TaskDeferred):
        task.execute(context)
    assert len(lines(capsys.readouterr().out)) == 1


def test_no_line_without_client(
    emulated: Any, context: Any, task_metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    emulated.connect("feishu", password="")
    with pytest.raises(AirflowException):
        listing(READY_MEETING).execute(context)
    assert lines(capsys.readouterr().out) == []
    assert task_metrics == []


def test_trigger_uses_metrics_of_triggerer(
    emulated: Any,
    monkeypatch: pytest.MonkeyPatch,
    task_metrics: Metrics,
    triggerer_metrics: Metrics,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(recordings, "FIRST_POLL_SECONDS", 0)
    monkeypatch.setattr(wait, "MIN_PAUSE_SECONDS", 0)
    emulated.state.not_ready(READY_MINUTE, 2)
    trigger = RecordingReadyTrigger(
        meetings_conn_id="feishu_default",
        query={"recording_ids": [READY_MINUTE]},
        until="ready",
        schedule=wait.Schedule(started=time.time(), timeout=300, poke_interval=0).to_dict(),
    )

    async def outcome() -> list[Any]:
        return [event async for event in trigger.run()]

    asyncio.run(outcome())
    assert task_metrics == []
    assert [tags["endpoint"] for name, _, tags in triggerer_metrics if name == "meetings.api.calls"] == [
        "auth.tenant_access_token",
        *["minutes.get"] * 3,
    ]
    assert [line[1] for line in lines(capsys.readouterr().out)] == ["4"]


def test_documentation_lists_all_metrics() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "airflow_provider_meetings").rglob("*.py"))
    sent = set(re.findall(r'\.(?:count|timing|gauge)\(\s*"(meetings\.[a-z_.]+)"', sources))
    assert len(sent) > 5
    page = (ROOT / "docs/reference/metrics.rst").read_text()
    assert set(re.findall(r"^``(meetings\.[a-z_.]+)``", page, re.M)) == sent


def test_gauges_of_a_ledger(task_metrics: Metrics) -> None:
    open_item = item(seen=seen(started_at=200.0), first_seen=400.0, opened=frozenset({"e"}))
    expired = item(seen=seen(state="absent"), first_seen=-20 * DAY, opened=frozenset({"e"}))
    state = State(
        pipeline=(0.0, "e", ("feishu", "t")),
        items={"recording:1": open_item, "recording:2": expired},
        intervals={"window": ((0.0, 900.0),), "owner_id:a": ((0.0, 300.0),), "owner_id:left": ((0.0, 100.0),)},
        since={"window": 0.0, "owner_id:a": 0.0, "owner_id:left": 0.0},
    )
    AirflowMeter().ledger(state, 1000.0, ["window", "owner_id:a", "owner_id:new"])
    assert task_metrics == [
        ("meetings.ledger.oldest_open", 600.0, FEISHU),
        ("meetings.ledger.listed_behind", 700.0, FEISHU),
        ("meetings.ledger.settled_behind", 800.0, FEISHU),
    ]

"""A trigger that polls at once and pauses for no time."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_meetings.api.wait import Schedule
from airflow_provider_meetings.triggers import recordings
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(recordings, "asyncio", SimpleNamespace(sleep=sleep, timeout=asyncio.timeout))


def trigger(meeting_ids: list[str], *, timeout: float = 300, **changes: Any) -> RecordingReadyTrigger:
    arguments: dict[str, Any] = {
        "meetings_conn_id": "feishu_default",
        "query": {"meeting_ids": meeting_ids},
        "until": "ready",
        "schedule": Schedule(started=time.time(), timeout=timeout, poke_interval=0).to_dict(),
        **changes,
    }
    return RecordingReadyTrigger(**arguments)


def run(tested: RecordingReadyTrigger) -> dict[str, Any]:
    async def only() -> list[Any]:
        return [event.payload async for event in tested.run()]

    (payload,) = asyncio.run(only())
    json.dumps(payload)
    return dict(payload)

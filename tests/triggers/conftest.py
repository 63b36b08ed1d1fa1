"""A trigger with short pauses."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.triggers import recordings
from airflow_provider_meetings.triggers.recordings import RecordingReadyTrigger


@pytest.fixture(autouse=True)
def no_first_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "FIRST_POLL_SECONDS", 0)
    monkeypatch.setattr(recordings, "MIN_PAUSE_SECONDS", 0)


def trigger(meeting_ids: list[str], **changes: Any) -> RecordingReadyTrigger:
    arguments: dict[str, Any] = {
        "meetings_conn_id": "feishu_default",
        "query": {"meeting_ids": meeting_ids},
        "until": "ready",
        "poke_interval": 0,
        "deadline": (pendulum.now("UTC") + timedelta(minutes=5)).isoformat(),
        **changes,
    }
    return RecordingReadyTrigger(**arguments)


def run(tested: RecordingReadyTrigger) -> dict[str, Any]:
    async def only() -> list[Any]:
        return [event.payload async for event in tested.run()]

    (payload,) = asyncio.run(only())
    json.dumps(payload)
    return dict(payload)

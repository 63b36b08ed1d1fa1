"""A trigger that measures how late the triggerer's event loop wakes it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, Context
from airflow.triggers.base import BaseTrigger, TriggerEvent

_PAUSE_SECONDS = 0.05
_WRITE_EVERY = 100


class Ticker(BaseTrigger):
    """Append lines to a file: the time, the process, and how late each of a hundred wake-ups was, in seconds."""

    def __init__(self, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Ticker", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Measure until the end; yield no event."""
        late: list[float] = []
        while True:
            asleep = time.monotonic()
            await asyncio.sleep(_PAUSE_SECONDS)
            late.append(time.monotonic() - asleep - _PAUSE_SECONDS)
            if len(late) == _WRITE_EVERY:
                self._write(late)
                late.clear()
        yield TriggerEvent(None)  # type: ignore[unreachable]  # makes this a generator

    def _write(self, late: list[float]) -> None:
        with Path(self.path).open("a") as file:
            file.write(json.dumps([time.time(), [round(one, 5) for one in late]]) + "\n")


class TickerSensor(BaseSensorOperator):
    """Defer to a `Ticker`."""

    def __init__(self, *, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context: Context) -> None:
        self.defer(trigger=Ticker(self.path), method_name="execute_complete")

"""Run a function in the middle of a load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_meetings.warehouse.merge.engine import Engine


def after(step: str, engine: Engine, then: Callable[[], object], *, times: int = 1) -> None:
    """Call `then` once, after the engine has run `step` `times` times."""
    real = getattr(engine, step)
    left: list[Callable[[], object]] = [then, *[lambda: None] * (times - 1)]

    def stepped(*arguments: Any) -> Any:
        found = real(*arguments)
        if left:
            left.pop()()
        return found

    setattr(engine, step, stepped)

"""The inputs of a load of recordings, given as lists."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

from airflow_provider_meetings.warehouse.load.loader import Inputs


def inputs_of(
    recordings: Iterable[Any] = (),
    *,
    stored_files: Iterable[Any] = (),
    contents: Iterable[Any] | None = None,
    summaries: Iterable[Any] = (),
    ledger: Any = None,
) -> Inputs:
    found = SimpleNamespace(
        recordings=lambda: recordings,
        stored_files=lambda: stored_files,
        contents=lambda: contents,
        summaries=lambda: summaries,
        ledger=lambda: ledger,
    )
    return cast("Inputs", found)

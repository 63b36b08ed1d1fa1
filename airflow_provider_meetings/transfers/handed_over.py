"""What the tasks before handed over, as a load takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import Context

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Post, Recording, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.transfers import batches
from airflow_provider_meetings.warehouse.rows import RunKey

Value = TypeVar("Value", Recording, StoredFile, Post)
Read = Callable[[Any, str, Any], Iterator[Value]]


def given(read: Read[Value], value: Any, name: str, context: Context) -> Iterator[Value]:
    """Yield what an argument holds, also in files of JSON lines.

    :param read: `arguments.recordings` or its like.
    :raises InvalidRequest: as `read` does.
    """
    return read(batches.opened(value, name, context), name, context)


def plain(read: Read[Value], value: Any, name: str, context: Context) -> Iterator[Mapping[str, Any]]:
    """Yield the same as neutral dicts."""
    return (found.to_dict() for found in given(read, value, name, context))


def stored_files(value: Any, name: str, context: Context) -> Iterator[StoredFile]:
    """Yield stored files; none for None, which says that nothing was landed."""
    return iter(()) if value is None else given(arguments.stored_files, value, name, context)


def summaries(value: Any, name: str, context: Context) -> Iterator[Mapping[str, Any]]:
    """Yield the summaries of listings; none for None.

    :raises InvalidRequest: for what is no such summary, naming the argument.
    """
    for summary in () if value is None else arguments.items(value, name, context):
        windows = summary.get("windows")
        if not isinstance(windows, list) or not all(isinstance(window, Mapping) for window in windows):
            raise InvalidRequest(f'{name} is not that of a listing: hand over XComArg(listing, key="summary")')
        yield summary


def run_key(context: Context) -> RunKey:
    """Return which try of which task this is."""
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
    )

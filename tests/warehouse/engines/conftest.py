"""A concurrent writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.merge.engine import Hook


@pytest.fixture
def other(hook: Hook, loaded: Callable[..., dict[str, int]], recording: Callable[..., dict[str, Any]]) -> Iterator[Any]:
    """A connection with an uncommitted change of the only row."""
    loaded(hook, [recording(title="before", files=[])])
    with closing(hook.get_conn()) as connection:
        connection.cursor().execute("UPDATE recordings SET meeting_id = 'other'")
        yield connection

"""The error of a load: the table, its key and a reason, never a value of a row."""

from __future__ import annotations

from typing import Self

from sqlalchemy import Table


class LoadError(Exception):
    """A load failed, and nothing of it was written.

    Driver errors contain values (titles, names), and logs and alerts show exceptions. So this error contains no driver
    text, and is raised outside the ``except`` block, without the driver's error as its cause or context.

    The text says what happened and what to do next, free of values.
    """

    write_conflict = False
    """Whether the load conflicted with another writer, so that a retry may succeed."""

    @classmethod
    def at(cls, table: Table, reason: str) -> Self:
        key = ", ".join(column.name for column in table.primary_key)
        return cls(f"table {table.name!r}{f' (key: {key})' if key else ''}: {reason}")

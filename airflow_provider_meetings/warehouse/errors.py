"""The error of a load: the table, its key and a reason, never a value of a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sqlalchemy import Table


class LoadError(Exception):
    """A load failed, and nothing of it was written.

    Driver errors contain values (titles, names), and logs and alerts show exceptions. So this error contains no driver
    text, and is raised outside the ``except`` block, without the driver's error as its cause or context.

    :param reason: what happened and what to do next, free of values.
    :param table: the table, without schema.
    :param key: the names of its key columns.
    """

    write_conflict = False
    """Whether the load conflicted with another writer, so that a retry may succeed."""

    def __init__(self, reason: str, *, table: str | None = None, key: Sequence[str] = ()) -> None:
        where = f"table {table!r}" if table else ""
        if key:
            where += f" (key: {', '.join(key)})"
        super().__init__(f"{where}: {reason}" if where else reason)
        self.table = table
        self.key = tuple(key)

    @classmethod
    def at(cls, table: Table, reason: str) -> Self:
        """Return an error for `table`, with its key columns."""
        return cls(reason, table=table.name, key=[column.name for column in table.primary_key])

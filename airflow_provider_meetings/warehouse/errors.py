"""What a load that failed tells: the table, its key and a reason, never what stands in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from sqlalchemy import Table


class LoadError(Exception):
    """A load failed, and nothing of it was written.

    A driver's own text repeats values (titles, names), and logs and alerts repeat the text of an exception.
    So this error carries no driver text, and it is raised outside the ``except`` block: it has no cause and no
    context that could show one.

    :param reason: what happened and what to do next, free of values.
    :param table: the table, without schema.
    :param key: the names of its key columns.
    """

    contended = False
    """Whether another writer was in the way, so that the same may work now."""

    def __init__(self, reason: str, *, table: str | None = None, key: Sequence[str] = ()) -> None:
        where = f"table {table!r}" if table else ""
        if key:
            where += f" (key: {', '.join(key)})"
        super().__init__(f"{where}: {reason}" if where else reason)
        self.table = table
        self.key = tuple(key)

    @classmethod
    def at(cls, table: Table, reason: str) -> Self:
        """Name `table` and its key columns, and say what happened there."""
        return cls(reason, table=table.name, key=[column.name for column in table.primary_key])

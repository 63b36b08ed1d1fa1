"""Build rows of one table from neutral dicts, fast: what can be decided once per table is not decided per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.values import Unfit, converter, digest

Row = tuple[Any, ...]
"""A row: text, int, bool, aware UTC datetime or None, in the order of its columns; JSON is its canonical text."""


class Builder:
    """Take the columns `names` of `table` from dicts.

    :param hashed: put behind them the hash of all, as a further value of each row.
    """

    def __init__(self, table: Table, names: Sequence[str], *, hashed: bool = False) -> None:
        self.names = tuple(names)
        self._table = table
        self._hashed = hashed
        columns: list[Column[Any]] = [table.c[name] for name in self.names]
        self._steps = [(c.name, c.info.get("source"), converter(c), c.primary_key) for c in columns]

    def __call__(self, data: Mapping[str, Any]) -> Row:
        """Return the row; what is not in `data` is None.

        :raises LoadError: for a value that is not of its column's type, and for a key column without a value.
        """
        row: list[Any] = []
        told: list[Any] = []
        name = ""
        try:
            for name, source, convert, key in self._steps:
                value = (data.get("source") or {}).get(source) if source and name not in data else data.get(name)
                if value is not None:
                    value = convert(value)
                    # NULLs stay out of the hash: a column that a later version adds changes no old row's.
                    told += (name, value)
                if key and value in (None, ""):
                    raise Unfit("has no value, and is part of the key")
                row.append(value)
        except Unfit as unfit:
            fault = str(unfit)
        else:
            if self._hashed:
                row.append(digest(told))
            return tuple(row)
        # Raised here, after the except block: the context would else show the value.
        raise LoadError.at(self._table, f"column {name!r} {fault}")

"""Build rows of one table from neutral dicts, a batch at a time and column by column: ten times as fast as by rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Table

from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.convert import Unfit, column_of

Row = tuple[Any, ...]
"""A row: text, int, bool, aware UTC datetime or None, in the order of its columns; JSON is its canonical text."""

_encode = msgspec.json.Encoder().encode


class Builder:
    """Take the columns `names` of `table` from dicts.

    :param hashed: put behind them the hash of all, as a further value of each row.
    :param silent: columns whose empty value tells nothing, and is None.
    """

    def __init__(self, table: Table, names: Sequence[str], *, hashed: bool = False, silent: Sequence[str] = ()) -> None:
        self.names = tuple(names)
        self._table = table
        self._hashed = hashed
        self._silent = frozenset(silent)
        self._columns: list[Column[Any]] = [table.c[name] for name in self.names]
        # NULLs stay out of the hash: a column that a later version adds changes no old row's.
        fields = [(str(name), Any, None) for name in self.names]
        self._hashable = msgspec.defstruct("Hashable", fields, omit_defaults=True)

    def __call__(self, batch: Sequence[Mapping[str, Any]], *more: Any) -> list[Row]:
        """Return a row for each dict, with `more` behind it; what a dict does not have is None.

        :param more: further values, each of all rows alike or, as a list, each row's own.
        :raises LoadError: for a value that is not of its column's type, and for a key column without a value.
        """
        columns: list[Sequence[Any]] = [self._built(column, batch) for column in self._columns]
        if self._hashed:
            sha256, hashable = hashlib.sha256, self._hashable
            columns.append([sha256(_encode(hashable(*row))).hexdigest() for row in zip(*columns, strict=True)])
        columns += [value if isinstance(value, list) else [value] * len(batch) for value in more]
        return list(zip(*columns, strict=True))

    def _built(self, column: Column[Any], batch: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        name = column.name
        try:
            if not column.info.get("from_source"):
                given = [data.get(name) for data in batch]
            else:
                given = [_own(data, name) for data in batch]
            if name in self._silent:
                given = [value or None for value in given]
            found = column_of(column, given)
            if column.primary_key and (None in found or "" in found):
                raise Unfit("has no value, and is part of the key")
            return found
        except Unfit as unfit:
            fault = str(unfit)
        except Exception as error:  # whatever values of other classes do: its text may be theirs
            fault = f"cannot be read ({type(error).__name__})"
        # Raised here, after the except block: the context would else show the value.
        raise LoadError.at(self._table, f"column {name!r} {fault}")


def _own(data: Mapping[str, Any], name: str) -> Any:
    """Return the platform's own field that the column takes."""
    if name in data:
        return data[name]
    field = manifests().get(data.get("platform") or "", {}).get("columns", {}).get(name)
    return (data.get("source") or {}).get(field)

"""Build rows of a table from neutral dicts, by batch and column: ten times as fast as row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Table

from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.convert import ConversionError, convert_column

Row = tuple[Any, ...]
"""A row: text, int, bool, aware UTC datetime or None, in the order of its columns; JSON is its canonical text."""

_encode = msgspec.json.Encoder().encode


class Builder:
    """Build rows with the columns `names` of `table`.

    :param hashed: append a hash of these columns to each row, except `unhashed`.
    :param empty_as_null: columns whose empty values become None.
    """

    def __init__(
        self,
        table: Table,
        names: Sequence[str],
        *,
        hashed: bool = False,
        unhashed: Sequence[str] = (),
        empty_as_null: Sequence[str] = (),
    ) -> None:
        self.names = tuple(names)
        self._table = table
        self._hashed = hashed
        self._empty_as_null = frozenset(empty_as_null)
        self._columns: list[Column[Any]] = [table.c[name] for name in self.names]
        # NULLs are not hashed: a column that a later version adds does not change the hash of existing rows.
        self._positions = [n for n, name in enumerate(self.names) if name not in unhashed]
        fields = [(str(self.names[n]), Any, None) for n in self._positions]
        self._hashable = msgspec.defstruct("Hashable", fields, omit_defaults=True)

    def __call__(self, batch: Sequence[Mapping[str, Any]], *more: Any) -> list[Row]:
        """Return a row for each dict; a missing value is None.

        :param more: values to append to each row: one for all rows, or a list with one per row.
        :raises LoadError: for a value that does not have the column's type, and for a key column without a value.
        """
        columns: list[Sequence[Any]] = [self._convert(column, batch) for column in self._columns]
        if self._hashed:
            sha256, hashable = hashlib.sha256, self._hashable
            content = [columns[n] for n in self._positions]
            columns.append([sha256(_encode(hashable(*row))).hexdigest() for row in zip(*content, strict=True)])
        columns += [value if isinstance(value, list) else [value] * len(batch) for value in more]
        return list(zip(*columns, strict=True))

    def _convert(self, column: Column[Any], batch: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
        name = column.name
        try:
            if not column.info.get("from_source"):
                values = [data.get(name) for data in batch]
            else:
                values = [_source_field(data, name) for data in batch]
            if name in self._empty_as_null:
                values = [value or None for value in values]
            found = convert_column(column, values)
            if column.primary_key and (None in found or "" in found):
                raise ConversionError("has no value, and is part of the key")
            return found
        except ConversionError as error:
            reason = str(error)
        except Exception as error:  # values of foreign classes may raise anything, with any text
            reason = f"cannot be read ({type(error).__name__})"
        # Raised after the except block: the context would show the value otherwise.
        raise LoadError.at(self._table, f"column {name!r} {reason}")


def _source_field(data: Mapping[str, Any], name: str) -> Any:
    if name in data:
        return data[name]
    field = manifests().get(data.get("platform") or "", {}).get("columns", {}).get(name)
    return (data.get("source") or {}).get(field)

"""Erase rows of a database in one transaction, and rows of a lake partition by partition."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Table, delete, literal_column, select, tuple_, update

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.warehouse.erase.eraser import Counts, Eraser
from airflow_provider_meetings.warehouse.lake import parquet, partitions
from airflow_provider_meetings.warehouse.load.migrate import change, check
from airflow_provider_meetings.warehouse.load.rounds import BATCH, StagedRows
from airflow_provider_meetings.warehouse.load.session import Session, session
from airflow_provider_meetings.warehouse.merge.convert import json_text
from airflow_provider_meetings.warehouse.merge.engine import Engine
from airflow_provider_meetings.warehouse.merge.row_builder import Builder
from airflow_provider_meetings.warehouse.merge.staging import stage
from airflow_provider_meetings.warehouse.merge.statements import DmlStep, Merge
from airflow_provider_meetings.warehouse.tables.tables import Tables, tables

Row = dict[str, Any]
Erasures = Iterable[Mapping[str, Any]]
"""Rows of the table `erasures`, neutral."""


def erase_rows(engine: Engine, target: Tables, eraser: Eraser, now: datetime, erasures: Erasures | None) -> Counts:
    """Remove and redact the rows of a database, and add `erasures`; if these are None, only count.

    Once there is nothing left, what deleted rows have left in the file of a database is removed as well.

    :raises LoadError: nothing was changed.
    """
    counts, steps = Counts(), list[DmlStep]()
    with session(engine) as current:
        if erasures is not None:
            current.lock_ddl()  # two erasures would bring back each other's names, in columns that have both
        for table in target:
            name, existing = table.name.removeprefix(target.prefix), current.shape(table).columns
            for row in _rows(current, table, existing) if existing and table is not target.erasures else ():
                its = [column == row[column.name] for column in table.primary_key]
                if (changes := eraser.row(table, name, row)) is None:
                    counts[name, "removed"] += 1
                    steps.append(DmlStep(table, delete(table).where(*its)))
                elif changes:
                    counts[name, "redacted"] += 1
                    times = row.keys() & {"_landed_at"}
                    changes |= dict.fromkeys(times, now)
                    its += [table.c[time] == row[time] for time in times]  # else changed since: the next pass finds it
                    steps.append(DmlStep(table, update(table).where(*its).values(changes)))
        if erasures is not None:
            missing = check(current, [target.erasures], "add")
            into = stage("erasures", target.erasures, target.erasures.c.keys())
            current.begin_staging()
            StagedRows(current, [into]).add(into, Builder(target.erasures, into.names)([*erasures]))
            current.merge(
                [into], [Merge(into), *steps], partial(change, current, [target.erasures]) if missing else None
            )
            if not counts:
                current.wipe()
    return counts


def erase_lake(store: Store, eraser: Eraser, now: datetime, erasures: Erasures | None) -> Counts:
    """Do the same in a lake, one partition after the other; the rows of `erasures` first.

    :raises BlockingIOError: if another process replaces a partition; then erase again.
    :raises OSError: if the store fails.
    """
    parquet.check_installed()
    counts, shape, at = Counts(), tables(), now.isoformat(" ", "microseconds")
    if erasures is not None:
        new = {row["subject_hash"]: {**row, "erased_at": at, "counts": json_text(row["counts"])} for row in erasures}

        def add(rows: Iterator[Row], found: Counter[str]) -> Iterator[Row]:
            found["added"] = len(new)
            yield from [row for row in rows if row["subject_hash"] not in new]
            yield from new.values()

        _replace(store, shape.erasures, partitions.DEFAULT, add, write=True)
        for upload in store.partial_uploads():  # of a killed load
            if partitions.is_object(upload.key):
                store.remove(upload)
    for table in shape:

        def erase(rows: Iterator[Row], found: Counter[str], table: Table = table) -> Iterator[Row]:
            for row in rows:
                changes = eraser.row(table, table.name, row)
                found["removed"] += changes is None
                found["redacted"] += bool(changes)
                if changes is not None:
                    yield {**row, **changes, **dict.fromkeys(row.keys() & {"_landed_at"} if changes else (), at)}

        days = [partitions.DEFAULT, *partitions.days(store, table.name)] if table is not shape.erasures else []
        for day in days:
            found = _replace(store, table, day, erase, write=erasures is not None)
            counts.update({(table.name, what): number for what, number in found.items()})
            counts[table.name, "partitions"] += any(found.values())
    return +counts


def forgotten_in_database(engine: Engine, target: Tables, remove: Collection[str] = ()) -> set[str]:
    """Return the hashes of what was forgotten; see `erasures`.

    :param remove: hashes whose rows are removed.
    """
    table = target.erasures
    with session(engine) as current:
        columns = current.shape(table).columns
        found = {row["subject_hash"] for row in _rows(current, table, columns)} if columns else set[str]()
        if gone := found.intersection(remove):
            current.begin_staging()
            current.merge([], [DmlStep(table, delete(table).where(table.c.subject_hash == one)) for one in gone])
    return found


def forgotten_in_lake(store: Store, remove: Collection[str] = ()) -> set[str]:
    """Do the same in a lake."""
    parquet.check_installed()
    found = set[str]()

    def note(rows: Iterator[Row], removed: Counter[str]) -> Iterator[Row]:
        for row in rows:
            found.add(one := row["subject_hash"])
            removed[one] += one in remove
            if one not in remove:
                yield row

    _replace(store, tables().erasures, partitions.DEFAULT, note, write=bool(remove))
    return found


def _rows(current: Session, table: Table, existing: Collection[str]) -> Iterator[Row]:
    """Yield all rows, page by page; columns that the table lacks are left out."""
    key, after = list(table.primary_key), None
    columns = [column for column in table.columns if column.name in existing]
    while True:
        page = select(*columns).order_by(*key).limit(literal_column(str(BATCH)))
        found = current.rows(table, page if after is None else page.where(tuple_(*key) > tuple_(*after)))
        rows = [dict(zip((column.name for column in columns), row, strict=True)) for row in found]
        yield from rows
        if len(rows) < BATCH:
            return
        after = [rows[-1][column.name] for column in key]


def _replace(
    store: Store,
    table: Table,
    day: str,
    changed: Callable[[Iterator[Row], Counter[str]], Iterator[Row]],
    *,
    write: bool,
) -> Counter[str]:
    """Replace a partition if there is something to change; return what `changed` has counted."""
    names, key, found = table.c.keys(), partitions.key(table.name, day), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="airflow-meetings-erase-") as folder:
        old, new = Path(folder) / "old.parquet", Path(folder) / "new.parquet"
        seen = partitions.fetch(store, key, old)
        read = parquet.read(old, table, store.uri(key)) if seen.stat else ()
        rows = (dict(zip(names, row, strict=True)) for batch in read for row in batch)
        parquet.write(new, table, (tuple(row[name] for name in names) for row in changed(rows, found)))
        if write and any(found.values()):
            partitions.publish(store, key, new, seen)
    return found

"""Erase rows of a database in one transaction, and of a lake table by table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Table, delete, literal_column, select, tuple_, update

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.warehouse.erase.eraser import Counts, Eraser
from airflow_provider_meetings.warehouse.lake import partitions
from airflow_provider_meetings.warehouse.lake.attempt import whole_table
from airflow_provider_meetings.warehouse.load.migrate import change, check
from airflow_provider_meetings.warehouse.load.rounds import BATCH, StagedRows
from airflow_provider_meetings.warehouse.load.session import Session, session
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
    with session(engine) as current:
        if erasures is not None:
            current.lock_ddl()  # two erasures would bring back each other's names, in columns that have both
        counts, steps = _found(current, target, target.prefix, eraser, now)
        if erasures is not None:
            _write(current, target.erasures, erasures, steps)
            if not counts:
                current.wipe()
    return counts


def erase_lake(store: Store, eraser: Eraser, now: datetime, erasures: Erasures | None) -> Counts:
    """Do the same in a lake, one table after the other; the rows of `erasures` first.

    :raises BlockingIOError: if another process replaces a partition; then erase again.
    :raises OSError: if the store fails.
    """
    shape, counts = tables(), Counts()
    if erasures is not None:
        with whole_table(store, shape.erasures) as attempt, session(attempt.engine) as current:
            _write(current, shape.erasures, erasures)
            attempt.finish()
        for upload in store.partial_uploads():  # of a killed load
            if partitions.is_object(upload.key):
                store.remove(upload)
    for table in shape:
        if not partitions.exist(store, table.name):
            continue
        with whole_table(store, table) as attempt, session(attempt.engine) as current:
            found, steps = _found(current, [table], "", eraser, now)
            if steps:
                current.begin_staging()
                current.merge([], steps)
                found[table.name, "partitions"] = len(attempt.changed())
            if steps and erasures is not None:
                attempt.finish()
            counts += found
    return counts


def forgotten_in_database(engine: Engine, table: Table, remove: Collection[str] = ()) -> set[str]:
    """Return the hashes of what was forgotten, from the table `erasures`.

    :param remove: hashes whose rows are removed.
    """
    with session(engine) as current:
        columns = current.shape(table).columns
        found = {row["subject_hash"] for row in _rows(current, table, columns)} if columns else set[str]()
        if gone := found.intersection(remove):
            current.begin_staging()
            current.merge([], [DmlStep(table, delete(table).where(table.c.subject_hash == one)) for one in gone])
    return found


def forgotten_in_lake(store: Store, remove: Collection[str] = ()) -> set[str]:
    """Do the same in a lake."""
    table = tables().erasures
    if store.stat(partitions.key(table.name, partitions.DEFAULT)) is None:  # asked several times by each load
        return set()
    with whole_table(store, table) as attempt:
        found = forgotten_in_database(attempt.engine, table, remove)
        if found.intersection(remove):
            attempt.finish()
    return found


def _found(
    current: Session, target: Iterable[Table], prefix: str, eraser: Eraser, now: datetime
) -> tuple[Counts, list[DmlStep]]:
    """Return what goes and what changes, counted and as statements."""
    counts, steps = Counts(), list[DmlStep]()
    for table in target:
        name, existing = table.name.removeprefix(prefix), current.shape(table).columns
        for row in _rows(current, table, existing) if existing and name != "erasures" else ():
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
    return counts, steps


def _write(current: Session, table: Table, erasures: Erasures, steps: Iterable[DmlStep] = ()) -> None:
    missing = check(current, [table], "add")
    into = stage("erasures", table, table.c.keys())
    current.begin_staging()
    StagedRows(current, [into]).add(into, Builder(table, into.names)([*erasures]))
    current.merge([into], [Merge(into), *steps], partial(change, current, [table]) if missing else None)


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

"""One attempt at a load: read the affected partitions, merge, write the changed partitions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.api.landing.store import Precondition, Store
from airflow_provider_meetings.warehouse.lake import parquet, partitions
from airflow_provider_meetings.warehouse.lake.partitions import DEFAULT
from airflow_provider_meetings.warehouse.lake.scratch import Family, Scratch
from airflow_provider_meetings.warehouse.merge.row_builder import Row

Written = tuple[tuple[str, str], int]
"""A partition that was replaced, by table and day, and its number of rows."""


@contextmanager
def attempt_at(store: Store, family: Family, *, idle: Sequence[Table] = ()) -> Iterator[Attempt]:
    """Yield an attempt with an empty scratch database.

    Its folder is readable for this user only; after a kill, the system's cleanup of /tmp removes it.
    """
    parquet.check_installed()
    with tempfile.TemporaryDirectory(prefix="airflow-meetings-lake-") as folder:
        path = Path(folder)
        with closing(Scratch(path / "scratch.duckdb", family)) as scratch:
            yield Attempt(store, family, scratch, path, idle=idle)


@contextmanager
def whole_table(store: Store, table: Table) -> Iterator[Attempt]:
    """Yield an attempt that has gathered all partitions of a table, whose rows keep their day."""
    with attempt_at(store, Family(head=table)) as attempt:
        attempt.read(table, [DEFAULT, *partitions.days(store, table.name)])
        yield attempt


class Attempt:
    """Merge into the current partitions.

    :param folder: for downloaded and new objects.
    :param idle: owned tables that the load does not write; their rows only follow the rows of the head.
    """

    def __init__(
        self, store: Store, family: Family, scratch: Scratch, folder: Path, *, idle: Sequence[Table] = ()
    ) -> None:
        self.engine = scratch.engine
        self._store = store
        self._family = family
        self._idle = idle
        self._scratch = scratch
        self._folder = folder
        self._seen: dict[tuple[Table, str], Precondition] = {}

    def gather(self, incoming: Iterable[Sequence[Row]]) -> None:
        """Read all partitions that rows may leave or enter.

        :param incoming: keys of the head, each followed by the day of its row, or None if the day is unknown.
        """
        head = self._family.head
        for batch in incoming:
            self._scratch.add_keys(batch)
        days = [DEFAULT, *self._scratch.incoming_days()]
        self.read(head, days)
        # A more precise start can move a row to the next or previous day.
        nearby = {neighbour for day in days[1:] for neighbour in _neighbours(day)}
        for day in sorted(nearby.difference(days)):
            self._search(day)
        if self._scratch.missing():
            # A deleted recording has only an id, a landed file has no start: search all partitions.
            for day in sorted(partitions.days(self._store, head.name), reverse=True):
                if (head, day) not in self._seen and self._search(day) and not self._scratch.missing():
                    break
        gathered = [day for table, day in self._seen if table is head]
        for table in self._family.owned:
            self.read(table, [DEFAULT] if table in self._idle else gathered)
        for table in self._family.undated:
            self.read(table, [DEFAULT])

    def changed(self) -> set[str]:
        """Return the days of the head whose rows have changed."""
        self._scratch.place(self._family.head)
        return self._scratch.changed(self._family.head)

    def finish(self) -> None:
        """Replace the changed partitions; see `write`."""
        for _ in self.write():
            pass

    def write(self) -> Iterator[Written]:
        """Replace the changed partitions: the destination of a moved row always before its source.

        Rows of the head leave their old day last. After a crash, the next run finds the unfinished moves by them.

        :raises BlockingIOError: if another process writes one of the partitions, or has done so since it was read.
        """
        head = self._family.head
        for table in self._family.tables:
            self._scratch.place(table)
        for table in self._idle:
            self._follow(table)
        yield from self._write_destinations(head)
        for table in self._family.owned:
            yield from self._write_destinations(table)
            yield from self._write_sources(table)
        yield from self._write_sources(head)
        for table in self._family.undated:
            yield from self._write_destinations(table)

    def _follow(self, table: Table) -> None:
        """Read the partitions of an idle table whose rows move, and the partitions that they move to."""
        days = {source for source, _ in self._scratch.moves(self._family.head)}
        while days := {*days, *(to for _, to in self._scratch.moves(table))} - self._days(table):
            self.read(table, sorted(days))
            self._scratch.place(table)

    def _write_destinations(self, table: Table) -> Iterator[Written]:
        """Replace the partitions that rows enter or change in; rows that leave such a partition stay for now."""
        moves = self._scratch.moves(table)
        sources = {source for source, _ in moves}
        for day in sorted(self._scratch.changed(table) - sources):
            yield from self._replace(table, day)
        for day in sorted(sources & {to for _, to in moves}):
            yield from self._replace(table, day, leaving=True)

    def _write_sources(self, table: Table) -> Iterator[Written]:
        """Replace the partitions that rows leave."""
        for day in sorted({source for source, _ in self._scratch.moves(table)}):
            yield from self._replace(table, day)

    def _days(self, table: Table) -> set[str]:
        return {day for each, day in self._seen if each is table}

    def _search(self, day: str) -> bool:
        """Read a partition of the head if it contains an incoming key; return whether it does."""
        head = self._family.head
        seen, path = self._fetch(head, day), self._path(day)
        found = bool(seen.stat) and self._scratch.has_key(self._name(head, day), path)
        if found:
            self._seen[head, day] = seen
            self._scratch.insert(head, {self._name(head, day): path})
        path.unlink(missing_ok=True)
        return found

    def read(self, table: Table, days: Iterable[str]) -> None:
        """Read partitions of a table."""
        files = {}
        for day in days:
            seen = self._seen[table, day] = self._seen.get((table, day)) or self._fetch(table, day)
            if seen.stat:
                files[self._name(table, day)] = self._path(day)
        if files:
            self._scratch.insert(table, files)
        for path in files.values():
            path.unlink()

    def _replace(self, table: Table, day: str, *, leaving: bool = False) -> Iterator[Written]:
        # A partition that was not read did not exist; if another process creates it now, `publish` raises.
        seen = self._seen.get((table, day)) or self._fetch(table, day)
        path = self._path(day)
        rows = self._scratch.write(table, day, path, leaving=leaving)
        if rows or seen.stat:
            published = partitions.publish(self._store, partitions.key(table.name, day), path, seen)
            self._seen[table, day] = published
            if published is not seen:
                yield (table.name, day), rows
        path.unlink()

    def _fetch(self, table: Table, day: str) -> Precondition:
        return partitions.fetch(self._store, partitions.key(table.name, day), self._path(day))

    def _path(self, day: str) -> Path:
        return self._folder / f"{day}.parquet"

    def _name(self, table: Table, day: str) -> str:
        return self._store.uri(partitions.key(table.name, day))


def _neighbours(day: str) -> Iterator[str]:
    for days in (-1, 1):
        try:
            yield (date.fromisoformat(day) + timedelta(days=days)).isoformat()
        except OverflowError:  # the first and the last day of the calendar
            continue

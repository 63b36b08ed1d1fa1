"""One attempt: read what is concerned, let the load run on it, write what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.api.landing.store import Precondition, Store
from airflow_provider_meetings.warehouse.lake import parquet, partitions
from airflow_provider_meetings.warehouse.lake.partitions import DEFAULT
from airflow_provider_meetings.warehouse.lake.scratch import Family, Scratch
from airflow_provider_meetings.warehouse.merge.row_builder import Row


@dataclass(frozen=True, slots=True)
class Written:
    """One partition that was replaced, and how many rows it has now."""

    table: str
    day: str
    rows: int


class Attempt:
    """Merge into the partitions as they stand now.

    :param scratch: an empty database.
    :param folder: where objects are kept while they are read or written.
    :param idle: the owned tables that the load does not write; their rows only follow their head's.
    """

    def __init__(
        self, store: Store, family: Family, scratch: Scratch, folder: Path, *, idle: Sequence[Table] = ()
    ) -> None:
        self._store = store
        self._family = family
        self._idle = idle
        self._scratch = scratch
        self._file = folder / "partition.parquet"
        self._seen: dict[tuple[Table, str], Precondition] = {}

    def gather(self, asked: Iterable[Sequence[Row]]) -> None:
        """Read the partitions that rows may come from or go to.

        :param asked: keys of the head, each with the day of its row behind it, None where it is not told.
        """
        head = self._family.head
        for batch in asked:
            self._scratch.ask(batch)
        days = [DEFAULT, *self._scratch.asked_days()]
        for day in days:
            self._put(head, day)
        # A start that is told more exactly may be another day's.
        near = {beside for day in days[1:] for beside in _beside(day)}
        for day in sorted(near.difference(days)):
            self._look(day)
        if self._scratch.unplaced():
            # Of what is gone only the id is told, of what was landed no start: it is looked for everywhere.
            for day in sorted(partitions.days(self._store, head.name), reverse=True):
                if (head, day) not in self._seen and self._look(day) and not self._scratch.unplaced():
                    break
        gathered = [day for table, day in self._seen if table is head]
        for table in self._family.owned:
            for day in [DEFAULT] if table in self._idle else gathered:
                self._put(table, day)
        for table in self._family.undated:
            self._put(table, DEFAULT)

    def write(self) -> Iterator[Written]:
        """Replace the partitions that have changed, each after those that its rows move to.

        The head's rows leave a day last of all: by them a run that follows a death finds what has not moved yet.

        :raises BlockingIOError: if another process writes one of them, or has since it was read.
        """
        head = self._family.head
        for table in self._family.tables:
            self._scratch.place(table)
        for table in self._idle:
            self._follow(table)
        yield from self._come(head)
        for table in self._family.owned:
            yield from self._come(table)
            yield from self._leave(table)
        yield from self._leave(head)
        for table in self._family.undated:
            yield from self._come(table)

    def _follow(self, table: Table) -> None:
        """Put in what moves although the load is not about it, and what stands where it moves to."""
        days = {source for source, _ in self._scratch.moves(self._family.head)}
        while days := {*days, *(to for _, to in self._scratch.moves(table))} - self._days(table):
            for day in sorted(days):
                self._put(table, day)
            self._scratch.place(table)

    def _come(self, table: Table) -> Iterator[Written]:
        """Replace the partitions that rows come to or change in; what leaves one of them stays in it for now."""
        moves = self._scratch.moves(table)
        losing = {source for source, _ in moves}
        for day in sorted((self._scratch.days(table) | self._days(table)) - losing):
            yield from self._replace(table, day)
        for day in sorted(losing & {to for _, to in moves}):
            yield from self._replace(table, day, leaving=True)

    def _leave(self, table: Table) -> Iterator[Written]:
        """Replace the partitions that rows move away from."""
        for day in sorted({source for source, _ in self._scratch.moves(table)}):
            yield from self._replace(table, day)

    def _days(self, table: Table) -> set[str]:
        return {day for each, day in self._seen if each is table}

    def _look(self, day: str) -> bool:
        """Put in a partition of the head if one of its keys is asked for; tell whether."""
        head = self._family.head
        seen = self._fetch(head, day)
        name = self._name(head, day)
        keys = parquet.read(self._file, head, name, self._family.key) if seen.stat else ()
        found = any(self._scratch.wants(batch) for batch in keys)
        if found:
            self._seen[head, day] = seen
            self._scratch.put(head, day, parquet.read(self._file, head, name))
        self._file.unlink(missing_ok=True)
        return found

    def _put(self, table: Table, day: str) -> None:
        seen = self._seen[table, day] = self._seen.get((table, day)) or self._fetch(table, day)
        if seen.stat:
            self._scratch.put(table, day, parquet.read(self._file, table, self._name(table, day)))
            self._file.unlink()

    def _replace(self, table: Table, day: str, *, leaving: bool = False) -> Iterator[Written]:
        # A day of which no object was read has none that we know of: who makes one meanwhile is met as another writer.
        seen = self._seen.get((table, day)) or self._fetch(table, day)
        rows = parquet.write(self._file, table, self._scratch.rows(table, day, leaving=leaving))
        if rows or seen.stat:
            now = partitions.publish(self._store, partitions.key(table.name, day), self._file, seen)
            self._seen[table, day] = now
            if now is not seen:
                yield Written(table.name, day, rows)
        self._file.unlink()

    def _fetch(self, table: Table, day: str) -> Precondition:
        return partitions.fetch(self._store, partitions.key(table.name, day), self._file)

    def _name(self, table: Table, day: str) -> str:
        return self._store.uri(partitions.key(table.name, day))


def _beside(day: str) -> Iterator[str]:
    for days in (-1, 1):
        try:
            yield (date.fromisoformat(day) + timedelta(days=days)).isoformat()
        except OverflowError:  # the first day, and the last
            continue

"""One attempt: read what is concerned, let the load run on it, write what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.api.store import Seen, Store
from airflow_provider_meetings.warehouse.build import Row
from airflow_provider_meetings.warehouse.lake import parquet, partitions
from airflow_provider_meetings.warehouse.lake.partitions import DEFAULT
from airflow_provider_meetings.warehouse.lake.scratch import Family, Scratch


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
    """

    def __init__(self, store: Store, family: Family, scratch: Scratch, folder: Path) -> None:
        self._store = store
        self._family = family
        self._scratch = scratch
        self._file = folder / "partition.parquet"
        self._seen: dict[tuple[Table, str], Seen] = {}

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
        for day in [day for table, day in self._seen if table is head]:
            for table in self._family.owned:
                self._put(table, day)
        for table in self._family.undated:
            self._put(table, DEFAULT)

    def write(self) -> Iterator[Written]:
        """Replace the partitions that have changed, each after those that its rows move to.

        :raises BlockingIOError: if another process writes one of them, or has since it was read.
        """
        self._scratch.place()
        for table in self._family.tables:
            moves = self._scratch.moves(table)
            losing = {source for source, _ in moves}
            # Those between which rows are exchanged hold both for a moment, for one of them is the first.
            for day in sorted(losing & {to for _, to in moves}):
                yield from self._replace(table, day, leaving=True)
            days = self._scratch.days(table) | {day for each, day in self._seen if each is table}
            for day in sorted(days, key=lambda day: (day in losing, day)):
                yield from self._replace(table, day)

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

    def _fetch(self, table: Table, day: str) -> Seen:
        return partitions.fetch(self._store, partitions.key(table.name, day), self._file)

    def _name(self, table: Table, day: str) -> str:
        return self._store.uri(partitions.key(table.name, day))


def _beside(day: str) -> Iterator[str]:
    for days in (-1, 1):
        try:
            yield (date.fromisoformat(day) + timedelta(days=days)).isoformat()
        except OverflowError:  # the first day, and the last
            continue

"""Load recordings or posts: one call, one transaction, safe to run again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, select

from airflow_provider_meetings.warehouse import rows, upsert
from airflow_provider_meetings.warehouse.engine import Engine, Hook
from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.schema import SchemaChanges, prepare
from airflow_provider_meetings.warehouse.session import Session, session
from airflow_provider_meetings.warehouse.tables import Tables, tables
from airflow_provider_meetings.warehouse.upsert import Columns, Upsert, When
from airflow_provider_meetings.warehouse.values import Row, moment

BATCH = 1000
"""How many input values are held at a time."""

_IN_LIST = 500

log = logging.getLogger(__name__)
Value = TypeVar("Value")


def load_recordings(
    hook: Hook,
    *,
    recordings: Iterable[Neutral],
    stored_files: Iterable[Neutral],
    summaries: Iterable[Neutral],
    run: RunKey,
    schema: str | None,
    table_prefix: str,
    schema_changes: SchemaChanges,
    now: datetime,
    engine: Engine | None = None,
) -> dict[str, int]:
    """Upsert recordings, their files, and the journal of how they came.

    :param recordings: neutral recordings; read once, in batches.
    :param stored_files: stored files, of any outcome.
    :param summaries: ``{"platform": .., "tenant": .., "windows": [..]}`` of each listing, its proof of completeness.
    :param run: the try of the task that loads.
    :param now: the time of this load, aware.
    :param engine: the database; by default the one for the hook's connection type.
    :return: rows inserted or changed per table, by name without prefix. A file of which both what is declared and
        what was landed changed counts twice. The journal tables count every row written.
    :raises LoadError: nothing of this call was written; missing tables and columns may have been added.
    """
    found = tables(table_prefix, schema)
    used = [found.recordings, found.recording_files, found.landings, found.pending_items, found.discovery_windows]
    with session(engine or engine_for(hook)) as opened:
        prepare(opened, used, schema_changes)
        load = _Load(opened, found, moment(now), used)
        for batch in _batches(recordings):
            load.recordings(batch)
        for batch in _batches(stored_files):
            load.stored_files(batch, run)
        for summary in summaries:
            load.write(found.discovery_windows, rows.window_rows(summary, run, load.now))
    return load.done()


def load_posts(
    hook: Hook,
    *,
    posts: Iterable[Neutral],
    schema: str | None,
    table_prefix: str,
    schema_changes: SchemaChanges,
    now: datetime,
    engine: Engine | None = None,
) -> dict[str, int]:
    """Upsert posts and their reactions; a deleted post is marked, and its other columns stay as they were.

    :param posts: neutral posts; read once, in batches.

    The other parameters, the result and the errors are those of `load_recordings`.
    """
    found = tables(table_prefix, schema)
    used = [found.posts, found.post_reactions]
    with session(engine or engine_for(hook)) as opened:
        prepare(opened, used, schema_changes)
        load = _Load(opened, found, moment(now), used)
        for batch in _batches(posts):
            load.posts(batch)
    return load.done()


class _Load:
    """The writes of one load, and how many rows they changed."""

    def __init__(self, opened: Session, found: Tables, now: datetime, used: Sequence[Table]) -> None:
        self.now = now
        self._session = opened
        self._tables = found
        self._prefix = len(found.recordings.name) - len("recordings")
        self._written = {table.name: 0 for table in used}

    def done(self) -> dict[str, int]:
        """Return the counts by table without prefix, and log them."""
        counts = {name[self._prefix :]: count for name, count in self._written.items()}
        log.info("Rows inserted or changed: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))
        return counts

    def recordings(self, batch: Sequence[Neutral]) -> None:
        """Write what one batch of recordings says of recordings, declared files and pending items."""
        named = (rows.recording_row(recording, self.now) for recording in batch)
        # A recording that is forbidden or gone now comes with its ids alone: what was known of it stays.
        self.write(self._tables.recordings, _present(named), fill=rows.KNOWN_OF_A_RECORDING, when=upsert.later_word)
        declared = (row for recording in batch for row in rows.declared_file_rows(recording, self.now))
        self.write(self._tables.recording_files, declared, when=upsert.source_changed)
        self._pending(batch)

    def stored_files(self, batch: Sequence[Neutral], run: RunKey) -> None:
        """Write one batch of stored files: the landed half of the files' rows, and the journal."""
        landed = (rows.stored_file_row(stored, self.now) for stored in batch)
        self.write(self._tables.recording_files, _present(landed), when=upsert.stored_changed)
        self.write(self._tables.landings, (rows.landing_row(stored, run, self.now) for stored in batch))

    def posts(self, batch: Sequence[Neutral]) -> None:
        """Write one batch of posts, and mark the reactions that they no longer have."""
        latest = {tuple(post.get(name) for name in ("platform", "tenant", "post_id")): post for post in batch}
        there = [post for post in latest.values() if not post.get("deleted")]
        gone = [post for post in latest.values() if post.get("deleted")]
        table = self._tables.posts
        self.write(table, (rows.post_row(post, self.now) for post in there), when=upsert.changed_or_back)
        self.write(table, (rows.tombstone_row(post, self.now) for post in gone), when=upsert.not_yet_deleted)
        self._reactions(there)

    def _reactions(self, there: Sequence[Neutral]) -> None:
        table = self._tables.post_reactions
        has = self.write(
            table,
            (row for post in there for row in rows.reaction_rows(post, self.now)),
            when=upsert.changed_or_back,
        )
        posts = [rows.tombstone_row(post, self.now) for post in there]
        marked = self._existing(table, posts, by="post_id", where=_null("_deleted_at"))
        gone = (rows.gone_reaction_row(key, self.now) for identity, key in marked.items() if identity not in has)
        self.write(table, gone, when=upsert.not_yet_deleted)

    def _pending(self, batch: Sequence[Neutral]) -> None:
        # The last word on a key wins, as it would if each recording came in a load of its own.
        waiting: dict[tuple[Any, ...], Row] = {}
        settling: dict[tuple[Any, ...], Row] = {}
        for recording in batch:
            keys = rows.item_keys(recording)
            waits = rows.waits(recording)
            for key in keys[:1] if waits else keys:
                row = rows.pending_row(recording, key, self.now)
                identity = (row["platform"], row["tenant"], row["item_key"])
                (settling if waits else waiting).pop(identity, None)
                (waiting if waits else settling)[identity] = row
        table = self._tables.pending_items
        ids = [{**row, "recording_id": row["item_key"]} for row in waiting.values()]
        for identity in self._existing(self._tables.recordings, ids, by="recording_id", where=upsert.answered):
            waiting.pop(identity, None)
        self.write(table, waiting.values(), keep={"first_seen_at"})
        open_items = self._existing(table, list(settling.values()), by="item_key", where=_null("settled_at"))
        # These rows are all there, read in this transaction: the upsert inserts none.
        settled = [row for identity, row in settling.items() if identity in open_items]
        self.write(table, settled, keep={"first_seen_at", "meeting_id"})

    def _existing(
        self, table: Table, wanted: Sequence[Row], *, by: str, where: Callable[[Columns], ColumnElement[bool]]
    ) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the keys of the rows like `wanted` in platform, tenant and `by` for which `where` holds."""
        owners: dict[tuple[str, str], set[str]] = {}
        for row in wanted:
            owners.setdefault((row["platform"], row["tenant"]), set()).add(row[by])
        keys = list(table.primary_key)
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for (platform, tenant), values in owners.items():
            for some in _batches(sorted(values), _IN_LIST):
                query = select(*keys).where(table.c.platform == platform, table.c.tenant == tenant)
                query = query.where(table.c[by].in_(some), where(table.c))
                for key in self._session.read(table, query):
                    found[tuple(key)] = dict(zip((column.name for column in keys), key, strict=True))
        return found

    def write(
        self,
        table: Table,
        given: Iterable[Row],
        *,
        keep: Iterable[str] = (),
        fill: Iterable[str] = (),
        when: When | None = None,
    ) -> Mapping[tuple[Any, ...], Row]:
        """Upsert rows; of those with the same key the last one wins. Return the rows by key."""
        keys = [column.name for column in table.primary_key]
        by_key = {tuple(row[name] for name in keys): row for row in given}
        if by_key:
            latest = list(by_key.values())
            change = Upsert(table, tuple(latest[0]), frozenset(keep), frozenset(fill), when)
            self._written[table.name] += self._session.upsert(change, latest)
        return by_key


def _null(name: str) -> Callable[[Columns], ColumnElement[bool]]:
    return lambda columns: columns[name].is_(None)


def _present(given: Iterable[Row | None]) -> Iterator[Row]:
    return (row for row in given if row is not None)


def _batches(given: Iterable[Value], size: int = BATCH) -> Iterator[list[Value]]:
    source = iter(given)
    while batch := list(islice(source, size)):
        yield batch

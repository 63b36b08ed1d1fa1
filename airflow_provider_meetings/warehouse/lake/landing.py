"""Land recordings or posts in a lake: read the partitions concerned, merge, replace them one by one."""

from __future__ import annotations

import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy import Table

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.warehouse.lake import parquet
from airflow_provider_meetings.warehouse.lake.attempt import Attempt
from airflow_provider_meetings.warehouse.lake.partitions import day_of
from airflow_provider_meetings.warehouse.lake.scratch import Family, Scratch
from airflow_provider_meetings.warehouse.load.loader import BATCH, load_posts, load_recordings
from airflow_provider_meetings.warehouse.load.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.merge import convert as values
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.privacy import rules as written
from airflow_provider_meetings.warehouse.tables.tables import tables

ATTEMPTS = 30
"""How often all is done again while other writers are in the way. Of those who clash one always gets on."""

Given = Callable[[], Iterable[Neutral]]
"""Reads an argument from its beginning; called again where another writer was in the way."""
Told = dict[str, dict[str, int]]
"""By table: ``files`` written, and ``rows`` in these."""

log = logging.getLogger(__name__)
_TABLES = tables()
_RECORDINGS = Family(
    head=_TABLES.recordings,
    time="started_at",
    owned=(_TABLES.recording_files, _TABLES.landings, *written.CONTENTS),
    # The clocks last: they say that all the rest is there.
    undated=(_TABLES.pending_items, _TABLES.discovery_windows, _TABLES.sync_clocks),
)
_POSTS = Family(head=_TABLES.posts, time="created_at", owned=(_TABLES.post_reactions,))


def land_recordings(
    store: Store,
    *,
    recordings: Given,
    stored_files: Given,
    summaries: Given,
    run: RunKey,
    now: datetime,
    contents: Callable[[], Iterable[Content] | None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Told:
    """Merge recordings, their files, what stands in these, and the journals into the partitions of their days.

    :param store: the lake's root; rows stand at ``{table}/dt={day}/rows.parquet``, day in UTC.
    :param recordings: neutral recordings.
    :param stored_files: stored files, of any outcome.
    :param summaries: summaries of listings, as `loader.load_recordings` takes them.
    :param run: the try of the task.
    :param now: the time of this load, aware.
    :param contents: files that were read back; None leaves their rows alone, which then only follow their recording.
    :raises LoadError: for what cannot be stored; nothing was written then.
    :raises OSError: as the store fails. Each partition is as it was or as it shall be; a further call does the rest.
    """

    def ask() -> Iterator[Row]:
        for recording in recordings():
            yield (*_key(recording, _RECORDINGS), day_of(recording.get("started_at")))
        for stored in stored_files():
            yield (*_key(stored, _RECORDINGS), None)

    def load(scratch: Scratch) -> None:
        load_recordings(
            scratch.hook,
            engine=scratch.engine,
            recordings=recordings(),
            stored_files=stored_files(),
            contents=contents(),
            summaries=summaries(),
            run=run,
            schema=None,
            table_prefix="",
            schema_changes="fail",
            now=now,
        )

    return _land(store, _RECORDINGS, ask, load, sleep, idle=written.CONTENTS if contents() is None else ())


def land_posts(store: Store, *, posts: Given, now: datetime, sleep: Callable[[float], None] = time.sleep) -> Told:
    """Merge posts and their reactions into the partitions of the posts' days; as `land_recordings`."""

    def ask() -> Iterator[Row]:
        for post in posts():
            yield (*_key(post, _POSTS), day_of(post.get("created_at")))

    def load(scratch: Scratch) -> None:
        load_posts(
            scratch.hook,
            engine=scratch.engine,
            posts=posts(),
            schema=None,
            table_prefix="",
            schema_changes="fail",
            now=now,
        )

    return _land(store, _POSTS, ask, load, sleep)


def _land(
    store: Store,
    family: Family,
    ask: Callable[[], Iterator[Row]],
    load: Callable[[Scratch], None],
    sleep: Callable[[float], None],
    idle: Sequence[Table] = (),
) -> Told:
    parquet.available()
    replaced: dict[tuple[str, str], int] = {}
    for attempt in range(ATTEMPTS):
        try:
            # Its own folder, which nobody else may read; what a killed worker leaves there is the system's to remove.
            with (
                tempfile.TemporaryDirectory(prefix="airflow-meetings-lake-") as folder,
                Scratch(Path(folder) / "scratch.sqlite", family) as scratch,
            ):
                merging = Attempt(store, family, scratch, Path(folder), idle=idle)
                merging.gather(_batches(row for row in ask() if None not in row[:-1]))
                load(scratch)
                # Not before: what is refused shall leave no trace.
                if not attempt:
                    _try_out(store)
                for each in merging.write():
                    replaced[each.table, each.day] = each.rows
            return _told(family, replaced)
        except BlockingIOError:
            if attempt == ATTEMPTS - 1:
                raise
        log.info("Another writer was in the way; merging again, try %s of %s", attempt + 2, ATTEMPTS)
        sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - only spreads the tries
    raise AssertionError("the last try either returns or raises")


def _try_out(store: Store) -> None:
    store.check_writable()
    if not store.guards():
        log.warning(
            "%s can not refuse to replace what another task has just replaced: let one task at a time write there, "
            "by a pool with one slot",
            store.uri(""),
        )


def _key(neutral: Neutral, family: Family) -> Row:
    """Return the head's key as it is stored; what has none yet stands in no partition of it."""
    found = [neutral.get(name) for name in family.key]
    return tuple(None if value is None else values.text(value) for value in found)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _told(family: Family, replaced: dict[tuple[str, str], int]) -> Told:
    told = {}
    for table in family.tables:
        rows = [count for (name, _), count in replaced.items() if name == table.name]
        told[table.name] = {"rows": sum(rows), "files": len(rows)}
    log.info("Rows in the files written: %s", ", ".join(f"{name} {t['rows']}" for name, t in told.items()))
    return told

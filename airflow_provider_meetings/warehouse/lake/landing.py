"""Load recordings or posts into a lake: read the affected partitions, merge, replace them one by one."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Table

from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.warehouse.lake.attempt import attempt_at
from airflow_provider_meetings.warehouse.lake.partitions import day_of
from airflow_provider_meetings.warehouse.lake.scratch import Family
from airflow_provider_meetings.warehouse.load.loader import Inputs, load_posts, load_recordings
from airflow_provider_meetings.warehouse.load.rounds import batches
from airflow_provider_meetings.warehouse.load.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.merge import convert
from airflow_provider_meetings.warehouse.merge.engine import Engine
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.privacy import rules
from airflow_provider_meetings.warehouse.tables.tables import tables

ATTEMPTS = 30
"""Maximum number of attempts on write conflicts. Of several conflicting writers, one always succeeds."""

Counts = dict[str, dict[str, int]]
"""By table: ``files`` written, and ``rows`` in them."""

log = logging.getLogger(__name__)
_TABLES = tables()
_RECORDINGS = Family(
    head=_TABLES.recordings,
    time="started_at",
    owned=(_TABLES.recording_files, _TABLES.landings, *rules.CONTENTS),
    # sync_clocks last: it states that all other rows are written.
    undated=(_TABLES.pending_items, _TABLES.discovery_windows, _TABLES.sync_clocks),
)
_POSTS = Family(head=_TABLES.posts, time="created_at", owned=(_TABLES.post_reactions,))


def land_recordings(
    store: Store,
    inputs: Inputs,
    *,
    run: RunKey,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> Counts:
    """Merge recordings, their files and artifacts, and the journals into the partitions of their days.

    :param store: the lake's root; rows are in ``{table}/dt={day}/rows.parquet``, the day in UTC.
    :param inputs: read again after a write conflict. Without contents, rows of artifacts only follow their recording.
        The other parameters are those of `loader.load_recordings`.
    :raises LoadError: for values that cannot be stored; nothing is written.
    :raises OSError: if the store fails. Each partition is then in its old or its new state; the next call completes
        the load.
    """

    def incoming() -> Iterator[Row]:
        key = _RECORDINGS.key
        for recording in inputs.recordings():
            yield (*_key(recording, key), day_of(recording.get("started_at")))
        for stored in inputs.stored_files():
            yield (*_key(stored, key), None)

    def load(engine: Engine) -> None:
        load_recordings(engine, inputs, run=run, now=now, schema_changes="fail")

    return _land(store, _RECORDINGS, incoming, load, sleep, idle=rules.CONTENTS if inputs.contents() is None else ())


def land_posts(
    store: Store,
    posts: Callable[[], Iterable[Neutral]],
    *,
    now: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> Counts:
    """Merge posts and their reactions into the partitions of the posts' days; see `land_recordings`."""

    def incoming() -> Iterator[Row]:
        key = _POSTS.key
        for post in posts():
            yield (*_key(post, key), day_of(post.get("created_at")))

    def load(engine: Engine) -> None:
        load_posts(engine, posts(), now=now, schema_changes="fail")

    return _land(store, _POSTS, incoming, load, sleep)


def _land(
    store: Store,
    family: Family,
    incoming: Callable[[], Iterator[Row]],
    load: Callable[[Engine], None],
    sleep: Callable[[float], None],
    idle: Sequence[Table] = (),
) -> Counts:
    replaced: dict[tuple[str, str], int] = {}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with attempt_at(store, family, idle=idle) as merging:
                merging.gather(batches(row for row in incoming() if None not in row[:-1]))
                load(merging.engine)
                # After the load: input that is refused must not create anything.
                if attempt == 1:
                    _check_store(store)
                for partition, count in merging.write():
                    replaced[partition] = count
            return _counts(family, replaced)
        except BlockingIOError:
            if attempt == ATTEMPTS:
                raise
        log.info("Write conflict; retrying merge (attempt %s of %s)", attempt + 1, ATTEMPTS)
        sleep(random.uniform(0, min(2.0, 0.05 * 2 ** (attempt - 1))))  # noqa: S311 - jitter
    raise AssertionError("the last attempt returns or raises")


def _check_store(store: Store) -> None:
    store.check_writable()
    if not store.supports_if_match():
        log.warning(
            "%s does not support conditional writes: use a pool with one slot, so that only one task writes at a time",
            store.uri(""),
        )


def _key(row: Neutral, names: Sequence[str]) -> Row:
    """Return the key of the head as it is stored; a part is None if the row has no id yet."""
    parts = [row.get(name) for name in names]
    return tuple(None if part is None else convert.text(part) for part in parts)


def _counts(family: Family, replaced: dict[tuple[str, str], int]) -> Counts:
    counts = {}
    for table in family.tables:
        rows = [count for (name, _), count in replaced.items() if name == table.name]
        counts[table.name] = {"rows": sum(rows), "files": len(rows)}
    log.info("Rows in written files: %s", ", ".join(f"{name} {found['rows']}" for name, found in counts.items()))
    return counts

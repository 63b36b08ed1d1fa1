"""Load recordings or posts: one call, one transaction, safe to run again.

The input is staged first, as it comes, in batches; only then are the tables touched, for as long as it takes to merge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count, islice

from sqlalchemy import Table

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.load.migrate import SchemaChanges, change, check, create_views
from airflow_provider_meetings.warehouse.load.plans import PostPlan, RecordingPlan
from airflow_provider_meetings.warehouse.load.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.load.session import Session, session
from airflow_provider_meetings.warehouse.load.transcripts import Content, ContentPlan
from airflow_provider_meetings.warehouse.merge import convert as values
from airflow_provider_meetings.warehouse.merge.engine import Engine, Hook
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.views import views

BATCH = 5000
"""How many input values are held at a time."""

log = logging.getLogger(__name__)


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
    contents: Iterable[Content] | None = None,
    engine: Engine | None = None,
) -> dict[str, int]:
    """Upsert recordings, their files, what stands in these, and the journal of how they came.

    :param recordings: neutral recordings; read once, in batches.
    :param stored_files: stored files, of any outcome.
    :param summaries: ``{"platform": .., "tenant": .., "windows": [..]}`` of each listing, its proof of completeness.
    :param run: the try of the task that loads.
    :param now: the time of this load, aware.
    :param contents: files that were read back; None leaves their tables alone.
    :param engine: the database; by default the one for the hook's connection type.
    :return: rows inserted or changed per table, by name without prefix. A file of which both what is declared and
        what was landed changed counts twice. The journal tables count every row written.
    :raises LoadError: nothing of this call was written. In MySQL, where that cannot be taken back, missing tables and
        columns may have been added.
    """
    found = tables(table_prefix, schema)
    at = values.moment(now)
    plan = RecordingPlan(found, at)
    texts = ContentPlan(found, at, read_back=contents is not None)
    used = [*plan.tables, *texts.tables]
    stages = [*plan.stages, *texts.stages]
    with session(engine or engine_for(hook)) as opened:
        missing = check(opened, used, schema_changes)
        staged = _Staged(opened, stages)
        first = 0
        for batch in _batches(recordings, "recordings"):
            # Numbers tell which files a later word on the same recording no longer declares.
            staged.add(plan.recordings, rows.numbered_recording_rows(batch, first, at))
            staged.add(plan.declared, rows.numbered_file_rows(batch, first, at))
            staged.add(plan.pending, rows.pending_rows(batch, at))
            first += len(batch)
        for batch in _batches(stored_files, "stored_files"):
            staged.add(plan.stored, rows.stored_file_rows(batch, at))
            staged.add(plan.landings, rows.landing_rows(batch, run, at))
        for summary in summaries:
            staged.add(plan.windows, rows.window_rows(summary, run, at))
            staged.add(plan.clocks, rows.clock_rows(summary, at))
        for content in contents or ():
            texts.add(content, staged.add)
        counts = opened.merge(stages, [*plan.steps(), *texts.steps()], _first(opened, used, missing))
        if schema_changes == "add":
            create_views(opened, views(found))
    return _told(counts, used, found.prefix)


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
    at = values.moment(now)
    plan = PostPlan(found, at)
    with session(engine or engine_for(hook)) as opened:
        missing = check(opened, plan.tables, schema_changes)
        staged = _Staged(opened, plan.stages)
        first = 0
        for batch in _batches(posts, "posts"):
            # Numbers tell what a later word on the same post overtakes.
            staged.add(plan.posts, rows.numbered_post_rows(batch, first, at))
            staged.add(plan.tombstones, rows.numbered_tombstone_rows(batch, first, at))
            staged.add(plan.reactions, rows.numbered_reaction_rows(batch, first, at))
            first += len(batch)
        counts = opened.merge(plan.stages, plan.steps(), _first(opened, plan.tables, missing))
    return _told(counts, plan.tables, found.prefix)


class _Staged:
    """The stages of one call, and how many rows each has been given."""

    def __init__(self, opened: Session, stages: Sequence[Stage]) -> None:
        self._session = opened
        self._numbers = {stage: count() for stage in stages}
        opened.open_stages(stages)

    def add(self, stage: Stage, given: Iterable[Row]) -> None:
        """Stage rows, each with its number."""
        numbers = self._numbers[stage]
        self._session.append(stage, [(*row, next(numbers)) for row in given])


def _first(opened: Session, used: Sequence[Table], missing: bool) -> Callable[[], None]:
    return (lambda: change(opened, used)) if missing else (lambda: None)


def _told(counts: dict[str, int], used: Sequence[Table], prefix: str) -> dict[str, int]:
    told = {table.name[len(prefix) :]: counts.get(table.name, 0) for table in used}
    log.info("Rows inserted or changed: %s", ", ".join(f"{name} {number}" for name, number in told.items()))
    return told


def _batches(given: Iterable[Neutral], called: str) -> Iterator[list[Neutral]]:
    source = iter(given)
    while batch := list(islice(source, BATCH)):
        if (wrong := rows.no_mapping(batch)) is not None:
            raise LoadError(f"{called}: {wrong} is among them, and not a mapping of names to values")
        yield batch

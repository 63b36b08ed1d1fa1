"""Load recordings or posts: one transaction per call, safe to repeat.

The input is staged first, in batches; then it is merged into the tables.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Table

from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.load.migrate import SchemaChanges, change, check, create_views
from airflow_provider_meetings.warehouse.load.plans import PostPlan, RecordingPlan
from airflow_provider_meetings.warehouse.load.rounds import Rounds, StagedRows, batches
from airflow_provider_meetings.warehouse.load.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.load.session import session
from airflow_provider_meetings.warehouse.load.transcripts import Content, ContentPlan
from airflow_provider_meetings.warehouse.merge import convert
from airflow_provider_meetings.warehouse.merge.engine import Engine
from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.views import views

log = logging.getLogger(__name__)


class Inputs:
    """The inputs of a load of recordings; empty where a method is not overridden. Each call reads from the start."""

    def recordings(self) -> Iterable[Neutral]:
        """Return neutral recordings; read in batches."""
        return ()

    def stored_files(self) -> Iterable[Neutral]:
        """Return stored files, of any outcome."""
        return ()

    def contents(self) -> Iterable[Content] | None:
        """Return files that were read back; None does not touch their tables."""
        return None

    def summaries(self) -> Iterable[Neutral]:
        """Return ``{"platform": .., "tenant": .., "windows": [..]}`` of each listing, which proves completeness."""
        return ()

    def ledger(self) -> Neutral | None:
        """Return what the pipeline's ledger says after this load: ``{"items": [..], "dates": [..]}``.

        None does not touch `pending_items` and `sync_clocks`.
        """
        return None


def load_recordings(
    engine: Engine,
    inputs: Inputs,
    *,
    run: RunKey,
    now: datetime,
    schema: str | None = None,
    table_prefix: str = "",
    schema_changes: SchemaChanges = "add",
) -> dict[str, int]:
    """Upsert recordings, their files, the contents of files, and the journal tables.

    :param inputs: each input is read once.
    :param run: the task attempt that loads.
    :param now: the aware time of this load.
    :return: rows inserted or changed per table, by name without prefix. A file counts twice if both its declared and
        its stored columns changed, a recording that the call observes several times once per change. The journal tables
        count every row written.
    :raises LoadError: nothing of this call was written. In MySQL, where DDL cannot be rolled back, missing tables and
        columns may have been added.
    """
    target = tables(table_prefix, schema)
    at = convert.utc_datetime(now)
    plan = RecordingPlan(target, at)
    contents, ledger = inputs.contents(), inputs.ledger()
    texts = ContentPlan(target, at, read_back=contents is not None)
    used = [*plan.tables, *texts.tables]
    with session(engine) as current:
        missing = check(current, used, schema_changes)
        current.begin_staging()
        staged = StagedRows(current, [*plan.stages, *texts.stages])
        journal = StagedRows(current, plan.journal_stages)
        recording_rounds, file_rounds = Rounds(), Rounds()
        ahead: Neutral | None = None
        for batch in batches(inputs.recordings()):
            with_id = [recording for recording in batch if recording.get("recording_id") is not None]
            ahead = ahead or rows.asked_ahead(with_id, at)
            for number, part in recording_rounds.split(with_id, rows.recording_key):
                staged.add(plan.recordings, rows.recording_rows(part, at), number)
                staged.add(plan.declared, rows.file_rows(part, at), number)
        if ahead:
            log.warning(
                "Recording %s was asked for at %s, after this load: a clock runs ahead. It counts as asked for now, as "
                "do others like it",
                *(ahead.get(name) for name in ("recording_id", "asked_at")),
            )
        for batch in batches(inputs.stored_files()):
            for number, part in file_rounds.split(batch, rows.stored_file_key):
                staged.add(plan.stored, rows.stored_file_rows(part, at), number)
                staged.add(plan.landings, rows.landing_rows(part, run, at), number)
        for content in contents or ():
            texts.add(content, staged)
        journal.add(plan.windows, rows.window_rows(inputs.summaries(), run, at))
        if ledger is not None:
            journal.add(plan.pending, rows.pending_rows(ledger["items"]))
            journal.add(plan.clocks, rows.clock_rows(ledger["dates"], at))
        steps = [*staged.rounds([*plan.steps(), *texts.steps()]), *plan.journal_steps()]
        stages = [*plan.stages, *texts.stages, *plan.journal_stages]
        counts = current.merge(stages, steps, partial(change, current, used) if missing else None)
        if schema_changes == "add":
            create_views(current, views(target))
    return _summarize(counts, used, target.prefix)


def load_posts(
    engine: Engine,
    posts: Iterable[Neutral],
    *,
    now: datetime,
    schema: str | None = None,
    table_prefix: str = "",
    schema_changes: SchemaChanges = "add",
) -> dict[str, int]:
    """Upsert posts and their reactions; a deleted post is marked and keeps its other columns.

    :param posts: neutral posts; read once, in batches.

    The other parameters, the result and the errors are those of `load_recordings`.
    """
    target = tables(table_prefix, schema)
    at = convert.utc_datetime(now)
    plan = PostPlan(target, at)
    with session(engine) as current:
        missing = check(current, plan.tables, schema_changes)
        current.begin_staging()
        staged = StagedRows(current, plan.stages)
        rounds = Rounds()
        for batch in batches(posts):
            for number, part in rounds.split(batch, rows.post_key):
                staged.add(plan.posts, rows.post_rows(part, at), number)
                staged.add(plan.tombstones, rows.tombstone_rows(part, at), number)
                staged.add(plan.reactions, rows.reaction_rows(part, at), number)
        first = partial(change, current, plan.tables) if missing else None
        counts = current.merge(plan.stages, staged.rounds(plan.steps()), first)
    return _summarize(counts, plan.tables, target.prefix)


def _summarize(counts: dict[str, int], used: Sequence[Table], prefix: str) -> dict[str, int]:
    written = {table.name[len(prefix) :]: counts.get(table.name, 0) for table in used}
    log.info("Rows inserted or changed: %s", ", ".join(f"{name} {number}" for name, number in written.items()))
    return written

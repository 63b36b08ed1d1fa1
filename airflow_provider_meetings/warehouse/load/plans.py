"""The merges and statements of a load, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    and_,
    delete,
    exists,
    literal_column,
    or_,
    update,
)

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.merge import statements as merge
from airflow_provider_meetings.warehouse.merge.staging import Stage, stage, targets
from airflow_provider_meetings.warehouse.merge.statements import DmlStep, Merge, Step
from airflow_provider_meetings.warehouse.tables.tables import Tables

_COMPLETE = "_complete"
"""Whether a recording lists all its files."""
_READY: ColumnElement[str] = literal_column(f"'{RecordingState.READY}'")


class RecordingPlan:
    """Merge recordings, the declared and the stored columns of their files, and the journal tables."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._now = now
        self._tables = tables
        self.recordings = stage("recordings", tables.recordings, rows.RECORDING, Column(_COMPLETE, Boolean()))
        self.declared = stage("declared", tables.recording_files, rows.DECLARED)
        self.stored = stage("stored", tables.recording_files, rows.STORED)
        self.landings = stage("landings", tables.landings, rows.LANDING)
        self.pending = stage("pending", tables.pending_items, rows.PENDING)
        self.windows = stage("windows", tables.discovery_windows, rows.WINDOW)
        self.clocks = stage("clocks", tables.sync_clocks, rows.CLOCK)
        self.stages: Sequence[Stage] = (self.recordings, self.declared, self.stored, self.landings)
        self.journal_stages: Sequence[Stage] = (self.pending, self.windows, self.clocks)
        self.tables = targets([*self.stages, *self.journal_stages])

    def steps(self) -> Sequence[Step]:
        """Return the steps for one observation of each recording and stored file; they read `stages`."""
        return (
            Merge(
                self.recordings,
                # For a forbidden or deleted recording the platform returns only ids: its other columns stay.
                # The first selector that found it: DAGs that list it by others must not change its row in turn.
                insert_only=frozenset({"listed_by"}),
                fill=rows.RECORDING_DETAILS,
                keep_existing=frozenset({"_deleted_at"}),
                update_if=merge.observation_changed,
            ),
            self._confirm(),
            *self._drop_older(),
            Merge(self.declared, update_if=merge.changed_or_restored),
            self._delete_files(),
            Merge(self.stored, update_if=merge.stored_changed),
            Merge(self.landings),
        )

    def journal_steps(self) -> Sequence[Step]:
        """Return the steps for the listings and the ledger; they read `journal_stages`."""
        return (
            Merge(self.windows),
            # What was loaded in the run that listed it has never waited, and has no row.
            Merge(self.pending, where=self.pending.table.c.settled_at.is_(None)),
            self._settle_pending(),
            Merge(self.clocks, update_if=merge.clock_changed),
        )

    def _confirm(self) -> DmlStep:
        """Note when unchanged recordings were asked for last: an older answer that differs must not overwrite them.

        Those that count as asked for now keep their time, so that loading them again changes nothing.
        """
        staged, existing = self.recordings.table, self._tables.recordings
        confirmed = update(existing).where(
            *merge.columns_equal(existing, staged, (*self.recordings.key, "_source_hash")),
            or_(existing.c.asked_at.is_(None), existing.c.asked_at < staged.c.asked_at),
            staged.c.asked_at < self._now,
        )
        return DmlStep(existing, confirmed.values(asked_at=staged.c.asked_at), counted=False)

    def _drop_older(self) -> Sequence[DmlStep]:
        """Remove what is older than the table from the stages, the declared files first.

        After the merge, which locks the rows that it changes: no other load can make these recordings older now.
        """
        staged, listed, existing = self.recordings.table, self.declared.table, self._tables.recordings
        key = self.recordings.key
        newer = [*merge.columns_equal(existing, staged, key), ~merge.is_current(existing.c, staged.c)]
        files = delete(listed).where(exists().where(*merge.columns_equal(staged, listed, key), *newer))
        recordings = delete(staged).where(exists().where(*newer))
        return [DmlStep(table, dml, counted=False) for table, dml in ((listed, files), (staged, recordings))]

    def _delete_files(self) -> DmlStep:
        """Mark declared files as deleted if the recording lists other files, or is deleted itself."""
        files, listed, recordings = self._tables.recording_files, self.declared.table, self.recordings.table
        of_complete_recording = exists().where(
            *merge.columns_equal(recordings, files, ("platform", "tenant", "recording_id")), recordings.c[_COMPLETE]
        )
        still_listed = exists().where(*merge.columns_equal(listed, files, self.declared.key))
        declared = and_(files.c["_deleted_at"].is_(None), files.c["_source_hash"].is_not(None))
        gone = and_(declared, of_complete_recording, ~still_listed)
        marked = update(files).where(gone).values({"_deleted_at": self._now, "_landed_at": self._now})
        return DmlStep(files, marked)

    def _settle_pending(self) -> DmlStep:
        """Settle the rows of items that are no longer open."""
        items, staged = self._tables.pending_items, self.pending.table
        settled = update(items).where(
            *merge.columns_equal(items, staged, self.pending.key),
            items.c.settled_at.is_(None),
            staged.c.settled_at.is_not(None),
        )
        names = (name for name in self.pending.names if name not in self.pending.key)
        return DmlStep(items, settled.values({name: staged.c[name] for name in names}))


class PostPlan:
    """Merge posts and their reactions."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._now = now
        self._tables = tables
        self.posts = stage("posts", tables.posts, rows.POST)
        self.tombstones = stage("tombstones", tables.posts, rows.TOMBSTONE)
        self.reactions = stage("reactions", tables.post_reactions, rows.REACTION)
        self.stages: Sequence[Stage] = (self.posts, self.tombstones, self.reactions)
        self.tables = targets(self.stages)

    def steps(self) -> Sequence[Step]:
        return (
            Merge(self.posts, update_if=merge.changed_or_restored),
            Merge(self.tombstones, update_if=merge.not_yet_deleted),
            Merge(self.reactions, update_if=merge.changed_or_restored),
            self._delete_reactions(),
        )

    def _delete_reactions(self) -> DmlStep:
        """Mark the reactions that a post no longer has; those of a deleted post stay."""
        existing, posts, reactions = self._tables.post_reactions, self.posts.table, self.reactions.table
        of_staged_post = exists().where(*merge.columns_equal(posts, existing, ("platform", "tenant", "post_id")))
        still_present = exists().where(*merge.columns_equal(reactions, existing, self.reactions.key))
        marked = update(existing).where(existing.c["_deleted_at"].is_(None), of_staged_post, ~still_present)
        # Without a hash the row differs from any later observation.
        values = {"reaction_count": 0, "_source_hash": None, "_deleted_at": self._now, "_landed_at": self._now}
        return DmlStep(existing, marked.values(values))

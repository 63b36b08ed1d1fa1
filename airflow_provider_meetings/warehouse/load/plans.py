"""The merges and statements of a load, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
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
            self._add_meetings(),
            *(self._settle_by_recordings(prefix, name) for prefix, name in rows.ITEM_KEYS.items()),
        )

    def journal_steps(self) -> Sequence[Step]:
        """Return the steps after the last observation of each recording; they read `journal_stages`."""
        return (
            self._add_pending(),
            self._settle_pending(),
            Merge(self.windows),
            Merge(
                self.clocks,
                insert_only=frozenset({"settled_until"}),
                # Listing an earlier window again does not set the clock back.
                update_if=lambda existing, incoming: existing["seen_until"] < incoming["seen_until"],
            ),
            self._settle_clocks(),
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

    def _add_pending(self) -> Merge:
        """Add the pending items, except of recordings that a later load has settled: a load may be repeated late."""
        staged, existing = self.pending.table, self._tables.recordings.alias("known_recordings")
        not_settled = [
            ~exists().where(
                *merge.columns_equal(existing, staged, ("platform", "tenant")),
                # An item with a recording id is found by key; only for one without are all recordings scanned.
                staged.c.recording_id.is_(None) if prefix else literal_column("1 = 1"),
                _item_key(existing, prefix, name) == staged.c.item_key,
                merge.is_settled(existing.c),
            )
            for prefix, name in rows.ITEM_KEYS.items()
        ]
        return Merge(
            self.pending,
            insert_only=frozenset({"first_seen_at"}),
            where=and_(staged.c.settled_at.is_(None), *not_settled),
        )

    def _settle_pending(self) -> DmlStep:
        """Settle the items of staged recordings that are settled but have no recording id."""
        items, staged = self._tables.pending_items, self.pending.table
        settled = update(items).where(
            *merge.columns_equal(items, staged, self.pending.key),
            items.c.settled_at.is_(None),
            staged.c.settled_at.is_not(None),
        )
        names = ("recording_id", "state", "reason", "last_seen_at", "settled_at")
        return DmlStep(items, settled.values({name: staged.c[name] for name in names}))

    def _add_meetings(self) -> DmlStep:
        """Copy missing meeting ids from the table to the staged recordings: a pending item may have one as its key."""
        staged, existing = self.recordings.table, self._tables.recordings
        recordings = update(staged).where(
            *merge.columns_equal(staged, existing, self.recordings.key), staged.c.state != _READY
        )
        meeting = {n: func.coalesce(staged.c[n], existing.c[n]) for n in ("meeting_id", "meeting_number")}
        return DmlStep(existing, recordings.values(meeting), counted=False)

    def _settle_by_recordings(self, prefix: str, name: str) -> DmlStep:
        """Settle the items of settled recordings, by keys of `prefix` and the column `name`.

        A meeting may have several recordings: its item gets the first one that is ready, else the first one.
        """
        items, staged = self._tables.pending_items, self.recordings.table
        existing = self._tables.recordings.alias("known_recordings")
        pending, any_pending = items.alias("pending"), items.alias("any_pending")
        ready = case((staged.c.state == _READY, staged.c.recording_id))
        meeting = [staged.c.platform, staged.c.tenant, staged.c[name]]
        settling = (
            select(
                *meeting[:2],
                func.min(pending.c.item_key).label("item_key"),  # all are the same; MySQL joins by a column only
                func.coalesce(func.min(ready), func.min(staged.c.recording_id)).label("chosen"),
            )
            .select_from(staged, pending)
            .where(
                # If no item is pending, SQLite would otherwise search once per staged row.
                exists().where(any_pending.c.settled_at.is_(None)),
                *merge.columns_equal(pending, staged, ("platform", "tenant")),
                pending.c.item_key == _item_key(staged, prefix, name),
                pending.c.settled_at.is_(None),
                merge.is_settled(staged.c),
            )
            .group_by(*meeting)
            # MySQL would otherwise read the whole stage for each pending item.
            .prefix_with("STRAIGHT_JOIN", dialect="mysql")
            .prefix_with("STRAIGHT_JOIN", dialect="mariadb")
            .subquery("settling")
        )
        settled = update(items).where(
            *merge.columns_equal(items, settling, self.pending.key),
            items.c.settled_at.is_(None),
            *merge.columns_equal(existing, settling, ("platform", "tenant")),
            existing.c.recording_id == settling.c.chosen,
        )
        answer = {n: existing.c[n] for n in ("recording_id", "state", "reason")}
        return DmlStep(items, settled.values({**answer, "last_seen_at": self._now, "settled_at": self._now}))

    def _settle_clocks(self) -> DmlStep:
        """Set `settled_until` of the staged clocks to `seen_until` if the tenant has no pending item."""
        clocks, items, staged = self._tables.sync_clocks, self._tables.pending_items, self.clocks.table
        pending = exists().where(
            *merge.columns_equal(items, clocks, ("platform", "tenant")), items.c.settled_at.is_(None)
        )
        of_this_load = exists().where(*merge.columns_equal(staged, clocks, self.clocks.key))
        behind = clocks.c.settled_until.is_distinct_from(clocks.c.seen_until)
        advanced = update(clocks).where(of_this_load, behind, ~pending).values(settled_until=clocks.c.seen_until)
        return DmlStep(clocks, advanced, counted=False)


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


def _item_key(recordings: FromClause, prefix: str, name: str) -> ColumnElement[str]:
    """Return the key in pending_items of a recording, by one of its ids."""
    column: ColumnElement[str] = recordings.c[name]
    return literal_column(f"'{prefix}'", Text) + column if prefix else column

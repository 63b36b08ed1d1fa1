"""What a load does with its staged rows, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Table,
    Text,
    and_,
    case,
    exists,
    func,
    literal_column,
    select,
    update,
)

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.merge import statements as merge
from airflow_provider_meetings.warehouse.merge.staging import Stage, stage
from airflow_provider_meetings.warehouse.merge.statements import DmlStep, Merge, Step
from airflow_provider_meetings.warehouse.tables.tables import Tables

_COMPLETE = "_complete"
"""Whether a recording lists all its files."""
_READY: ColumnElement[str] = literal_column(f"'{RecordingState.READY}'")  # not bound: it is ours
# The keys of pending_items, by the column of a recording that they hold.
_WAITED_AS = {"": "recording_id", "meeting:": "meeting_id", "meeting_number:": "meeting_number"}


class RecordingPlan:
    """Merge recordings, both halves of their files, and the journals."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._now = now
        self._into = tables
        self.recordings = stage("recordings", tables.recordings, rows.RECORDING, Column(_COMPLETE, Boolean()))
        self.declared = stage("declared", tables.recording_files, rows.DECLARED)
        self.stored = stage("stored", tables.recording_files, rows.STORED)
        self.landings = stage("landings", tables.landings, rows.LANDING)
        self.pending = stage("pending", tables.pending_items, rows.PENDING)
        self.windows = stage("windows", tables.discovery_windows, rows.WINDOW)
        self.clocks = stage("clocks", tables.sync_clocks, rows.CLOCK)

    @property
    def stages(self) -> Sequence[Stage]:
        """The stages that `steps` reads."""
        return (self.recordings, self.declared, self.stored, self.landings)

    @property
    def journal_stages(self) -> Sequence[Stage]:
        """The stages that `journal_steps` reads."""
        return (self.pending, self.windows, self.clocks)

    @property
    def tables(self) -> Sequence[Table]:
        """The tables that are written."""
        into = self._into
        return (
            into.recordings,
            into.recording_files,
            into.landings,
            into.pending_items,
            into.discovery_windows,
            into.sync_clocks,
        )

    def steps(self) -> Sequence[Step]:
        """Return what to do with each observation, in order."""
        into = self._into
        return (
            Merge(
                into.recordings,
                self.recordings,
                rows.RECORDING,
                # Of a forbidden or deleted recording the platform returns only the ids: what was known of it stays.
                fill=rows.KNOWN_OF_A_RECORDING,
                first=frozenset({"_deleted_at"}),
                when=merge.later_word,
            ),
            Merge(into.recording_files, self.declared, rows.DECLARED, when=merge.changed_or_back),
            self._files_gone(),
            Merge(into.recording_files, self.stored, rows.STORED, when=merge.stored_changed),
            Merge(into.landings, self.landings, rows.LANDING),
            self._meetings(),
            *(self._answered(prefix, name) for prefix, name in _WAITED_AS.items()),
        )

    def journal_steps(self) -> Sequence[Step]:
        """Return what to do after the last observation of each recording, in order."""
        into = self._into
        return (
            self._waiting(),
            self._settled(),
            Merge(into.discovery_windows, self.windows, rows.WINDOW),
            Merge(
                into.sync_clocks,
                self.clocks,
                rows.CLOCK,
                keep=frozenset({"settled_until"}),
                # An earlier window that is listed again does not turn the clock back.
                when=lambda there, comes: there["seen_until"] < comes["seen_until"],
            ),
            self._settle_clocks(),
        )

    def _files_gone(self) -> DmlStep:
        """Mark declared files that are gone: the recording lists others, or is gone itself."""
        there, listed, told = self._into.recording_files, self.declared.table, self.recordings.table
        owner = exists().where(*merge.agree(told, there, ("platform", "tenant", "recording_id")), told.c[_COMPLETE])
        still = exists().where(*merge.agree(listed, there, self.declared.key))
        gone = and_(there.c["_deleted_at"].is_(None), there.c["_source_hash"].is_not(None), owner, ~still)
        marked = update(there).where(gone).values({"_deleted_at": self._now, "_landed_at": self._now})
        return DmlStep(there, marked)

    def _waiting(self) -> Merge:
        """Note what waits, unless it has had its answer: an earlier load may be run again after a later one."""
        staged, told = self.pending.table, self._into.recordings.alias("told")
        unanswered = [
            ~exists().where(
                *merge.agree(told, staged, ("platform", "tenant")),
                # What has an id is looked up by its key alone; what has none needs a look at all recordings.
                staged.c.recording_id.is_(None) if prefix else literal_column("1 = 1"),
                _waited_as(told, prefix, name) == staged.c.item_key,
                merge.answered(told.c),
            )
            for prefix, name in _WAITED_AS.items()
        ]
        only = and_(staged.c.settled_at.is_(None), *unanswered)
        kept = frozenset({"first_seen_at"})
        return Merge(self._into.pending_items, self.pending, rows.PENDING, keep=kept, only=only)

    def _settled(self) -> DmlStep:
        """Note what no longer waits, where it was noted that it did."""
        there, staged = self._into.pending_items, self.pending.table
        noted = update(there).where(
            *merge.agree(there, staged, self.pending.key),
            there.c.settled_at.is_(None),
            staged.c.settled_at.is_not(None),
        )
        told = ("recording_id", "state", "reason", "last_seen_at", "settled_at")
        return DmlStep(there, noted.values({name: staged.c[name] for name in told}))

    def _meetings(self) -> DmlStep:
        """Have answers that came with the recording's id alone name the meeting that the table knows: it may wait."""
        staged, known = self.recordings.table, self._into.recordings
        named = update(staged).where(*merge.agree(staged, known, self.recordings.key), staged.c.state != _READY)
        given = {n: func.coalesce(staged.c[n], known.c[n]) for n in ("meeting_id", "meeting_number")}
        return DmlStep(known, named.values(given), counted=False)

    def _answered(self, prefix: str, name: str) -> DmlStep:
        """Note what no longer waits because its recording came, under a key of `prefix` and the column `name`.

        A meeting may have several recordings: its item tells of the first that is ready, else of the first.
        """
        there, told, staged = self._into.pending_items, self._into.recordings.alias("told"), self.recordings.table
        waits, any_waits = self._into.pending_items.alias("waits"), self._into.pending_items.alias("any_waits")
        ready = case((staged.c.state == _READY, staged.c.recording_id))
        meeting = [staged.c.platform, staged.c.tenant, staged.c[name]]
        came = (
            select(
                *meeting[:2],
                func.min(waits.c.item_key).label("item_key"),  # all are alike; MySQL joins by a column only
                func.coalesce(func.min(ready), func.min(staged.c.recording_id)).label("chosen"),
            )
            .select_from(staged, waits)
            .where(
                # Where nothing waits, SQLite would else look for each row of the stage.
                exists().where(any_waits.c.settled_at.is_(None)),
                *merge.agree(waits, staged, ("platform", "tenant")),
                waits.c.item_key == _waited_as(staged, prefix, name),
                waits.c.settled_at.is_(None),
                merge.answered(staged.c),
            )
            .group_by(*meeting)
            # In this order: MySQL would else read the whole stage for each item that waits.
            .prefix_with("STRAIGHT_JOIN", dialect="mysql")
            .prefix_with("STRAIGHT_JOIN", dialect="mariadb")
            .subquery("came")
        )
        noted = update(there).where(
            *merge.agree(there, came, self.pending.key),
            there.c.settled_at.is_(None),
            *merge.agree(told, came, ("platform", "tenant")),
            told.c.recording_id == came.c.chosen,
        )
        given = {n: told.c[n] for n in ("recording_id", "state", "reason")}
        return DmlStep(there, noted.values({**given, "last_seen_at": self._now, "settled_at": self._now}))

    def _settle_clocks(self) -> DmlStep:
        """Have the second clock follow the first where nothing of the tenant waits."""
        clocks, items, touched = self._into.sync_clocks, self._into.pending_items, self.clocks.table
        waiting = exists().where(*merge.agree(items, clocks, ("platform", "tenant")), items.c.settled_at.is_(None))
        of_this_load = exists().where(*merge.agree(touched, clocks, self.clocks.key))
        behind = clocks.c.settled_until.is_distinct_from(clocks.c.seen_until)
        followed = update(clocks).where(of_this_load, behind, ~waiting).values(settled_until=clocks.c.seen_until)
        return DmlStep(clocks, followed, counted=False)


class PostPlan:
    """Merge posts and their reactions."""

    def __init__(self, tables: Tables, now: datetime) -> None:
        self._now = now
        self._into = tables
        self.posts = stage("posts", tables.posts, rows.POST)
        self.tombstones = stage("tombstones", tables.posts, rows.TOMBSTONE)
        self.reactions = stage("reactions", tables.post_reactions, rows.REACTION)

    @property
    def stages(self) -> Sequence[Stage]:
        """All stages."""
        return (self.posts, self.tombstones, self.reactions)

    @property
    def tables(self) -> Sequence[Table]:
        """The tables that are written."""
        return (self._into.posts, self._into.post_reactions)

    def steps(self) -> Sequence[Step]:
        """Return what to do, in order."""
        into = self._into
        return (
            Merge(into.posts, self.posts, rows.POST, when=merge.changed_or_back),
            Merge(into.posts, self.tombstones, rows.TOMBSTONE, when=merge.not_yet_deleted),
            Merge(into.post_reactions, self.reactions, rows.REACTION, when=merge.changed_or_back),
            self._reactions_gone(),
        )

    def _reactions_gone(self) -> DmlStep:
        """Mark the reactions that a post no longer has; those of a post that is gone itself stay as they were."""
        there, posts, reactions = self._into.post_reactions, self.posts.table, self.reactions.table
        told = exists().where(*merge.agree(posts, there, ("platform", "tenant", "post_id")))
        still = exists().where(*merge.agree(reactions, there, self.reactions.key))
        marked = update(there).where(there.c["_deleted_at"].is_(None), told, ~still)
        # No row has no hash: whatever comes after this differs.
        values = {"reaction_count": 0, "_source_hash": None, "_deleted_at": self._now, "_landed_at": self._now}
        return DmlStep(there, marked.values(values))


def _waited_as(told: FromClause, prefix: str, name: str) -> ColumnElement[str]:
    """Return the key in pending_items that a recording of these ids waited under."""
    column: ColumnElement[str] = told.c[name]
    return literal_column(f"'{prefix}'", Text) + column if prefix else column

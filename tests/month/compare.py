"""Compare lake, warehouse and ledger with the truth, row by row and file by file."""

from __future__ import annotations

import hashlib
import sqlite3
import statistics
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.ledger import FOLDER
from airflow_provider_meetings.api.ledger.state import State
from tests.month.lives import Life
from tests.month.truth import Expected


@dataclass
class Figures:
    """What is wrong, by name; and the waits from ready to landed, in hours."""

    missing: list[str] = field(default_factory=list)
    missing_transcripts: list[str] = field(default_factory=list)
    stale_titles: list[str] = field(default_factory=list)
    stale_transcripts: list[str] = field(default_factory=list)
    wrong_files: list[str] = field(default_factory=list)
    undetected_deletions: list[str] = field(default_factory=list)
    kept_out: list[str] = field(default_factory=list)
    without_reason: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    hours: list[float] = field(default_factory=list)

    def wrong(self) -> dict[str, list[str]]:
        """Return what is wrong, by kind."""
        return {name: found for name, found in asdict(self).items() if found and name != "hours"}

    def median(self) -> float:
        """Return the median of the hours from ready to landed."""
        return statistics.median(self.hours)


class Warehouse:
    """The rows of a SQLite warehouse."""

    def __init__(self, path: Path, platform: str) -> None:
        self._path = path
        self._platform = platform
        self.recordings = {row["recording_id"]: row for row in self._rows("recordings")}
        self.files = {(row["recording_id"], row["kind"]): row for row in self._rows("recording_files")}
        self.segments: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows("transcript_segments", "_deleted_at IS NULL ORDER BY segment_no"):
            self.segments.setdefault(row["recording_id"], []).append(row)
        self.pending = self._rows("pending_items")
        self.outcomes: dict[str, set[str]] = {}
        for row in self._rows("landings"):
            self.outcomes.setdefault(row["recording_id"], set()).add(row["outcome"])

    def _rows(self, table: str, where: str = "1") -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self._path)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute(f"SELECT * FROM {table} WHERE platform = ? AND {where}", [self._platform])
            return [dict(row) for row in found]


def compare(
    truth: Iterable[Expected],
    lake: Store,
    state: State,
    landed_at: dict[str, float],
    warehouse: Warehouse | None,
) -> Figures:
    """Return what differs."""
    figures = Figures()
    objects = _objects(lake)
    expected = {one.life.recording_id: one for one in truth}
    reasons = _reasons(state, warehouse)
    for recording_id, one in expected.items():
        kinds = objects.pop(recording_id, {})
        if one.fate in {"landed", "tombstone"}:
            _compare_files(one, kinds, figures)
            if one.life.recording_id in landed_at:
                figures.hours.append((landed_at[recording_id] - one.life.ready) / 3600)
            if warehouse:
                _compare_rows(one, warehouse, figures)
            continue
        if kinds:
            figures.unexpected.append(f"{recording_id}: {sorted(kinds)}")
        if one.fate != "unknown":
            found = {reason for key in (recording_id, one.life.meeting_id) for reason in reasons.get(key, ())}
            if not found & one.states:
                figures.without_reason.append(f"{recording_id} {one.fate}: {sorted(found)}")
    figures.unexpected += objects
    if warehouse:
        figures.unexpected += warehouse.recordings.keys() - expected.keys()
    return figures


def check_order(lives: Iterable[Life], state: State, warehouse: Warehouse) -> None:
    """Nothing is closed before its rows are committed, and nothing before the date "settled up to" is missing."""
    listed = state.watched[0] if state.watched else 0.0
    for item in state.items.values():
        if item.settled and not item.is_open and item.seen.recording_id:
            assert item.seen.recording_id in warehouse.recordings, f"{item.ref} is closed, without a row"
    for life in lives:
        selector = f"owner_id:{life.owner}" if life.platform == "wecom" else "window"
        due = life.ready <= listed < life.deleted and life.refused != "recording"
        if due and life.recorded < (state.settled_up_to(selector, listed) or 0.0):
            assert life.recording_id in warehouse.recordings, f"{life.recording_id} is missing before the date"


def _objects(lake: Store) -> dict[str, dict[str, bytes]]:
    """Return the media in the lake by recording and kind."""
    found: dict[str, dict[str, bytes]] = {}
    for one in lake.walk():
        *_, recording_id, name = one.key.split("/")
        if not one.key.startswith(FOLDER) and not name.endswith((RECEIPT_SUFFIX, CHECKPOINT_SUFFIX)):
            found.setdefault(recording_id, {})[name.split(".")[1]] = b"".join(lake.open(one.key))
    return found


def _compare_files(one: Expected, kinds: dict[str, bytes], figures: Figures) -> None:
    recording_id, files = one.life.recording_id, one.files or {}
    if "video" not in kinds:
        figures.missing.append(recording_id)
        return
    for kind, sha256 in files.items():
        if kind not in kinds:
            figures.missing_transcripts.append(recording_id)
        elif sha256 and hashlib.sha256(kinds[kind]).hexdigest() != sha256:
            (figures.wrong_files if kind == "video" else figures.stale_transcripts).append(recording_id)
    if extra := kinds.keys() - files.keys():
        figures.unexpected.append(f"{recording_id}: {sorted(extra)}")


def _compare_rows(one: Expected, warehouse: Warehouse, figures: Figures) -> None:
    recording_id = one.life.recording_id
    row = warehouse.recordings.get(recording_id)
    video = warehouse.files.get((recording_id, "video"))
    if row is None or video is None or video["sha256"] != (one.files or {})["video"]:
        figures.kept_out.append(recording_id)
        return
    gone = row["state"] == "gone" and row["_deleted_at"] is not None
    if one.fate == "tombstone":
        if not gone:
            figures.undetected_deletions.append(recording_id)
        return
    if gone or row["state"] != "ready":
        figures.unexpected.append(f"{recording_id}: {row['state']}")
    if row["title"] != one.title:
        figures.stale_titles.append(recording_id)
    spoken = tuple(
        (segment["speaker_id"] or segment["speaker_name"] or "", segment["text"])
        for segment in warehouse.segments.get(recording_id, ())
    )
    if one.spoken and not spoken:
        figures.missing_transcripts.append(f"{recording_id} (rows)")
    elif spoken != one.spoken:
        figures.stale_transcripts.append(f"{recording_id} (rows)")


def _reasons(state: State, warehouse: Warehouse | None) -> dict[str, set[str]]:
    """Return the states and outcomes that ledger and warehouse give for a recording or meeting."""
    found: dict[str, set[str]] = {}
    for item in state.items.values():
        for key in filter(None, (item.seen.recording_id, item.seen.meeting_id)):
            found.setdefault(key, set()).add(item.seen.state)
            if item.settled and item.settled.refused:
                found[key].add("refused")
    if warehouse:
        for recording_id, row in warehouse.recordings.items():
            found.setdefault(recording_id, set()).add(row["state"])
        for row in warehouse.pending:
            for key in filter(None, (row["recording_id"], row["meeting_id"])):
                found.setdefault(key, set()).add(row["state"])
        for recording_id, outcomes in warehouse.outcomes.items():
            found.setdefault(recording_id, set()).update(outcomes & {"refused"})
    return found

"""Which columns can be redacted, how, and which other columns and fields contain the same values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from sqlalchemy import JSON, Column, Table, Text

from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables.tables import tables
from airflow_provider_meetings.warehouse.tables.types import Id

Action = Literal["hash", "drop"]
ACTIONS: tuple[Action, ...] = ("hash", "drop")

_REASONS = {
    "the loader needs it": ("platform", "kind", "state", "outcome", "asked_at"),
    "it names the platform's endpoint": ("endpoint",),
    "it is not personal data": ("from_at", "to_at"),
    "it is built from columns that can be redacted": ("landing_id", "window_id", "clock_id"),
    "it is built from other columns: redact recording_id, meeting_id or meeting_number": ("item_key",),
    "redact owner_id, meeting_id, meeting_number or recording_id instead": ("selector", "listed_by"),
    "it is about an erasure": ("subject_hash", "scope", "erasure_id", "erased_at", "asked_by", "counts"),
    "it is a row number": ("segment_no", "item_no"),
    "it describes the task": (
        *("dag_id", "run_id", "task_id", "map_index", "try_number", "pages", "items", "first_seen_at", "last_seen_at"),
        *("settled_at", "seen_until", "settled_until", "finished_at"),
    ),
}
NOT_REDACTABLE: Mapping[str, str] = {name: reason for reason, names in _REASONS.items() for name in names}
"""Columns that cannot be redacted, and the reason."""

SAME_INFORMATION: Mapping[str, tuple[str, ...]] = {
    "content": ("content_text",),
    "content_text": ("content",),
    "author_kind": ("author_kind_code",),
    "author_kind_code": ("author_kind",),
    "state_code": ("reason",),
}
"""Columns with the same information as another column: dropped with it unless they have their own action."""

# Part of the key of pending_items, for recordings without an id.
_KEYS = frozenset({"meeting_id", "meeting_number"})

LIST_COLUMNS = frozenset({"category_ids", "image_keys", "assignees", "viewers"})
"""Lists whose items can be hashed; of viewers, the ids are hashed."""

_PERSON_FIELDS: Mapping[str, str] = {
    "speaker_id": "speaker_id",
    "speaker_name": "speaker_name",
    "name": "speaker_name",
    "nick_name": "speaker_name",
    "nickname": "speaker_name",
}
"""Likely fields of speakers, which no vendor documents, and the corresponding columns."""


def person_fields() -> Mapping[str, str]:
    """Return the fields of people in the unparsed parts of transcripts, to-dos and statistics, with their columns."""
    fields = dict(_PERSON_FIELDS)
    for manifest in manifests().values():
        fields.update(manifest.get("person-fields", {}))
    return fields


def vendor_names(column: Column[object]) -> frozenset[str]:
    """Return the fields of `source` with the same information as a column, on any platform."""
    names = {column.name}
    for manifest in manifests().values():
        names.update(manifest.get("source-fields", {}).get(column.name, ()))
        names.add(manifest.get("columns", {}).get(column.name, column.name))
    return frozenset(names)


def is_key(column: Column[object]) -> bool:
    """Return whether the column identifies rows."""
    return bool(column.primary_key) or column.name in _KEYS


def actions_of(column: Column[object]) -> tuple[Action, ...]:
    """Return the possible actions for a column; a key column cannot be dropped."""
    if column.name in NOT_REDACTABLE or column.name.startswith("_"):
        return ()
    hashed = isinstance(column.type, (Id, Text)) or column.name in LIST_COLUMNS
    if is_key(column):
        return ("hash",) if hashed else ()
    return ACTIONS if (hashed and not isinstance(column.type, JSON)) or column.name in LIST_COLUMNS else ("drop",)


def redactable(tables: Iterable[Table]) -> dict[str, tuple[Action, ...]]:
    """Return the possible actions by column name, over all tables with a column of that name."""
    found: dict[str, tuple[Action, ...]] = {}
    for table in tables:
        for column in table.columns:
            actions = actions_of(column)
            found[column.name] = tuple(action for action in actions if action in found.get(column.name, actions))
    return {name: actions for name, actions in sorted(found.items()) if actions}


def check(redact: Mapping[str, str], tables: Iterable[Table]) -> None:
    """Check the columns and the actions.

    :raises LoadError: for an unknown column or action, and for an action that the column does not support.
    """
    tables = list(tables)
    possible = redactable(tables)
    for name, action in redact.items():
        if name in NOT_REDACTABLE and any(name in table.columns for table in tables):
            raise LoadError(f"redact: column {name!r} cannot be redacted: {NOT_REDACTABLE[name]}")
        if name not in possible:
            raise LoadError(f"redact: unknown column {str(name)[:60]!r}; known columns: {', '.join(possible)}")
        if action not in ACTIONS:
            raise LoadError(f"redact: {name!r} must be one of {', '.join(ACTIONS)}, got {str(action)[:60]!r}")
        if action not in possible[name]:
            reason = "is part of a key" if action == "drop" else "is not text"
            raise LoadError(f"redact: column {name!r} {reason}; the only possible action is {possible[name][0]!r}")


# Only the tables' columns matter here, not prefix and schema.
_T = tables()

CONTENTS = (_T.transcript_segments, _T.minute_chapters, _T.minute_todos, _T.minute_keywords, _T.minute_statistics)
"""Tables of artifact files."""
POSTS = (_T.posts, _T.post_reactions)
RECORDINGS = tuple(table for table in _T if table not in (*POSTS, _T.erasures))

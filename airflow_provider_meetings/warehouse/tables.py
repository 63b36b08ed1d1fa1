"""Which tables there are, with their columns and comments.

All ids are text (Feishu's pass 2^53), times are timestamps with time zone in UTC, durations are milliseconds and
sizes bytes as bigint. Every key starts with (platform, tenant). Only key columns are NOT NULL: a column that a later
version adds has to be nullable, and one rule for all is easier to hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache

from sqlalchemy import JSON, BigInteger, Boolean, Column, DateTime, MetaData, Table, Text

from airflow_provider_meetings.warehouse.errors import LoadError


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """One set of tables, all with the same prefix and schema."""

    recordings: Table
    recording_files: Table
    landings: Table
    pending_items: Table
    discovery_windows: Table
    posts: Table
    post_reactions: Table

    def __iter__(self) -> Iterator[Table]:
        return (getattr(self, f.name) for f in fields(self))


@lru_cache(maxsize=32)
def tables(prefix: str = "", schema: str | None = None) -> Tables:
    """Describe the tables.

    :param prefix: put before each table's name, in any characters: the dialect quotes it.
    :param schema: the schema they live in; None is the connection's own.
    :raises LoadError: for a prefix or schema with control characters, or a blank schema.
    """
    if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in prefix + (schema or "")):
        raise LoadError("table_prefix and schema must not contain control characters")
    if schema is not None and not schema.strip():
        raise LoadError("schema is blank; leave it None for the connection's own schema")
    metadata = MetaData(schema=schema)

    def table(name: str, comment: str, *columns: Column[object]) -> Table:
        return Table(prefix + name, metadata, *columns, comment=comment)

    return Tables(
        recordings=table("recordings", "One recording, as the platform last told it", *_recordings()),
        recording_files=table(
            "recording_files", "One file of one kind of a recording: as declared, and as landed", *_recording_files()
        ),
        landings=table("landings", "One attempt of a task to land one file", *_landings()),
        pending_items=table(
            "pending_items", "One recording that was not ready when last asked for, until it settles", *_pending_items()
        ),
        discovery_windows=table(
            "discovery_windows", "One listing that was followed to its end: the proof of completeness", *_windows()
        ),
        posts=table("posts", "One Moments post, as the platform last told it", *_posts()),
        post_reactions=table("post_reactions", "How often a post was given one type of reaction", *_post_reactions()),
    )


def _text(name: str, comment: str) -> Column[object]:
    return Column(name, Text(), comment=comment)


def _time(name: str, comment: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), comment=comment)


def _whole(name: str, comment: str) -> Column[object]:
    return Column(name, BigInteger(), comment=comment)


def _json(name: str, comment: str) -> Column[object]:
    return Column(name, JSON(), comment=comment)


def _key(**comments: str) -> list[Column[object]]:
    whole = {
        "platform": "The platform: feishu, wecom",
        "tenant": "Whose data this is: WeCom's corp id; Feishu's tenant or app id",
        **comments,
    }
    return [Column(name, Text(), primary_key=True, comment=comment) for name, comment in whole.items()]


def _landed_at() -> Column[object]:
    return _time("_landed_at", "When this row last changed, UTC")


def _source_hash(of: str = "the row's content") -> Column[object]:
    return _text("_source_hash", f"sha256 of {of}: an unchanged row is not rewritten")


def _deleted_at(what: str) -> Column[object]:
    return _time("_deleted_at", f"When {what} was first seen gone, UTC; NULL while it is there")


def _run() -> list[Column[object]]:
    return [
        _text("dag_id", "The Dag of the task that wrote this row"),
        _text("run_id", "Its Dag run"),
        _text("task_id", "The task"),
        _whole("map_index", "Its map index; -1 if it is not mapped"),
        _whole("try_number", "Its try, from 1"),
    ]


def _recordings() -> list[Column[object]]:
    return [
        *_key(recording_id="Feishu's minute token, WeCom's meeting_record_id"),
        _text("meeting_id", "Feishu's long meeting id, WeCom's meetingid"),
        _text("meeting_number", "Feishu's 9-digit number, WeCom's meeting_code"),
        _text("owner_id", "The owner's user id"),
        _text("title", "The title"),
        _time("started_at", "Start of the recording, UTC"),
        _time("ended_at", "End of the recording, UTC"),
        _whole("duration_ms", "Duration in milliseconds"),
        _text("state", "recording, processing, absent, ready, gone, forbidden, unknown or overdue"),
        _text("reason", "Why it is in that state, where that is not plain"),
        _text("page_url", "The recording's page for a signed-in person; not a download link"),
        _json("source", "The platform's own fields, without links and passwords"),
        _landed_at(),
        _source_hash(),
    ]


def _recording_files() -> list[Column[object]]:
    return [
        *_key(
            recording_id="The recording",
            file_id="Feishu's minute token, WeCom's record_file_id",
            kind="Such as video, audio or transcript; with the format where there are several",
        ),
        _whole("declared_size", "Size in bytes as the platform declares it"),
        _time("started_at", "Start of the file, UTC"),
        _time("ended_at", "End of the file, UTC"),
        _json("source", "The platform's own fields, without links and passwords"),
        _source_hash("what the platform declares"),
        _text("uri", "The object that was landed"),
        _whole("size", "Size of the object in bytes"),
        _text("sha256", "sha256 of the object's bytes, in hexadecimal"),
        _text("media_type", "Media type of the object"),
        _time("landed_at", "When the object was landed, UTC"),
        _text("_stored_hash", "sha256 of what was landed: an unchanged row is not rewritten"),
        _landed_at(),
    ]


def _landings() -> list[Column[object]]:
    return [
        *_key(landing_id="sha256 of run, recording, file and kind: the same try is the same row"),
        *_run(),
        _text("recording_id", "The recording"),
        _text("file_id", "The file"),
        _text("kind", "Its kind"),
        _text("outcome", "landed, resumed, skipped, replaced, absent or failed"),
        _text("uri", "The object; NULL if there is none"),
        _whole("size", "Size of the object in bytes"),
        _text("sha256", "sha256 of the object's bytes, in hexadecimal"),
        _text("media_type", "Media type of the object"),
        _time("landed_at", "When the object was landed, UTC"),
        _landed_at(),
    ]


def _pending_items() -> list[Column[object]]:
    return [
        *_key(item_key="The recording id; until it is known meeting:<id> or meeting_number:<number>"),
        _text("meeting_id", "The meeting"),
        _text("recording_id", "The recording, once it is known"),
        _text("state", "The state when last asked; after settled_at the one it settled in"),
        _text("reason", "Why, where that is not plain"),
        _time("first_seen_at", "When it was first seen waiting, UTC"),
        _time("last_seen_at", "When it was last asked for, UTC"),
        _time("settled_at", "When it no longer waited, UTC; NULL while it waits"),
    ]


def _windows() -> list[Column[object]]:
    return [
        *_key(window_id="sha256 of run, endpoint, selector and window: the same try is the same row"),
        _text("endpoint", "The platform's endpoint that was listed"),
        _text("selector", "What was asked for"),
        _time("from_at", "Start of the window, UTC; NULL if asked by id alone"),
        _time("to_at", "End of the window, exclusive, UTC; NULL if asked by id alone"),
        _whole("pages", "Number of pages read"),
        _whole("items", "Number of items listed"),
        Column("complete", Boolean(), comment="Whether the listing was followed to its end"),
        *_run(),
        _time("finished_at", "When the listing was written down, UTC"),
    ]


def _posts() -> list[Column[object]]:
    return [
        *_key(post_id="The post"),
        _text("author_id", "The author's user id; only of posts under a real name"),
        _text("author_kind", "named, nickname, anonymous or official"),
        _time("created_at", "When it was posted, UTC"),
        _text("content_text", "The content as plain text"),
        _json("content", "The content as paragraphs of nodes"),
        _whole("comment_count", "Number of comments"),
        _whole("reaction_total", "Number of reactions of all types"),
        _whole("dislike_count", "Number of dislikes"),
        _json("category_ids", "The categories' ids, a list"),
        _text("link", "The post's page for a signed-in person"),
        _json("source", "The platform's own fields, without links and passwords"),
        _landed_at(),
        _source_hash(),
        _deleted_at("the post"),
    ]


def _post_reactions() -> list[Column[object]]:
    return [
        *_key(post_id="The post", reaction_type="The platform's name of the reaction"),
        _whole("reaction_count", "How often it was given; 0 once it is gone"),
        _landed_at(),
        _source_hash(),
        _deleted_at("the reaction"),
    ]

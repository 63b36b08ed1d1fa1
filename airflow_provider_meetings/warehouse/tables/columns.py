"""The columns of each table: names, types, comments.

Only key columns are NOT NULL, since a column that a later version adds must be nullable. A column whose ``info`` has
``from_source`` takes a field of ``source`` with the column's type; the platform's manifest names the field.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.warehouse.tables import types

Columns = list[Column[object]]

_SOURCE = "The platform's own fields, without links and passwords"
# MySQL limits a key to 3072 bytes in all, at 4 bytes per character.
_LENGTHS = {"platform": 32, "tenant": 128, "kind": 64, "reaction_type": 128, "landing_id": 64, "window_id": 64}


def _column(kind: TypeEngine[Any], name: str, comment: str, *, from_source: bool = False) -> Column[object]:
    return Column(name, kind, comment=comment, info={"from_source": from_source})


_id = partial(_column, types.identifier())
_text = partial(_column, types.TEXT)
_time = partial(_column, types.TIMESTAMP)
_integer = partial(_column, BigInteger())
_boolean = partial(_column, Boolean())
_json = partial(_column, types.JSON_DOCUMENT)


def _key(**comments: str) -> Columns:
    named = {
        "platform": "The platform: feishu, wecom",
        "tenant": "The tenant: WeCom's corp id, Feishu's tenant or app id",
        **comments,
    }
    return [
        Column(name, types.identifier(_LENGTHS.get(name, types.ID_LENGTH)), primary_key=True, comment=comment)
        for name, comment in named.items()
    ]


def _number(name: str, comment: str) -> Column[object]:
    return Column(name, BigInteger(), primary_key=True, autoincrement=False, comment=comment)


def _metadata(what: str, of: str = "the row's content") -> Columns:
    return [
        _time("_landed_at", "When this row last changed, UTC"),
        _text("_source_hash", f"sha256 of {of}; an unchanged row is not updated"),
        _time("_deleted_at", f"When {what} was first seen deleted, UTC; NULL while it exists"),
    ]


def _run() -> Columns:
    return [
        _id("dag_id", "The DAG of the task that wrote this row"),
        _id("run_id", "The DAG run"),
        _id("task_id", "The task"),
        _integer("map_index", "The map index; -1 if the task is not mapped"),
        _integer("try_number", "The try number, from 1"),
    ]


def recordings() -> Columns:
    """One recording, as last observed."""
    return [
        *_key(recording_id="Feishu's minute token, WeCom's meeting_record_id"),
        _id("meeting_id", "Feishu's long meeting id, WeCom's meetingid"),
        _id("meeting_number", "Feishu's 9-digit number, WeCom's meeting_code"),
        _id("owner_id", "The owner's user id; WeCom's host_user_id"),
        _text("title", "The title"),
        _time("started_at", "Start of the recording, UTC; Feishu's create_time"),
        _time("ended_at", "End of the recording, UTC"),
        _integer("duration_ms", "Duration in milliseconds"),
        _text("state", "recording, processing, absent, ready, gone, forbidden, unknown, overdue or excluded"),
        _integer("state_code", "The platform's own number for the state; WeCom's", from_source=True),
        _text("reason", "The reason for the state, if the state alone does not show it"),
        _text("page_url", "The recording's page for signed-in users; not a download link"),
        _text("listed_by", "The selector that found it, such as owner_id:<id>; WeCom's listing means the creator"),
        _time("asked_at", "When the platform last answered with these values, UTC; an older answer changes nothing"),
        _json("source", _SOURCE),
        *_metadata("the recording"),
    ]


def recording_files() -> Columns:
    """One file of one kind of a recording: as declared, and as landed."""
    return [
        *_key(
            recording_id="The recording",
            file_id="Feishu's minute token, WeCom's record_file_id",
            kind="video, audio, transcript and others; with the format where there are several",
        ),
        _id("meeting_id", "The meeting"),
        _integer("declared_size", "Size in bytes, as declared by the platform"),
        _time("started_at", "Start of the file, UTC"),
        _time("ended_at", "End of the file, UTC"),
        _integer("sharing_state", "WeCom's number for the sharing of the file", from_source=True),
        _integer("sharing_expire", "WeCom's sharing_expire, unchanged; 0 is permanent", from_source=True),
        _boolean("same_corp_only", "Whether only members of the company may open it", from_source=True),
        _boolean("attendees_only", "Whether only attendees may open it", from_source=True),
        _boolean("allow_download", "Whether those who may open the file may download it", from_source=True),
        _boolean("has_password", "Whether a password is required; the password is never stored", from_source=True),
        _json("source", _SOURCE),
        _text("uri", "The URI of the stored object"),
        _integer("size", "Size of the object in bytes"),
        _text("sha256", "sha256 of the object's bytes, in hexadecimal"),
        _text("media_type", "Media type of the object"),
        _time("landed_at", "When the object was landed, UTC"),
        _text("_stored_hash", "sha256 of the stored file's columns; an unchanged row is not updated"),
        *_metadata("the file", of="the declared columns"),
    ]


def transcript_segments() -> Columns:
    """One sentence of a transcript."""
    return [
        *_key(
            recording_id="The recording",
            file_id="The transcript's file",
            kind="The transcript's kind, such as transcript-srt; transcripts of one file have the same content",
        ),
        _number("segment_no", "The number in the file, from 0"),
        _integer("paragraph_no", "The number of the paragraph"),
        _id("speaker_id", "The speaker's id, where the platform returns it"),
        _text("speaker_name", "The speaker's name as written in the transcript"),
        _integer("start_ms", "Start, in milliseconds from the start of the file"),
        _integer("end_ms", "End, in milliseconds from the start of the file"),
        _text("text", "The text of the sentence"),
        _text("language", "The language, where the platform returns it"),
        _boolean("speaker_final", "False while the platform may still assign the speakers differently"),
        _boolean("broken", "Whether this could not be parsed as a sentence; text then holds all of it"),
        _json("source", "The header of the file, in the first segment: date and duration, keywords"),
        *_metadata("the sentence"),
    ]


def posts() -> Columns:
    """One Moments post, as last observed."""
    return [
        *_key(post_id="The post"),
        _id("author_id", "The author's user id; only for posts under a real name"),
        _text("author_kind", "named, nickname, anonymous or official"),
        _integer("author_kind_code", "The platform's own number for author_kind, user_type", from_source=True),
        _time("created_at", "When the post was created, UTC"),
        _text("content_text", "The content as plain text"),
        _json("content", "The content as paragraphs of nodes"),
        _json("image_keys", "The keys of the images, a list", from_source=True),
        _text("media_file_token", "The token of the video", from_source=True),
        _text("media_cover_image_key", "The key of the video's cover image", from_source=True),
        _integer("comment_count", "Number of comments"),
        _integer("reaction_total", "Number of reactions of all types"),
        _integer("dislike_count", "Number of dislikes"),
        _json("category_ids", "The categories' ids, a list"),
        _text("link", "The post's page for signed-in users"),
        _json("source", _SOURCE),
        *_metadata("the post"),
    ]


def post_reactions() -> Columns:
    """The count of one type of reaction to a post."""
    return [
        *_key(post_id="The post", reaction_type="The platform's name for the reaction"),
        _integer("reaction_count", "The number of these reactions; 0 once deleted"),
        *_metadata("the reaction"),
    ]


def minute_chapters() -> Columns:
    """One chapter of a minute, by Feishu's AI."""
    return [
        *_key(recording_id="The minute"),
        _number("item_no", "The number in the minute, from 0"),
        _text("title", "The title"),
        _integer("start_ms", "Start, in milliseconds"),
        _integer("stop_ms", "End, in milliseconds"),
        _text("summary", "The summary of the chapter"),
        _json("source", _SOURCE),
        *_metadata("the chapter"),
    ]


def minute_todos() -> Columns:
    """One to-do of a minute, by Feishu's AI."""
    return [
        *_key(recording_id="The minute"),
        _number("item_no", "The number in the minute, from 0"),
        _text("content", "The to-do as text"),
        _json("assignees", "The names of the assignees, a list"),
        _json("source", _SOURCE),
        *_metadata("the to-do"),
    ]


def minute_keywords() -> Columns:
    """One keyword of a minute, by Feishu's AI."""
    return [
        *_key(recording_id="The minute"),
        _number("item_no", "The number in the minute, from 0"),
        _text("keyword", "The keyword"),
        *_metadata("the keyword"),
    ]


def minute_statistics() -> Columns:
    """The view counts of a minute."""
    return [
        *_key(recording_id="The minute"),
        _integer("user_view_count", "Number of people who viewed it"),
        _integer("page_view_count", "Number of views"),
        _json("viewers", "Who viewed it, and when last, UTC; a list"),
        _json("source", _SOURCE),
        *_metadata("the minute"),
    ]


def landings() -> Columns:
    """One try of a task to land one file."""
    return [
        *_key(landing_id="sha256 of task try, recording, file and kind"),
        *_run(),
        _id("recording_id", "The recording"),
        _id("file_id", "The file"),
        _id("kind", "The kind of the file"),
        _text("outcome", "landed, resumed, skipped, replaced, absent, refused or failed"),
        _text("reason", "Why the file is absent, refused or failed; NULL otherwise"),
        _text("uri", "The URI of the stored object; NULL if there is none"),
        _integer("size", "Size of the object in bytes"),
        _text("sha256", "sha256 of the object's bytes, in hexadecimal"),
        _text("media_type", "Media type of the object"),
        _time("landed_at", "When the object was landed, UTC"),
        _time("_landed_at", "When this row last changed, UTC"),
    ]


def pending_items() -> Columns:
    """One item of a ledger that was open after a load, until it settles; written by loads with a ledger."""
    return [
        *_key(item_key="recording:<id>; before it is known, meeting:<id> or number:<number>@<start>"),
        _id("meeting_id", "The meeting"),
        _id("recording_id", "The recording, once known"),
        _text("state", "The state when last asked for; expired: asked for no more; after settled_at the final state"),
        _text("reason", "The reason for the state, if the state alone does not show it"),
        _time("first_seen_at", "When it was first listed, UTC"),
        _time("last_seen_at", "When the platform last answered about it, UTC"),
        _time("settled_at", "When it first settled, UTC; NULL while it is open"),
    ]


def discovery_windows() -> Columns:
    """One window of a listing, and how it ended."""
    return [
        *_key(window_id="sha256 of task try, endpoint, selector and window"),
        _text("endpoint", "The platform's endpoint that was listed"),
        _text("selector", "The ids that were requested"),
        _time("from_at", "Start of the window, UTC; NULL for a request by id alone"),
        _time("to_at", "End of the window, exclusive, UTC; NULL for a request by id alone"),
        _integer("pages", "Number of pages read"),
        _integer("items", "Number of items listed"),
        _text("outcome", "complete, halved, refused, failed or skipped"),
        *_run(),
        _time("finished_at", "When this row was written, UTC"),
    ]


def sync_clocks() -> Columns:
    """The dates of one selector of a ledger; written by loads with a ledger."""
    return [
        *_key(clock_id="sha256 of the selector"),
        _text("selector", "What was listed: owner_id:<id>, meeting_number:<number> and others, or window"),
        _time("seen_until", "Up to when it was listed without a gap, UTC; may move back"),
        _time("settled_until", "Up to when all that it listed is settled, UTC; may move back"),
        _time("_landed_at", "When this row last changed, UTC"),
    ]


def erasures() -> Columns:
    """One recording, post, person or kind of file that was forgotten; loads leave it out."""
    return [
        *_key(subject_hash="Fingerprint of the option redact_key, and HMAC-SHA256 of what was forgotten"),
        _text("scope", "recording, file, post, owner or author"),
        _id("erasure_id", "The plan that it was part of"),
        _time("erased_at", "When the plan was made, UTC"),
        _text("asked_by", "Who asked for it, as given"),
        _json("counts", "What the whole plan removed and redacted in this database or lake, by table"),
    ]

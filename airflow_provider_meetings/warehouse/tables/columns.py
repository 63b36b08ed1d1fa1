"""Which columns each table has: names, kinds, comments.

Only key columns are NOT NULL: a column that a later version adds has to be nullable, and one rule for all is easier
to hold. A column whose ``info`` has ``from_source`` takes a field of ``source``, if it fits; the platform's manifest
names the field.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.warehouse.tables import types

Columns = list[Column[object]]

_OF_THE_PLATFORM = "The platform's own fields, without links and passwords"
# In MySQL a key's columns together have 3072 bytes, of which a character takes four.
_LENGTHS = {"platform": 32, "tenant": 128, "kind": 64, "reaction_type": 128, "landing_id": 64, "window_id": 64}


def _of(kind: TypeEngine[Any], name: str, comment: str, *, from_source: bool = False) -> Column[object]:
    return Column(name, kind, comment=comment, info={"from_source": from_source})


def _id(name: str, comment: str) -> Column[object]:
    return _of(types.identifier(), name, comment)


def _text(name: str, comment: str, *, from_source: bool = False) -> Column[object]:
    return _of(types.words(), name, comment, from_source=from_source)


def _time(name: str, comment: str) -> Column[object]:
    return _of(types.moment(), name, comment)


def _whole(name: str, comment: str, *, from_source: bool = False) -> Column[object]:
    return _of(types.whole(), name, comment, from_source=from_source)


def _truth(name: str, comment: str, *, from_source: bool = False) -> Column[object]:
    return _of(types.truth(), name, comment, from_source=from_source)


def _json(name: str, comment: str, *, from_source: bool = False) -> Column[object]:
    return _of(types.document(), name, comment, from_source=from_source)


def _key(**comments: str) -> Columns:
    named = {
        "platform": "The platform: feishu, wecom",
        "tenant": "Whose data this is: WeCom's corp id; Feishu's tenant or app id",
        **comments,
    }
    return [
        Column(name, types.identifier(_LENGTHS.get(name, types.ID_LENGTH)), primary_key=True, comment=comment)
        for name, comment in named.items()
    ]


def _number(name: str, comment: str) -> Column[object]:
    return Column(name, types.whole(), primary_key=True, autoincrement=False, comment=comment)


def _house(what: str, of: str = "the row's content") -> Columns:
    return [
        _time("_landed_at", "When this row last changed, UTC"),
        _text("_source_hash", f"sha256 of {of}: an unchanged row is not rewritten"),
        _time("_deleted_at", f"When {what} was first seen gone, UTC; NULL while it is there"),
    ]


def _run() -> Columns:
    return [
        _id("dag_id", "The Dag of the task that wrote this row"),
        _id("run_id", "Its Dag run"),
        _id("task_id", "The task"),
        _whole("map_index", "Its map index; -1 if it is not mapped"),
        _whole("try_number", "Its try, from 1"),
    ]


def recordings() -> Columns:
    """One recording, as the platform last told it."""
    return [
        *_key(recording_id="Feishu's minute token, WeCom's meeting_record_id"),
        _id("meeting_id", "Feishu's long meeting id, WeCom's meetingid"),
        _id("meeting_number", "Feishu's 9-digit number, WeCom's meeting_code"),
        _id("owner_id", "The owner's user id; WeCom's host_user_id"),
        _text("title", "The title"),
        _time("started_at", "Start of the recording, UTC; Feishu's create_time"),
        _time("ended_at", "End of the recording, UTC"),
        _whole("duration_ms", "Duration in milliseconds"),
        _text("state", "recording, processing, absent, ready, gone, forbidden, unknown or overdue"),
        _whole("state_code", "The platform's own number for the state; WeCom's", from_source=True),
        _text("reason", "Why it is in that state, where that is not plain"),
        _text("page_url", "The recording's page for a signed-in person; not a download link"),
        _json("source", _OF_THE_PLATFORM),
        *_house("the recording"),
    ]


def recording_files() -> Columns:
    """One file of one kind of a recording: as declared, and as landed."""
    return [
        *_key(
            recording_id="The recording",
            file_id="Feishu's minute token, WeCom's record_file_id",
            kind="Such as video, audio or transcript; with the format where there are several",
        ),
        _id("meeting_id", "The meeting"),
        _whole("declared_size", "Size in bytes as the platform declares it"),
        _time("started_at", "Start of the file, UTC"),
        _time("ended_at", "End of the file, UTC"),
        _whole("sharing_state", "WeCom's number for how the file is shared", from_source=True),
        _whole("sharing_expire", "WeCom's sharing_expire as it came; 0 is for ever", from_source=True),
        _truth("same_corp_only", "Whether only members of the company may open it", from_source=True),
        _truth("attendees_only", "Whether only those who attended may open it", from_source=True),
        _truth("allow_download", "Whether those who may open it may download it", from_source=True),
        _truth("has_password", "Whether a password is asked for; itself it is never stored", from_source=True),
        _json("source", _OF_THE_PLATFORM),
        _text("uri", "The object that was landed"),
        _whole("size", "Size of the object in bytes"),
        _text("sha256", "sha256 of the object's bytes, in hexadecimal"),
        _text("media_type", "Media type of the object"),
        _time("landed_at", "When the object was landed, UTC"),
        _text("_stored_hash", "sha256 of what was landed: an unchanged row is not rewritten"),
        *_house("the file", of="what the platform declares"),
    ]


def transcript_segments() -> Columns:
    """One sentence of a transcript."""
    return [
        *_key(
            recording_id="The recording",
            file_id="The transcript's file",
            kind="Which of its transcripts, such as transcript-srt: those of one file say the same",
        ),
        _number("segment_no", "Its number in the file, from 0"),
        _whole("paragraph_no", "The number of its paragraph"),
        _id("speaker_id", "The speaker's id, where the platform tells it"),
        _text("speaker_name", "The speaker's name as written in the transcript"),
        _whole("start_ms", "Begin, in milliseconds from the file's beginning"),
        _whole("end_ms", "End, in milliseconds from the file's beginning"),
        _text("text", "What was said"),
        _text("language", "The language, where the platform tells it"),
        _truth("speaker_final", "False while the platform may still tell the speakers apart differently"),
        _truth("broken", "Whether this could not be read as a sentence, so that only the text is kept, all of it"),
        *_house("the sentence"),
    ]


def posts() -> Columns:
    """One Moments post, as the platform last told it."""
    return [
        *_key(post_id="The post"),
        _id("author_id", "The author's user id; only of posts under a real name"),
        _text("author_kind", "named, nickname, anonymous or official"),
        _whole("author_kind_code", "The platform's own number for it, user_type", from_source=True),
        _time("created_at", "When it was posted, UTC"),
        _text("content_text", "The content as plain text"),
        _json("content", "The content as paragraphs of nodes"),
        _json("image_keys", "The keys of its images, a list", from_source=True),
        _text("media_file_token", "The token of its video", from_source=True),
        _text("media_cover_image_key", "The key of the video's cover", from_source=True),
        _whole("comment_count", "Number of comments"),
        _whole("reaction_total", "Number of reactions of all types"),
        _whole("dislike_count", "Number of dislikes"),
        _json("category_ids", "The categories' ids, a list"),
        _text("link", "The post's page for a signed-in person"),
        _json("source", _OF_THE_PLATFORM),
        *_house("the post"),
    ]


def post_reactions() -> Columns:
    """How often a post was given one type of reaction."""
    return [
        *_key(post_id="The post", reaction_type="The platform's name of the reaction"),
        _whole("reaction_count", "How often it was given; 0 once it is gone"),
        *_house("the reaction"),
    ]


def minute_chapters() -> Columns:
    """One chapter that Feishu's AI found in a minute."""
    return [
        *_key(recording_id="The minute"),
        _number("item_no", "Its number in the minute, from 0"),
        _text("title", "The title"),
        _whole("start_ms", "Begin, in milliseconds"),
        _whole("stop_ms", "End, in milliseconds"),
        _text("summary", "The summary of the chapter"),
        _json("source", _OF_THE_PLATFORM),
        *_house("the chapter"),
    ]


def minute_todos() -> Columns:
    """One to-do that Feishu's AI found in a minute."""
    return [
        *_key(recording_id="The minute"),
        _number("item_no", "Its number in the minute, from 0"),
        _text("content", "What is to be done"),
        _json("assignees", "The names of those who are to do it, a list"),
        _json("source", _OF_THE_PLATFORM),
        *_house("the to-do"),
    ]


def minute_statistics() -> Columns:
    """How often a minute was looked at."""
    return [
        *_key(recording_id="The minute"),
        _whole("user_view_count", "By how many people"),
        _whole("page_view_count", "How often"),
        _json("viewers", "Who looked at it, and when last in UTC, a list"),
        _json("source", _OF_THE_PLATFORM),
        *_house("the minute"),
    ]


def landings() -> Columns:
    """One attempt of a task to land one file."""
    return [
        *_key(landing_id="sha256 of run, recording, file and kind: the same try is the same row"),
        *_run(),
        _id("recording_id", "The recording"),
        _id("file_id", "The file"),
        _id("kind", "Its kind"),
        _text("outcome", "landed, resumed, skipped, replaced, absent or failed"),
        _text("uri", "The object; NULL if there is none"),
        _whole("size", "Size of the object in bytes"),
        _text("sha256", "sha256 of the object's bytes, in hexadecimal"),
        _text("media_type", "Media type of the object"),
        _time("landed_at", "When the object was landed, UTC"),
        _time("_landed_at", "When this row last changed, UTC"),
    ]


def pending_items() -> Columns:
    """One recording that was not ready when last asked for, until it settles."""
    return [
        *_key(item_key="The recording id; until it is known meeting:<id> or meeting_number:<number>"),
        _id("meeting_id", "The meeting"),
        _id("recording_id", "The recording, once it is known"),
        _text("state", "The state when last asked; after settled_at the one it settled in"),
        _text("reason", "Why, where that is not plain"),
        _time("first_seen_at", "When it was first seen waiting, UTC"),
        _time("last_seen_at", "When it was last asked for, UTC"),
        _time("settled_at", "When it no longer waited, UTC; NULL while it waits"),
    ]


def discovery_windows() -> Columns:
    """One listing that was followed to its end: the proof of completeness."""
    return [
        *_key(window_id="sha256 of run, endpoint, selector and window: the same try is the same row"),
        _text("endpoint", "The platform's endpoint that was listed"),
        _text("selector", "What was asked for"),
        _time("from_at", "Start of the window, UTC; NULL if asked by id alone"),
        _time("to_at", "End of the window, exclusive, UTC; NULL if asked by id alone"),
        _whole("pages", "Number of pages read"),
        _whole("items", "Number of items listed"),
        _truth("complete", "Whether the listing was followed to its end"),
        *_run(),
        _time("finished_at", "When the listing was written down, UTC"),
    ]


def sync_clocks() -> Columns:
    """How far one kind of listing has come, by two clocks."""
    return [
        *_key(clock_id="sha256 of endpoint and selector"),
        _text("endpoint", "The platform's endpoint that was listed"),
        _text("selector", "What was asked for"),
        _time("seen_until", "End of the latest window that was listed completely, UTC"),
        _time("settled_until", "The latest seen_until at which nothing of the tenant still waited, UTC"),
        _time("_landed_at", "When this row last changed, UTC"),
    ]

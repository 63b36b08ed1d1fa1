"""Every field of the five documents has a column, except fields that are never stored."""

from __future__ import annotations

from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.warehouse.tables.tables import tables
from tests.documents.table import DOCUMENTS

ENVELOPE, BOX, PAGING = "(envelope)", "(a box of other fields)", "(leads through the pages)"
LINK, PASSWORD = "(a link, never stored)", "recording_files.has_password"

FIELDS = {
    "minute": {
        "code": ENVELOPE,
        "msg": ENVELOPE,
        "data": ENVELOPE,
        "minute": BOX,
        "token": "recordings.recording_id",
        "owner_id": "recordings.owner_id",
        "create_time": "recordings.started_at",
        "title": "recordings.title",
        "cover": LINK,
        "duration": "recordings.duration_ms",
        "url": "recordings.page_url",
    },
    "minute_media": {"code": ENVELOPE, "msg": ENVELOPE, "data": ENVELOPE, "download_url": LINK},
    "meeting_recording": {
        "code": ENVELOPE,
        "msg": ENVELOPE,
        "data": ENVELOPE,
        "recording": BOX,
        "url": "recordings.page_url",
        "duration": "recordings.duration_ms",
    },
    "record_list": {
        "errcode": ENVELOPE,
        "errmsg": ENVELOPE,
        "has_more": PAGING,
        "next_cursor": PAGING,
        "record_list": BOX,
        "meeting_record_id": "recordings.recording_id",
        "meetingid": "recordings.meeting_id",
        "meeting_code": "recordings.meeting_number",
        "host_user_id": "recordings.owner_id",
        "meeting_start_time": "recordings.started_at",
        "title": "recordings.title",
        "state": "recordings.state_code",
        "record_file_list": BOX,
        "record_file_id": "recording_files.file_id",
        "record_start_time": "recording_files.started_at",
        "record_end_time": "recording_files.ended_at",
        "record_size": "recording_files.declared_size",
        "sharing_state": "recording_files.sharing_state",
        "sharing_url": LINK,
        "required_same_corp": "recording_files.same_corp_only",
        "required_attendee": "recording_files.attendees_only",
        "password": PASSWORD,
        "sharing_expire": "recording_files.sharing_expire",
        "allow_download": "recording_files.allow_download",
    },
    "post": {
        "code": ENVELOPE,
        "msg": ENVELOPE,
        "data": ENVELOPE,
        "post": BOX,
        "user_id": "posts.author_id",
        "content": "posts.content",
        "image_key_list": "posts.image_keys",
        "media_file_token": "posts.media_file_token",
        "comment_count": "posts.comment_count",
        "reaction_set": BOX,
        "reactions": BOX,
        "type": "post_reactions.reaction_type",
        "count": "post_reactions.reaction_count",
        "total_count": "posts.reaction_total",
        "id": "posts.post_id",
        "create_time": "posts.created_at",
        "media_cover_image_key": "posts.media_cover_image_key",
        "category_ids": "posts.category_ids",
        "link": "posts.link",
        "user_type": "posts.author_kind_code",
        "dislike_count": "posts.dislike_count",
    },
}


def test_documented_fields_are_assigned() -> None:
    assert {d.key: {field.name for field in d.answer} for d in DOCUMENTS} == {
        key: set(fields) for key, fields in FIELDS.items()
    }


def test_named_columns_exist() -> None:
    columns = {f"{table.name}.{column.name}" for table in tables() for column in table.columns}
    named = {place for fields in FIELDS.values() for place in fields.values() if not place.startswith("(")}
    assert named <= columns


def test_manifest_fields_are_documented() -> None:
    names = {field.name for document in DOCUMENTS for field in document.answer} | {"has_password"}
    taken = {field for manifest in manifests().values() for field in manifest["columns"].values()}
    assert taken <= names


def test_source_columns_are_in_a_manifest() -> None:
    columns = {c.name for table in tables() for c in table.columns if c.info.get("from_source")}
    assert columns == {name for manifest in manifests().values() for name in manifest["columns"]}

"""WeCom's addresses of files: signed links that die within hours, perhaps minutes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pendulum import DateTime

from airflow_provider_meetings.api.http.fields import Fields, Raw
from airflow_provider_meetings.api.sanitize import NeverPickled
from airflow_provider_meetings.platforms.wecom.api.models import either

_FILE_TYPE = re.compile(r"[a-z0-9]{1,8}")

_read = Fields("wecom")


# https://developer.work.weixin.qq.com/document/path/98196
@dataclass(frozen=True, slots=True)
class FileAddresses(NeverPickled):
    """Where a file can be had now: signed links that die within hours, perhaps minutes. None shows in the repr."""

    record_file_id: str
    view_address: str | None = field(repr=False)
    download_address: str | None = field(repr=False)
    download_address_file_type: str | None
    audio_address: str | None = field(repr=False)
    audio_address_file_type: str | None
    meeting_summary: Mapping[str, str] = field(repr=False)
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, value: object) -> FileAddresses:
        """Read one file; `meeting_summary` becomes addresses by file type, a second txt being ``txt-2``."""
        raw = _read.mapping(value, "record_files[]")
        return cls(
            record_file_id=_read.required(raw, "record_file_id"),
            view_address=_read.text(raw, "view_address"),
            download_address=_read.text(raw, "download_address"),
            download_address_file_type=_read.text(raw, "download_address_file_type"),
            audio_address=_read.text(raw, "audio_address"),
            audio_address_file_type=_read.text(raw, "audio_address_file_type"),
            meeting_summary=_by_type(raw, "meeting_summary"),
            raw=raw,
        )


# https://developer.work.weixin.qq.com/document/path/98205
@dataclass(frozen=True, slots=True)
class RecordingFile(NeverPickled):
    """The answer of get_file: one file, its times in UTC, and its links as in `FileAddresses`.

    `meeting_summary` and `ai_meeting_transcripts` are addresses by file type, a second txt being ``txt-2``.
    """

    record_file_id: str
    meetingid: str | None
    meeting_code: str | None
    meeting_record_name: str | None
    record_name: str | None
    start_time: DateTime | None
    end_time: DateTime | None
    view_address: str | None = field(repr=False)
    download_address: str | None = field(repr=False)
    download_address_file_type: str | None
    audio_address: str | None = field(repr=False)
    audio_address_file_type: str | None
    meeting_summary: Mapping[str, str] = field(repr=False)
    ai_meeting_transcripts: Mapping[str, str] = field(repr=False)
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, body: object) -> RecordingFile:
        """Read an answer; times are milliseconds, text in the document's example and numbers in its table."""
        raw = _read.mapping(body, "answer")
        return cls(
            record_file_id=_read.required(raw, "record_file_id"),
            meetingid=_read.text(raw, "meetingid"),
            meeting_code=_read.text(raw, "meeting_code"),
            meeting_record_name=_read.text(raw, "meeting_record_name"),
            record_name=_read.text(raw, "record_name"),
            start_time=_read.milliseconds(raw, "start_time"),
            end_time=_read.milliseconds(raw, "end_time"),
            view_address=_read.text(raw, "view_address"),
            download_address=_read.text(raw, "download_address"),
            download_address_file_type=_read.text(raw, "download_address_file_type"),
            audio_address=_read.text(raw, "audio_address"),
            audio_address_file_type=_read.text(raw, "audio_address_file_type"),
            meeting_summary=_by_type(raw, "meeting_summary"),
            ai_meeting_transcripts=_by_type(raw, "ai_meeting_transcripts"),
            raw=raw,
        )


# https://developer.work.weixin.qq.com/document/path/98196
def parse_addresses(body: Raw) -> tuple[FileAddresses, ...]:
    """Read the answer of get_file_list."""
    return tuple(FileAddresses.parse(f) for f in either(body, "record_files", "record_file_list"))


# https://developer.work.weixin.qq.com/document/path/98205
def _by_type(raw: Raw, name: str) -> dict[str, str]:
    """Read addresses by file type. One page of the documents shows an object, the table a list."""
    value = raw.get(name) or []
    entries = [value] if isinstance(value, Mapping) else _read.array(value, name)
    addresses: dict[str, str] = {}
    for entry in (_read.mapping(e, f"{name}[]") for e in entries):
        file_type = (_read.text(entry, "file_type") or "").lower()
        if not _FILE_TYPE.fullmatch(file_type):  # it becomes a part of a name
            file_type = "bin"
        same = sum(known.partition("-")[0] == file_type for known in addresses)
        if address := _read.text(entry, "download_address"):
            addresses[f"{file_type}-{same + 1}" if same else file_type] = address
    return addresses

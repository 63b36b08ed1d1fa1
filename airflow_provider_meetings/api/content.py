"""What the bytes are: the file's extension, and whether they are a recording at all."""

from __future__ import annotations

import re

from airflow_provider_meetings.api.errors import MediaCorrupt
from airflow_provider_meetings.api.models import MediaFile, MediaKind

HEAD_BYTES = 512

_EXTENSION = re.compile(r"[a-z0-9]{1,8}")

_EXTENSIONS = {
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "audio/mp4": "m4a",
    "audio/x-m4a": "m4a",
    "audio/m4a": "m4a",
    "audio/aac": "aac",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/ogg": "ogg",
}
_MEDIA_TYPES = {ext: media_type for media_type, ext in reversed(_EXTENSIONS.items())} | {
    "txt": "text/plain",
    "srt": "application/x-subrip",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_MAGIC = (
    (re.compile(rb".{4}ftypM4A", re.DOTALL), "m4a"),
    (re.compile(rb".{4}ftypqt", re.DOTALL), "mov"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "mp4"),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), "mp3"),
    (re.compile(rb"\xff[\xf1\xf9]"), "aac"),
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), "wav"),
    (re.compile(rb"OggS"), "ogg"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "webm"),
)
# An error document or a login page, whatever type and status it comes with.
_PAGE = re.compile(rb"\s*(<!doctype|<html|<head|<body|<\?xml|<error)", re.IGNORECASE)
_ANSWER = re.compile(rb"""\s*\{\s*"(code|errcode|error|errmsg|msg|message)"\s*:""")
_UNPRINTABLE = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f\xff]")
_BOM = b"\xef\xbb\xbf"


def refuse_documents(media: MediaFile, head: bytes, content_type: str = "") -> None:
    """Raise MediaCorrupt if what is served is an API's answer, a page or a message instead of the file.

    :param head: the first `HEAD_BYTES` bytes, or all if there are fewer.
    :param content_type: the Content-Type header, or empty.
    """
    name = f"{media.platform} file {media.file_id!r} ({media.kind})"
    if not head:
        raise MediaCorrupt(f"{name}: nothing was served, not one byte", platform=media.platform)
    text = head.removeprefix(_BOM)
    served = content_type.partition(";")[0].strip().lower()
    # Text kinds may well begin with a brace or a bracket; sound and pictures are never text.
    audible = media.kind in {MediaKind.VIDEO, MediaKind.AUDIO}
    if (
        _PAGE.match(text)
        or _ANSWER.match(text)
        or served in {"text/html", "application/json", "application/xml", "text/xml"}
        or (audible and (served.startswith("text/") or _is_text(text)))
    ):
        raise MediaCorrupt(
            f"{name}: a page or a message was served instead of the file",
            platform=media.platform,
            next_step="Try again: the link may have died. If it lasts, open the recording in the platform itself.",
        )


def _is_text(head: bytes) -> bool:
    # A container of sound or pictures has bytes among its first that no text has.
    return not _UNPRINTABLE.search(head) and not any(magic.match(head) for magic, _ in _MAGIC)


def extension(media: MediaFile, *, content_type: str, file_type: str, head: bytes) -> str:
    """Choose the file's extension: the kind's format, else the served type, else the platform's word, else the bytes.

    :param content_type: the Content-Type header, or empty.
    :param file_type: the platform's name of the format, or empty.
    """
    kind_format = f"{media.kind}-".split("-")[1]  # of transcript-srt, and of a second one, summary-txt-2
    if _EXTENSION.fullmatch(kind_format):
        return kind_format
    served = _EXTENSIONS.get(content_type.partition(";")[0].strip().lower())
    if served:
        return served
    if _EXTENSION.fullmatch(file_type.lower()):
        return file_type.lower()
    return next((ext for magic, ext in _MAGIC if magic.match(head)), "bin")


def media_type(ext: str) -> str:
    """Name the media type of an extension."""
    return _MEDIA_TYPES.get(ext, "application/octet-stream")

"""The first bytes by which a file's format is known, and the names of formats: extensions and media types."""

from __future__ import annotations

import re

# One media type first, then what else it is called.
_NAMES = {
    "mp4": ("video/mp4",),
    "m4v": ("video/x-m4v",),
    "mov": ("video/quicktime",),
    "3gp": ("video/3gpp", "audio/3gpp"),
    "webm": ("video/webm", "audio/webm"),
    "mkv": ("video/x-matroska", "video/matroska", "audio/x-matroska"),
    "avi": ("video/x-msvideo", "video/avi", "video/msvideo"),
    "flv": ("video/x-flv",),
    "wmv": ("video/x-ms-wmv",),
    "asf": ("video/x-ms-asf", "application/vnd.ms-asf"),
    "mpeg": ("video/mpeg",),
    "ts": ("video/mp2t",),
    "m4a": ("audio/mp4", "audio/x-m4a", "audio/m4a"),
    "mp3": ("audio/mpeg", "audio/mp3"),
    "aac": ("audio/aac", "audio/x-aac", "audio/aacp"),
    "wav": ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
    "ogg": ("audio/ogg", "video/ogg", "application/ogg"),
    "flac": ("audio/flac", "audio/x-flac"),
    "amr": ("audio/amr",),
    "wma": ("audio/x-ms-wma",),
    "txt": ("text/plain",),
    "srt": ("application/x-subrip",),
    "json": ("application/json",),
    "pdf": ("application/pdf",),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
}
_AUDIBLE = re.compile(r"(video|audio)/|application/(ogg|vnd\.ms-asf)")
# A small box first, whose length begins with zero bits: a text would say hundreds of megabytes. Only `mdat` may be so.
_BOX = rb"(?s:[\x00-\x03].{3}"

CONTAINERS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    # ISO base media (ISO/IEC 14496-12) by brand, and QuickTime before brands, which begins with any box.
    (re.compile(_BOX + rb"ftyp(M4A|M4B))"), "m4a"),
    (re.compile(_BOX + rb"ftypM4V)"), "m4v"),
    (re.compile(_BOX + rb"ftypqt)"), "mov"),
    (re.compile(_BOX + rb"ftyp3g)"), "3gp"),
    (re.compile(_BOX + rb"(ftyp|styp))"), "mp4"),
    (re.compile(_BOX + rb"(moov|free|wide|skip))|(?s:.{4}mdat)"), "mov"),
    # An ID3 tag; or an MPEG frame of layer III or II (layer I's first bytes are UTF-16's mark as well).
    (re.compile(rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2-\xf5\xfa-\xfd]"), "mp3"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "aac"),
    (re.compile(rb"(?s:(RIFF|RF64).{4}WAVE)"), "wav"),
    (re.compile(rb"(?s:RIFF.{4}AVI )"), "avi"),
    (re.compile(rb"OggS\x00"), "ogg"),
    (re.compile(rb"(?s:\x1a\x45\xdf\xa3.{0,60}?webm)"), "webm"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "mkv"),
    (re.compile(rb"FLV\x01"), "flv"),
    (re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"), "asf"),
    (re.compile(rb"#!AMR(-WB)?\n"), "amr"),
    (re.compile(rb"fLaC"), "flac"),
    (re.compile(rb"\x00\x00\x01[\xba\xb3]"), "mpeg"),
    # A transport stream has no head: its packets begin with G, 188 bytes apart, or 192 with a time before each.
    (re.compile(rb"(?s:G.{187}G|.{4}G.{191}G)"), "ts"),
)
"""What sound and pictures come in."""

DOCUMENTS: dict[str, bytes] = {"pdf": b"%PDF-", "docx": b"PK\x03\x04"}
"""How a format of documents begins."""

TEXTS = frozenset({"txt", "srt"})
"""Formats that are plain text."""

_EXTENSIONS = {name: ext for ext, names in _NAMES.items() for name in names}


def container(head: bytes) -> str | None:
    """Name the container that `head` begins, as an extension; None if it is none that holds sound or pictures."""
    return next((ext for magic, ext in CONTAINERS if magic.match(head)), None)


def extension_of(content_type: str) -> str | None:
    """Name the extension of a media type of sound or pictures; parameters are ignored."""
    name = bare(content_type)
    return _EXTENSIONS.get(name) if _AUDIBLE.match(name) else None


def media_type_of(ext: str) -> str:
    """Name the media type of an extension."""
    return _NAMES[ext][0] if ext in _NAMES else "application/octet-stream"


def bare(content_type: str) -> str:
    """Return a Content-Type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()

"""Detect from the first bytes of a file what it is: its extension, and whether it is the recording at all."""

from __future__ import annotations

import codecs
import re

from airflow_provider_meetings.api.errors import MediaCorrupt
from airflow_provider_meetings.api.models import MediaFile, MediaKind

HEAD_BYTES = 512
_MESSAGE_BYTES = 16

# By extension: the media type to use first, then its other names.
_MEDIA_TYPES = {
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
_EXTENSIONS = {name: ext for ext, names in _MEDIA_TYPES.items() for name in names}
_AUDIO_OR_VIDEO = re.compile(r"(video|audio)/|application/(ogg|vnd\.ms-asf)")
_EXTENSION = re.compile(r"(?!part$)[a-z0-9]{1,8}")  # a file that ends in .part is taken for a partial download

# The length of a small box begins with zero bits; in a text, the same bytes are letters. Only `mdat` may be large.
_BOX = rb"(?s:[\x00-\x03].{3}"

CONTAINERS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    # ISO base media (ISO/IEC 14496-12) by brand; QuickTime files without a brand begin with any box.
    (re.compile(_BOX + rb"ftyp(M4A|M4B))"), "m4a"),
    (re.compile(_BOX + rb"ftypM4V)"), "m4v"),
    (re.compile(_BOX + rb"ftypqt)"), "mov"),
    (re.compile(_BOX + rb"ftyp3g)"), "3gp"),
    (re.compile(_BOX + rb"(ftyp|styp))"), "mp4"),
    (re.compile(_BOX + rb"(moov|free|wide|skip))|(?s:.{4}mdat)"), "mov"),
    # An ID3 tag, or an MPEG frame of layer III or II (layer I begins with the same bytes as UTF-16).
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
    # A transport stream has no header: its packets begin with G, every 188 bytes, or every 192 with a timestamp each.
    (re.compile(rb"(?s:G.{187}G|.{4}G.{191}G)"), "ts"),
)
"""Magic bytes of audio and video containers, each with its extension."""

# Formats with the same first bytes.
_SAME_BYTES = {"mp4": {"mp4", "m4a"}, "asf": {"asf", "wma", "wmv"}}

_DOCUMENTS: dict[str, bytes] = {"pdf": b"%PDF-", "docx": b"PK\x03\x04"}
_TEXTS = frozenset({"txt", "srt"})

_PAGE_TYPES = frozenset({"text/html", "application/json", "application/xml", "text/xml"})
# An error document or a login page, whatever type and status it has.
_PAGE = re.compile(r"\s*<(!|\?xml|html|head|body|title|meta|script|error)", re.IGNORECASE)
# A transcript may begin with a brace or a bracket, but not like this.
_JSON = re.compile(r"""\s*(\{\s*("[^"\x00-\x1f]*"\s*:|\})|\[\s*\{\s*")""")
_API_ERROR = re.compile(r"""\s*\{\s*"(code|errcode|error|errmsg|msg|message)"\s*:""")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LABELS = {"media": "an audio or video container", "text": "text", "json": "JSON", "": "a file"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def media_type(ext: str) -> str:
    """Return the media type of an extension."""
    return _MEDIA_TYPES[ext][0] if ext in _MEDIA_TYPES else "application/octet-stream"


def container(head: bytes) -> str | None:
    """Return the extension of the audio or video container that begins with `head`; None if it is none."""
    return next((ext for magic, ext in CONTAINERS if magic.match(head)), None)


def extension(media: MediaFile, *, content_type: str, file_type: str, head: bytes) -> str:
    """Choose the extension of a file: by its kind's format, else the bytes, else the Content-Type, else `file_type`.

    If the bytes leave a choice, as those of MP4 with audio alone do, Content-Type or `file_type` decides.

    :param content_type: the Content-Type header, or empty.
    :param file_type: the platform's name of the format, or empty.
    """
    kind_format = f"{media.kind}-".split("-")[1]  # of transcript-srt; summary-txt-2 has a number
    if kind_format and kind_format not in _MEDIA_TYPES:  # no page says what WeCom's docs are
        kind_format = next((ext for ext, magic in _DOCUMENTS.items() if head.startswith(magic)), kind_format)
    if _EXTENSION.fullmatch(kind_format):
        return kind_format
    served = _without_parameters(content_type)
    declared = (_EXTENSIONS.get(served, "") if _AUDIO_OR_VIDEO.match(served) else "", file_type.lower())
    found = container(head)
    possible = _SAME_BYTES.get(found, {found}) if found else declared
    return next((ext for ext in declared if ext in possible and _EXTENSION.fullmatch(ext)), found or "bin")


def refuse_documents(media: MediaFile, head: bytes, content_type: str = "") -> None:
    """Raise MediaCorrupt unless the bytes begin like a file of this kind.

    Audio and video must be in a known container, transcripts must be text, documents must have their magic bytes. A web
    page, an error message and an answer of an API are refused whatever the headers say.

    :param head: the first `HEAD_BYTES` bytes, or all if there are fewer.
    :param content_type: the Content-Type header, or empty.
    """
    name = f"{media.platform} file {media.file_id!r} ({media.kind})"
    if not head:
        raise MediaCorrupt(f"{name}: the body is empty", platform=media.platform)
    expected = _expected_format(media.kind)
    if _is_page(expected, head, content_type):
        problem = "a page or a message was served instead of the file"
    elif not _begins_like(expected, head):
        problem = "the content is not the file"
    else:
        return
    raise MediaCorrupt(
        f"{name}: {problem}: expected {_LABELS.get(expected, f'a file ({expected})')}, got the first bytes "
        f"{head[:_MESSAGE_BYTES].hex(' ')} with Content-Type {content_type[:80]!r}",
        platform=media.platform,
        next_step="Try again: the link may have expired. If it persists, open the recording in the platform itself.",
    )


def _expected_format(kind: str) -> str:
    """Return ``media``, ``text``, ``json``, or the format of a document."""
    family, _, kind_format = kind.partition("-")
    if family in {MediaKind.VIDEO, MediaKind.AUDIO}:
        return "media"
    kind_format = kind_format.partition("-")[0]  # without the number of summary-txt-2
    return "text" if kind_format in _TEXTS else kind_format


def _begins_like(expected: str, head: bytes) -> bool:
    text = _decode(head)
    if expected == "media":
        return container(head) is not None
    if expected == "text":
        # GB18030 decodes nearly anything: refuse magic bytes of other files with characters that no text has.
        other = head.startswith(tuple(_DOCUMENTS.values())) or (container(head) and _CONTROL.search(text or ""))
        return text is not None and not other
    if expected == "json":
        return text is not None and text.lstrip()[:1] in {"{", "["}
    return head.startswith(_DOCUMENTS.get(expected, b""))  # an unknown format cannot be checked


def _is_page(expected: str, head: bytes, content_type: str) -> bool:
    served = _without_parameters(content_type)
    # The type decides only where no magic bytes do: some hosts serve every file as text/html.
    decides = expected not in {"media", *_DOCUMENTS} and (expected, served) != ("json", "application/json")
    if decides and served in _PAGE_TYPES:
        return True
    text = _decode(head)
    if expected == "media" and text is not None and not _CONTROL.search(text):
        return True  # the first bytes of every container include some that no text has
    content = head.decode("latin-1") if text is None else text
    return bool(_PAGE.match(content) or (_API_ERROR if expected == "json" else _JSON).match(content))


def _decode(head: bytes) -> str | None:
    """Decode text: UTF-16 with a byte order mark, UTF-8, else GB18030; None if it is none of them."""
    encodings = ("utf-16",) if head.startswith(_UTF_16) else ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            # The head may end within a character, a whole file may not.
            text = codecs.getincrementaldecoder(encoding)().decode(head, final=len(head) < HEAD_BYTES)
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else text.removeprefix("\ufeff")
    return None


def _without_parameters(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()

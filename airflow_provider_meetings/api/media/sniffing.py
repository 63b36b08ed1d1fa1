"""What the bytes are: the file's extension, and whether they are the file at all."""

from __future__ import annotations

import codecs
import re

from airflow_provider_meetings.api.errors import MediaCorrupt
from airflow_provider_meetings.api.models import MediaFile, MediaKind

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


HEAD_BYTES = 512
_SHOWN_BYTES = 16

_EXTENSION = re.compile(r"(?!part$)[a-z0-9]{1,8}")  # what ends in .part is taken for a leftover
_PAGE_TYPES = frozenset({"text/html", "application/json", "application/xml", "text/xml"})
# An error document or a login page, whatever type and status it comes with.
_PAGE = re.compile(r"\s*<(!|\?xml|html|head|body|title|meta|script|error)", re.IGNORECASE)
# JSON itself: a transcript may well begin with a brace or a bracket, but not like this.
_JSON = re.compile(r"""\s*(\{\s*("[^"]*"\s*:|\})|\[\s*\{\s*")""")
_ANSWER = re.compile(r"""\s*\{\s*"(code|errcode|error|errmsg|msg|message)"\s*:""")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_WORDS = {"media": "a container of sound or pictures", "text": "text", "json": "JSON", "": "a file"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def refuse_documents(media: MediaFile, head: bytes, content_type: str = "") -> None:
    """Raise MediaCorrupt unless the bytes begin as a file of this kind does.

    Sound and pictures come in a known container, texts are text, documents have their signature. A page, a message or
    an API's answer is none of them, whatever the headers say.

    :param head: the first `HEAD_BYTES` bytes, or all if there are fewer.
    :param content_type: the Content-Type header, or empty.
    """
    name = f"{media.platform} file {media.file_id!r} ({media.kind})"
    if not head:
        raise MediaCorrupt(f"{name}: nothing was served, not one byte", platform=media.platform)
    expected = _expected(media.kind)
    if _is_page(expected, head, content_type):
        fault = "a page or a message was served instead of the file"
    elif not _begins(expected, head):
        fault = "what was served is not the file"
    else:
        return
    raise MediaCorrupt(
        f"{name}: {fault}: expected {_WORDS.get(expected, f'a file ({expected})')}, got the first bytes "
        f"{head[:_SHOWN_BYTES].hex(' ')} with Content-Type {content_type[:80]!r}",
        platform=media.platform,
        next_step="Try again: the link may have died. If it lasts, open the recording in the platform itself.",
    )


def _expected(kind: str) -> str:
    """Name what a kind's bytes must be: ``media``, ``text``, ``json``, or the format of a document."""
    family, _, kind_format = kind.partition("-")
    if family in {MediaKind.VIDEO, MediaKind.AUDIO}:
        return "media"
    kind_format = kind_format.partition("-")[0]  # of a second one, summary-txt-2
    return "text" if kind_format in TEXTS else kind_format


def _begins(expected: str, head: bytes) -> bool:
    text = _text(head)
    if expected == "media":
        return container(head) is not None
    if expected == "text":
        # GB18030 reads nearly anything: what begins like another file, and no text does, is that file.
        other = head.startswith(tuple(DOCUMENTS.values())) or (container(head) and _CONTROL.search(text or ""))
        return text is not None and not other
    if expected == "json":
        return text is not None and text.lstrip()[:1] in {"{", "["}
    # A format that we do not know cannot be told from another.
    return head.startswith(DOCUMENTS.get(expected, b""))


def _is_page(expected: str, head: bytes, content_type: str) -> bool:
    """Tell whether a page, a message or an API's answer was served; where JSON is expected, only an error's answer."""
    served = bare(content_type)
    if served in _PAGE_TYPES and not (expected == "json" and served == "application/json"):
        return True
    text = _text(head)
    if expected == "media" and text is not None and not _CONTROL.search(text):
        return True  # a container has bytes among its first that no text has
    shown = head.decode("latin-1") if text is None else text
    return bool(_PAGE.match(shown) or (_ANSWER if expected == "json" else _JSON).match(shown))


def _text(head: bytes) -> str | None:
    """Read the bytes as text: UTF-16 with its mark, UTF-8, else GB18030; None if they are none."""
    encodings = ("utf-16",) if head.startswith(_UTF_16) else ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            # The head may end within a character, a whole file may not.
            text = codecs.getincrementaldecoder(encoding)().decode(head, final=len(head) < HEAD_BYTES)
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else text.removeprefix("\ufeff")
    return None


def extension(media: MediaFile, *, content_type: str, file_type: str, head: bytes) -> str:
    """Choose the file's extension: the kind's format, else the served type, else the platform's word, else the bytes.

    :param content_type: the Content-Type header, or empty.
    :param file_type: the platform's name of the format, or empty.
    """
    kind_format = f"{media.kind}-".split("-")[1]  # of transcript-srt, and of a second one, summary-txt-2
    if _EXTENSION.fullmatch(kind_format):
        return kind_format
    served = extension_of(content_type)
    if served:
        return served
    if _EXTENSION.fullmatch(file_type.lower()):
        return file_type.lower()
    return container(head) or "bin"


def media_type(ext: str) -> str:
    """Name the media type of an extension."""
    return media_type_of(ext)

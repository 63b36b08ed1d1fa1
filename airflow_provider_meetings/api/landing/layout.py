"""Names of objects: made of typed fields, valid in any store, the same on every run."""

from __future__ import annotations

import hashlib
import re
import string
from urllib.parse import quote
from zoneinfo import ZoneInfo

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import MediaFile, Recording
from airflow_provider_meetings.api.sanitize import check_text

DEFAULT_LAYOUT = "{platform}/{date}/{recording_id}/{file_id}.{kind}.{ext}"
FIELDS = ("platform", "tenant", "date", "recording_id", "meeting_id", "file_id", "kind", "ext")
UNDATED = "undated"
RECEIPT_SUFFIX = ".receipt.json"
CHECKPOINT_SUFFIX = ".part.json"
BATCH_SUFFIX = ".batch.ndjson"
_RESERVED_SUFFIXES = (RECEIPT_SUFFIX, CHECKPOINT_SUFFIX, BATCH_SUFFIX, ".part")
MAX_TEMPLATE_BYTES = 200  # its constant text must fit into a file name
MAX_NAME_BYTES = 110  # two names, a suffix and .part fit into the 255 bytes of a file name
# In a segment, each value but one ends at text that it cannot contain, or begins after such a text. Ids contain -.~%+;
# a kind continues after a hyphen (summary-docx), but not with another kind. A date or ext has no underscore.
_UNAMBIGUOUS = re.compile(
    r"(?:[^{}]*\{(?:platform\}(?![\w{])|(?:date|ext)\}(?![a-z0-9{])|kind\}(?![\w{-])|\w+\}(?![\w{.~%+-])))*"
    r"[^{}]*(?:\{\w+\})?"
    r"(?:[^{}]*(?:(?<![\w}])\{(?:platform|kind)|(?<![a-z0-9}])\{(?:date|ext)|(?<![\w}.~%+-])\{\w+)\})*[^{}]*",
    re.ASCII,
)


class Layout:
    """Make the keys of objects, receipts and checkpoints from a template of typed fields.

    ``{date}`` is the day on which the recording started, in `timezone`; ``undated`` for a recording without a start. It
    does not depend on the DAG run, so a file has the same name in each run.

    :param template: fields of `FIELDS` in braces; the last path segment must contain file_id, kind and ext, and a
        folder platform or tenant.
    :param timezone: an IANA name.
    :raises InvalidRequest: for an invalid or ambiguous template or an unknown time zone.
    """

    def __init__(self, template: str = DEFAULT_LAYOUT, timezone: str = "UTC") -> None:
        self._check(template)
        folder, _, self._name = template.rpartition("/")
        self._folders = folder.split("/") if folder else []
        try:
            self._zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError, TypeError, AttributeError):
            raise InvalidRequest(
                f"timezone {timezone!r:.60} is unknown ({type(timezone).__name__}); "
                "use an IANA name such as 'Asia/Shanghai'"
            ) from None

    @staticmethod
    def _check(template: str) -> None:
        check_text(template, "layout", next_step=f"Set it to a string such as {DEFAULT_LAYOUT}.")
        if len(template.encode()) > MAX_TEMPLATE_BYTES:
            raise InvalidRequest(
                f"layout is too long, {len(template)} characters: use at most {MAX_TEMPLATE_BYTES} bytes"
            )
        try:
            parsed = list(string.Formatter().parse(template))
        except ValueError as error:
            raise InvalidRequest(f"layout {template!r} is invalid: {error}") from None
        for _, name, spec, conversion in parsed:
            if name is not None and (name not in FIELDS or spec or conversion):
                raise InvalidRequest(f"layout: {{{name}}} is not one of {', '.join(FIELDS)} (without format)")
        folder, _, last = template.rpartition("/")
        Layout._check_last_segment(last)
        if "ext" in _fields(folder):
            raise InvalidRequest("layout: {ext} is allowed in the last segment only")
        if any(segment in {"", ".", ".."} for segment in template.split("/")):
            raise InvalidRequest("layout: empty, '.' and '..' segments and a leading slash are not allowed")
        if not _fields(folder) & {"platform", "tenant"}:
            raise InvalidRequest("layout: a folder needs {platform} or {tenant}, or files of two would share a name")
        if not all(map(_UNAMBIGUOUS.fullmatch, template.split("/"))):
            raise InvalidRequest(
                f"layout {template!r} is ambiguous, two files could share a name: separate ids by slashes, and "
                "{kind} and {ext}, at the end, by dots"
            )

    @staticmethod
    def _check_last_segment(last: str) -> None:
        fields = _fields(last)
        missing = [name for name in ("file_id", "kind", "ext") if name not in fields]
        if missing:
            raise InvalidRequest(f"layout: the last segment needs {{{missing[0]}}}, or files would share a name")
        if _reserved_suffix(last.format_map(dict.fromkeys(FIELDS, "json"))):
            raise InvalidRequest(
                f"layout: the last segment {last!r} makes names that end in one of {', '.join(_RESERVED_SUFFIXES)}, "
                "which are reserved for receipts, checkpoints, batches and part files"
            )

    def object_key(self, recording: Recording, media: MediaFile, ext: str) -> str:
        key = self._key(recording, media, self._name, ext)
        if suffix := _reserved_suffix(key):  # an id can end in it
            at = len(key) - len(suffix)
            key = f"{key[:at]}%2E{key[at + 1 :]}"
        return key

    def receipt_key(self, recording: Recording, media: MediaFile) -> str:
        """Return the key of the receipt, which does not depend on the served media type."""
        return self._key(recording, media, "{file_id}.{kind}" + RECEIPT_SUFFIX, "")

    def checkpoint_key(self, recording: Recording, media: MediaFile) -> str:
        return self._key(recording, media, "{file_id}.{kind}" + CHECKPOINT_SUFFIX, "")

    def _date(self, recording: Recording) -> str:
        try:
            return recording.started_at.astimezone(self._zone).date().isoformat() if recording.started_at else UNDATED
        except OverflowError:  # the last day of the calendar, in another time zone
            return UNDATED

    def _key(self, recording: Recording, media: MediaFile, name: str, ext: str) -> str:
        fields = {
            "platform": media.platform,
            "tenant": media.tenant,
            "date": self._date(recording),
            "recording_id": media.recording_id,
            "meeting_id": media.meeting_id or "no-meeting",
            "file_id": media.file_id,
            "kind": media.kind,
            "ext": ext,
        }
        safe = {field: safe_name(value) for field, value in fields.items()}
        return "/".join(segment.format_map(safe) for segment in [*self._folders, name])


def stem(name: str) -> str:
    """Return the common part of the names of an object, its receipt and its checkpoint: ``{file_id}.{kind}``.

    Only layouts whose last segment is ``{file_id}.{kind}.{ext}`` have one; in others only the receipt names the object.
    """
    for suffix in (RECEIPT_SUFFIX, CHECKPOINT_SUFFIX):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name.rpartition(".")[0]


def receipt_name(file_id: str, kind: str) -> str:
    """Return the name of a file's receipt in its folder."""
    return f"{safe_name(file_id)}.{safe_name(kind)}{RECEIPT_SUFFIX}"


def safe_name(value: str) -> str:
    """Encode an id as one path segment; different ids get different names.

    Characters other than letters, digits, ``-``, ``_``, ``.`` and ``~`` are percent-encoded, and so is a leading
    dot. A long name is truncated and ends in a digest of the id.
    """
    name = quote(value, safe="", errors="surrogatepass")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > MAX_NAME_BYTES:
        # No quoted name contains "+", so no other id has this name.
        digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
        name = f"{name[: MAX_NAME_BYTES - 65]}+{digest}"
    return name


def _reserved_suffix(name: str) -> str | None:
    # In lower case: some file systems ignore case.
    return next((suffix for suffix in _RESERVED_SUFFIXES if name.lower().endswith(suffix)), None)


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}

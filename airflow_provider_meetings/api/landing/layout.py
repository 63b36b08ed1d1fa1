"""Where an object stands: names made of typed fields, safe in any store, the same on every run."""

from __future__ import annotations

import hashlib
import string
from urllib.parse import quote
from zoneinfo import ZoneInfo

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import MediaFile, Recording

DEFAULT_LAYOUT = "{platform}/{date}/{recording_id}/{file_id}.{kind}.{ext}"
FIELDS = ("platform", "tenant", "date", "recording_id", "meeting_id", "file_id", "kind", "ext")
UNDATED = "undated"
RECEIPT_SUFFIX = ".receipt.json"
CHECKPOINT_SUFFIX = ".part.json"
# No object may have such a name: it would be taken for a receipt, a checkpoint, or what a try that died has left.
_TAKEN = (RECEIPT_SUFFIX, CHECKPOINT_SUFFIX, ".part")
LONGEST_TEMPLATE = 200  # bytes: its plain text alone must fit into a file's name
LONGEST_NAME = 110  # two of them, a suffix and .part stay below the 255 bytes that a file's name may have


class Layout:
    """Make object names from a template of typed fields, and the receipt's name beside each.

    ``{date}`` is the day on which the recording itself began, in `timezone`: never the run's date, or a file that
    comes late would land twice. A recording without a time stands under ``undated``.

    :param template: fields in braces, of those in `FIELDS`; the last part must hold file_id, kind and ext.
    :param timezone: an IANA name.
    :raises InvalidRequest: for an unknown field, a format or an attribute, a missing field, an unknown zone.
    """

    def __init__(self, template: str = DEFAULT_LAYOUT, timezone: str = "UTC") -> None:
        self._check(template)
        folder, _, self._name = template.rpartition("/")
        self._folders = folder.split("/") if folder else []
        try:
            self._zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError, TypeError, AttributeError):
            raise InvalidRequest(
                f"timezone {timezone!r:.60} is not known ({type(timezone).__name__}); "
                "give an IANA name as a text, such as Asia/Shanghai"
            ) from None

    @staticmethod
    def _check(template: str) -> None:
        if not isinstance(template, str):
            raise InvalidRequest(f"layout must be a text such as {DEFAULT_LAYOUT}, got {type(template).__name__}")
        if not template.isprintable():
            raise InvalidRequest(f"layout {template[:60]!r} holds a control character: remove it")
        if len(template.encode()) > LONGEST_TEMPLATE:
            raise InvalidRequest(f"layout is too long, {len(template)} characters: at most {LONGEST_TEMPLATE} bytes")
        try:
            parsed = list(string.Formatter().parse(template))
        except ValueError as error:
            raise InvalidRequest(f"layout {template!r} cannot be read: {error}") from None
        for _, name, spec, conversion in parsed:
            if name is not None and (name not in FIELDS or spec or conversion):
                raise InvalidRequest(f"layout: {{{name}}} is not one of {', '.join(FIELDS)} (without format)")
        folder, _, last = template.rpartition("/")
        Layout._check_last(last)
        if "ext" in _fields(folder):
            raise InvalidRequest("layout: {ext} may stand in the last part only, it is known last")
        if any(part in {"", ".", ".."} for part in template.split("/")):
            raise InvalidRequest("layout: no empty, '.' or '..' part, and no leading slash")

    @staticmethod
    def _check_last(last: str) -> None:
        named = _fields(last)
        missing = [name for name in ("file_id", "kind", "ext") if name not in named]
        if missing:
            raise InvalidRequest(f"layout: the last part needs {{{missing[0]}}}, or files would share a name")
        if _taken(last.format_map(dict.fromkeys(FIELDS, "json"))):
            raise InvalidRequest(
                f"layout: the last part {last!r} makes names that end in one of {', '.join(_TAKEN)}: so end those of "
                "receipts, checkpoints and part files"
            )

    def object_key(self, recording: Recording, media: MediaFile, ext: str) -> str:
        """Name the object that holds the file."""
        key = self._key(recording, media, self._name, ext)
        if suffix := _taken(key):  # by an id that ends so
            at = len(key) - len(suffix)
            key = f"{key[:at]}%2E{key[at + 1 :]}"
        return key

    def receipt_key(self, recording: Recording, media: MediaFile) -> str:
        """Name the receipt, which is known before the served type is."""
        return self._key(recording, media, "{file_id}.{kind}" + RECEIPT_SUFFIX, "")

    def checkpoint_key(self, recording: Recording, media: MediaFile) -> str:
        """Name what a try leaves while the file is on its way."""
        return self._key(recording, media, "{file_id}.{kind}" + CHECKPOINT_SUFFIX, "")

    def _date(self, recording: Recording) -> str:
        try:
            return recording.started_at.astimezone(self._zone).date().isoformat() if recording.started_at else UNDATED
        except OverflowError:  # the last day of the calendar, in another zone
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
        return "/".join(part.format_map(safe) for part in [*self._folders, name])


def stem(name: str) -> str:
    """Return what an object's name shares with those of its receipt and checkpoint: ``{file_id}.{kind}``.

    So it is in a layout whose last part is ``{file_id}.{kind}.{ext}``; in others the receipt alone names the object.
    """
    for suffix in (RECEIPT_SUFFIX, CHECKPOINT_SUFFIX):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name.rpartition(".")[0]


def receipt_name(file_id: str, kind: str) -> str:
    """Name a file's receipt in its folder."""
    return f"{safe_name(file_id)}.{safe_name(kind)}{RECEIPT_SUFFIX}"


def _taken(name: str) -> str | None:
    # In lower case: there are file systems that keep one name for both.
    return next((suffix for suffix in _TAKEN if name.lower().endswith(suffix)), None)


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def safe_name(value: str) -> str:
    """Write an id so that it is one harmless part of a path, and two ids never become one.

    Ids are made of letters, digits, ``-`` and ``_``; anything else is percent-encoded, a leading dot too. A very
    long one is cut and ends in a digest of the whole.
    """
    name = quote(value, safe="", errors="surrogatepass")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > LONGEST_NAME:
        # "+" stands in no quoted name, so that no id can spell the name of a cut one.
        digest = hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()
        name = f"{name[: LONGEST_NAME - 65]}+{digest}"
    return name

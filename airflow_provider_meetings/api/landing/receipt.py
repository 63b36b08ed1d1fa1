"""The receipt beside a landed object: what was landed, and how to verify it later."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from airflow_provider_meetings import __version__
from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX
from airflow_provider_meetings.api.models import MediaFile, StoredFile
from airflow_provider_meetings.api.sanitize import storable_text

SCHEMA = 2
IDENTITY = ("platform", "tenant", "recording_id", "file_id", "kind")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was landed. Holds no link and no title; times in ISO 8601 UTC, `size` in bytes, hashes in hexadecimal.

    `name` is the object's name in the receipt's folder; `validator` is the store's validator of this version.
    `formats` are those of `MediaFile`. `version` counts the contents that were landed, from 1; `former_sha256` is that
    of the version before, if it is known.
    """

    platform: str
    tenant: str
    recording_id: str
    meeting_id: str | None
    file_id: str
    kind: str
    name: str
    uri: str
    size: int
    sha256: str
    media_type: str
    validator: str
    landed_at: str
    started_at: str | None
    ended_at: str | None
    formats: Sequence[str] | None = None
    version: int = 1
    former_sha256: str | None = None
    tool: str = f"airflow-provider-meetings {__version__}"
    schema: int = SCHEMA

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Receipt | None:
        """Parse a receipt; None if it is missing, truncated, invalid or of another schema."""
        try:
            receipt = cls(**json.loads(data or b""))
            if not receipt._is_valid():
                return None
            receipt.stored_file("skipped", receipt.uri)
        except (ValueError, TypeError, RecursionError):
            return None
        return receipt

    def stored_file(self, outcome: str, uri: str) -> StoredFile:
        """Return the stored file, with the address that it has today."""
        values = {name: getattr(self, name) for name in (*IDENTITY, "size", "sha256", "media_type", "landed_at")}
        return StoredFile.from_dict({**values, "uri": uri, "outcome": outcome})

    def describes(self, media: MediaFile) -> bool:
        """Return whether this is the receipt of that file."""
        return all(getattr(self, name) == getattr(media, name) for name in IDENTITY)

    def _is_valid(self) -> bool:
        """Check every field: anyone who can write to the lake can write receipts."""
        texts = [getattr(self, field.name) for field in fields(self) if field.type == "str"]
        texts += [text for text in (self.meeting_id, self.started_at, self.ended_at) if text is not None]
        texts += [] if self.formats is None else self.formats
        return (
            type(self.schema) is int
            and self.schema == SCHEMA
            and _is_integer(self.size, 0)
            and _is_integer(self.version, 1)
            and all(isinstance(text, str) and storable_text(text) == text for text in texts)
            and isinstance(self.formats, list | None)
            and all(_SHA256.fullmatch(text) for text in (self.sha256, self.former_sha256) if text is not None)
            and _is_object_name(self.name)
        )


def _is_integer(value: object, minimum: int) -> bool:
    return type(value) is int and minimum <= value < 2**63  # True is an int; databases store 64 bits


def _is_object_name(name: str) -> bool:
    """Return whether a name stays in the receipt's folder and is not the name of a receipt or checkpoint."""
    if name in {"", ".", ".."} or "/" in name or not name.isprintable() or len(name.encode()) > 255:
        return False
    return not name.endswith((RECEIPT_SUFFIX, CHECKPOINT_SUFFIX))


def without_object(media: MediaFile, outcome: str, reason: str) -> StoredFile:
    """Return a stored file that has no object."""
    missing = dict.fromkeys(("uri", "size", "sha256", "media_type", "landed_at"))
    values = {name: getattr(media, name) for name in IDENTITY}
    return StoredFile.from_dict({**values, **missing, "outcome": outcome, "reason": reason})

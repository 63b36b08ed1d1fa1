"""The receipt beside a landed object: what was landed, and how to verify it later."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from airflow_provider_meetings import __version__
from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX
from airflow_provider_meetings.api.models import MediaFile, StoredFile

IDENTITY = ("platform", "tenant", "recording_id", "file_id", "kind")
_Text = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")]
_Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_MAX_INTEGER = 2**63 - 1  # databases store 64 bits


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was landed. Holds no link and no title; times in ISO 8601 UTC, `size` in bytes, hashes in hexadecimal.

    Types are checked when it is read: anyone who can write to the lake can write receipts.

    `name` is the object's name in the receipt's folder; `validator` is the store's validator of this version.
    `formats` are those of `MediaFile`. `version` counts the contents that were landed, from 1; `former_sha256` is that
    of the version before, if it is known.
    """

    platform: _Text
    tenant: _Text
    recording_id: _Text
    meeting_id: _Text | None
    file_id: _Text
    kind: _Text
    name: _Text
    uri: _Text
    size: Annotated[int, Meta(ge=0, le=_MAX_INTEGER)]
    sha256: _Sha256
    media_type: _Text
    validator: _Text
    landed_at: _Text
    started_at: _Text | None
    ended_at: _Text | None
    formats: tuple[_Text, ...] | None = None
    version: Annotated[int, Meta(ge=1, le=_MAX_INTEGER)] = 1
    former_sha256: _Sha256 | None = None
    tool: _Text = f"airflow-provider-meetings {__version__}"
    schema: Literal[2] = 2

    def to_bytes(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Receipt | None:
        """Parse a receipt; None if it is missing, truncated, invalid or of another schema."""
        try:
            receipt = msgspec.json.decode(data or b"", type=cls)
            receipt.stored_file("skipped", receipt.uri)
        except (ValueError, msgspec.MsgspecError, RecursionError):  # before msgspec 0.21 its errors are no ValueError
            return None
        return receipt if _is_object_name(receipt.name) else None

    def stored_file(self, outcome: str, uri: str) -> StoredFile:
        """Return the stored file, with the address that it has today."""
        values = {name: getattr(self, name) for name in (*IDENTITY, "size", "sha256", "media_type", "landed_at")}
        return StoredFile.from_dict({**values, "uri": uri, "outcome": outcome})

    def describes(self, media: MediaFile) -> bool:
        """Return whether this is the receipt of that file."""
        return all(getattr(self, name) == getattr(media, name) for name in IDENTITY)


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

"""The receipt beside a landed object: what it is and how to tell that it still is.

It stands in `api` and not in `storage`, because the landing engine decides by it and knows no store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from airflow_provider_meetings import __version__
from airflow_provider_meetings.api.models import MediaFile, StoredFile

SCHEMA = 2
_READABLE = {1, 2}  # 1 had no parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was landed: no link, no title. Times in ISO 8601 UTC, `size` in bytes, `sha256` in hexadecimal.

    `name` is the object's name in the receipt's own folder; `validator` is what the store says of this version.
    Where an upload was continued of which no whole hash is known, `sha256` is None and there are `part_size`, the
    parts' hashes and `tree_sha256` instead (see `api.store.Parts`).
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
    sha256: str | None
    media_type: str
    validator: str
    landed_at: str
    started_at: str | None
    ended_at: str | None
    part_size: int | None = None
    parts: Sequence[str] | None = None
    tree_sha256: str | None = None
    tool: str = f"airflow-provider-meetings {__version__}"
    schema: int = SCHEMA

    def to_bytes(self) -> bytes:
        """Write the receipt as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Receipt | None:
        """Read a receipt; None for none, a torn one, or one of another schema: then it proves nothing."""
        if data is None:
            return None
        try:
            receipt = cls(**json.loads(data))
            receipt.stored_file("skipped", receipt.uri)
        except (ValueError, TypeError, RecursionError):
            return None
        # Whoever can write to the lake can write receipts: a name must not lead out of the receipt's folder.
        name = receipt.name
        sound = isinstance(receipt.size, int) and isinstance(name, str) and name.isprintable()
        sound = sound and isinstance(receipt.validator, str) and isinstance(receipt.sha256, str | None)
        sound = sound and name not in {"", ".", ".."} and "/" not in name
        return receipt if sound and receipt.schema in _READABLE else None

    def stored_file(self, outcome: str, uri: str) -> StoredFile:
        """Say what stands in the store, under the address it has today."""
        return StoredFile.from_dict(
            {
                "platform": self.platform,
                "tenant": self.tenant,
                "recording_id": self.recording_id,
                "file_id": self.file_id,
                "kind": self.kind,
                "uri": uri,
                "size": self.size,
                "sha256": self.sha256,
                "media_type": self.media_type,
                "landed_at": self.landed_at,
                "outcome": outcome,
            }
        )

    def describes(self, media: MediaFile) -> bool:
        """Tell whether this is the receipt of that very file."""
        mine = (self.platform, self.tenant, self.recording_id, self.file_id, self.kind)
        return mine == (media.platform, media.tenant, media.recording_id, media.file_id, media.kind)

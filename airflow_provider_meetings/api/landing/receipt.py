"""The receipt beside a landed object: what it is and how to tell that it still is.

It stands in `api` and not in `storage`, because the landing engine decides by it and knows no store.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_meetings import __version__
from airflow_provider_meetings.api.landing.layout import CHECKPOINT_SUFFIX, RECEIPT_SUFFIX
from airflow_provider_meetings.api.media.stream import STRONG_TAG
from airflow_provider_meetings.api.models import MediaFile, StoredFile
from airflow_provider_meetings.api.sanitize import storable_text

SCHEMA = 2
_READABLE = (1, 2)  # 1 had no parts
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXTS = (
    "platform",
    "tenant",
    "recording_id",
    "file_id",
    "kind",
    "name",
    "uri",
    "media_type",
    "validator",
    "landed_at",
    "tool",
)
_TEXTS_OR_NONE = ("meeting_id", "started_at", "ended_at")


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
            if not receipt._sound():
                return None
            receipt.stored_file("skipped", receipt.uri)
        except (ValueError, TypeError, RecursionError):
            return None
        return receipt

    def _sound(self) -> bool:
        """Tell whether every field is what it says: whoever can write to the lake can write receipts."""
        texts = [getattr(self, field) for field in _TEXTS]
        texts += [text for field in _TEXTS_OR_NONE if (text := getattr(self, field)) is not None]
        hashes = [text for text in (self.sha256, self.tree_sha256) if text is not None]
        if self.parts is not None and not isinstance(self.parts, list):
            return False
        return (
            _number(self.schema, 1)
            and self.schema in _READABLE
            and _number(self.size, 0)
            and (self.part_size is None or _number(self.part_size, 1))
            and all(isinstance(text, str) and storable_text(text) == text for text in texts)
            and all(isinstance(text, str) and _SHA256.fullmatch(text) for text in (*hashes, *(self.parts or ())))
            and _names_an_object(self.name)
        )

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


def _number(value: object, least: int) -> bool:
    return type(value) is int and least <= value < 2**63  # True is an int too; databases end there


def _names_an_object(name: str) -> bool:
    """Tell whether a name stays in the receipt's folder, and is no receipt's or checkpoint's."""
    if name in {"", ".", ".."} or "/" in name or not name.isprintable() or len(name.encode()) > 255:
        return False
    return not name.endswith((RECEIPT_SUFFIX, CHECKPOINT_SUFFIX))


_AHEAD = 4  # pieces that may wait for the hash: they are all it holds in memory


class BackgroundDigest:
    """Make the sha256 of bytes as they come; used by one thread."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        self._waiting: deque[Future[None]] = deque()

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(self._thread.submit(self._hash.update, piece))
        if len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far, in hexadecimal."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)


CHECKPOINT_SCHEMA = 1
_BEYOND = 2**60  # bytes that no file has


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where the bytes of one file lie, and of which version at the origin they are. No link, no title.

    :param name: the object's name in this folder.
    :param length: bytes of the whole file; None if the origin did not say.
    :param validator: the origin's strong entity tag; None: what lies there cannot be continued, only swept.
    :param place: the writer's own words, as plain JSON.
    """

    name: str
    length: int | None
    validator: str | None
    place: Mapping[str, Any]
    schema: int = CHECKPOINT_SCHEMA

    def to_bytes(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Checkpoint | None:
        """Read one; None for none, a torn one, or one of another schema: then nothing is continued."""
        if data is None:
            return None
        try:
            found = cls(**json.loads(data))
        except (ValueError, TypeError, RecursionError):
            return None
        sound = (
            found.schema == CHECKPOINT_SCHEMA
            and isinstance(found.name, str)
            and "/" not in found.name
            and (found.length is None or (type(found.length) is int and 0 <= found.length < _BEYOND))
            and (found.validator is None or _is_strong(found.validator))
            and isinstance(found.place, dict)
        )
        return found if sound else None


def _is_strong(validator: object) -> bool:
    return isinstance(validator, str) and STRONG_TAG.fullmatch(validator) is not None

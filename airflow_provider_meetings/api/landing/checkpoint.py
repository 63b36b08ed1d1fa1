"""The checkpoint of an unfinished landing: what the next try needs to resume it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_meetings.api.media.stream import STRONG_TAG

SCHEMA = 1
_MAX_LENGTH = 2**60  # bytes; no file is larger


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The version of one file at its media host, and where its partial upload is. Holds no link and no title.

    :param name: the object's name in this folder.
    :param length: bytes of the whole file; None if the host did not send it.
    :param validator: the host's strong entity tag; None if the upload cannot be resumed, only swept.
    :param writer_state: the state that the writer saved, as plain JSON.
    """

    name: str
    length: int | None
    validator: str | None
    writer_state: Mapping[str, Any]
    schema: int = SCHEMA

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Checkpoint | None:
        """Parse a checkpoint; None if it is missing, truncated or of another schema."""
        try:
            checkpoint = cls(**json.loads(data or b""))
        except (ValueError, TypeError, RecursionError):
            return None
        return checkpoint if checkpoint._is_valid() else None

    def _is_valid(self) -> bool:
        return (
            self.schema == SCHEMA
            and isinstance(self.name, str)
            and "/" not in self.name
            and (self.length is None or (type(self.length) is int and 0 <= self.length < _MAX_LENGTH))
            and (self.validator is None or STRONG_TAG.fullmatch(str(self.validator)) is not None)
            and isinstance(self.writer_state, dict)
        )

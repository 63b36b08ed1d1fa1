"""The checkpoint of an unfinished landing: what the next try needs to resume it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from airflow_provider_meetings.api.media.stream import STRONG_TAG


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version of one file at its media host, and where its partial upload is. Holds no link and no title.

    :param name: the object's name in this folder.
    :param length: bytes of the whole file; None if the host did not send it.
    :param validator: the host's strong entity tag; None if the upload cannot be resumed, only swept.
    :param writer_state: the state that the writer saved, as plain JSON.
    """

    name: Annotated[str, Meta(pattern=r"\A[^/]*\Z")]
    length: Annotated[int, Meta(ge=0, le=2**60)] | None
    validator: Annotated[str, Meta(pattern=rf"\A{STRONG_TAG.pattern}\Z")] | None
    writer_state: dict[str, Any]
    schema: Literal[1] = 1

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self, order="sorted") + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Checkpoint | None:
        """Parse a checkpoint; None if it is missing, truncated or of another schema."""
        try:
            return msgspec.json.decode(data or b"", type=cls)
        except (ValueError, msgspec.MsgspecError, RecursionError):  # before msgspec 0.21 its errors are no ValueError
            return None

"""What a try leaves beside the target, so that the next one continues instead of beginning anew.

A small object in the store itself rather than in Airflow's task state: so that another run of the DAG continues too, a
sweep can tell whose the bytes are, and it is the same on every Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_meetings.api.stream import STRONG_TAG

SCHEMA = 1
_BEYOND = 2**60  # bytes that no file has


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where the bytes of one file lie, and of which version at the origin they are. No link, no title.

    :param name: the object's name in this folder.
    :param length: bytes of the whole file; None if the origin did not say.
    :param validator: the origin's strong entity tag; None: what lies there cannot be continued, only swept.
    :param place: the sink's own words, as plain JSON.
    """

    name: str
    length: int | None
    validator: str | None
    place: Mapping[str, Any]
    schema: int = SCHEMA

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
            found.schema == SCHEMA
            and isinstance(found.name, str)
            and "/" not in found.name
            and (found.length is None or (type(found.length) is int and 0 <= found.length < _BEYOND))
            and (found.validator is None or _is_strong(found.validator))
            and isinstance(found.place, dict)
        )
        return found if sound else None


def _is_strong(validator: object) -> bool:
    return isinstance(validator, str) and STRONG_TAG.fullmatch(validator) is not None

"""What counts as absent in a store to which others may write as well."""

from __future__ import annotations

import logging
from functools import cache
from typing import Final

log = logging.getLogger(__name__)

MAX_VALUE_BYTES: Final = 1024 * 1024
MAX_VALUE_SECONDS: Final = 7200.0
"""Longest lifetime of a value: a token lives two hours, and a block of an hour is remembered for two."""


def stored_bytes(content: object, name: str) -> bytes | None:
    """Return what is stored under a name; None, with a warning, if it is not bytes, or too large."""
    if isinstance(content, bytes | bytearray | memoryview) and len(content) <= MAX_VALUE_BYTES:
        return bytes(content)
    return warn_ignored(name)


@cache
def warn_ignored(name: str) -> None:
    """Log, once per process, that what is stored under a name counts as absent."""
    log.warning(
        "Ignoring %s in Redis or in the table meetings_coordination: this provider did not write it like this, or a "
        "clock was set back. If it happens again, delete it, and find out what else writes there",
        name,
    )

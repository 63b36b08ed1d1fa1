"""What file systems of fsspec say of an object: each has other names for the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pendulum
from pendulum import DateTime

# The first that is there counts. Google's generation before its ETag, which changes with an object's metadata too.
_VALIDATORS = ("generation", "ETag", "etag", "e_tag", "md5Hash", "md5", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "updated", "modify", "created")


def validator(info: Mapping[str, Any]) -> str:
    """Return a mark that changes when the object does, and never by itself; empty if the store gives none."""
    for name in (*_VALIDATORS, *_TIMES):
        value = info.get(name)
        if value not in (None, ""):
            if isinstance(value, dt.datetime):
                value = value.isoformat()
            elif isinstance(value, bytes | bytearray):
                value = value.hex()
            return f"{name}:{value}"
    return ""


def modified(info: Mapping[str, Any]) -> DateTime | None:
    """Return when the object was last written to, in UTC; None if the listing does not say."""
    for name in _TIMES:
        value = info.get(name)
        if isinstance(value, dt.datetime):
            return pendulum.instance(value, tz="UTC").in_timezone("UTC")
        if isinstance(value, int | float):
            return pendulum.from_timestamp(value)
        if isinstance(value, str) and value:
            return _parsed(value)
    return None


def _parsed(text: str) -> DateTime | None:
    try:
        if text[:14].isdecimal():  # RFC 3659, as FTP servers write it: YYYYMMDDHHMMSS, in UTC
            return pendulum.instance(dt.datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC))
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return pendulum.instance(found, tz="UTC").in_timezone("UTC")

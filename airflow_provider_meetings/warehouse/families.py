"""Whether a column that is there can hold what ours holds: databases have many words for one kind of type."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Text
from sqlalchemy.types import TypeEngine

from airflow_provider_meetings.warehouse.types import Id

# In this order: the first that matches names the family.
_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"json|variant", "document"),
    (r"timestamp(\(\d\))? without time zone", "local time"),
    (r"timestamp|datetime", "time"),
    (r"date|time", "half a time"),
    (r"bool|tinyint\(1\)", "truth"),
    (r"bigint|int8|int64|hugeint|numeric|decimal|number", "whole"),
    (r"interval", "interval"),
    (r"int", "small whole"),
    (r"float|double|real", "real"),
    (r"char|text|string|clob", "text"),
    (r"binary|blob|bytea|bytes", "bytes"),
)
_HOLDING: Mapping[type, frozenset[str]] = {
    Id: frozenset({"text"}),
    Text: frozenset({"text"}),
    DateTime: frozenset({"time"}),
    BigInteger: frozenset({"whole"}),
    Boolean: frozenset({"truth"}),
    # MariaDB's JSON is a LONGTEXT.
    JSON: frozenset({"document", "text"}),
}


def fits(present: str, wanted: TypeEngine[object]) -> bool:
    """Tell whether a column of the database's type `present` can hold `wanted`; a type we do not know may."""
    for pattern, family in _FAMILIES:
        if re.search(pattern, present):
            return family in _HOLDING[type(wanted)]
    return True

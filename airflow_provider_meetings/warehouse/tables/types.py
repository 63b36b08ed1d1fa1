"""Column types, their variants per database, and which existing columns are compatible with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

ID_LENGTH = 256
"""The maximum length of an id in characters, for MySQL: five ids must fit into a key of 3072 bytes."""


class Id(Text):
    """An id: text that is equal only if all characters are equal.

    :param length: for MySQL, which allows no TEXT in a key.
    """


def identifier(length: int = ID_LENGTH) -> TypeEngine[Any]:
    """Return the type of an id.

    PostgreSQL sorts text by locale by default. By default MySQL and MariaDB ignore case and trailing blanks.
    """
    return (
        Id()
        .with_variant(postgresql.TEXT(collation="C"), "postgresql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_0900_bin"), "mysql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mariadb")
    )


TEXT = Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), "mysql", "mariadb")
# In MySQL, whose TIMESTAMP ends in 2038, a DATETIME in UTC.
TIMESTAMP = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
JSON_DOCUMENT = JSON().with_variant(postgresql.JSONB(), "postgresql")

# The first pattern that matches a database's type names its family.
_FAMILIES: tuple[tuple[str, str], ...] = (
    (r"json|variant", "json"),
    (r"timestamp(\(\d\))? without time zone", "local time"),
    (r"timestamp|datetime", "timestamp"),
    (r"bool|tinyint\(1\)", "boolean"),
    (r"bigint|int8|int64|hugeint|numeric|decimal|number", "bigint"),
    (r"char|text|string|clob", "text"),
    (r"date|time|int|float|double|real|binary|blob|bytea|bytes", "other"),
)
_COMPATIBLE: Mapping[type, frozenset[str]] = {
    Id: frozenset({"text"}),
    Text: frozenset({"text"}),
    DateTime: frozenset({"timestamp"}),
    BigInteger: frozenset({"bigint"}),
    Boolean: frozenset({"boolean"}),
    # MariaDB's JSON is a LONGTEXT.
    JSON: frozenset({"json", "text"}),
}


def is_compatible(existing: str, required: TypeEngine[object]) -> bool:
    """Return whether a column of the database's type `existing` can store `required`; unknown types are accepted."""
    for pattern, family in _FAMILIES:
        if re.search(pattern, existing):
            return family in _COMPATIBLE[type(required)]
    return True

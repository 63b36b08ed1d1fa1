"""The kinds of columns, and how each database spells them.

Variants stand here and nowhere else: PostgreSQL sorts ids by the locale if not told otherwise, MySQL and MariaDB take
two ids that differ in case, or in blanks at the end, for the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, DateTime, Text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

ID_LENGTH = 256
"""The longest id, in characters, where a database has to be told: five of them must fit a key of 3072 bytes."""


class Id(Text):
    """An id: text that is equal only if each character is.

    :param length: for MySQL, which cannot have TEXT in a key.
    """


def identifier(length: int = ID_LENGTH) -> TypeEngine[Any]:
    """Return the type of an id."""
    return (
        Id()
        .with_variant(postgresql.TEXT(collation="C"), "postgresql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_0900_bin"), "mysql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mariadb")
    )


def words() -> TypeEngine[Any]:
    """Return the type of text in any language and of any length."""
    return Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), "mysql", "mariadb")


def moment() -> TypeEngine[Any]:
    """Return the type of a time: an instant, and in MySQL, which has none past 2038, the UTC clock's reading."""
    return DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def whole() -> TypeEngine[Any]:
    """Return the type of a whole number of 64 bits."""
    return BigInteger()


def truth() -> TypeEngine[Any]:
    """Return the type of yes or no."""
    return Boolean()


def document() -> TypeEngine[Any]:
    """Return the type of a JSON document."""
    return JSON().with_variant(postgresql.JSONB(), "postgresql")


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

"""The kinds of columns, and how each database spells them.

Variants stand here and nowhere else: PostgreSQL sorts ids by the locale if not told otherwise, MySQL and MariaDB take
two ids that differ in case, or in blanks at the end, for the same.
"""

from __future__ import annotations

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

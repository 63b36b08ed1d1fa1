"""The tables and their names.

Ids are text (Feishu's exceed 2^53), times are timestamps with time zone in UTC, durations are milliseconds and sizes
bytes, both bigint. Every key starts with (platform, tenant).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import MetaData, Table

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables import columns

# PostgreSQL truncates longer names without an error.
_MAX_SCHEMA_BYTES = 63
_MAX_PREFIX_BYTES = 32


class Tables(NamedTuple):
    """One set of tables, all with the same prefix and schema."""

    recordings: Table
    recording_files: Table
    transcript_segments: Table
    posts: Table
    post_reactions: Table
    minute_chapters: Table
    minute_todos: Table
    minute_keywords: Table
    minute_statistics: Table
    landings: Table
    pending_items: Table
    discovery_windows: Table
    sync_clocks: Table
    erasures: Table

    @property
    def prefix(self) -> str:
        return self.recordings.name.removesuffix("recordings")


@lru_cache(maxsize=32)
def tables(prefix: str = "", schema: str | None = None) -> Tables:
    """Describe the tables.

    :param prefix: the prefix of each table's name; the dialect quotes any characters.
    :param schema: the schema of the tables; None for the connection's own.
    :raises LoadError: for a prefix or schema that is too long.
    """
    for what, name, longest in (
        ("table_prefix", prefix, _MAX_PREFIX_BYTES),
        ("schema", schema or "", _MAX_SCHEMA_BYTES),
    ):
        if len(name.encode()) > longest:
            raise LoadError(f"{what} is longer than {longest} bytes; databases truncate such names")
    metadata = MetaData(schema=schema)
    described = []
    for name in Tables._fields:
        describe = getattr(columns, name)
        table = Table(
            prefix + name,
            metadata,
            *describe(),
            comment=(describe.__doc__ or "").rstrip("."),
            mysql_engine="InnoDB",
            mariadb_engine="InnoDB",
            mysql_charset="utf8mb4",
            mariadb_charset="utf8mb4",
        )
        described.append(table)
    return Tables(*described)

"""Which tables there are, under which names.

All ids are text (Feishu's pass 2^53), times are timestamps with time zone in UTC, durations are milliseconds and
sizes bytes as bigint. Every key starts with (platform, tenant).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache

from sqlalchemy import MetaData, Table

from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.tables import columns

# PostgreSQL cuts names after 63 bytes, in silence.
_LONGEST_SCHEMA = 63
_LONGEST_PREFIX = 32


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """One set of tables, all with the same prefix and schema."""

    recordings: Table
    recording_files: Table
    transcript_segments: Table
    posts: Table
    post_reactions: Table
    minute_chapters: Table
    minute_todos: Table
    minute_statistics: Table
    landings: Table
    pending_items: Table
    discovery_windows: Table
    sync_clocks: Table

    def __iter__(self) -> Iterator[Table]:
        return (getattr(self, f.name) for f in fields(self))

    @property
    def prefix(self) -> str:
        """What stands before each name."""
        return self.recordings.name.removesuffix("recordings")


@lru_cache(maxsize=32)
def tables(prefix: str = "", schema: str | None = None) -> Tables:
    """Describe the tables.

    :param prefix: put before each table's name, in any characters: the dialect quotes it.
    :param schema: the schema they live in; None is the connection's own.
    :raises LoadError: for a prefix or schema with control characters or that is too long, and for a blank schema.
    """
    if any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in prefix + (schema or "")):
        raise LoadError("table_prefix and schema must not contain control characters")
    if schema is not None and not schema.strip():
        raise LoadError("schema is blank; leave it None for the connection's own schema")
    for what, name, longest in (("table_prefix", prefix, _LONGEST_PREFIX), ("schema", schema or "", _LONGEST_SCHEMA)):
        if len(name.encode()) > longest:
            raise LoadError(f"{what} is longer than {longest} bytes; databases cut such names")
    metadata = MetaData(schema=schema)
    found = {}
    for field in fields(Tables):
        describe = getattr(columns, field.name)
        found[field.name] = Table(
            prefix + field.name,
            metadata,
            *describe(),
            comment=(describe.__doc__ or "").rstrip("."),
            mysql_engine="InnoDB",
            mariadb_engine="InnoDB",
            mysql_charset="utf8mb4",
            mariadb_charset="utf8mb4",
        )
    return Tables(**found)

"""The extras of this distribution, and how to install one that is missing."""

from __future__ import annotations

EXTRAS = frozenset({"amazon", "duckdb", "emulator", "mysql", "parquet", "postgres", "redis", "sqlite"})


def install(extra: str) -> str:
    """Return the next step of an error about something that an extra installs."""
    return f"Install the extra {extra} on every worker and triggerer: pip install 'airflow-provider-meetings[{extra}]'"

"""The SQL statements of the documentation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.warehouse.lake.lakes import land, query

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "lake.rst"


def statements_for(title: str) -> str:
    section = PAGE.read_text().partition(f"\n{title}\n~~~")[2]
    found = re.search(r"code-block:: sql\n\n(.+?)(\n\n\S|\Z)", section, re.DOTALL)
    assert found, title
    return textwrap.dedent(found[1])


def test_duckdb(tmp_path: Path, recording: Callable[..., dict[str, Any]]) -> None:
    days = ("2026-05-01T00:00:00Z", "2026-04-30T00:00:00Z", None)
    land(tmp_path, [recording(recording_id=f"rec-{n}", started_at=day) for n, day in enumerate(days)])
    statement = statements_for("DuckDB")
    assert "s3://bucket/meetings" in statement
    rows = query(statement.replace("s3://bucket/meetings", str(tmp_path)).replace("SELECT *", "SELECT recording_id"))
    assert rows == [{"recording_id": "rec-0"}]

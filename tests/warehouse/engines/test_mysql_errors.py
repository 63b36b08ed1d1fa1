"""Error texts of MySQL, which may contain values."""

from __future__ import annotations

from typing import cast

import pytest

from airflow_provider_meetings.warehouse.engines.mysql import MySQLEngine
from airflow_provider_meetings.warehouse.merge.engine import Hook

LIKE = "x' for column 'PRIVATE' at row 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect string value: '\\xF0' for column 'title' at row 1", "1366, column 'title': "),  # MySQL
        (
            f"Incorrect string value: '{LIKE}' for column `lake`.`recordings`.`title` at row 21",
            "1366, column 'title': ",
        ),
        (f"Incorrect string value: '\"{LIKE}' for column 'title' at row 1", "1366, column 'title': "),
        (f"Incorrect string value: '{LIKE} and then the text was cut", "1366: "),
    ],
)
def test_column_is_read_from_end_of_error_text(text: str, expected: str) -> None:
    found = MySQLEngine(cast("Hook", None)).explain(Exception(1366, text))
    assert found.startswith(f"Exception {expected}")
    assert "PRIVATE" not in found

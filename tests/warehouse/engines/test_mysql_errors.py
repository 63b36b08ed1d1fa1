"""Texts of MySQL's errors, which may repeat values."""

from __future__ import annotations

import pytest

from airflow_provider_meetings.warehouse.engines import mysql as mysql_errors

LIKE = "x' for column 'PRIVATE' at row 1"


@pytest.mark.parametrize(
    ("text", "told"),
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
def test_the_column_is_taken_from_behind_the_value(text: str, told: str) -> None:
    found = mysql_errors.explain(Exception(1366, text))
    assert found.startswith(f"Exception {told}")
    assert "PRIVATE" not in found

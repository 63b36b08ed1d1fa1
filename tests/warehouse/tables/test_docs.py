"""The pages of tables and of redaction are generated from the tables."""

from __future__ import annotations

import privacy_columns
import warehouse_tables


def test_tables_page_is_up_to_date() -> None:
    assert warehouse_tables.PAGE.read_text() == warehouse_tables.page(), "run scripts/warehouse_tables.py"


def test_redaction_page_is_up_to_date() -> None:
    assert privacy_columns.PAGE.read_text() == privacy_columns.page(), "run scripts/privacy_columns.py"

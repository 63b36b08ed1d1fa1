"""The page of the tables is made from the tables."""

from __future__ import annotations

import warehouse_tables


def test_the_page_is_up_to_date() -> None:
    assert warehouse_tables.PAGE.read_text() == warehouse_tables.page(), "run scripts/warehouse_tables.py"

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.pagination import Page, pages


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(), max_size=3), min_size=1, max_size=8))
def test_pages_in_order(content: list[list[int]]) -> None:
    cursors: list[str | None] = []

    def fetch(cursor: str | None) -> Page[int]:
        cursors.append(cursor)
        number = int(cursor or 0)
        return Page(tuple(content[number]), str(number + 1) if number + 1 < len(content) else None)

    assert [list(page.items) for page in pages(fetch, what="x")] == content
    assert cursors == [None, *map(str, range(1, len(content)))]


@pytest.mark.parametrize("circle", [["a", "a"], ["a", "b", "a"], ["a", "b", "b"]])
def test_repeated_cursor_is_error(circle: list[str]) -> None:
    cursors = iter(circle)
    listing = pages(lambda _: Page((1,), next(cursors)), what="acme recordings")
    got: list[Page[int]] = []
    with pytest.raises(ServerError, match="acme recordings: the platform returned the same cursor twice"):
        got.extend(listing)
    assert len(got) == len(circle)

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http import pagination
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


def listing_of(*contents: tuple[Any, ...]) -> tuple[list[Page[Any]], str]:
    """Return the pages that are yielded, with always-new cursors, and the error; the last content repeats."""
    numbers = count()

    def fetch(_: str | None) -> Page[Any]:
        number = next(numbers)
        return Page(contents[min(number, len(contents) - 1)], f"cursor {number}")

    got: list[Page[Any]] = []
    with pytest.raises(ServerError, match="acme recordings: the platform returned") as caught:
        got.extend(pages(fetch, what="acme recordings"))
    return got, str(caught.value)


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ([()], 20),
        ([(1,)], 21),
        ([({"id": 1},), ({"id": 2},), ({"id": 2}, {"id": 1})], 22),
        ([(1,), *[()] * 19, (2,), *[(1,)] * 19, (3,), ()], 61),
    ],
)
def test_pages_without_news_are_error(contents: list[tuple[Any, ...]], expected: int) -> None:
    got, error = listing_of(*contents)
    assert len(got) == expected
    assert "20 pages in a row without a new item" in error


def test_number_of_pages_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pagination.MAX_PAGES == 10_000
    monkeypatch.setattr(pagination, "MAX_PAGES", 50)
    got, error = listing_of(*[(number,) for number in range(60)])
    assert len(got) == 50
    assert "50 pages, and more follow" in error

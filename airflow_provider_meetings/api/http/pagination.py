"""Follow the cursors of a listing to its end, and detect a listing without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from airflow_provider_meetings.api.errors import ServerError

T = TypeVar("T")

MAX_PAGES = 10_000
"""More than any listing needs: with the smallest pages (20 recordings) these are 200,000 of one window of 31 days."""
MAX_PAGES_WITHOUT_NEWS = 20
"""In a row: platforms filter their pages, so some are empty, and a list that grows shifts items to the next page."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items, the cursor of the next page, None at the end, and the items of all pages, if known."""

    items: tuple[T, ...]
    next_cursor: str | None
    total: int | None = None


def pages(fetch: Callable[[str | None], Page[T]], *, what: str) -> Iterator[Page[T]]:
    """Yield every page.

    :param fetch: requests the page of a cursor; None is the first.
    :param what: the listing, for the error message.
    :raises ServerError: if the listing has no end: the platform repeats a cursor, or returns 20 pages in a row without
        a new item, or more than 10,000 pages.
    """
    seen_cursors: set[str] = set()
    seen_items: set[int] = set()
    cursor: str | None = None
    without_news = 0
    for _ in range(MAX_PAGES):
        page = fetch(cursor)
        yield page
        if (cursor := page.next_cursor) is None:
            return
        if cursor in seen_cursors:
            raise _endless(what, "returned the same cursor twice")
        seen_cursors.add(cursor)
        before = len(seen_items)
        seen_items.update(hash(repr(item)) for item in page.items)  # items may hold what has no hash, such as dicts
        without_news = 0 if len(seen_items) > before else without_news + 1
        if without_news == MAX_PAGES_WITHOUT_NEWS:
            raise _endless(what, f"returned {without_news} pages in a row without a new item")
    raise _endless(what, f"returned {MAX_PAGES} pages, and more follow")


def _endless(what: str, problem: str) -> ServerError:
    return ServerError(
        f"{what}: the platform {problem}, so the listing has no end",
        next_step="Try again later, or list a shorter window.",
    )

"""Follow a cursor to its end, and notice when it leads in a circle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from airflow_provider_meetings.api.errors import ServerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items, and the cursor of the next page or None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


def pages(fetch: Callable[[str | None], Page[T]], *, what: str) -> Iterator[Page[T]]:
    """Fetch page after page.

    :param fetch: asks for the page at a cursor; None is the first.
    :param what: names the listing in an error.
    :raises ServerError: if the platform gives a cursor again, since the listing would never end.
    """
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield page
        if page.next_cursor is None:
            return
        if page.next_cursor in seen:
            raise ServerError(f"{what}: the platform named the same page twice, the list has no end")
        seen.add(page.next_cursor)
        cursor = page.next_cursor

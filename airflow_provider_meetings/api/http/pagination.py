"""Follow the cursors of a listing to its end, and detect a cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from airflow_provider_meetings.api.errors import ServerError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items, and the cursor of the next page, None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


def pages(fetch: Callable[[str | None], Page[T]], *, what: str) -> Iterator[Page[T]]:
    """Yield every page.

    :param fetch: requests the page of a cursor; None is the first.
    :param what: the listing, for the error message.
    :raises ServerError: if the platform repeats a cursor: the listing would never end.
    """
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        page = fetch(cursor)
        yield page
        if page.next_cursor is None:
            return
        if page.next_cursor in seen:
            raise ServerError(f"{what}: the platform returned the same cursor twice, so the listing has no end")
        seen.add(page.next_cursor)
        cursor = page.next_cursor

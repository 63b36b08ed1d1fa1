"""List windows whole: page by page, and halved where the platform lists only a part of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from pendulum import DateTime

from airflow_provider_meetings.api.client import ListedWindow, Report, WindowOutcome, digest, reason_of, skipped
from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError
from airflow_provider_meetings.api.http.pagination import Page, pages

T = TypeVar("T")

SHORTEST = 1
"""The shortest half of a window, in seconds: platforms take whole seconds."""


def list_windows(
    fetch: Callable[[DateTime, DateTime, str | None], Page[T]],
    parts: Iterable[tuple[DateTime, DateTime]],
    *,
    key: Callable[[T], str],
    endpoint: str,
    selector: str,
    report: Report,
    most: float = float("inf"),
    too_large: int | None = None,
    expired: int | None = None,
) -> Iterator[T]:
    """Yield each item of consecutive windows once, in the order of the windows and pages.

    A window is halved if the platform refuses it as too large, or silently lists only a part of it.

    :param fetch: requests the page of a window and a cursor.
    :param key: what identifies an item.
    :param report: called with each window after its listing; after a failure also with those that are not requested.
    :param most: the number of items from which on a listing may be cut.
    :param too_large: the platform's code for a window with too many items.
    :param expired: its code for a cursor that is too old; the window is then listed again, as long as that brings news.
    :raises ServerError: if not all items of the shortest window can be listed.
    """
    todo, seen = [*parts][::-1], set[bytes]()
    while todo:
        start, end = todo.pop()
        what = f"{endpoint} from {start.isoformat()} to {end.isoformat()}"
        listing = _Listing[T](partial(pages, partial(fetch, start, end), what=what), expired)
        for one, item in listing.items(key):
            if one not in seen:
                seen.add(one)
                yield item
        found, error = len(listing.keys), listing.error
        window = ListedWindow(
            endpoint=endpoint, selector=selector, start=start, end=end, pages=listing.pages, items=found
        )
        if error is None and listing.total <= found < most:
            report(window)
            continue
        reason = reason_of(error) if error else f"the platform lists only {found} items, of {listing.total or 'more'}"
        length = int((end - start).total_seconds())
        narrower = error is None or (error.code is not None and error.code in (too_large, expired))
        if narrower and length >= 2 * SHORTEST:
            report(replace(window, outcome=WindowOutcome.HALVED, reason=reason))
            middle = start.add(seconds=length // 2)
            todo += [(middle, end), (start, middle)]
            continue
        report(replace(window, outcome=WindowOutcome.FAILED, reason=reason))
        for begin, until in reversed(todo):
            report(skipped(endpoint, selector, begin, until))
        if error is not None and not narrower:
            raise error
        named = {name: getattr(error, name) for name in ("platform", "code", "vendor_message", "log_id") if error}
        raise ServerError(
            f"{what} cannot be listed whole" + ("" if error else f": {reason}"),
            next_step="The window is too short to be halved: ask for its recordings by their ids.",
            **named,
        ) from error


@dataclass(slots=True)
class _Listing(Generic[T]):
    """The listing of one window, what it has found, and the error that ended it."""

    follow: Callable[[], Iterator[Page[T]]]
    expired: int | None
    keys: set[bytes] = field(default_factory=set)
    pages: int = 0
    total: int = 0
    error: MeetingsApiError | None = None

    def items(self, key: Callable[[T], str]) -> Iterator[tuple[bytes, T]]:
        before = -1
        while before < len(self.keys):
            before, self.error = len(self.keys), None
            try:
                for page in self.follow():
                    self.pages += 1
                    self.total = max(self.total, page.total or 0)
                    for item in page.items:
                        one = digest(key(item))
                        self.keys.add(one)
                        yield one, item
                return
            except MeetingsApiError as error:
                self.error = error
                if error.code is None or error.code != self.expired:
                    return

"""List windows whole: page by page, and halved where the platform lists only a part of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

from pendulum import DateTime

from airflow_provider_meetings.api.client import digest, reason_of
from airflow_provider_meetings.api.errors import MeetingsApiError, ServerError
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.api.windows import ListedWindow, Report, WindowOutcome, skipped

T = TypeVar("T")


def list_windows(
    fetch: Callable[[DateTime, DateTime, str | None], Page[T]],
    parts: Iterable[tuple[DateTime, DateTime]],
    *,
    key: Callable[[T], str],
    endpoint: str,
    selector: str,
    report: Report,
    most: float = float("inf"),
    too_large: Collection[int] = (),
) -> Iterator[T]:
    """Yield each item of consecutive windows once, in the order of the windows and pages.

    A window is halved if the platform refuses it as too large, or silently lists only a part of it.

    :param fetch: requests the page of a window and a cursor.
    :param key: what identifies an item.
    :param report: called with each window after its listing; after a failure also with those that are not requested.
    :param most: the number of items from which on a listing may be cut.
    :param too_large: the platform's codes for a window with too many items, or with too many to page through in time.
    :raises ServerError: if not all items of a second can be listed.
    """
    todo, seen = [*parts][::-1], set[bytes]()
    while todo:
        start, end = todo.pop()
        window = ListedWindow(endpoint=endpoint, selector=selector, start=start, end=end, pages=0, items=0)
        what = f"{endpoint} from {start.isoformat()} to {end.isoformat()}"
        keys, total, error = set[bytes](), 0, None
        try:
            for page in pages(partial(fetch, start, end), what=what):
                found = {digest(key(item)): item for item in page.items}
                keys |= found.keys()
                total = max(total, page.total or 0)
                window = replace(window, pages=window.pages + 1, items=len(keys))
                new = found.keys() - seen
                seen |= new
                yield from (item for one, item in found.items() if one in new)
        except MeetingsApiError as caught:
            error = caught
        if error is None and total <= len(keys) < most:
            report(window)
            continue
        reason = reason_of(error) if error else f"the platform lists only {len(keys)} items, of {total or 'more'}"
        narrower = error is None or error.code in too_large
        seconds = int((end - start).total_seconds())
        if narrower and seconds > 1:  # platforms take whole seconds
            report(replace(window, outcome=WindowOutcome.HALVED, reason=reason))
            middle = start.add(seconds=seconds // 2)
            todo += [(middle, end), (start, middle)]
            continue
        report(replace(window, outcome=WindowOutcome.FAILED, reason=reason))
        for begin, until in reversed(todo):
            report(skipped(endpoint, selector, begin, until))
        if error is not None and not narrower:
            raise error
        known = {name: getattr(error, name) for name in ("platform", "code", "vendor_message", "log_id") if error}
        raise ServerError(
            f"{what} cannot be listed whole: {reason}",
            **known,
            next_step="The window is too short to be halved: ask for its recordings by their ids.",
        ) from error

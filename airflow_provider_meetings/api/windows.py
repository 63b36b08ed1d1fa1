"""The windows of a listing, and how each ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from pendulum import DateTime

from airflow_provider_meetings.api.models import PlainJson


class WindowOutcome(StrEnum):
    """How the listing of a window ended."""

    COMPLETE = "complete"
    HALVED = "halved"
    """The platform has more results than it lists at once; the halves of the window follow."""
    REFUSED = "refused"
    """The platform does not list it for this app; its items have a final state."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not requested, because an earlier window of the same selector failed."""

    @property
    def is_incomplete(self) -> bool:
        """Return whether recordings of the window may be missing, and a later listing may find them."""
        return self in {WindowOutcome.FAILED, WindowOutcome.SKIPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWindow(PlainJson):
    """One window of a listing, with its pages and items, and how it ended.

    `selector` is the id that was queried, empty for a window alone; `start` and `end` are None where the platform
    answers by id alone. `reason` says why the window did not end as ``complete``.
    """

    endpoint: str
    selector: str
    start: DateTime | None
    end: DateTime | None
    pages: int
    items: int
    outcome: WindowOutcome = WindowOutcome.COMPLETE
    reason: str | None = None


Report = Callable[[ListedWindow], None]


def skipped(endpoint: str, selector: str, start: DateTime | None, end: DateTime | None) -> ListedWindow:
    """Return a window that is not requested."""
    window = ListedWindow(endpoint=endpoint, selector=selector, start=start, end=end, pages=0, items=0)
    return replace(window, outcome=WindowOutcome.SKIPPED, reason="an earlier window failed")


def ignore(_: ListedWindow) -> None:
    """Report nothing."""

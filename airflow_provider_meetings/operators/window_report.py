"""Report the windows of a listing: in the task's log, in its summary, and by an error if one is incomplete."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.windows import ListedWindow, WindowOutcome
from airflow_provider_meetings.hooks.batches import BatchWriter

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_NAMED = 20  # in an error


class WindowReport:
    """Log, count and keep the windows of one listing.

    :param batches: keeps the windows; None to keep all in memory.
    :param by_ledger: whether a ledger keeps the ids that the platform failed to answer for; then they fail nothing.
    """

    def __init__(self, log: Logger, batches: BatchWriter | None, *, by_ledger: bool = False) -> None:
        self._by_ledger = by_ledger
        self._log = log
        self._batches = batches
        self._outcomes: Counter[WindowOutcome] = Counter()
        self._kept: list[dict[str, Any]] = []
        self._failing = 0
        self._incomplete: list[str] = []

    def add(self, window: ListedWindow) -> None:
        """Add a window; called by the client after its listing."""
        self._outcomes[window.outcome] += 1
        fails = window.outcome.is_incomplete and not (self._by_ledger and window.start is None)
        self._failing += fails
        name = " ".join(filter(None, (window.endpoint, window.selector)))
        if window.start and window.end:
            name = f"{name} from {window.start.isoformat()} to {window.end.isoformat()}"
        reason = f" ({window.reason})" if window.reason else ""
        found = f"{window.pages} pages, {window.items} items"
        self._log.info("Window %s is %s%s: %s", name, window.outcome, reason, found)
        if fails and len(self._incomplete) < _NAMED:
            self._incomplete.append(f"{name} {window.outcome}{reason}")
        (self._batches.add if self._batches else self._kept.append)(window.to_dict())

    def windows(self) -> list[Any]:
        """Return the windows as dicts, or the URIs of their batches."""
        return self._batches.finish() if self._batches else self._kept

    def counts(self) -> str:
        """Return the number of windows by outcome, for a log line."""
        return ", ".join(f"{count} {outcome}" for outcome, count in self._outcomes.items())

    def check(self) -> None:
        """Raise ServerError if recordings of a window may be missing; a retry may find them."""
        if self._failing:
            more = f"; and {self._failing - _NAMED} more" if self._failing > _NAMED else ""
            raise ServerError(
                f"The listing is incomplete, nothing is returned: {'; '.join(self._incomplete)}{more}",
                next_step="A retry lists everything again.",
            )

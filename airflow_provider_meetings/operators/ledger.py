"""Close the items of a ledger without a load, and check that nothing waits for too long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context

from airflow_provider_meetings.api.ledger.report import check_ledger
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.settlement import Settlement

LISTED = 200
"""The number of open items in the XCom; the log has all."""


class SettleOperator(BaseOperator):
    """Close the items of a ledger whose recordings were landed: for DAGs without a load, or with two.

    Exactly one task of a DAG closes items: this one after the last sink, or the load with its own argument `ledger`.

    :param ledger: URL of the ledger, that of the listing. (templated)
    :param recordings: the output of `ListRecordingsOperator`, or of a sensor after it; in the forms that
        `RecordingsToSqlOperator` takes. Resolved from XComs, never rendered.
    :param stored_files: the output of `RecordingsToObjectStorageOperator`, in the same forms; None if no files are
        landed. A ready recording without stored files, or with one that failed, stays open.
    :param summary: the XCom ``summary`` of the listing, in the same forms.
    :returns: the number of items that are ``closed``, and those that are ``left_open`` because another run has opened
        them.
    """

    template_fields: Sequence[str] = ("ledger", "recordings", "stored_files", "summary")

    def __init__(self, *, ledger: str, recordings: Any, stored_files: Any = None, summary: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ledger = ledger
        self.recordings = arguments.as_literal(recordings)
        self.stored_files = arguments.as_literal(stored_files)
        self.summary = arguments.as_literal(summary)
        self._lands_files = stored_files is not None

    def execute(self, context: Context) -> dict[str, int]:
        """Close the items."""
        with error_mapping():
            settlement = Settlement(
                self.ledger,
                recordings=self.recordings,
                stored_files=arguments.of_tasks(self.stored_files, context) if self._lands_files else None,
                summary=self.summary,
                context=context,
            )
            return settlement.write(self.log)


class LedgerCheckOperator(BaseOperator):
    """Check a ledger; fail without retry if an item is open for too long, or was closed without being settled.

    The result is also pushed as XCom ``summary``, before the task fails.

    :param ledger: URL of the ledger. (templated)
    :param older_than: how long an item may be open. An expired one is reported until it is expired for as long.
    :returns: dict of ``dates`` by selector, ``counts`` by selector and day, and the first ``open`` items.
    """

    template_fields: Sequence[str] = ("ledger",)

    def __init__(self, *, ledger: str, older_than: timedelta = timedelta(days=3), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(older_than, timedelta) or older_than <= timedelta():
            raise ValueError(f"{self.task_id}: older_than must be a positive timedelta, got {older_than!r}")
        self.ledger = ledger
        self.older_than = older_than

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the ledger, push what it says, and fail if something is wrong."""
        with error_mapping():
            found = check_ledger(store_at(self.ledger, "ledger"), self.older_than)
        for one in found.open:
            self.log.info(
                "%(item_key)s of %(listed_by)s, day %(day)s, waits since %(waits_since)s: %(state)s %(reason)s; next "
                "check %(next_check_at)s",
                one,
            )
        self.log.info("Dates: %s; %d open items", found.dates, len(found.open))
        summary = {"dates": found.dates, "counts": found.counts, "open": found.open[:LISTED]}
        context["ti"].xcom_push(key="summary", value=summary)
        if found.late or found.lost:
            late, lost = (", ".join(one["item_key"] for one in some[:20]) for some in (found.late, found.lost))
            raise AirflowFailException(
                f"{len(found.late)} items of the ledger {self.ledger} are open for more than {self.older_than}: "
                f"{late}; {len(found.lost)} are closed although nothing has settled them: {lost}. The log has the "
                "reason of each open one; run the DAG of the ledger, or list them by their ids"
            )
        return summary

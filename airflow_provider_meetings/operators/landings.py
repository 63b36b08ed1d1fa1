"""Look after what has landed: prove it, and sweep what tries that died have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator, Context

from airflow_provider_meetings.api.audit.object_check import FindingKind
from airflow_provider_meetings.api.audit.sweep import OLDER_THAN, YOUNGEST, Sweep, SweepOutcome
from airflow_provider_meetings.api.audit.verify import Verification
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.hooks.stores import store_at

LISTED = 20  # findings that travel as XCom; all are in the task's log


class VerifyOperator(BaseOperator):
    """Prove all that stands below an address against its receipts; fail, without another try, if something is wrong.

    The result is pushed as the XCom ``summary`` first. What is wrong stays wrong until somebody acts: a further run of
    `RecordingsToObjectStorageOperator` lands what is missing, changed or unreadable again; what only `full` has found
    needs its ``if_present="replace"``.

    :param target: what landings were given as theirs, or a folder below it. (templated)
    :param full: read and hash every object; else its size and the store's own validator decide, which a copied lake
        does not keep.
    :param fail_on: which findings fail the task: missing, changed, unreadable, orphaned. The others are counted.
    :returns: dict of counts, and the first findings under ``findings``.
    """

    template_fields: Sequence[str] = ("target",)

    def __init__(
        self,
        *,
        target: str,
        full: bool = False,
        fail_on: Sequence[str] = tuple(FindingKind),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.full = arguments.flag(self, "full", full)
        if isinstance(fail_on, str) or not isinstance(fail_on, Sequence):
            raise ValueError(f"{self.task_id}: fail_on must be a list, of {', '.join(FindingKind)}")
        self.fail_on = tuple(
            arguments.choice(self, "fail_on", fault, tuple(map(str, FindingKind))) for fault in fail_on
        )

    def execute(self, context: Context) -> dict[str, Any]:
        """Verify, push what came of it, and fail if there is something to fail on."""
        first: list[dict[str, Any]] = []
        with error_mapping():
            verification = Verification(store_at(self.target), full=self.full)
            for finding in verification.findings():
                self.log.warning(
                    "%s: %s (expected %s, seen %s)", finding.finding, finding.uri, finding.expected, finding.seen
                )
                if len(first) < LISTED:
                    first.append(finding.to_dict())
        counts = verification.counts()
        self.log.info("%s", counts)
        summary = {**counts, "findings": first}
        context["ti"].xcom_push(key="summary", value=summary)
        if failing := {fault: counts[fault] for fault in self.fail_on if counts[fault]}:
            raise _not_proven(self.target, failing, first)
        return summary


class SweepOperator(BaseOperator):
    """Find what tries that died have left below an address and nothing will continue, and remove it if so told.

    Only what belongs to a receipt or a checkpoint of ours is touched, never what somebody writes to at this moment.

    :param target: what landings were given as theirs, or a folder below it. (templated)
    :param older_than: leave alone what was written to more lately, at least an hour. What is removed is no loss but of
        time: a task that is cleared later begins the file anew.
    :param delete: remove; else only count and list what would be.
    :returns: dict of counts, the bytes, and the first of what was found under ``leftovers``.
    """

    template_fields: Sequence[str] = ("target",)

    def __init__(
        self,
        *,
        target: str,
        older_than: timedelta = OLDER_THAN,
        delete: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        if not isinstance(older_than, timedelta) or older_than < YOUNGEST:
            raise ValueError(f"{self.task_id}: older_than must be a timedelta of at least an hour, got {older_than!r}")
        self.older_than = older_than
        self.delete = arguments.flag(self, "delete", delete)

    def execute(self, context: Context) -> dict[str, Any]:
        """Sweep, and fail if something could not be removed."""
        first: list[dict[str, Any]] = []
        failed: list[str] = []
        with error_mapping():
            sweep = Sweep(store_at(self.target), older_than=self.older_than, delete=self.delete)
            for swept in sweep.swept():
                self.log.info("%s %s: %s %s", swept.kind, swept.uri, swept.fate, swept.reason)
                if len(first) < LISTED:
                    first.append(swept.to_dict())
                if swept.fate is SweepOutcome.FAILED:
                    failed.append(f"{swept.uri} ({swept.reason})")
        summary = {**sweep.counts(), "leftovers": first}
        self.log.info("%s", sweep.counts())
        if failed:
            raise AirflowException(
                f"{len(failed)} leftovers below {self.target} could not be removed: {'; '.join(failed)[:1000]}. "
                "May this worker delete there? A retry removes what is left"
            )
        return summary


def _not_proven(target: str, failing: Mapping[str, int], first: Sequence[Mapping[str, Any]]) -> AirflowFailException:
    counted = ", ".join(f"{count} {fault}" for fault, count in failing.items())
    named = [f"{found['uri']} is {found['finding']}" for found in first if found["finding"] in failing]
    return AirflowFailException(
        f"Not proven below {target}: {counted}. {'; '.join(named[:5])}{'; …' if len(named) > 5 else ''}. "
        "The task's log has all of them. Land anew what is missing, changed or unreadable; move away what is orphaned, "
        "or leave it out of fail_on"
    )

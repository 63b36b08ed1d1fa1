"""Operators that maintain landed files: verify them, and sweep what unfinished landings left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator, Context

from airflow_provider_meetings.api.audit.object_check import FindingKind
from airflow_provider_meetings.api.audit.sweep import DEFAULT_AGE, MIN_AGE, Sweep, SweepOutcome
from airflow_provider_meetings.api.audit.verify import Verification
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.hooks.stores import store_at

LISTED = 20  # findings in the XCom; the task log has all


class VerifyOperator(BaseOperator):
    """Verify all landed files below an address against their receipts; fail without retry if there are findings.

    The result is also pushed as XCom ``summary``, before the task fails. The next run of
    `RecordingsToObjectStorageOperator` lands missing, changed and unreadable files again. For changes that only `full`
    finds, run it with ``if_present="replace"``.

    :param target: the target of the landings, or a folder below it. (templated)
    :param full: read and hash every object. By default the size and the store's validator are compared; a copied lake
        has other validators.
    :param fail_on: findings that fail the task: missing, changed, unreadable, orphaned. Others are only counted.
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
        kinds = tuple(map(str, FindingKind))
        if isinstance(fail_on, str) or not isinstance(fail_on, Sequence):
            raise ValueError(f"{self.task_id}: fail_on must be a list of {', '.join(kinds)}")
        self.fail_on = tuple(arguments.choice(self, "fail_on", kind, kinds) for kind in fail_on)

    def execute(self, context: Context) -> dict[str, Any]:
        """Verify, push the summary, and fail on findings."""
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
        self.log.info("Verified %s: %s", self.target, counts)
        summary = {**counts, "findings": first}
        context["ti"].xcom_push(key="summary", value=summary)
        if failing := {kind: counts[kind] for kind in self.fail_on if counts[kind]}:
            found = ", ".join(f"{count} {kind}" for kind, count in failing.items())
            examples = [f"{one['uri']} is {one['finding']}" for one in first if one["finding"] in failing]
            raise AirflowFailException(
                f"Verification of {self.target} failed: {found}. "
                f"{'; '.join(examples[:5])}{'; …' if len(examples) > 5 else ''}. "
                "The task log lists all findings. Land missing, changed and unreadable files again; move orphaned "
                "objects away, or remove 'orphaned' from fail_on"
            )
        return summary


class SweepOperator(BaseOperator):
    """Find partial uploads and checkpoints that unfinished landings left below an address, and optionally remove them.

    Only items that belong to a receipt or a checkpoint of this provider are removed, and none that is in use.

    :param target: the target of the landings, or a folder below it. (templated)
    :param older_than: keep items that were written later; at least one hour. A removed item costs only time: a task
        that is cleared later downloads the file from the start.
    :param delete: remove items; by default they are only counted and listed.
    :returns: dict of counts, bytes, and the first items under ``leftovers``.
    """

    template_fields: Sequence[str] = ("target",)

    def __init__(
        self,
        *,
        target: str,
        older_than: timedelta = DEFAULT_AGE,
        delete: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        if not isinstance(older_than, timedelta) or older_than < MIN_AGE:
            raise ValueError(f"{self.task_id}: older_than must be a timedelta of at least one hour, got {older_than!r}")
        self.older_than = older_than
        self.delete = arguments.flag(self, "delete", delete)

    def execute(self, context: Context) -> dict[str, Any]:
        """Sweep, and fail if an item could not be removed."""
        first: list[dict[str, Any]] = []
        failed: list[str] = []
        with error_mapping():
            sweep = Sweep(store_at(self.target), older_than=self.older_than, delete=self.delete)
            for item in sweep.run():
                self.log.info("%s %s: %s %s", item.kind, item.uri, item.outcome, item.reason)
                if len(first) < LISTED:
                    first.append(item.to_dict())
                if item.outcome is SweepOutcome.FAILED:
                    failed.append(f"{item.uri} ({item.reason})")
        counts = sweep.counts()
        self.log.info("Swept %s: %s", self.target, counts)
        if failed:
            raise AirflowException(
                f"{len(failed)} leftovers below {self.target} could not be removed: {'; '.join(failed)[:1000]}. "
                "Check that this worker may delete there; a retry removes the rest"
            )
        return {**counts, "leftovers": first}

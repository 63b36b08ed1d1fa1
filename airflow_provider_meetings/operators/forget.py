"""Forget recordings, a person, or old files: a plan first, then what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.transfers.erasure import forget


class ForgetOperator(BaseOperator):
    """Plan what is to be forgotten, or apply a plan. Nothing is deleted on the platforms.

    Give `recordings`, `person` or `older_than` for a plan, with `apply` to apply it at once. With `apply` alone the
    plan at the URL is applied.

    :param plan: URL of the plan, a JSON object. It has ids until it is applied. (templated)
    :param recordings: ids of recordings. (templated)
    :param person: ids and names of one person. What he owns and wrote goes; elsewhere he is redacted. (templated)
    :param older_than: age by kind of file, such as ``{"video": timedelta(days=90)}``: older files and rows about them
        go, the recordings stay. It counts from the file's start, if that is not known from the landing.
    :param platform: the platform of the recordings or the person. (templated)
    :param tenant: the tenant. (templated)
    :param ledger: URL of the ledger. (templated)
    :param targets: each target of landings, and each folder of batches, as the DAG has it. (templated)
    :param sql: databases: ``conn_id``, ``conn_id/schema`` or ``conn_id/schema/table_prefix``. (templated)
    :param lakes: URLs of lakes of rows. (templated)
    :param asked_by: who asked for it, for the marks and the table ``erasures``. (templated)
    :param everything: allow a plan after which nothing stays.
    :param apply: apply the plan.
    :returns: the plan without ids and names: ``counts`` by place and table, what is ``unreachable``.
    """

    template_fields: Sequence[str] = (
        *("plan", "recordings", "person", "platform", "tenant", "ledger", "targets", "sql", "lakes", "asked_by"),
    )

    def __init__(
        self,
        *,
        plan: str,
        recordings: Sequence[str] = (),
        person: Sequence[str] = (),
        older_than: Mapping[str, timedelta] | None = None,
        platform: str | None = None,
        tenant: str | None = None,
        ledger: str | None = None,
        targets: Sequence[str] = (),
        sql: Sequence[str] = (),
        lakes: Sequence[str] = (),
        asked_by: str = "",
        everything: bool = False,
        apply: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plan = plan
        self.recordings = recordings
        self.person = person
        self.older_than = older_than
        self.platform = platform
        self.tenant = tenant
        self.ledger = ledger
        self.targets = targets
        self.sql = sql
        self.lakes = lakes
        self.asked_by = asked_by
        self.everything = arguments.flag(self, "everything", everything)
        self.apply = arguments.flag(self, "apply", apply)

    def execute(self, context: Context) -> dict[str, Any]:
        """Make the plan, apply it, or both."""
        with error_mapping():
            found = forget(self.plan, vars(self), everything=self.everything, apply=self.apply)
        self.log.info("%s", found if found["counts"] else "Nothing found")
        return found

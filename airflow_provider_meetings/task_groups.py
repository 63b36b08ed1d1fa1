"""Task groups for whole pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, XComArg
from airflow.sdk import TaskGroup

from airflow_provider_meetings.operators.ledger import SettleOperator
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.operators.run_state import FailRunOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from airflow_provider_meetings.warehouse.privacy.rules import Action


def land_recordings(
    *,
    meetings_conn_id: str,
    start: Any,
    target: str,
    owner_ids: Any = None,
    meeting_numbers: Any = None,
    kinds: Sequence[str] = ("video",),
    timezone: str = "UTC",
    sql_conn_id: str | None = None,
    redact: Mapping[str, Action] | None = None,
    ledger: str | None = None,
    revisit: timedelta = timedelta(days=14),
    batches_to: str | None = None,
    exclude: Mapping[str, Any] | None = None,
    group_id: str = "recordings",
) -> TaskGroup:
    """List recordings by a ledger, land their files, and load their metadata.

    A file that fails does not keep the others from being loaded; the run fails all the same. The arguments are those of
    the operators, and as templated.

    :param start: where a new ledger begins; ignored later.
    :param owner_ids: what to list by; without it and `meeting_numbers` the window alone, where the platform lists it.
    :param sql_conn_id: the warehouse; None to land files only.
    :param ledger: URL of the ledger; None for `target`.
    :param exclude: the recordings of which no file is landed.
    """
    ledger = target if ledger is None else ledger
    with TaskGroup(group_id) as group:
        listed = ListRecordingsOperator(
            task_id="list",
            meetings_conn_id=meetings_conn_id,
            start=start,
            owner_ids=owner_ids,
            meeting_numbers=meeting_numbers,
            ledger=ledger,
            revisit=revisit,
            batches_to=batches_to,
            exclude=exclude,
        )
        landed = RecordingsToObjectStorageOperator(
            task_id="land",
            meetings_conn_id=meetings_conn_id,
            recordings=listed.output,
            target=target,
            kinds=kinds,
            timezone=timezone,
            batches_to=batches_to,
        )
        found: dict[str, Any] = {
            "recordings": listed.output,
            "stored_files": landed.output,
            "summary": XComArg(listed, key="summary"),
            "ledger": ledger,
            "trigger_rule": "all_done_min_one_success",  # what has landed is loaded although other files failed
        }
        last: BaseOperator
        if sql_conn_id is None:
            last = SettleOperator(task_id="settle", **found)
        else:
            last = RecordingsToSqlOperator(task_id="load", sql_conn_id=sql_conn_id, redact=redact, **found)
        [listed, landed, last] >> FailRunOperator(task_id="fail_run")
    return group

"""How an operator's argument `redact` is read, and the key of its hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, conf
from airflow.sdk.log import mask_secret
from sqlalchemy import Table

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.privacy.redaction import Redaction
from airflow_provider_meetings.warehouse.privacy.rules import check


def checked(operator: BaseOperator, redact: Any, tables: Iterable[Table]) -> dict[str, str]:
    """Return the argument; fail while the DAG is read, naming the column or the action that there is not."""
    if redact is None:
        return {}
    if not isinstance(redact, Mapping):
        raise ValueError(f'{operator.task_id}: redact must be a dict such as {{"owner_id": "hash"}}, or None')
    try:
        check(redact, tables)
    except LoadError as error:
        fault = str(error)
    else:
        return dict(redact)
    raise ValueError(f"{operator.task_id}: {fault}")


def redaction(redact: Mapping[str, str], tables: Iterable[Table]) -> Redaction:
    """Make ready to redact, with the key that Airflow's configuration holds; it is masked in logs.

    :raises InvalidRequest: for hashes without a key, or with a short one.
    """
    key = ""
    if "hash" in redact.values():
        # What a command prints (redact_key_cmd) ends in a line break, and must be the same key.
        key = (conf.get("meetings", "redact_key", fallback="") or "").strip()
        if key:
            mask_secret(key)
    try:
        return Redaction(redact, key.encode(), tables)
    except LoadError as error:
        fault = str(error)
    raise InvalidRequest(fault)

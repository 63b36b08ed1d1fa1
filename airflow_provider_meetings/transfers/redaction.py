"""Read the operators' argument `redact`, and the key for its hashes."""

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


def check_redact(operator: BaseOperator, redact: Any, tables: Iterable[Table]) -> dict[str, str]:
    """Return the argument as a dict; fail at DAG parsing for an unknown column or action."""
    if redact is None:
        return {}
    if not isinstance(redact, Mapping):
        raise ValueError(f'{operator.task_id}: redact must be a dict such as {{"owner_id": "hash"}}, or None')
    try:
        check(redact, tables)
    except LoadError as error:
        raise ValueError(f"{operator.task_id}: {error}") from None
    return dict(redact)


def redaction(redact: Mapping[str, str], tables: Iterable[Table]) -> Redaction:
    """Create the redaction, with the key from Airflow's configuration; the key is masked in logs.

    :raises InvalidRequest: for hashes without a key, or with a key that is too short.
    """
    key = ""
    if "hash" in redact.values():
        # The output of a command (redact_key_cmd) ends with a newline, which is not part of the key.
        key = (conf.get("meetings", "redact_key", fallback="") or "").strip()
        if key:
            mask_secret(key)
    try:
        return Redaction(redact, key.encode(), tables)
    except LoadError as error:
        raise InvalidRequest(str(error)) from None

"""The store at an ``s3://`` address, with the Airflow connection of the amazon provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.storage.s3.bucket import skip_payload_signing
from airflow_provider_meetings.storage.s3.store import S3Store

SCHEMES = ("s3", "s3a", "s3n")


def s3_store(address: str, name: str) -> S3Store:
    """Return the store at ``s3://conn_id@bucket/prefix``; the default connection is ``aws_default``.

    Each upload gets the arguments below ``service_config.s3.extra_args`` in the connection's extra: encryption, storage
    class, access (see `storage.s3.bucket.EXTRA_ARGS`).

    :param name: the operator's argument, for errors.
    :raises InvalidRequest: if the amazon provider is not installed, the address has no bucket, the connection is not
        defined, or its extra is invalid.
    """
    try:
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise InvalidRequest(
            f"{name} s3:// needs Airflow's amazon provider, also for stores of other vendors",
            next_step="pip install 'airflow-provider-meetings[amazon]'",
        ) from None
    netloc, _, prefix = address.partition("://")[2].partition("/")
    conn_id, _, bucket = netloc.rpartition("@")
    if not bucket:
        raise InvalidRequest(f"{name} has no bucket: use s3://conn_id@bucket/prefix")
    if conn_id:
        try:
            BaseHook.get_connection(conn_id)  # S3Hook would fall back to the credentials of the machine
        except AirflowNotFoundException:
            raise InvalidRequest(f"{name}: the connection {conn_id[:60]!r} is not defined") from None
    hook = S3Hook(aws_conn_id=conn_id or S3Hook.default_conn_name)
    try:
        hook = S3Hook(aws_conn_id=hook.aws_conn_id, config=skip_payload_signing(hook.config))
        client = hook.get_conn()
        return S3Store(client, bucket, prefix.strip("/"), address, extra_args=_extra_args(hook.service_config))
    except (BotoCoreError, TypeError, ValueError) as error:
        # Other texts may contain values of the extra; ours contain the name of an argument.
        reason = str(error) if type(error) is ValueError and "extra_args" in str(error) else type(error).__name__
    # Raised outside the except block: the context of the exception would contain values of the extra.
    raise InvalidRequest(
        f"{name} s3://: the extra of connection {hook.aws_conn_id!r:.60} is invalid ({reason})",
        next_step="See the documentation of stores for its format.",
    )


def _extra_args(service_config: Mapping[str, Any]) -> Mapping[str, Any]:
    extra_args = service_config.get("extra_args", {})
    if not isinstance(extra_args, Mapping):
        raise ValueError("extra_args is not a JSON object")
    return extra_args

"""The store at an ``s3://`` address, through the Airflow connection of the amazon provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.storage.s3.bucket import tuned
from airflow_provider_meetings.storage.s3.store import S3Store

SCHEMES = ("s3", "s3a", "s3n")


def s3_store(address: str, name: str) -> S3Store:
    """Return the store at ``s3://conn_id@bucket/prefix``; without ``conn_id@`` that of ``aws_default``.

    What the connection's extra holds below ``service_config.s3.extra_args`` goes with each object: encryption,
    storage class, access (`storage.s3_bucket.EXTRA_ARGS`).

    :param name: the argument's, for errors.
    :raises InvalidRequest: if the provider is not installed, the address names no bucket or a connection that is not
        defined, or the connection's extra holds what is not understood.
    """
    try:
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise InvalidRequest(
            f"{name} s3:// needs Airflow's provider for Amazon, also where the store is another's",
            next_step="pip install 'airflow-provider-meetings[amazon]'",
        ) from None
    place, _, prefix = address.partition("://")[2].partition("/")
    conn_id, _, bucket = place.rpartition("@")
    if not bucket:
        raise InvalidRequest(f"{name} names no bucket: write s3://conn_id@bucket/prefix")
    if conn_id:
        try:
            BaseHook.get_connection(conn_id)  # S3Hook goes on without one, as whoever the machine is
        except AirflowNotFoundException:
            raise InvalidRequest(f"{name} s3:// names a connection that is not defined: {conn_id[:60]!r}") from None
    hook = S3Hook(aws_conn_id=conn_id or S3Hook.default_conn_name)
    try:
        hook = S3Hook(aws_conn_id=hook.aws_conn_id, config=tuned(hook.config))
        client = hook.get_conn()
        return S3Store(client, bucket, prefix.strip("/"), address, extra_args=_extra_args(hook.service_config))
    except (BotoCoreError, TypeError, ValueError) as error:
        # The text of a TypeError or of botocore's may show values; ours names an argument.
        text = str(error) if type(error) is ValueError and "extra_args" in str(error) else type(error).__name__
    raise InvalidRequest(
        f"{name} s3://: the extra of the connection {hook.aws_conn_id!r:.60} is not understood ({text})",
        next_step="Write it as the page on stores of the documentation shows.",
    )


def _extra_args(service_config: Mapping[str, Any]) -> Mapping[str, Any]:
    extra_args = service_config.get("extra_args", {})
    if not isinstance(extra_args, Mapping):
        raise ValueError("extra_args is no JSON object")
    return extra_args

"""The store at an address of an operator's argument, with the Airflow connection that the address names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.errors import InvalidRequest, NotFound, StoreError
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.extras import install
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.s3.bucket import skip_payload_signing
from airflow_provider_meetings.storage.s3.store import S3Store

_S3_COMPATIBLE = (
    "Alibaba OSS and Tencent COS are reached as s3://conn_id@bucket, with the vendor's address as endpoint_url of that "
    f"connection. {install('amazon')}"
)


def store_at(target: object, name: str = "target") -> Store:
    """Return the store at an address, such as ``file:///data/lake`` or ``s3://conn_id@bucket/prefix``.

    :param name: the operator's argument, for errors.
    :raises InvalidRequest: if the address is invalid, or its connection is not defined.
    """
    address = check_text(target, name, next_step="Set it to a URL such as file:///data/lake.")
    scheme, separator, rest = address.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and ":" in user:
        raise InvalidRequest(
            f"{name} {scheme}:// contains a password: store it in a connection and use {scheme}://conn_id@…"
        )
    if not separator:
        raise InvalidRequest(f"{name} is not a URL: use for example file:///data/lake")
    if scheme in {"s3", "s3a", "s3n"}:
        return _s3_store(address, name)
    try:
        path = ObjectStoragePath(address)
        file_system = path.fs
    except AirflowNotFoundException:
        raise InvalidRequest(f"{name} {scheme}://: the connection {user[:60]!r} is not defined") from None
    except (ImportError, ValueError) as error:
        raise InvalidRequest(
            f"{name} {scheme[:60]}:// is not supported by the installed providers ({type(error).__name__})",
            next_step=_S3_COMPATIBLE
            if scheme in {"oss", "cos"}
            else "Use file:// or s3://, or install the Airflow provider of the store: google for gs://, "
            "microsoft.azure for abfs://, sftp for sftp://.",
        ) from None
    if path.protocol not in {"file", "local"}:
        return FilesystemStore(file_system, path.path, address)
    if not address.startswith("file:///"):
        raise InvalidRequest(f"{name} {address} is not absolute: use three slashes, file:///data/lake")
    return LocalStore(Path(path.path), address)


class ObjectReader:
    """Read objects by their URIs; stores are kept by their root, because each object may have its own folder."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}

    def read(self, uri: str, label: str, *, missing: str) -> Iterator[bytes]:
        """Yield the content of an object in pieces of at most 1 MiB.

        :param label: names the object in errors, which do not show its URI: it may contain redacted values.
        :param missing: the next step if there is no such object.
        :raises InvalidRequest: for an invalid URI.
        :raises NotFound: for an object that does not exist.
        :raises StoreError: if the store fails.
        """
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        root = f"{scheme}{separator}{bucket}/"
        if root not in self._stores:
            self._stores[root] = store_at(root, label)
        try:
            yield from self._stores[root].open(key)
        except FileNotFoundError:
            raise NotFound(f"{label} does not exist", next_step=missing) from None
        except OSError as error:
            raise StoreError(
                f"{label} could not be read ({type(error).__name__})",
                next_step="Try again. If the error persists, check that this worker has permission to read it.",
            ) from None


def _s3_store(address: str, name: str) -> S3Store:
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
            next_step=install("amazon"),
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
        extra_args = hook.service_config.get("extra_args", {})
        if not isinstance(extra_args, Mapping):
            raise ValueError("extra_args is not a JSON object")
        return S3Store(client, bucket, prefix.strip("/"), address, extra_args=extra_args)
    except (BotoCoreError, TypeError, ValueError) as error:
        # Other texts may contain values of the extra; ours contain the name of an argument.
        reason = str(error) if type(error) is ValueError and "extra_args" in str(error) else type(error).__name__
    # Raised outside the except block: the context of the exception would contain values of the extra.
    raise InvalidRequest(
        f"{name} s3://: the extra of connection {hook.aws_conn_id!r:.60} is invalid ({reason})",
        next_step="See the documentation of stores for its format.",
    )

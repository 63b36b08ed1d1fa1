"""The store at an address of an operator's argument."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.hooks import s3
from airflow_provider_meetings.storage import store_for


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
    if scheme in s3.SCHEMES:
        return s3.s3_store(address, name)
    try:
        path = ObjectStoragePath(address)
        file_system = path.fs
    except AirflowNotFoundException:
        raise InvalidRequest(f"{name} {scheme}://: the connection {user[:60]!r} is not defined") from None
    except (ImportError, ValueError) as error:
        raise InvalidRequest(
            f"{name} {scheme[:60]}:// is not supported by the installed providers ({type(error).__name__})",
            next_step="Use file://, or install the provider of the store: amazon for s3://, google for gs://, "
            "microsoft.azure for abfs://, sftp for sftp://.",
        ) from None
    return store_for(file_system, path.path, address)

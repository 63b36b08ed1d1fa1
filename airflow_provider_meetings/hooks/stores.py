"""A target's address to the store that stands there."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import ObjectStoragePath

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.hooks import arguments, s3
from airflow_provider_meetings.storage import store_for


def store_at(target: object, name: str = "target") -> Store:
    """Return the store at an address, such as ``file:///data/lake`` or ``s3://conn_id@bucket/prefix``.

    :param name: the argument's, for errors.
    :raises InvalidRequest: for what is no such address, and for a connection that is not defined.
    """
    address = arguments.text(target, name, "file:///data/lake")
    scheme, found, rest = address.partition("://")
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and ":" in user:
        raise InvalidRequest(
            f"{name} {scheme}:// holds a password: store it as a connection, and write {scheme}://conn_id@…"
        )
    if not found:
        raise InvalidRequest(f"{name} is no URL: write file:///data/lake, or that of a store")
    if scheme in s3.SCHEMES:
        return s3.s3_store(address, name)
    try:
        path = ObjectStoragePath(address)
        file_system = path.fs
    except AirflowNotFoundException:
        raise InvalidRequest(f"{name} {scheme}:// names a connection that is not defined: {user[:60]!r}") from None
    except (ImportError, ValueError) as error:
        raise InvalidRequest(
            f"{name} {scheme[:60]}:// is not known here ({type(error).__name__}); what works: file://, and "
            "every scheme that an installed Airflow provider registers (amazon s3://, google gs://, microsoft.azure "
            "abfs://, sftp sftp://). Install the provider of that store"
        ) from None
    return store_for(file_system, path.path, address)

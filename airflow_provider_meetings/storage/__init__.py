"""Stores of the landing engine, one subpackage per kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore


def store_for(fs: Any, root: str, uri: str) -> Store:
    """Return the store for an fsspec file system.

    :param fs: the file system.
    :param root: the folder within it.
    :param uri: the address as the user wrote it.
    :raises InvalidRequest: for a local address that is not absolute.
    """
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    if "file" in protocols:
        if not uri.startswith("file:///"):
            raise InvalidRequest(f"target {uri} is not absolute: use three slashes, file:///data/lake")
        return LocalStore(Path(root), uri)
    return FilesystemStore(fs, root, uri)

"""The store for fsspec file systems without a dedicated store."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from functools import cached_property
from typing import Any

import pendulum

from airflow_provider_meetings.api.landing.store import (
    MAX_READ_BYTES,
    PIECE_BYTES,
    PROBE_NAME,
    ListedObject,
    ObjectStat,
    PartialUpload,
    Plan,
    Store,
    Writer,
)
from airflow_provider_meetings.storage.fsspec.calls import FilesystemCalls, modified
from airflow_provider_meetings.storage.fsspec.probe import supports_deferred_commit
from airflow_provider_meetings.storage.fsspec.writer import TemporaryWriter, UploadWriter, final_name, temporary_name


class FilesystemStore(Store):
    """Objects below a folder of a file system.

    :param fs: any fsspec file system.
    :param root: the folder within it; created on the first write, where the store has folders.
    :param uri: its address as the user wrote it, for logs, errors and receipts.
    """

    def __init__(self, fs: Any, root: str, uri: str) -> None:
        self._calls = FilesystemCalls(fs, uri.rstrip("/"))
        self._root = str(fs._strip_protocol(root)).rstrip("/")
        self._uri = uri.rstrip("/")
        self._probe_lock = threading.Lock()

    def uri(self, key: str) -> str:
        return f"{self._uri}/{key}"

    def check_writable(self) -> None:
        """Write and remove a small object, so that a missing permission is found before the first download."""
        key = temporary_name(PROBE_NAME)
        self.put(key, b"0")
        self.discard(key)

    def stat(self, key: str) -> ObjectStat | None:
        return self._calls.stat(self._path(key))

    def read(self, key: str) -> bytes | None:
        stat = self.stat(key)
        if stat is None or stat.size > MAX_READ_BYTES:
            return None
        with self._calls.call() as fs:
            try:
                return bytes(fs.cat_file(self._path(key)))
            except FileNotFoundError:
                return None

    def open(self, key: str) -> Generator[bytes]:
        path = self._path(key)
        with self._calls.call() as fs:
            fs.invalidate_cache(path.rpartition("/")[0])
            file = fs.open(path, "rb")
        try:
            while True:
                with self._calls.call():
                    piece = file.read(PIECE_BYTES)
                if not piece:
                    return
                yield piece
        finally:
            with self._calls.call():
                file.close()

    def writer(self, key: str, plan: Plan) -> Writer:
        path = self._path(key)
        self._calls.make_folder(path.rpartition("/")[0])
        with self._probe_lock:
            deferred_commit = self._deferred_commit
        if deferred_commit:
            return UploadWriter(self._calls, path, plan)
        return TemporaryWriter(self._calls, f"{self._root}/", key, plan)

    @cached_property
    def _deferred_commit(self) -> bool:
        # Per store, not per class: wrappers around different file systems have the same class.
        return supports_deferred_commit(self._calls, self._path(temporary_name("trial")))

    def delete(self, key: str) -> None:
        self._calls.remove(self._path(key))

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        """Yield every object except temporary ones, sorted, folder by folder."""
        for key, info in self._objects(f"{folder}/" if folder else ""):
            if final_name(key) is None:
                yield ListedObject(key, info["size"], self._modified(key, info))

    def partial_uploads(self) -> Iterator[PartialUpload]:
        for key, info in self._objects():
            if (name := final_name(key)) is not None:
                yield PartialUpload(name, "temporary object", key, info["size"], self._modified(key, info))

    def remove(self, upload: PartialUpload) -> bool:
        """Remove a temporary object; False if it is gone. Only its age shows whether a process is writing to it."""
        if final_name(upload.handle) is None or self.stat(upload.handle) is None:
            return False
        self.delete(upload.handle)
        return True

    def _objects(self, folder: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
        path = self._path(folder).rstrip("/")
        with self._calls.call() as fs:
            # `ls` of some file systems has no `refresh`. `walk` would omit folders that it cannot list.
            fs.invalidate_cache()
            try:
                entries = fs.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return
        folders = []
        for info in sorted(entries, key=lambda info: str(info["name"])):
            name = str(info["name"]).rstrip("/")
            if name == path:  # some list the folder itself, or an object of the same name
                continue
            key = f"{folder}{name.rpartition('/')[2]}"
            if info["type"] == "file":
                yield key, info
            elif info["type"] == "directory" and not info.get("islink"):
                folders.append(f"{key}/")
        for subfolder in folders:
            yield from self._objects(subfolder)

    def _modified(self, key: str, info: Mapping[str, Any]) -> pendulum.DateTime:
        if (time := modified(info)) is not None:
            return time
        with self._calls.call() as fs:
            try:
                return modified({"modified": fs.modified(self._path(key))}) or pendulum.now("UTC")
            except NotImplementedError:
                return pendulum.now("UTC")  # unknown age: too young for a sweep

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

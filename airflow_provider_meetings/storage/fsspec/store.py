"""Any store that fsspec has a file system for and that has no store of its own here."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import pendulum

from airflow_provider_meetings.api.landing.store import LARGEST_READ, Listed, ObjectStat, PartialUpload, Plan, Writer
from airflow_provider_meetings.storage.fsspec.calls import FilesystemCalls, modified
from airflow_provider_meetings.storage.fsspec.probe import holds_uploads_back, put_away
from airflow_provider_meetings.storage.fsspec.writer import TemporaryWriter, UploadWriter, final, temporary

PIECE = 1024 * 1024


class FilesystemStore:
    """Keep objects below a folder of a file system.

    :param fs: any fsspec file system.
    :param root: the folder within it; made when first written to, where the store has folders.
    :param uri: its address as the user wrote it, for what is shown and recorded.
    """

    def __init__(self, fs: Any, root: str, uri: str) -> None:
        self._calls = FilesystemCalls(fs, uri.rstrip("/"))
        self._root = str(fs._strip_protocol(root)).rstrip("/")
        self._uri = uri.rstrip("/")
        self._trial = threading.Lock()

    def guards(self) -> bool:
        """Return False: no file system says whether it could."""
        return False

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._uri}/{key}"

    def check_writable(self) -> None:
        """Write and remove a small object, so that a missing permission is found before the first download.

        :raises OSError: naming the target and what to do.
        """
        path = self._path(temporary("writable"))
        self._calls.make_folder(self._root)
        file = self._calls.open(path, autocommit=True)
        try:
            with self._calls.call():
                file.write(b"0")
                file.close()
        finally:
            put_away(self._calls, file)
            self._calls.remove(path)

    def stat(self, key: str) -> ObjectStat | None:
        """Return an object's size and validator; None if there is none."""
        return self._calls.stat(self._path(key))

    def read(self, key: str) -> bytes | None:
        """Return a small object whole; None if there is none."""
        stat = self.stat(key)
        if stat is None or stat.size > LARGEST_READ:
            return None
        with self._calls.call() as fs:
            try:
                return bytes(fs.cat_file(self._path(key)))
            except FileNotFoundError:
                return None

    def open(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in pieces of at most 1 MiB."""
        with self._calls.call() as fs:
            fs.invalidate_cache(self._path(key).rpartition("/")[0])
            file = fs.open(self._path(key), "rb")
        try:
            while True:
                with self._calls.call():
                    piece = file.read(PIECE)
                if not piece:
                    return
                yield piece
        finally:
            with self._calls.call():
                file.close()

    def put(self, key: str, content: bytes) -> None:
        """Write a small object whole or not at all."""
        writer = self.writer(key, Plan(length=len(content)))
        try:
            writer.write(content)
            writer.publish()
        except BaseException:
            writer.pause()  # of two failures the first is told
            raise

    def writer(self, key: str, plan: Plan) -> Writer:
        """Begin an object."""
        path = self._path(key)
        self._calls.make_folder(path.rpartition("/")[0])
        with self._trial:
            held_back = self._held_back
        return (
            UploadWriter(self._calls, path, plan)
            if held_back
            else TemporaryWriter(self._calls, f"{self._root}/", key, plan)
        )

    @cached_property
    def _held_back(self) -> bool:
        # Asked of each store, not of each class: wrappers around different file systems are of one class.
        return holds_uploads_back(self._calls, self._path(temporary("trial")))

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""
        self._calls.remove(self._path(key))

    def walk(self, folder: str = "") -> Iterator[Listed]:
        """Yield every object below the root but temporary ones, in the order of names, folder by folder."""
        for key, info in self._objects(f"{folder}/" if folder else ""):
            if final(key) is None:
                yield Listed(key, info["size"], self._modified(key, info))

    def leftovers(self) -> Iterator[PartialUpload]:
        """Yield the temporary objects below the root."""
        for key, info in self._objects():
            if (name := final(key)) is not None:
                yield PartialUpload(name, "temporary object", key, info["size"], self._modified(key, info))

    def remove(self, leftover: PartialUpload) -> bool:
        """Remove a temporary object; False if it is gone. Whether somebody writes to it, only its age can tell."""
        if final(leftover.handle) is None or self.stat(leftover.handle) is None:
            return False
        self.delete(leftover.handle)
        return True

    def _objects(self, folder: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
        path = self._path(folder).rstrip("/")
        with self._calls.call() as fs:
            # Not every `ls` takes `refresh`. Nor `walk`: it leaves out folders that it may not list.
            fs.invalidate_cache()
            try:
                entries = fs.ls(path, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return
        folders = []
        for info in sorted(entries, key=lambda info: str(info["name"])):
            name = str(info["name"]).rstrip("/")
            if name == path:  # some list the folder itself, or the object that has its name
                continue
            key = f"{folder}{name.rpartition('/')[2]}"
            if info["type"] == "file":
                yield key, info
            elif info["type"] == "directory" and not info.get("islink"):
                folders.append(f"{key}/")
        for below in folders:
            yield from self._objects(below)

    def _modified(self, key: str, info: Mapping[str, Any]) -> pendulum.DateTime:
        if (found := modified(info)) is not None:
            return found
        with self._calls.call() as fs:
            try:
                return modified({"modified": fs.modified(self._path(key))}) or pendulum.now("UTC")
            except NotImplementedError:
                return pendulum.now("UTC")  # of unknown age: too young to be swept

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

"""An fsspec file system like those of object stores: an upload appears on commit."""

from __future__ import annotations

from typing import Any

from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

MIB = 2**20


class UploadFileSystem(MemoryFileSystem):  # type: ignore[misc]
    protocol = "uploads"
    cachable = False

    def __init__(self) -> None:
        super().__init__(global_store=False)
        self.discarded: list[str] = []
        self.opened: list[tuple[str, bool]] = []

    def _open(self, path: str, mode: str = "rb", autocommit: bool = True, **kwargs: Any) -> Any:
        if mode == "rb":
            return super()._open(path, mode, **kwargs)
        self.opened.append((path, autocommit))
        return UploadFile(self, self._strip_protocol(path), mode, block_size=MIB, autocommit=autocommit)


class Truncating(UploadFileSystem):
    """Accepts the keyword and ignores it, as most file systems do."""

    def _open(self, path: str, mode: str = "rb", autocommit: bool = True, **kwargs: Any) -> Any:
        return super()._open(path, mode, autocommit=True, **kwargs)


class UploadFile(AbstractBufferedFile):  # type: ignore[misc]
    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        self.parts.append(self.buffer.getvalue())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self) -> None:
        self.fs.store[self.path] = MemoryFile(self.fs, self.path, b"".join(self.parts))

    def discard(self) -> None:
        self.fs.discarded.append(self.path)

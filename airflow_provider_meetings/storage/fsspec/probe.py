"""Whether a file system can hold an upload back until it is told to publish it."""

from __future__ import annotations

import contextlib
from typing import Any

from airflow_provider_meetings.storage.fsspec.calls import FilesystemCalls


def holds_uploads_back(calls: FilesystemCalls, path: str) -> bool:
    """Try at a temporary name whether ``autocommit=False`` makes an upload that appears, under its own name, on commit.

    No file system says so of itself, and most take the keyword and ignore it: they would empty what stands under a
    final name when it is opened. Others (local, ftp, sftp, smb) write to another folder and move the file from there:
    into the worker's $TMPDIR or the server's /tmp, which may be another disk, so that the move is a copy that can be
    seen half done, and what a killed process leaves there is found by nobody. We do that ourselves, beside the target.

    :param path: the temporary name; nothing stands there afterwards.
    """
    try:
        file = calls.open(path, autocommit=False)
    except OSError:
        return False  # refuses the keyword; or nothing can be written there, which is said when it is
    try:
        if not _is_upload(file, path):
            return False
        with calls.call():
            file.write(b"0")
            file.close()
        if calls.stat(path) is not None:
            return False
        with calls.call():
            file.commit()
        file = None
        return calls.stat(path) is not None
    except OSError:
        return False
    finally:
        if file is not None:
            put_away(calls, file)
        calls.remove(path)


def put_away(calls: FilesystemCalls, file: Any) -> None:
    """Close a file and drop what was not committed; close first, or fsspec does when it forgets the file."""
    for step in (file.close, getattr(file, "discard", None)):
        if step is not None:
            with contextlib.suppress(OSError), calls.call():
                step()


def _is_upload(file: Any, path: str) -> bool:
    from fsspec.spec import AbstractBufferedFile

    return (
        isinstance(file, AbstractBufferedFile)
        and file.path == path
        and type(file).commit is not AbstractBufferedFile.commit
        and type(file).abort is not AbstractBufferedFile.abort
    )

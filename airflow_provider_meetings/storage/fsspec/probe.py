"""Find out whether a file system publishes an upload only on commit."""

from __future__ import annotations

from typing import Any

from airflow_provider_meetings.storage.fsspec.calls import FilesystemCalls


def supports_deferred_commit(calls: FilesystemCalls, path: str) -> bool:
    """Return whether ``autocommit=False`` makes an upload that appears, under its own name, on commit.

    No file system declares it, and most accept the keyword and ignore it: they would truncate the published object on
    open. Others (local, ftp, sftp, smb) write to another folder and move the file from there: the worker's $TMPDIR or
    the server's /tmp, which may be another disk. The move is then a copy that is visible before it is complete,
    and the file of a killed process is never found. For those `TemporaryWriter` writes beside the target.

    :param path: a temporary name; nothing is left there.
    """
    try:
        file = calls.open(path, autocommit=False)
    except OSError:
        return False  # rejects the keyword, or is not writable: then the write fails with its own error
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
            calls.discard(file)
        calls.remove(path)


def _is_upload(file: Any, path: str) -> bool:
    from fsspec.spec import AbstractBufferedFile

    return (
        isinstance(file, AbstractBufferedFile)
        and file.path == path
        and type(file).commit is not AbstractBufferedFile.commit
        and type(file).discard is not AbstractBufferedFile.discard
    )

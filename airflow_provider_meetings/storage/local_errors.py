"""What a failed write on a local disk means, and what to do about it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

_REMEDIES = {
    errno.EACCES: "give that user the right to write there, or choose another target",
    errno.EPERM: "give that user the right to write there, or choose another target",
    errno.EROFS: "mount it for writing, or choose another target",
    errno.ENOSPC: "make room, then try again; nothing of this file was published",
    errno.EDQUOT: "make room, then try again; nothing of this file was published",
    errno.EEXIST: "a file stands where a folder must be, choose another target",
    errno.ENOTDIR: "a file stands where a folder must be, choose another target",
}


@contextlib.contextmanager
def explained(target: str) -> Iterator[None]:
    """Say of a failed write which target it was and what to do."""
    try:
        yield
    except BlockingIOError:
        raise  # explains itself
    except OSError as error:
        if error.errno is None or "target " in str(error.strerror):
            raise  # explained further down
        remedy = _REMEDIES.get(error.errno, "choose another target")
        text = f"target {target} cannot be written by user id {os.geteuid()} ({error.strerror}): {remedy}"
        raise type(error)(error.errno, text) from None

"""A disk of a few MiB that a test fills."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.contract.backends.backend_servers import missing


class SmallDisk:
    """Mount a file system at a folder; unmount it and remove the folder on exit.

    :param folder: an empty folder.
    :param room: size in MiB.
    """

    def __init__(self, folder: Path, room: int) -> None:
        self._folder = folder
        self._room = room
        self._ballast = folder / "ballast"

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._room}m,mode=1777", "meetings-test", str(self._folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            with suppress(OSError):
                self._folder.rmdir()
            missing("a disk that is full: this user may not mount a small one")
        return self

    def __exit__(self, *_: object) -> None:
        # A killed server process may still have an open file.
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def fill(self, left: int = 0) -> None:
        """Fill it up to the last `left` bytes."""
        room = os.statvfs(self._folder)
        if (length := room.f_bavail * room.f_frsize - left) > 0:
            with self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, length)

    def empty(self) -> None:
        """Free the space again."""
        self._ballast.unlink(missing_ok=True)

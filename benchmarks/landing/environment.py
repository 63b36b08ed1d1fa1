"""The environment of a benchmark: a folder on tmpfs, the media host, and an S3 server; removed afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.landing import body
from benchmarks.processes import Failed, Process, measure

BUCKET = "bench"
_STARTING_SECONDS = 20.0


class Origin:
    """The media host, and its control channel."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.landing.origin", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._plain, self._tls = self._answer().split()
        self.certificate = folder / "cert.pem"

    def url(self, path: str, *, tls: bool = False) -> str:
        """Return the address of ``<bytes>/…``."""
        return f"https://127.0.0.1:{self._tls}/{path}" if tls else f"http://127.0.0.1:{self._plain}/{path}"

    def served(self) -> int:
        """Return the number of bytes sent since the last call."""
        self._tell("served")
        return int(self._answer())

    def kill(self, group: int, offset: int) -> None:
        """Kill a process group as soon as a body has been sent up to `offset`."""
        self._tell(f"kill {group} {offset}")

    def spare(self) -> None:
        """Cancel `kill`: the process group id may be reused."""
        self._tell("spare")

    def stop(self) -> None:
        """Stop the media host."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise Failed("the media host did not start")
        return line


class BenchEnvironment:
    """Folders and servers of one benchmark.

    :param root: an empty folder.
    :param rclone: the command that serves S3 and clears it; None where S3 is not wanted.
    :param s3: the address of the S3 server.
    """

    def __init__(self, root: Path, origin: Origin, rclone: str | None = None, s3: str = "") -> None:
        self.root = root
        self.origin = origin
        self.local = root / "local"
        self.bucket = root / "s3" / BUCKET
        self._rclone = rclone
        self._s3 = s3
        self.local.mkdir()
        if rclone:
            self.bucket.mkdir()

    def prove(self, size: int, count: int) -> None:
        """Check that `count` files with the first `size` bytes of the media host have landed, or raise Failed."""
        found = list(self.root.rglob("*.mp4"))
        if len(found) != count:
            raise Failed(f"{len(found)} files landed instead of {count}")
        for path in found:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != body.sha256(size):
                    raise Failed(f"{path.name} differs from the media host's file")

    def clear(self) -> None:
        """Remove all landed files."""
        for found in self.local.iterdir():
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        if self._rclone:
            # Through the server: it caches its listing, and is many times slower without that cache.
            measure([self._rclone, "delete", f"bench:{BUCKET}"], self.s3_environment)

    @property
    def s3_environment(self) -> dict[str, str]:
        """Variables that point boto3, aws, rclone and Airflow to the S3 server instead of the user's accounts."""
        return {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_ENDPOINT_URL": self._s3,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_BENCH_TYPE": "s3",
            "RCLONE_CONFIG_BENCH_PROVIDER": "Rclone",
            "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
            "RCLONE_CONFIG_BENCH_ENDPOINT": self._s3,
            "AIRFLOW_HOME": str(self.root / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_BENCH": f'{{"conn_type": "aws", "extra": {{"endpoint_url": "{self._s3}"}}}}',
        }


def folder_with_room(needed: int) -> str:
    """Choose a folder in memory if it has room for twice `needed` bytes, so that no disk is measured."""
    memory = Path("/dev/shm")
    # The size of a tmpfs does not tell how much memory is available for it.
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024
    if memory.is_dir() and min(shutil.disk_usage(memory).free, available) > 2 * needed:
        return str(memory)
    return tempfile.gettempdir()


@contextmanager
def prepared(rclone: str | None, needed: int) -> Iterator[BenchEnvironment]:
    """Start the servers; stop them and remove all files on exit.

    :param rclone: the command that serves S3, if S3 is wanted.
    :param needed: bytes that are stored at a time.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder_with_room(needed)) as name, ExitStack() as servers:
        root = Path(name)
        origin = Origin(root)
        servers.callback(origin.stop)
        address = servers.enter_context(_s3_server(rclone, root / "s3")) if rclone else ""
        yield BenchEnvironment(root, origin, rclone, address)


@contextmanager
def _s3_server(rclone: str, folder: Path) -> Iterator[str]:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # S3 answers a HEAD at once; rclone would first read and hash the object for its ETag.
    no_hash = ["--etag-hash", ""]
    command = [rclone, "serve", "s3", *no_hash, "--addr", f"127.0.0.1:{port}", str(folder)]
    with Process(command, {"RCLONE_CONFIG": os.devnull}) as server:
        deadline = time.monotonic() + _STARTING_SECONDS
        while not _listens(port):
            if time.monotonic() > deadline:
                raise Failed(f"rclone serve s3 did not start: {server.last_error_line()}")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True

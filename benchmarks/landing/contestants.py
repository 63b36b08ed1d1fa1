"""The contestants of the landing cases, each as one command."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparisons import Contestant
from benchmarks.landing.environment import BUCKET, BenchEnvironment
from benchmarks.peers import Peers

_OSP = str(Path(__file__).with_name("object_storage_path.py"))


@dataclass(frozen=True, slots=True)
class Job:
    """One job: land `count` files of `size` bytes in a local folder or in S3."""

    bench: BenchEnvironment
    size: int
    count: int = 1
    workers: int = 1
    tls: bool = False
    s3: bool = False

    def ours(self) -> Contestant:
        """Our engine and store."""
        return self._contestant("ours", *self._lander(self.count))

    def imports(self) -> Contestant:
        """The same process without landing a file."""
        return Contestant("the imports alone", self._lander(0), self._environment())

    def curl(self, peers: Peers, *, resume: bool = False) -> Contestant | str:
        """One file with curl, not hashed; `resume` resumes an existing file."""
        name = "curl -C -" if resume else "curl -o"
        if peers.curl is None:
            return name
        return self._contestant(name, *self._curl(peers.curl), *(["-C", "-"] if resume else []), "-o", self._file())

    def curl_and_sha256sum(self, peers: Peers) -> Contestant | str:
        """One file with curl, then hashed."""
        name = "curl -o, then sha256sum"
        if peers.curl is None or peers.sha256sum is None:
            return name
        fetch = shlex.join([*self._curl(peers.curl), "-o", self._file()])
        return self._shell(name, f"{fetch} && {shlex.join([peers.sha256sum, self._file()])}")

    def curl_to_aws(self, peers: Peers) -> Contestant | str:
        """One file through a pipe into the AWS command line."""
        name = "curl | aws s3 cp -"
        if peers.curl is None or peers.aws is None:
            return name
        store = [peers.aws, "s3", "cp", "-", f"s3://{BUCKET}/0.mp4"]
        return self._shell(name, f"{shlex.join(self._curl(peers.curl))} | {shlex.join(store)}")

    def rclone_copyurl(self, peers: Peers) -> Contestant | str:
        """One file with rclone."""
        name = "rclone copyurl"
        if peers.rclone is None:
            return name
        target = f"bench:{BUCKET}/0.mp4" if self.s3 else self._file()
        return self._contestant(name, peers.rclone, "copyurl", self._url("0.mp4"), target)

    def rclone_copy(self, peers: Peers) -> Contestant | str:
        """All files with rclone, from its listing of the media host."""
        name = "rclone copy"
        if peers.rclone is None:
            return name
        source = [":http:", "--http-url", self._url(f"{self.count}/")]
        target = f"bench:{BUCKET}" if self.s3 else str(self.bench.local)
        return self._contestant(name, peers.rclone, "copy", "--transfers", str(self.workers), *source, target)

    def object_storage_path(self, peers: Peers) -> Contestant | str:
        """One file with Airflow's ObjectStoragePath."""
        name = "ObjectStoragePath"
        if peers.s3fs_python is None:
            return name
        return self._contestant(name, peers.s3fs_python, _OSP, self._url("0.mp4"), f"s3://bench@{BUCKET}/0.mp4")

    def _lander(self, count: int) -> list[str]:
        target = f"s3://{BUCKET}/lake" if self.s3 else str(self.bench.local)
        return [sys.executable, "-m", "benchmarks.landing.lander", target, self._url(), str(count), str(self.workers)]

    def _curl(self, curl: str) -> list[str]:
        trusted = ["--cacert", str(self.bench.origin.certificate)] if self.tls else []
        return [curl, "-sSf", *trusted, self._url("0.mp4")]

    def _url(self, name: str = "") -> str:
        return self.bench.origin.url(f"{self.size}/{name}", tls=self.tls)

    def _file(self) -> str:
        return str(self.bench.local / "0.mp4")

    def _environment(self) -> Mapping[str, str]:
        trusted = {"BENCH_CA": str(self.bench.origin.certificate)} if self.tls else {}
        return {**trusted, **(self.bench.s3_environment if self.s3 else {"RCLONE_CONFIG": os.devnull})}

    def _shell(self, name: str, line: str) -> Contestant:
        return self._contestant(name, "sh", "-c", line)

    def _contestant(self, name: str, *command: str) -> Contestant:
        bench = self.bench
        return Contestant(name, command, self._environment(), lambda: bench.prove(self.size, self.count), bench.clear)

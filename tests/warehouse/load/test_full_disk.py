"""A full disk on each engine, while rows are staged or merged."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.contract.backends.own_servers import OwnMariaDB, OwnServer
from tests.contract.landing.small_disk import SmallDisk
from tests.warehouse import servers
from tests.warehouse.interrupt import after

Make = Callable[..., dict[str, Any]]
Run = Callable[..., dict[str, int]]
Chain = Callable[[BaseException], str]

ROOT = Path(__file__).resolve().parent.parent.parent
LOST = "connection to the server was lost"


def _many(recording: Make, number: int) -> list[dict[str, Any]]:
    """Return recordings with titles that no database can compress."""
    noise = random.Random(1)
    return [
        recording(recording_id=f"r-{i}", files=[], title="PRIVATE" + noise.randbytes(1500).hex()) for i in range(number)
    ]


@contextmanager
def _small(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SmallDisk, Hook, OwnServer | None]]:
    """Yield a database with all its files, including temporary ones, on a small disk."""
    if kind in servers.OWN:
        server = servers.OWN[kind]()
        with SmallDisk(server.folder, 80) as disk, server:
            yield disk, servers.own_hook(kind, server, monkeypatch), server
        return
    folder = tmp_path / "small"
    with SmallDisk(folder, 40) as disk:
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_TEST", "{}")
        monkeypatch.setenv("SQLITE_TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        # Otherwise SQLite stages in memory.
        monkeypatch.setattr("airflow_provider_meetings.warehouse.engines.sqlite._CACHE_KIB", 64)
        yield disk, servers.file_hook(kind, folder / "file"), None


@pytest.mark.parametrize(
    ("step", "left"),
    [("begin_staging", 0), ("keep_stages", 0), ("keep_stages", 2**21)],
    ids=["staging", "merging", "later"],
)
@pytest.mark.parametrize("kind", servers.ENGINES)
def test_full_disk(
    kind: str,
    step: str,
    left: int,
    loaded: Run,
    recording: Make,
    chain: Chain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with _small(kind, tmp_path, monkeypatch) as (disk, hook, server):
        loaded(hook, [recording(title="before", files=[])])
        engine = engine_for(hook)
        after(step, engine, lambda: disk.fill(left))
        # MariaDB exits if it cannot write its log.
        with pytest.raises(LoadError, match=f"[Ff]ree space|{LOST}") as caught:
            loaded(hook, _many(recording, 3000), engine=engine)
        assert "PRIVATE" not in chain(caught.value)
        assert "table 'recordings'" in str(caught.value) or step == "keep_stages"
        disk.empty()
        if server and LOST in str(caught.value):
            server.kill()
            server.start()
        assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]
        assert loaded(hook, _many(recording, 500))["recordings"] == 500


def test_full_temporary_folder_of_mariadb(
    loaded: Run, recording: Make, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a binary log, MariaDB buffers a transaction in its temporary folder until the commit."""
    folder = Path(tempfile.mkdtemp(prefix="meetings-tmpdir-"))
    options = ("--log-bin=binlog", "--server-id=1", "--binlog-format=ROW", f"--tmpdir={folder}")
    with SmallDisk(folder, 1), OwnMariaDB(*options) as server:
        hook = servers.own_hook("mysql", server, monkeypatch)
        loaded(hook, [recording(title="before", files=[])])
        with pytest.raises(LoadError, match="free space") as caught:
            loaded(hook, _many(recording, 1000))
        assert "PRIVATE" not in chain(caught.value)
        assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]
        assert loaded(hook, _many(recording, 100))["recordings"] == 100


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_file_size_limit(
    kind: str, loaded: Run, recording: Make, make_hook: Callable[[str, Path], Hook], tmp_path: Path
) -> None:
    """Unlike a small disk, a size limit needs no privilege to mount."""
    path = tmp_path / "full"
    hook = make_hook(kind, path)
    loaded(hook, [recording(title="before")])
    limit = path.stat().st_size + 1024 * 1024
    command = [sys.executable, "-m", "tests.warehouse.file_loader", kind, str(path), str(limit)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "LoadError" in ended.stderr, ended.stderr[-2000:]
    assert "Free space" in ended.stderr
    assert "PRIVATE" not in ended.stderr + ended.stdout
    assert servers.run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]
    assert loaded(hook, [recording(title="after")])["recordings"] == 1

"""Records and `compare_and_set`, on each durable backend."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.host import backend as host_backend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from tests.contract.backends.backend import eventually
from tests.contract.backends.backend_peer import increment, peers
from tests.contract.backends.backend_processes import DEADLINE, children
from tests.contract.backends.backend_servers import make_backend
from tests.coordination import durable_backends
from tests.coordination.durable_backends import Location


@pytest.fixture(params=durable_backends.KINDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Location]:
    with durable_backends.location(request.param, tmp_path) as location:
        yield location


@pytest.fixture
def backend(location: Location, monkeypatch: pytest.MonkeyPatch) -> DurableBackend:
    monkeypatch.setattr(host_backend, "_FILE_LOCK_SECONDS", DEADLINE)
    return location.make()


@pytest.fixture
def key(location: Location) -> str:
    return location.key()


def test_record_is_replaced_only_if_unchanged(backend: DurableBackend, key: str) -> None:
    assert backend.read(key) is None
    assert not backend.compare_and_set(key, b"something", b"one")
    assert backend.read(key) is None
    assert backend.compare_and_set(key, None, value := bytes(range(256)) * 40)
    assert backend.read(key) == value
    assert not backend.compare_and_set(key, None, b"two")
    assert not backend.compare_and_set(key, b"other", b"two")
    assert backend.read(key) == value
    assert backend.compare_and_set(key, value, b"two")
    assert backend.read(key) == b"two"
    assert backend.read(key + "'") is None


def test_repeated_write_succeeds(backend: DurableBackend, key: str) -> None:
    for old, new in ((None, b"one"), (b"one", b"two")):
        assert backend.compare_and_set(key, old, new)
        assert backend.compare_and_set(key, old, new)
    assert backend.read(key) == b"two"


def test_record_is_independent_of_value_and_lock(backend: DurableBackend, key: str) -> None:
    backend.set(key, b"value", 60)
    with backend.lock(key, 0):
        assert backend.read(key) is None
        assert backend.compare_and_set(key, None, b"record")
    backend.set(key, b"", 0)
    assert (backend.read(key), backend.get(key) or b"") == (b"record", b"")


def test_record_is_shared_between_processes(backend: DurableBackend, location: Location, key: str) -> None:
    assert backend.compare_and_set(key, None, b"\x00record\xff")
    with peers(location.kind, location.name) as [peer]:
        peer.send(("read", key))
        assert peer.receive() == b"\x00record\xff"


def test_concurrent_writes_of_processes_are_not_lost(location: Location, key: str) -> None:
    with peers(location.kind, location.name, 3) as others:
        for number, peer in enumerate(others):
            peer.send(("increments", key, 15, number))
        taken = [number for peer in others for number in peer.receive()]
    # Each number was taken once: no write was lost, and none happened twice.
    assert sorted(taken) == list(range(45))


def test_concurrent_writes_of_threads_are_not_lost(backend: DurableBackend, key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: increment(backend, key, str(number)), range(40)))
    assert sorted(taken) == list(range(40))


def _write_forever(_pipe: object, folder: str) -> None:
    backend = make_backend("host", folder)
    while True:
        increment(backend, "k", "x" * 50_000)


def _number(folder: Path) -> int:
    return int((HostBackend(folder).read("k") or b"-1 ").split(b" ")[0])


class TestHost:
    """Records in files."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "state"

    def test_record_does_not_expire_by_clock(self, folder: Path) -> None:
        clocks = [BootClock("boot-1", 5000.0, 1_800_000_000.0), BootClock("boot-2", 3.0, 1000.0)]
        assert HostBackend(folder, lambda: clocks[0]).compare_and_set("k", None, b"record")
        # After a reboot, with a clock that was set back by years.
        assert HostBackend(folder, lambda: clocks[1]).read("k") == b"record"

    def test_full_disk_keeps_old_record(self, folder: Path) -> None:
        backend = HostBackend(folder)
        assert backend.compare_and_set("k", None, b"one")
        if not (child := os.fork()):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
            try:
                backend.compare_and_set("k", b"one", b"two" * 1000)
            except BackendError as error:
                os._exit(7 if "free some space" in str(error) else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert backend.read("k") == b"one"
        assert backend.compare_and_set("k", b"one", b"three")
        assert backend.read("k") == b"three"

    def test_killed_writer_leaves_whole_record(self, folder: Path) -> None:
        """Wherever it is killed, the file holds a whole record, and the next writer can go on."""
        HostBackend(folder).compare_and_set("k", None, b"0 start")
        last = 0
        for _ in range(5):
            with children(_write_forever, [(str(folder),)]) as [writer]:
                eventually(lambda: _number(folder) >= last + 3)  # noqa: B023
                writer.kill()
            record = HostBackend(folder).read("k")
            assert record is not None
            assert record.endswith(b" " + b"x" * 50_000)
            last = int(record.split(b" ")[0])
        assert increment(HostBackend(folder), "k", "end") == last + 1

    def test_record_and_folder_are_synced(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        HostBackend(folder).compare_and_set("k", None, b"one")
        (record,) = folder.glob("*.record")
        synced: list[tuple[str, bytes]] = []
        real = os.fsync

        def watch(file: int) -> None:
            synced.append((Path(f"/proc/self/fd/{file}").readlink().name, record.read_bytes()[-3:]))
            real(file)

        monkeypatch.setattr(os, "fsync", watch)
        assert HostBackend(folder).compare_and_set("k", b"one", b"two")
        # First the content, while the old record is still in place; then the folder, after the rename.
        assert synced == [(f"{record.name}.new", b"one"), ("state", b"two")]


def test_postgres_commits_records_synchronously(tmp_path: Path) -> None:
    """Other writes are committed asynchronously: a token lost in a crash can be fetched again."""
    committed: list[str] = []

    class Watched(psycopg.Cursor[Any]):
        def execute(self, query: Any, *values: Any, **options: Any) -> Watched:
            if query == "COMMIT":
                row = super().execute("SHOW synchronous_commit").fetchone()
                committed.append(row[0] if row else "")
            return super().execute(query, *values, **options)

    with durable_backends.location("postgres", tmp_path) as location:

        def connect() -> Any:
            options = f"-c search_path={location.name}"
            return psycopg.connect(
                host="127.0.0.1", user="postgres", dbname="test", options=options, cursor_factory=Watched
            )

        backend = SqlBackend(connect)
        try:
            backend.set("k", b"value", 60)
            assert committed[-1] == "off"
            committed.clear()
            assert backend.compare_and_set("k", None, b"record")
            assert committed[-1] == "on"
        finally:
            backend.close()

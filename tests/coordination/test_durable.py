"""Records that are swapped in one piece, on each backend that keeps them for good."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from airflow_provider_meetings.coordination.backend import BackendError, DurableBackend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.sql.backend import SqlBackend
from tests.contract.backend_peer import peers, step
from tests.coordination import durable_places
from tests.coordination.durable_places import Place

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=durable_places.KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with durable_places.place(request.param, tmp_path) as place:
        yield place


@pytest.fixture
def backend(place: Place) -> DurableBackend:
    return place.make()


@pytest.fixture
def key(place: Place) -> str:
    return place.key()


def test_a_record_is_swapped_by_who_knows_it(backend: DurableBackend, key: str) -> None:
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


def test_a_swap_whose_answer_was_lost_is_asked_for_again(backend: DurableBackend, key: str) -> None:
    for old, new in ((None, b"one"), (b"one", b"two")):
        assert backend.compare_and_set(key, old, new)
        assert backend.compare_and_set(key, old, new)
    assert backend.read(key) == b"two"


def test_a_record_is_no_value_and_needs_no_hold(backend: DurableBackend, key: str) -> None:
    backend.set(key, b"value", 60)
    with backend.lock(key, 0):
        assert backend.read(key) is None
        assert backend.compare_and_set(key, None, b"record")
    backend.set(key, b"", 0)
    assert (backend.read(key), backend.get(key) or b"") == (b"record", b"")


def test_another_process_finds_it(backend: DurableBackend, place: Place, key: str) -> None:
    assert backend.compare_and_set(key, None, b"\x00record\xff")
    with peers(place.factory, place.argument) as [peer]:
        peer.tell("read", key)
        assert bytes.fromhex(peer.answer()) == b"\x00record\xff"


def test_of_many_processes_one_swaps(place: Place, key: str) -> None:
    with peers(place.factory, place.argument, 4) as others:
        for number, peer in enumerate(others):
            peer.tell("steps", key, 25, number)
        taken = [number for peer in others for number in peer.answer()]
    # Each number was taken once: no swap was lost, and none happened twice.
    assert sorted(taken) == list(range(100))


def test_of_many_threads_one_swaps(backend: DurableBackend, key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: step(backend, key, str(number)), range(40)))
    assert sorted(taken) == list(range(40))


class TestHost:
    """What files can do besides."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "state"

    def test_no_clock_ends_a_record(self, folder: Path) -> None:
        moments = [BootClock("boot-1", 5000.0, 1_800_000_000.0), BootClock("boot-2", 3.0, 1000.0)]
        assert HostBackend(folder, lambda: moments[0]).compare_and_set("k", None, b"record")
        # After a start of the machine, and with a clock that was set back by years.
        assert HostBackend(folder, lambda: moments[1]).read("k") == b"record"

    def test_a_full_disk_leaves_the_record_before(self, folder: Path) -> None:
        backend = HostBackend(folder)
        assert backend.compare_and_set("k", None, b"one")
        if not (child := os.fork()):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
            try:
                backend.compare_and_set("k", b"one", b"two" * 1000)
            except BackendError as error:
                os._exit(7 if "make room" in str(error) else 8)
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert backend.read("k") == b"one"
        assert backend.compare_and_set("k", b"one", b"three")
        assert backend.read("k") == b"three"

    def test_a_killed_writer_leaves_a_whole_record(self, folder: Path) -> None:
        """Killed anywhere: what lies there is a number of the row, never a part of one, and the next one can go on."""
        HostBackend(folder).compare_and_set("k", None, b"0 start")
        script = (
            "import sys\n"
            "from tests.contract.backend_peer import step\n"
            "from tests.contract.backend_servers import host\n"
            "backend = host(sys.argv[1]); print(flush=True)\n"
            "while True: step(backend, 'k', 'x' * 50_000)"
        )
        last = 0
        for _ in range(10):
            command = [sys.executable, "-c", script, str(folder)]
            with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
                assert writer.stdout is not None
                writer.stdout.readline()
                while int((HostBackend(folder).read("k") or b"-1 ").split(b" ")[0]) < last + 3:
                    pass
                writer.kill()
            record = HostBackend(folder).read("k")
            assert record is not None
            assert record.endswith(b" " + b"x" * 50_000)
            last = int(record.split(b" ")[0])
        assert step(HostBackend(folder), "k", "end") == last + 1

    def test_a_record_and_its_folder_are_synced_before_it_counts(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        HostBackend(folder).compare_and_set("k", None, b"one")
        (record,) = folder.glob("*.record")
        synced: list[tuple[str, bytes]] = []
        real = os.fsync

        def watch(file: int) -> None:
            synced.append((Path(f"/proc/self/fd/{file}").readlink().name, record.read_bytes()[-3:]))
            real(file)

        monkeypatch.setattr(os, "fsync", watch)
        assert HostBackend(folder).compare_and_set("k", b"one", b"two")
        # First the bytes, while the one before still stands; then the name, once it does not.
        assert synced == [(f"{record.name}.new", b"one"), ("state", b"two")]


def test_a_swap_is_committed_for_good_by_postgres(tmp_path: Path) -> None:
    """All else is committed quickly: what a crash of the server takes of it can be had again."""
    committed: list[str] = []

    class Watched(psycopg.Cursor[Any]):
        def execute(self, query: Any, *values: Any, **options: Any) -> Watched:
            if query == "COMMIT":
                row = super().execute("SHOW synchronous_commit").fetchone()
                committed.append(row[0] if row else "")
            return super().execute(query, *values, **options)

    with durable_places.place("postgres", tmp_path) as place:

        def connect() -> Any:
            options = f"-c search_path={place.argument}"
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

"""The contract of coordination backends: whole values, exclusive locks, slots never closer than their spacing."""

from __future__ import annotations

import itertools
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import Backend, BackendError, Busy, DurableBackend
from tests.contract.backends.backend_peer import Slot, count_up, peers, slots
from tests.contract.backends.backend_processes import DEADLINE
from tests.contract.backends.backend_servers import make_backend

PER_SECOND, PER_MINUTE = Rate(50, 1), Rate(1000, 60)
SLOW = Rate(1, 10)
# A server's clock may run a little differently from the machine's, and it counts microseconds.
CLOCK_ERROR = 0.001


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_apart(taken: list[Slot], spacing: float) -> None:
    """Assert that no two slots are closer than the spacing, as far as their times are known."""
    earliest, latest = sorted(slot[0] for slot in taken), sorted(slot[1] for slot in taken)
    for i in range(len(taken)):
        for j in range(i + 1, len(taken)):
            assert latest[j] - earliest[i] >= (j - i) * spacing - CLOCK_ERROR


class BackendContract(ABC):
    """Inherit, and name the kind of the backend."""

    kind: str
    """As `make_backend` takes it."""

    @pytest.fixture
    @abstractmethod
    def location(self) -> Iterator[str] | str:
        """Return where the backend keeps its state."""

    def make(self, location: str) -> DurableBackend:
        return make_backend(self.kind, location)

    @pytest.fixture
    def backend(self, location: str) -> Iterator[Backend]:
        backend = self.make(location)
        yield backend
        backend.close()

    @pytest.fixture
    def key(self) -> str:
        return f"feishu|https://open.feishu.cn|{uuid.uuid4()}"

    def test_value_is_shared_between_processes(self, backend: Backend, location: str, key: str) -> None:
        value = bytes(range(256)) * 400
        backend.set(key, value, 60)
        assert backend.get(key) == value
        with peers(self.kind, location) as [peer]:
            peer.send(("get", key))
            assert peer.receive() == value

    def test_value_is_replaced_under_its_key_only(self, backend: Backend, key: str) -> None:
        backend.set(key, b"one", 60)
        backend.set(key, b"", 60)
        assert backend.get(key) == b""
        assert backend.get(key + "'") is None
        backend.set(long := key + "录" * 5000, b"two", 60)
        assert (backend.get(long), backend.get(key)) == (b"two", b"")

    def test_value_expires(self, backend: Backend, key: str) -> None:
        backend.set(key, b"short", 0.2)
        backend.set(key + "long", b"long", 60)
        eventually(lambda: backend.get(key) is None)
        assert backend.get(key + "long") == b"long"
        backend.set(key, b"again", 60)
        assert backend.get(key) == b"again"

    def test_lock_excludes_processes(self, location: str, key: str, tmp_path: Path) -> None:
        (counter := tmp_path / "counter").write_text("0")
        with peers(self.kind, location, 3) as others:
            for peer in others:
                peer.send(("count_up", key, counter, 10))
            assert [peer.receive() for peer in others] == [10] * 3
        assert counter.read_text() == "30"

    def test_lock_excludes_threads(self, backend: Backend, key: str, tmp_path: Path) -> None:
        (counter := tmp_path / "counter").write_text("0")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: count_up(backend, key, counter, 5), range(8)))
        assert counter.read_text() == "40"

    def test_lock_ends_with_killed_process(self, backend: Backend, location: str, key: str) -> None:
        with peers(self.kind, location) as [peer]:
            peer.send(("lock", key))
            assert peer.receive() == "locked"
            peer.kill()
            with backend.lock(key, DEADLINE):
                pass

    def test_held_lock_is_busy_for_others(self, backend: Backend, location: str, key: str) -> None:
        with peers(self.kind, location) as [peer]:
            peer.send(("lock", key))
            assert peer.receive() == "locked"
            for timeout in (0, 0.05, 2):  # the last one is longer than a lease
                with pytest.raises(Busy), backend.lock(key, timeout):
                    pass
            with backend.lock(key + "other", 0):
                peer.send("release")
                assert peer.receive() == "released"
            with backend.lock(key, 0):
                pass

    def test_lock_is_released_after_error(self, backend: Backend, key: str) -> None:
        with pytest.raises(ZeroDivisionError), backend.lock(key, 0):
            raise ZeroDivisionError
        with backend.lock(key, 0):
            pass

    def test_slots_of_processes_keep_spacing(self, location: str, key: str) -> None:
        taken: list[Slot] = []
        with peers(self.kind, location, 3) as others:
            for peer in others:
                peer.send(("slots", key, [PER_SECOND], 40))
            for peer in others:
                taken += peer.receive()
        assert len(taken) == 120
        assert_apart(taken, PER_SECOND.spacing)

    def test_slots_of_threads_keep_spacing(self, backend: Backend, key: str) -> None:
        def use(number: int) -> list[Slot]:
            backend.set(f"{key}{number}", b"%d" % number, 60)
            taken = slots(backend, key, [PER_SECOND], 10)
            assert backend.get(f"{key}{number}") == b"%d" % number
            return taken

        with ThreadPoolExecutor(16) as pool:
            taken = [slot for part in pool.map(use, range(16)) for slot in part]
        assert_apart(taken, PER_SECOND.spacing)

    def test_slots_keep_order_of_requests(self, location: str, key: str) -> None:
        with peers(self.kind, location, 3) as others:
            order: list[Slot] = []
            for number in (0, 1, 2, 2, 0, 1, 1, 1, 0):
                others[number].send(("slots", key, [SLOW], 1))
                order += others[number].receive()
        for earlier, later in itertools.pairwise(order):
            assert earlier[1] < later[0]

    def test_no_slot_is_skipped(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [SLOW], 0) == 0
        taken = slots(backend, key, [SLOW], 5)
        assert_apart(taken, SLOW.spacing)
        assert taken[-1][0] <= time.monotonic() + 5 * SLOW.spacing

    def test_slowest_of_several_rates_counts(self, backend: Backend, key: str) -> None:
        assert_apart(slots(backend, key, [PER_SECOND, PER_MINUTE], 30), PER_MINUTE.spacing)
        assert_apart(slots(backend, key + "other", [PER_MINUTE, PER_SECOND], 30), PER_MINUTE.spacing)

    def test_slower_rate_keeps_its_spacing_to_slots_of_others(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [PER_SECOND], 0) == 0
        with pytest.raises(Busy):
            backend.reserve(key, [SLOW], 5)

    def test_slot_too_far_away_is_not_taken(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [SLOW], 0) == 0
        for _ in range(3):
            with pytest.raises(Busy):
                backend.reserve(key, [SLOW], 0.1)
        assert backend.reserve(key, [SLOW], 60) <= 10

    def test_block_counts_for_all_processes(self, backend: Backend, location: str, key: str) -> None:
        backend.block(key, 3000)
        backend.block(key, 10)
        with pytest.raises(Busy):
            backend.reserve(key, [PER_SECOND], 2000)
        with peers(self.kind, location) as [peer]:
            peer.send(("slots", key, [PER_SECOND], 5))
            taken: list[Slot] = peer.receive()
        assert_apart(taken, PER_SECOND.spacing)
        assert 2000 < taken[0][1] - time.monotonic() < 3001
        assert backend.reserve(key + "other", [PER_SECOND], 0) == 0

    def test_block_after_slots_were_taken(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [SLOW], 0) == 0
        backend.block(key, 500)
        assert 400 < backend.reserve(key, [SLOW], 3600) <= 500
        backend.block(key, 100)
        assert 400 < backend.reserve(key, [SLOW], 3600) <= 510


class ServerContract(BackendContract):
    """Tests of backends that use a server's clock, which may be set."""

    @abstractmethod
    def set_clock(self, location: str, key: str, hours: int) -> None:
        """Move all stored times, as if the server's clock had been set forward by some hours."""

    def test_value_written_before_clock_was_set_back_is_gone_but_record_stays(
        self, backend: DurableBackend, location: str, key: str
    ) -> None:
        backend.set(key, b"1", 60)
        assert backend.compare_and_set(key, None, b"record")
        self.set_clock(location, key, -1)
        assert backend.get(key) is None
        assert backend.read(key) == b"record"
        backend.set(key, b"2", 60)
        assert backend.get(key) == b"2"

    def test_clock_set_back_keeps_distance_to_slot(self, backend: Backend, location: str, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        backend.block(key, 20)
        self.set_clock(location, key, -1)
        assert 0 < backend.reserve(key, [SLOW], 3600) <= 20
        assert 10 < backend.reserve(key, [SLOW], 3600) <= 30

    def test_clock_set_forward_keeps_spacing(self, backend: Backend, location: str, key: str) -> None:
        taken = slots(backend, key, [Rate(5, 1)], 8)
        self.set_clock(location, key, 1)
        backend.set(key + "other", b"value", 60)  # removes what has expired
        assert_apart(taken + slots(backend, key, [Rate(5, 1)], 8), 0.2)

    def test_old_queue_delays_two_seconds_at_most(self, backend: Backend, location: str, key: str) -> None:
        slots(backend, key, [Rate(5, 1)], 60)
        self.set_clock(location, key, 1)
        assert 1 < backend.reserve(key, [Rate(5, 1)], 60) <= 2.2

    def test_old_slot_delays_nothing(self, backend: Backend, location: str, key: str) -> None:
        backend.reserve(key, [SLOW], 0)
        self.set_clock(location, key, 1)
        assert backend.reserve(key, [SLOW], 0) == 0


def refusals(backend: Backend, *, lock: bool = False) -> Iterator[str]:
    """Call every method of a backend that cannot be used, and yield the text of each error."""
    calls: list[Callable[[], object]] = [
        lambda: backend.get("key"),
        lambda: backend.set("key", b"value", 1),
        lambda: backend.reserve("key", [SLOW], 1),
        lambda: backend.block("key", 1),
    ]
    if lock:
        calls.append(lambda: backend.lock("key", 1).__enter__())
    for call in calls:
        with pytest.raises(BackendError) as refused:
            call()
        assert refused.value.__suppress_context__
        yield str(refused.value)

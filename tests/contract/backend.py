"""What every coordination backend keeps: values whole, holds exclusive, slots never closer than their spacing."""

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
from airflow_provider_meetings.coordination.backend import Backend, Busy
from tests.contract.backend_peer import Slot, count_up, peers, slots

PER_SECOND, PER_MINUTE = Rate(50, 1), Rate(1000, 60)
SLOW = Rate(1, 10)
DEADLINE = 30.0
# A server's clock may be slewed a little against the machine's, and it counts microseconds.
SLEW = 0.001


def eventually(true: Callable[[], bool]) -> None:
    """Ask until it is true, for so long that only what never comes fails."""
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_apart(taken: list[Slot], spacing: float) -> None:
    """Assert that no two slots are closer: the n-th is not earlier than what the clock allows it to be."""
    earliest, latest = sorted(slot[0] for slot in taken), sorted(slot[1] for slot in taken)
    for i in range(len(taken)):
        for j in range(i + 1, len(taken)):
            assert latest[j] - earliest[i] >= (j - i) * spacing - SLEW


class BackendContract(ABC):
    """Inherit, and name what makes a backend: a function of one string, which other processes call, too."""

    factory: str
    """``module:function``"""

    @pytest.fixture
    @abstractmethod
    def place(self) -> Iterator[str] | str:
        """Give the string that the function takes."""

    @abstractmethod
    def make(self, place: str) -> Backend:
        """Call the function."""

    @pytest.fixture
    def backend(self, place: str) -> Iterator[Backend]:
        backend = self.make(place)
        yield backend
        backend.close()

    @pytest.fixture
    def key(self) -> str:
        return f"feishu|https://open.feishu.cn|{uuid.uuid4()}"

    def test_a_value_comes_back_whole_also_elsewhere(self, backend: Backend, place: str, key: str) -> None:
        value = bytes(range(256)) * 400
        backend.set(key, value, 60)
        assert backend.get(key) == value
        with peers(self.factory, place) as [peer]:
            peer.tell("get", key)
            assert bytes.fromhex(peer.answer()) == value

    def test_a_value_is_replaced_and_another_key_knows_nothing_of_it(self, backend: Backend, key: str) -> None:
        backend.set(key, b"one", 60)
        backend.set(key, b"", 60)
        assert backend.get(key) == b""
        assert backend.get(key + "'") is None
        backend.set(long := key + "录" * 5000, b"two", 60)
        assert (backend.get(long), backend.get(key)) == (b"two", b"")

    def test_a_value_runs_out(self, backend: Backend, key: str) -> None:
        backend.set(key, b"short", 0.2)
        backend.set(key + "long", b"long", 60)
        eventually(lambda: backend.get(key) is None)
        assert backend.get(key + "long") == b"long"
        backend.set(key, b"again", 60)
        assert backend.get(key) == b"again"

    def test_only_one_process_holds(self, place: str, key: str, tmp_path: Path) -> None:
        (counter := tmp_path / "counter").write_text("0")
        with peers(self.factory, place, 4) as others:
            for peer in others:
                peer.tell("count_up", key, str(counter), 25)
            assert [peer.answer() for peer in others] == [25] * 4
        assert counter.read_text() == "100"

    def test_only_one_thread_holds(self, backend: Backend, key: str, tmp_path: Path) -> None:
        (counter := tmp_path / "counter").write_text("0")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: count_up(backend, key, str(counter), 5), range(8)))
        assert counter.read_text() == "40"

    def test_a_killed_holder_holds_no_longer(self, backend: Backend, place: str, key: str) -> None:
        with peers(self.factory, place) as [peer]:
            peer.tell("hold", key, 0)
            assert peer.answer() == "held"
            peer.kill()
            with backend.lock(key, DEADLINE):
                pass

    def test_one_who_lives_holds_on_and_others_are_told_busy(self, backend: Backend, place: str, key: str) -> None:
        with peers(self.factory, place) as [peer]:
            peer.tell("hold", key, 0)
            assert peer.answer() == "held"
            # Longer than a lease.
            for timeout in (0, 0.05, 3):
                with pytest.raises(Busy), backend.lock(key, timeout):
                    pass
            with backend.lock(key + "other", 0):
                peer.tell("release")
                assert peer.answer() == "released"
            with backend.lock(key, 0):
                pass

    def test_a_hold_ends_with_an_error(self, backend: Backend, key: str) -> None:
        with pytest.raises(ZeroDivisionError), backend.lock(key, 0):
            raise ZeroDivisionError
        with backend.lock(key, 0):
            pass

    def test_processes_never_get_slots_closer_than_the_spacing(self, place: str, key: str) -> None:
        taken: list[Slot] = []
        with peers(self.factory, place, 4) as others:
            for peer in others:
                peer.tell("slots", key, [[50, 1]], 40)
            for peer in others:
                taken += peer.answer()
        assert len(taken) == 160
        assert_apart(taken, PER_SECOND.spacing)

    def test_threads_never_get_slots_closer_than_the_spacing(self, backend: Backend, key: str) -> None:
        def use(number: int) -> list[Slot]:
            backend.set(f"{key}{number}", b"%d" % number, 60)
            taken = slots(backend, key, [[50, 1]], 10)
            assert backend.get(f"{key}{number}") == b"%d" % number
            return taken

        with ThreadPoolExecutor(16) as pool:
            taken = [slot for part in pool.map(use, range(16)) for slot in part]
        assert_apart(taken, PER_SECOND.spacing)

    def test_slots_are_given_in_the_order_of_asking(self, place: str, key: str) -> None:
        with peers(self.factory, place, 3) as others:
            order: list[Slot] = []
            for number in (0, 1, 2, 2, 0, 1, 1, 1, 0):
                others[number].tell("slots", key, [[1, 10]], 1)
                order += others[number].answer()
        # Whoever has one already, or more than one, stands behind those who asked before.
        for earlier, later in itertools.pairwise(order):
            assert earlier[1] < later[0]

    def test_no_slot_is_left_out(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [SLOW], 0) == 0
        taken = slots(backend, key, [[1, 10]], 5)
        assert_apart(taken, 10)
        # The fifth is 50 seconds from the first, which was now.
        assert taken[-1][0] <= time.monotonic() + 50

    def test_all_rates_are_kept_at_once(self, backend: Backend, key: str) -> None:
        assert_apart(slots(backend, key, [[50, 1], [1000, 60]], 30), PER_MINUTE.spacing)
        assert_apart(slots(backend, key + "other", [[1000, 60], [50, 1]], 30), PER_MINUTE.spacing)

    def test_one_who_wants_more_distance_keeps_it_to_all_others(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [PER_SECOND], 0) == 0
        with pytest.raises(Busy):
            backend.reserve(key, [SLOW], 5)

    def test_a_slot_too_far_away_is_not_taken(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [SLOW], 0) == 0
        for _ in range(3):
            with pytest.raises(Busy):
                backend.reserve(key, [SLOW], 0.1)
        assert backend.reserve(key, [SLOW], 60) <= 10

    def test_postponed_for_all(self, backend: Backend, place: str, key: str) -> None:
        backend.block(key, 3000)
        backend.block(key, 10)
        with pytest.raises(Busy):
            backend.reserve(key, [PER_SECOND], 2000)
        with peers(self.factory, place) as [peer]:
            peer.tell("slots", key, [[50, 1]], 5)
            taken: list[Slot] = peer.answer()
        assert_apart(taken, PER_SECOND.spacing)
        assert 2000 < taken[0][1] - time.monotonic() < 3001
        assert backend.reserve(key + "other", [PER_SECOND], 0) == 0

    def test_postponed_after_slots_were_given(self, backend: Backend, key: str) -> None:
        assert backend.reserve(key, [SLOW], 0) == 0
        backend.block(key, 500)
        assert 400 < backend.reserve(key, [SLOW], 3600) <= 500
        backend.block(key, 100)
        assert 400 < backend.reserve(key, [SLOW], 3600) <= 510

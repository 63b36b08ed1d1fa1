"""Killed processes: no wrong object is published, and the next try downloads only the missing bytes."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from airflow_provider_meetings.api.http.transport import Transport
from tests.contract.landing.aftermath import assert_landed, assert_not_landed, assert_one_of
from tests.contract.landing.bench import CHECKPOINT, NAME, Bench
from tests.contract.landing.killable import PIECE, ForkServer, fork_server
from tests.contract.media.origin import Origin
from tests.contract.media.ranges import RangeHost, version

SIZE = 640 * 1024 + 321
V1 = version(SIZE, 1)
V2 = version(SIZE, 2)


@pytest.fixture(scope="module")
def processes() -> Iterator[ForkServer]:
    with fork_server() as running:
        yield running


def _wait_for_size(part: Path, minimum: int) -> int:
    """Wait until the part file has at minimum `minimum` bytes, and return its size."""
    last = time.monotonic() + 300
    while time.monotonic() < last:
        try:
            size = part.stat().st_size
        except FileNotFoundError:
            size = 0
        if size >= minimum:
            return size
        os.sched_yield()
    raise AssertionError(f"{part.name} did not grow to {minimum} bytes")


def _kill_during_download(bench: Bench, host: RangeHost, processes: ForkServer, rng: random.Random) -> int:
    """Kill a process during its download, and return the size of the part that it leaves."""
    part = bench.root / f"{NAME}.part"
    before = part.stat().st_size if part.exists() else 0
    # The host sends `sent` bytes; the process is killed before all of them are written.
    sent = rng.randint(before + 2 * PIECE, SIZE - 1)
    moment = rng.randint(before + 1, before + (sent - before) // PIECE * PIECE)
    killed_event = threading.Event()
    pid = processes.start(root=bench.root, url=bench.origin.on("/media", host.stalled(sent, killed_event)))
    written = _wait_for_size(part, moment)
    assert 1 <= written < SIZE
    assert_not_landed(bench)
    os.kill(pid, signal.SIGKILL)
    assert processes.wait() == signal.SIGKILL  # it was running until then
    killed_event.set()
    return part.stat().st_size


def test_resume_after_kill_at_random_byte(
    processes: ForkServer, origin: Origin, tmp_path: Path, transport: Transport, pytestconfig: pytest.Config
) -> None:
    killed = 0
    for number in count():
        if killed >= pytestconfig.getoption("--kills"):
            break
        rng = random.Random(number)
        bench = Bench(tmp_path / str(number), origin, transport)
        host = RangeHost(V1)
        left = 0
        for _ in range(rng.choice((1, 1, 2))):  # the second one while it resumes
            if left <= SIZE - 3 * PIECE:
                left = _kill_during_download(bench, host, processes, rng)
                killed += 1
        assert bench.files() == {f"{NAME}.part", CHECKPOINT}
        host.offsets.clear()
        host.media_bytes = 0
        assert bench.land(host).outcome == "resumed"
        assert_landed(bench, V1)
        assert (host.offsets, host.media_bytes) == ([left], SIZE - left), f"number {number}"
        for path in sorted(bench.root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture
def transport(origin: Origin) -> Iterator[Transport]:
    made = Transport(base_url=origin.url, platform="acme")
    yield made
    made.close()


@pytest.fixture
def steps(pytestconfig: pytest.Config) -> Iterator[int]:
    """Count the steps on the disk; with a small ``--kills`` every third one."""
    return count(1, 1 if pytestconfig.getoption("--kills") >= 100 else 3)


def test_kill_before_disk_steps(
    processes: ForkServer, origin: Origin, tmp_path: Path, transport: Transport, steps: Iterator[int]
) -> None:
    """Includes the steps between last byte, rename and receipt."""
    for step in steps:
        bench = Bench(tmp_path / str(step), origin, transport)
        host = RangeHost(V1)
        processes.start(root=bench.root, url=origin.on("/media", host), step=step)
        if not processes.wait():
            break
        if bench.target.exists():
            assert bench.target.read_bytes() == V1
        bench.land(host)
        assert_landed(bench, V1)
    assert step > 20


def test_kill_before_disk_steps_of_replacement(
    processes: ForkServer, origin: Origin, tmp_path: Path, transport: Transport, steps: Iterator[int]
) -> None:
    for step in steps:
        bench = Bench(tmp_path / str(step), origin, transport)
        bench.land(RangeHost(V1))
        host = RangeHost(V2, tag='"v2"')
        processes.start(root=bench.root, url=origin.on("/media", host), step=step, if_present="replace")
        if not processes.wait():
            break
        assert any(bench.target.read_bytes() == body for body in (V1, V2))
        # A skipped object must agree with its receipt.
        bench.land(host)
        assert_one_of(bench, [V1, V2])
        bench.land(host, if_present="replace")
        assert_landed(bench, V2)
    assert step > 20


def test_second_process_does_not_disturb_first(
    processes: ForkServer, origin: Origin, tmp_path: Path, transport: Transport
) -> None:
    bench = Bench(tmp_path, origin, transport)
    host = RangeHost(V1)
    released = threading.Event()
    processes.start(root=tmp_path, url=origin.on("/media", host.stalled(SIZE // 2, released), host))
    _wait_for_size(bench.root / f"{NAME}.part", SIZE // 2 // PIECE * PIECE)
    with pytest.raises(BlockingIOError, match="being written by another process"):
        bench.land()
    released.set()  # the stream is cut there
    assert processes.wait() == 0
    assert_landed(bench, V1)
    assert host.offsets == [None, SIZE // 2 // PIECE * PIECE]

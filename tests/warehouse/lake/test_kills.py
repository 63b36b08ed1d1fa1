"""Loads that are killed at a step, and concurrent loads.

By default some steps are tested; ``make nightly`` tests all (option ``--kills``).
"""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.lake.killable import Loader, loader
from tests.warehouse.lake.lakes import content, days, read

Make = Callable[..., dict[str, Any]]
ONE, TWO, THREE = (f"2026-05-0{day}T00:00:00+00:00" for day in (1, 2, 3))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    with loader(tmp_path_factory.mktemp("scratch")) as started:
        yield started


def visible(root: Path) -> dict[str, bytes]:
    """Return the files that readers see: names without a leading dot."""
    return {name: data for name, data in content(root).items() if not name.rpartition("/")[2].startswith(".")}


@pytest.fixture
def chosen_steps(request: pytest.FixtureRequest) -> Callable[[int], list[int]]:
    """Return a function that selects evenly spaced steps, the last one included."""
    kills = max(1, int(request.config.getoption("--kills")) // 8)

    def choose(steps: int) -> list[int]:
        count = min(kills, steps)
        return [steps * (number + 1) // count for number in range(count)]

    return choose


def test_kill_while_rows_change_and_move(
    process: Loader, tmp_path: Path, recording: Make, chosen_steps: Callable[[int], list[int]]
) -> None:
    """Rows change, move between two days in both directions, get their first day, and are new."""
    before, undisturbed = tmp_path / "before", tmp_path / "undisturbed"
    old = [
        recording(started_at=ONE),
        recording(recording_id="rec-2", started_at=TWO),
        recording(recording_id="rec-3", started_at=None, state="processing", files=[]),
        recording(recording_id="rec-5", started_at=TWO),
        recording(recording_id="stays", started_at=ONE),
    ]
    new = [
        recording(started_at=TWO),
        recording(recording_id="rec-2", started_at=ONE),
        recording(recording_id="rec-3", started_at=ONE),
        recording(recording_id="rec-4", started_at=THREE),
        recording(recording_id="rec-5", started_at=THREE),
    ]
    assert process.load(before, old, day=0)[0] == 0
    shutil.copytree(before, undisturbed)
    ended, steps = process.load(undisturbed, new, day=1)
    assert ended == 0
    assert steps > 30
    kept = Counter(row["recording_id"] for row in read(before, "recordings"))
    partial = 0
    chosen = chosen_steps(steps)
    for step in chosen:
        lake = tmp_path / f"lake-{step}"
        shutil.copytree(before, lake)
        assert process.load(lake, new, day=1, step=step)[0] == signal.SIGKILL
        assert {name.rpartition("/")[2] for name in visible(lake)} == {"rows.parquet"}
        found = Counter(row["recording_id"] for row in read(lake, "recordings"))
        assert found >= kept, step
        assert {(row["recording_id"]) for row in read(lake, "recording_files")} >= {"rec-1", "rec-2", "rec-5", "stays"}
        partial += visible(lake) not in (visible(before), visible(undisturbed))
        assert process.load(lake, new, day=1)[0] == 0
        assert content(lake) == content(undisturbed), step
        shutil.rmtree(lake)
    assert partial >= len(chosen) // 3


def test_kill_while_owned_rows_follow_their_recording(
    process: Loader, tmp_path: Path, recording: Make, stored: Make, chosen_steps: Callable[[int], list[int]]
) -> None:
    """The load has neither the landing nor the transcript of the recording, and both move with it."""
    before, undisturbed = tmp_path / "before", tmp_path / "undisturbed"
    old = [recording(started_at=TWO), recording(recording_id="stays", started_at=TWO)]
    assert process.load(before, old, day=0, stored=[stored()], texts=["a", "b", "c"])[0] == 0
    new = [recording(started_at=ONE)]
    shutil.copytree(before, undisturbed)
    ended, steps = process.load(undisturbed, new, day=1)
    assert ended == 0
    owned = ("recordings", "recording_files", "landings", "transcript_segments")
    assert [days(undisturbed, table)["rec-1"] for table in owned] == [ONE[:10]] * 4
    assert len(read(undisturbed, "transcript_segments")) == 3
    counts = {table: len(read(before, table)) for table in owned}
    for step in chosen_steps(steps):
        lake = tmp_path / f"lake-{step}"
        shutil.copytree(before, lake)
        assert process.load(lake, new, day=1, step=step)[0] == signal.SIGKILL
        for table in owned:
            assert len(read(lake, table)) >= counts[table], (step, table)
        assert process.load(lake, new, day=1)[0] == 0
        assert content(lake) == content(undisturbed), step
        shutil.rmtree(lake)


def test_concurrent_loads(process: Loader, tmp_path: Path, recording: Make) -> None:
    """Each load has new rows for the same day, and changes one shared row; no row is lost."""
    lake = tmp_path / "lake"
    writers, turns = 4, 3
    for turn in range(turns):
        loads = []
        for writer in range(writers):
            own = [recording(recording_id=f"own-{writer}-{turn}-{n}", title=f"{turn}") for n in range(3)]
            shared = recording(recording_id="shared", duration_ms=writer)
            loads.append({"root": str(lake), "recordings": [*own, shared], "day": turn})
        assert [ended for ended, _ in process.load_all(loads)] == [0] * writers
    rows = [row["recording_id"] for row in read(lake, "recordings")]
    assert len(rows) == len(set(rows)) == writers * turns * 3 + 1
    assert len(read(lake, "recording_files")) == writers * turns * 3 + 1
    assert {name.rpartition("/")[2] for name in content(lake)} == {"rows.parquet"}

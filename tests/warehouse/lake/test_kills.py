"""A load killed at each of its steps, and loads at the same time."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
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
    """What readers of a folder see: all but what begins with a point."""
    return {name: held for name, held in content(root).items() if not name.rpartition("/")[2].startswith(".")}


def test_killed_at_each_step(process: Loader, tmp_path: Path, recording: Make) -> None:
    """Rows change, move between two days in both directions, leave the partition without a day, and come anew."""
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
    seen_half_way = 0
    for step in range(1, steps + 1):
        lake = tmp_path / f"lake-{step}"
        shutil.copytree(before, lake)
        assert process.load(lake, new, day=1, step=step)[0] == signal.SIGKILL
        assert {name.rpartition("/")[2] for name in visible(lake)} == {"rows.parquet"}
        found = Counter(row["recording_id"] for row in read(lake, "recordings"))
        assert found >= kept, step
        assert {(row["recording_id"]) for row in read(lake, "recording_files")} >= {"rec-1", "rec-2", "rec-5", "stays"}
        seen_half_way += visible(lake) not in (visible(before), visible(undisturbed))
        assert process.load(lake, new, day=1)[0] == 0
        assert content(lake) == content(undisturbed), step
        shutil.rmtree(lake)
    assert seen_half_way > 20


def test_killed_while_a_recording_moves_to_a_day_that_nothing_else_is_about(
    process: Loader, tmp_path: Path, recording: Make, stored: Make
) -> None:
    """The load tells nothing of what was landed of it, and nothing of what was said: all of it moves along."""
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
    for step in range(1, steps + 1):
        lake = tmp_path / f"lake-{step}"
        shutil.copytree(before, lake)
        assert process.load(lake, new, day=1, step=step)[0] == signal.SIGKILL
        for table in owned:
            assert len(read(lake, table)) >= len(read(before, table)), (step, table)
        assert process.load(lake, new, day=1)[0] == 0
        assert content(lake) == content(undisturbed), step
        shutil.rmtree(lake)


def test_many_write_at_once(tmp_path: Path, recording: Make) -> None:
    """Each brings rows of its own for the same day, and a later word on rows that all bring; none is lost."""
    lake = tmp_path / "lake"
    with ExitStack() as stack:
        processes = [stack.enter_context(loader(tmp_path)) for _ in range(6)]
        for turn in range(4):
            for number, one in enumerate(processes):
                own = [recording(recording_id=f"own-{number}-{turn}-{n}", title=f"{turn}") for n in range(3)]
                one.start(lake, [*own, recording(recording_id="shared", duration_ms=number)], day=turn)
        for _ in range(4):
            assert [one.ended()[0] for one in processes] == [0] * 6
    rows = [row["recording_id"] for row in read(lake, "recordings")]
    assert len(rows) == len(set(rows)) == 6 * 4 * 3 + 1
    assert len(read(lake, "recording_files")) == 6 * 4 * 3 + 1
    assert {name.rpartition("/")[2] for name in content(lake)} == {"rows.parquet"}

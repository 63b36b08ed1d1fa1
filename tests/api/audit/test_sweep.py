"""Sweeps: only items of this provider that are old and not in use."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.audit.sweep import Sweep
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.store import PartialUpload
from airflow_provider_meetings.api.ledger.ledger import FOLDER as FOLDER_OF_LEDGER
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.marks import FOLDER as FOLDER_OF_MARKS
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import PART_SUFFIX
from tests.contract.landing.bench import BODY, Bench
from tests.contract.media.origin import video

NOW = pendulum.datetime(2026, 11, 20, 12, tz="UTC")
DAY = timedelta(days=1)
FOLDER = "acme/2026-11-09/rec-1"
PART = f"{FOLDER}/file-1.video.mp4.part"
CHECKPOINT = f"{FOLDER}/file-1.video.part.json"
CHECKPOINT_DATA = Checkpoint(name="file-1.video.mp4", length=None, validator=None, writer_state={}).to_bytes()


class Lake:
    """A folder with files of given ages."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = LocalStore(root, "file:///lake")

    def put(self, key: str, age: timedelta, content: bytes = b"12345") -> Path:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.age(path, age)
        return path

    def age(self, path: Path, age: timedelta) -> None:
        os.utime(path, (time := (NOW - age).timestamp(), time))

    def leave_partial(self, part: timedelta, checkpoint: timedelta) -> None:
        """Leave the part and checkpoint of a killed try."""
        self.put(PART, part)
        self.put(CHECKPOINT, checkpoint, CHECKPOINT_DATA)

    def files(self) -> set[str]:
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if not path.is_dir()}

    def sweep(
        self, *, delete: bool = True, store: LocalStore | None = None, older_than: timedelta = DAY
    ) -> tuple[list[tuple[str, str, str]], dict[str, Any]]:
        sweep = Sweep(store or self.store, older_than=older_than, delete=delete, now=lambda: NOW)
        swept = [(str(one.outcome), one.kind, one.key) for one in sweep.run()]
        return swept, {name: count for name, count in sweep.counts().items() if count}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def receipt(name: str) -> bytes:
    return Receipt(
        platform="acme",
        tenant="t1",
        recording_id="rec-1",
        meeting_id=None,
        file_id="file-1",
        kind="video",
        name=name,
        uri="file:///lake/x",
        size=5,
        sha256="ab" * 32,
        media_type="video/mp4",
        validator="v",
        landed_at=NOW.isoformat(),
        started_at=None,
        ended_at=None,
    ).to_bytes()


def test_sweep_reports_then_removes(lake: Lake) -> None:
    lake.leave_partial(2 * DAY, 3 * DAY)
    before = lake.files()
    key = f"{FOLDER}/file-1.video.mp4"
    size = 5 + len(CHECKPOINT_DATA)
    dry = [("stale", "part file", key), ("stale", "checkpoint", CHECKPOINT)]
    assert lake.sweep(delete=False) == (dry, {"stale": 2, "bytes": size})
    assert lake.files() == before
    done = [("removed", "part file", key), ("removed", "checkpoint", CHECKPOINT)]
    assert lake.sweep() == (done, {"delete": True, "removed": 2, "bytes": size})
    assert lake.files() == set()
    assert lake.sweep() == ([], {"delete": True})


def test_batches_are_removed_by_age(lake: Lake) -> None:
    folder = "dag/run/task/-1"
    lake.put(f"{folder}/recordings-00001.batch.ndjson", 2 * DAY)
    lake.put(f"{folder}/windows-00001.batch.ndjson.part", 2 * DAY)  # its task was killed
    kept = {f"{folder}/recordings-00002.batch.ndjson", f"{folder}/mine.ndjson"}
    lake.put(f"{folder}/recordings-00002.batch.ndjson", DAY / 2)
    lake.put(f"{folder}/mine.ndjson", 2 * DAY)
    swept, counts = lake.sweep()
    assert swept == [
        ("removed", "part file", f"{folder}/windows-00001.batch.ndjson"),
        ("removed", "batch", f"{folder}/recordings-00001.batch.ndjson"),
        ("young", "batch", f"{folder}/recordings-00002.batch.ndjson"),
    ]
    assert counts == {"delete": True, "removed": 2, "young": 1, "bytes": 10}
    assert lake.files() == kept


def test_fields_of_sweep_item(lake: Lake) -> None:
    lake.put(CHECKPOINT, 2 * DAY, CHECKPOINT_DATA)
    (swept,) = Sweep(lake.store, older_than=DAY, now=lambda: NOW).run()
    assert swept.to_dict() == {
        "key": CHECKPOINT,
        "uri": f"file:///lake/{CHECKPOINT}",
        "kind": "checkpoint",
        "size": len(CHECKPOINT_DATA),
        "modified": "2026-11-18T12:00:00+00:00",
        "outcome": "stale",
        "reason": "",
    }


@pytest.mark.parametrize(("part", "checkpoint"), [(0, 9), (9, 0), (0, 0), (1, 9), (9, 1)])
def test_age_is_that_of_younger_of_part_and_checkpoint(lake: Lake, part: int, checkpoint: int) -> None:
    lake.leave_partial(part * DAY, checkpoint * DAY)
    before = lake.files()
    assert {outcome for outcome, _, _ in lake.sweep()[0]} == {"young"}
    assert lake.files() == before


def test_future_times_are_young(lake: Lake) -> None:
    lake.leave_partial(-DAY, 9 * DAY)
    assert lake.sweep()[1] == {"delete": True, "young": 1}


@pytest.mark.parametrize(
    ("upload", "record", "content"),
    [
        ("f.video.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video.mp3", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video.receipt.json", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video.part.json", "f.video.part.json", CHECKPOINT_DATA),
        ("f.video.part.json", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.x.y.video.mp4", "f.x.y.video.receipt.json", receipt("f.x.y.video.mp4")),
        ("file-1.video.mp4", "other.part.json", CHECKPOINT_DATA),
    ],
)
def test_upload_of_provider_is_removed(lake: Lake, upload: str, record: str, content: bytes) -> None:
    lake.put(f"a/{upload}.part", 9 * DAY)
    lake.put(f"a/{record}", 9 * DAY, content)
    assert lake.sweep()[0][0] == ("removed", "part file", f"a/{upload}")


@pytest.mark.parametrize(
    ("upload", "record", "content"),
    [
        ("film.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.videos.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video.final cut.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("x.f.video.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video.mp4", "b/f.video.receipt.json", receipt("f.video.mp4")),
        ("b/f.video.mp4", "f.video.receipt.json", receipt("f.video.mp4")),
        ("f.video.mp4", "f.video.receipt.json", b"{}"),
        ("f.video.mp4", "f.video.part.json", b"{}"),
        ("f.video.mp4", "f.video.part.json", b"[" * 100_000),
        ("f.video.mp4", "f.video.part.json", CHECKPOINT_DATA + b" " * 5_000_000),
        ("f.video.part.json", "f.video.mp4", b""),
        (".mp4", ".receipt.json", receipt("x")),
        ("", ".part.json", CHECKPOINT_DATA),
        ("mp4", ".part.json", CHECKPOINT_DATA),
    ],
)
def test_foreign_upload_is_kept(lake: Lake, upload: str, record: str, content: bytes) -> None:
    lake.put(f"a/{upload}.part", 9 * DAY)
    lake.put(f"a/{record}", 0 * DAY, content)
    before = lake.files()
    swept, counts = lake.sweep()
    assert (swept, counts) == ([], {"delete": True, "not_ours": 1})
    assert lake.files() == before


def test_landed_object_named_like_temporary_is_kept(lake: Lake) -> None:
    """With a custom layout whose extension looks like a temporary name."""
    lake.put("a/f.video.video.part", 9 * DAY)
    lake.put("a/f.video.receipt.json", 9 * DAY, receipt("f.video.video.part"))
    before = lake.files()
    assert lake.sweep() == ([], {"delete": True, "not_ours": 1})
    assert lake.files() == before


class HookedStore(LocalStore):
    """A store that fails, or runs a hook before a removal."""

    def __init__(self, lake: Lake, remove: Any) -> None:
        super().__init__(lake.root, "file:///lake")
        self.before_remove = remove
        self.removed_keys: list[str] = []

    def remove(self, upload: PartialUpload) -> bool:
        self.removed_keys.append(upload.handle)
        self.before_remove()
        return super().remove(upload)

    def delete(self, key: str) -> None:
        self.removed_keys.append(key)
        super().delete(key)


def test_checkpoint_is_removed_after_part(lake: Lake) -> None:
    lake.leave_partial(2 * DAY, 2 * DAY)
    store = HookedStore(lake, lambda: None)
    lake.sweep(store=store)
    assert store.removed_keys == [PART, CHECKPOINT]


def test_failed_removal_keeps_checkpoint(lake: Lake) -> None:
    lake.leave_partial(2 * DAY, 2 * DAY)
    lake.put("z/g.video.mp4.part", 2 * DAY)
    checkpoint = Checkpoint(name="g", length=None, validator=None, writer_state={})
    lake.put("z/g.video.part.json", 2 * DAY, checkpoint.to_bytes())
    part = lake.root / PART
    part.unlink()
    part.symlink_to(lake.put("elsewhere", 2 * DAY))  # O_NOFOLLOW refuses it
    swept, counts = lake.sweep()
    assert [(outcome, key) for outcome, _, key in swept] == [
        ("failed", PART.removesuffix(PART_SUFFIX)),
        ("removed", "z/g.video.mp4"),
        ("removed", "z/g.video.part.json"),
    ]
    assert (counts["failed"], counts["removed"]) == (1, 2)
    assert lake.files() == {PART, CHECKPOINT, "elsewhere"}


def test_checkpoint_rewritten_during_sweep_is_kept(lake: Lake) -> None:
    lake.leave_partial(2 * DAY, 2 * DAY)
    store = HookedStore(lake, lambda: lake.put(CHECKPOINT, timedelta(0), CHECKPOINT_DATA))
    swept, _ = lake.sweep(store=store)
    assert [outcome for outcome, _, _ in swept] == ["removed", "in_use"]
    assert lake.files() == {CHECKPOINT}


def test_locked_part_of_running_process_is_kept(lake: Lake) -> None:
    """Its files are made to look old: only the lock shows that it is running."""
    script = f"""
import sys
from pathlib import Path
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore
store = LocalStore(Path({str(lake.root)!r}), "file:///lake")
save_state = lambda state: store.put({CHECKPOINT!r}, {CHECKPOINT_DATA!r})
writer = store.writer({PART.removesuffix(PART_SUFFIX)!r}, Plan(save_state=save_state))
writer.write(b"12345")
print("written", flush=True)
sys.stdin.readline()
writer.publish()
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        for key in (PART, CHECKPOINT):
            lake.age(lake.root / key, 9 * DAY)
        key = PART.removesuffix(PART_SUFFIX)
        assert lake.sweep() == ([("in_use", "part file", key)], {"delete": True, "in_use": 1})
        writer.communicate("go on\n", timeout=300)
    finally:
        writer.kill()
        writer.wait()
    assert writer.returncode == 0
    assert lake.files() == {key, CHECKPOINT}


def test_sweep_keeps_landed_files(bench: Bench) -> None:
    bench.land(video(BODY))
    before = bench.files()
    for path in bench.root.rglob("*"):
        os.utime(path, (0, 0))
    store = LocalStore(bench.root, "file:///target")
    assert list(Sweep(store, older_than=DAY, delete=True, now=lambda: NOW).run()) == []
    assert bench.files() == before


def test_ledger_stays(lake: Lake) -> None:
    """What a killed write left in it goes."""
    Ledger(lake.store).write(State())
    (ledger,) = lake.files()
    lake.age(lake.root / ledger, 9 * DAY)
    lake.put(f"{ledger}.batch.ndjson", 9 * DAY)
    for folder in (FOLDER_OF_LEDGER, FOLDER_OF_MARKS):
        lake.put(f"{FOLDER}/{folder}/x.part.json", 9 * DAY, CHECKPOINT_DATA)
    before = lake.files()
    assert lake.sweep() == ([], {"delete": True})
    lake.put(f"{ledger}.part", 9 * DAY)
    assert lake.sweep()[0] == [("removed", "part file", ledger)]
    assert lake.files() == before


def test_on_other_stores(bench: Bench, tmp_path: Path) -> None:
    fs = MemoryFileSystem()
    store = FilesystemStore(fs, str(tmp_path), "memory://lake")
    bench.land(video(BODY), store=store)
    landed = set(fs.find(str(tmp_path)))
    for key in (PART.replace(".part", ".0123abcd.part"), "film.mp4.0123abcd.part"):
        fs.pipe_file(f"{tmp_path}/{key}", b"12345")
    later = pendulum.now("UTC") + 2 * DAY
    sweep = Sweep(store, older_than=DAY, delete=True, now=lambda: later)
    assert [(str(one.outcome), one.kind) for one in sweep.run()] == [("removed", "temporary object")]
    assert sweep.counts()["not_ours"] == 1
    assert set(fs.find(str(tmp_path))) == {*landed, f"{tmp_path}/film.mp4.0123abcd.part"}


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=59), -DAY])
def test_older_than_below_minimum_is_refused(lake: Lake, age: timedelta) -> None:
    with pytest.raises(InvalidRequest, match="at least one hour"):
        Sweep(lake.store, older_than=age)
    Sweep(lake.store, older_than=timedelta(hours=1))


def test_nothing_to_sweep(lake: Lake) -> None:
    assert lake.sweep() == ([], {"delete": True})


STEMS = st.sampled_from(["f.video", "g.video", "f.audio", "f", "g"])
ENDS = ["mp4", "mp4.part", "mp3.part", "part.json", "part.json.part", "receipt.json", "receipt.json.part", "a.mp4.part"]
FILES = st.dictionaries(
    st.tuples(st.sampled_from(["", "a/", "a/b/"]), STEMS, st.sampled_from(ENDS)),
    st.tuples(st.integers(0, 3), st.booleans()),
    max_size=14,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES, delete=st.booleans())
def test_foreign_and_young_items_are_kept(
    tmp_path_factory: pytest.TempPathFactory, files: dict[tuple[str, str, str], tuple[int, bool]], delete: bool
) -> None:
    """Random objects, receipts, checkpoints and parts, foreign ones too, 0 to 3 days old."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    for (folder, stem, end), (days, valid) in files.items():
        content = {"part.json": CHECKPOINT_DATA, "receipt.json": receipt(f"{stem}.mp4")}.get(end) if valid else None
        lake.put(f"{folder}{stem}.{end}", days * DAY, content or b"{}")
    before = lake.files()
    counts = lake.sweep(delete=delete)[1]
    removed = before - lake.files()
    assert lake.files() <= before
    assert bool(removed) == (delete and bool(counts.get("removed")))
    for (folder, stem, end), (days, valid) in files.items():
        if f"{folder}{stem}.{end}" not in removed:
            continue
        assert days > 1
        records = {e: files[folder, stem, e] for e in ("part.json", "receipt.json") if (folder, stem, e) in files}
        if end == "part.json":
            assert valid
            parts = [f for (d, s, e), f in files.items() if (d, s) == (folder, stem) and _is_part(e)]
            assert all(days > 1 for days, _ in parts)
        else:
            assert _is_part(end)
            assert any(valid for _, valid in records.values())
            assert "part.json" not in records or records["part.json"][0] > 1 or not records["part.json"][1]
    if delete:
        assert lake.sweep()[1].get("removed", 0) == 0


def _is_part(end: str) -> bool:
    return end.endswith(".part") and end != "a.mp4.part"

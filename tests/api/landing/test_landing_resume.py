"""Resume after a failed try: the next one is correct, and downloads only the missing bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import InvalidRequest, LinkExpired
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.api.landing.transfer import Stopped
from airflow_provider_meetings.storage.local import writer as local_writer
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter, lock_part
from tests.contract.landing.aftermath import assert_landed, assert_not_landed
from tests.contract.landing.bench import CHECKPOINT, CHUNK_BYTES, NAME, Bench
from tests.contract.media.ranges import RangeHost, only_status, version

SIZE = 3 * CHUNK_BYTES + 4321
CUT = 2 * CHUNK_BYTES + 99
KEPT = 2 * CHUNK_BYTES
V1 = version(SIZE, 1)
V2 = version(SIZE, 2)
PART = NAME + ".part"


def _fail(bench: Bench, host: RangeHost) -> None:
    """Fail a try: its stream is cut after `CUT` bytes, and its links expire."""
    with pytest.raises(LinkExpired):
        bench.land(host.cut(CUT), host.modified(only_status(403)))
    assert_not_landed(bench)
    host.media_bytes = 0
    host.offsets.clear()


def _change(bench: Bench, **changes: Any) -> None:
    path = bench.root / CHECKPOINT
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **changes}))


def test_resume_in_next_try(bench: Bench) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    assert bench.files() == {PART, CHECKPOINT}
    assert "S3CRET" not in (bench.root / CHECKPOINT).read_text()
    stored = bench.land(host)
    assert_landed(bench, V1)
    assert stored.outcome == "resumed"
    assert (host.offsets, host.media_bytes) == ([KEPT], SIZE - KEPT)


def test_each_try_resumes(bench: Bench) -> None:
    host = RangeHost(V1)
    for _ in range(3):
        with pytest.raises(LinkExpired):
            bench.land(host.cut(CHUNK_BYTES), host.modified(only_status(403)))
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.media_bytes == SIZE


def test_resume_without_length(bench: Bench) -> None:
    host = RangeHost(V1, in_chunks=True)
    _fail(bench, host)
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.media_bytes == SIZE - CUT


@pytest.mark.parametrize("tag", [None, 'W/"v1"'])
def test_part_without_strong_validator_is_removed(bench: Bench, tag: str | None) -> None:
    host = RangeHost(V1, tag=tag)
    _fail(bench, host)
    assert bench.files() == set()
    assert bench.land(host).outcome == "landed"
    assert_landed(bench, V1)
    assert host.offsets == [None]


@pytest.mark.parametrize("other", [V2, version(SIZE + 9, 3), V1[:KEPT], V1[: KEPT - 1]], ids=len)
@pytest.mark.parametrize("tag", ['"v2"', None, 'W/"v1"'])
def test_restart_if_content_changed_between_tries(bench: Bench, other: bytes, tag: str | None) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    host.body, host.tag = other, tag
    assert bench.land(host).outcome == "landed"
    assert_landed(bench, other)


def test_restart_if_host_no_longer_supports_ranges(bench: Bench) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    host.ranges = False
    assert bench.land(host).outcome == "landed"
    assert_landed(bench, V1)


Damage = Callable[[Bench], object]
DAMAGES: dict[str, Damage] = {
    "checkpoint gone": lambda bench: (bench.root / CHECKPOINT).unlink(),
    "checkpoint empty": lambda bench: (bench.root / CHECKPOINT).write_bytes(b""),
    "checkpoint truncated": lambda bench: (bench.root / CHECKPOINT).write_bytes(
        (bench.root / CHECKPOINT).read_bytes()[:-9]
    ),
    "checkpoint not text": lambda bench: (bench.root / CHECKPOINT).write_bytes(b"\xff\xfe\0"),
    "checkpoint is a list": lambda bench: (bench.root / CHECKPOINT).write_text("[1]"),
    "another schema": lambda bench: _change(bench, schema=99),
    "unknown field": lambda bench: _change(bench, more=1),
    "no validator": lambda bench: _change(bench, validator=None),
    "no state": lambda bench: _change(bench, writer_state={}),
    "another boot": lambda bench: _change(bench, writer_state={"boot": "another"}),
    "empty boot": lambda bench: _change(bench, writer_state={"boot": ""}),
    "part gone": lambda bench: (bench.root / PART).unlink(),
    "part empty": lambda bench: (bench.root / PART).write_bytes(b""),
    "part too long": lambda bench: (bench.root / PART).write_bytes(bytes(SIZE + 1)),
}
NAMES = (
    *("", ".", "..", "../x", "/etc/x", "a/b", "x\0y", "n" * 300, "\ud800", "file-2.video.mp4", "file-1.audio.mp4"),
    *("file-1.video.receipt.json", "file-1.video.part.json", "file-1.video.mp4.part"),
)


def _assert_restarts(bench: Bench, damage: Damage) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    damage(bench)
    assert bench.land(host).outcome == "landed"
    assert_landed(bench, V1)
    assert host.offsets == [None]
    assert {path.name for path in bench.root.parent.iterdir()} == {"target"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_part_or_checkpoint_restarts(bench: Bench, damage: str) -> None:
    _assert_restarts(bench, DAMAGES[damage])


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_checkpoint_with_invalid_name_is_ignored(bench: Bench, name: str) -> None:
    _assert_restarts(bench, lambda bench: _change(bench, name=name))


def test_checkpoint_naming_another_file_is_ignored(bench: Bench) -> None:
    """A complete part would be published as the other file."""
    host = RangeHost(V1)
    _fail(bench, host)
    others = bench.target.with_name("file-2.video.mp4.part")
    others.write_bytes(V2)
    _change(bench, name="file-2.video.mp4")
    bench.land(host)
    assert others.read_bytes() == V2
    others.unlink()
    assert_landed(bench, V1)


def test_resume_shorter_part(bench: Bench) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    (bench.root / PART).write_bytes(V1[:12345])
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.offsets == [12345]


def test_part_from_before_reboot_is_not_resumed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    (bench.root / PART).write_bytes(bytes(KEPT))  # after a power failure: the size was written, the bytes were not
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(local_writer, "_BOOT_ID", boot)
    assert bench.land(host).outcome == "landed"
    assert_landed(bench, V1)
    assert host.offsets == [None]


def test_no_resume_without_boot_id(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_writer, "_BOOT_ID", tmp_path / "none")
    host = RangeHost(V1)
    _fail(bench, host)
    assert bench.land(host).outcome == "landed"
    assert_landed(bench, V1)
    assert host.offsets == [None]


def test_part_replaced_by_symlink_is_refused(bench: Bench, tmp_path: Path) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (bench.root / PART).unlink()
    (bench.root / PART).symlink_to(victim)
    with pytest.raises(OSError, match="is not writable"):
        bench.land(host)
    assert victim.read_bytes() == b"precious"
    assert_not_landed(bench)
    (bench.root / PART).unlink()
    bench.land(host)
    assert_landed(bench, V1)


def test_complete_part_is_published_without_request(bench: Bench) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    (bench.root / PART).write_bytes(V1)
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.offsets == []


def test_second_process_keeps_part_and_checkpoint(bench: Bench) -> None:
    """The next try needs the checkpoint of the first process if that one is killed."""
    host = RangeHost(V1)
    _fail(bench, host)
    fd = lock_part(bench.root / PART)
    try:
        with pytest.raises(BlockingIOError, match="being written by another process"):
            bench.land(host)
    finally:
        os.close(fd)
    assert bench.files() == {PART, CHECKPOINT}
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.media_bytes == SIZE - KEPT


def test_checkpoint_replaced_during_resume(bench: Bench) -> None:
    """Another process starts another version after the checkpoint was read and before the part was locked."""
    host = RangeHost(V1)
    _fail(bench, host)

    class ConcurrentStore(LocalStore):
        def writer(self, key: str, plan: Plan) -> LocalWriter:
            if plan.resume_state is not None:
                _change(bench, validator='"v2"')
                (bench.root / PART).write_bytes(V2[:KEPT])
            return super().writer(key, plan)

    with pytest.raises(BlockingIOError, match="restarted by another process"):
        bench.land(host, store=ConcurrentStore(bench.root, "file:///target"))
    assert_not_landed(bench)
    host.body, host.tag = V2, '"v2"'
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V2)
    assert host.media_bytes == SIZE - KEPT


def test_stop_while_hashing_part_keeps_it(bench: Bench) -> None:
    class StoppingStore(LocalStore):
        def writer(self, key: str, plan: Plan) -> LocalWriter:
            writer = super().writer(key, plan)
            if plan.resume_state is not None:
                bench.stop.set()
            return writer

    host = RangeHost(V1)
    _fail(bench, host)
    with pytest.raises(Stopped):
        bench.land(host, store=StoppingStore(bench.root, "file:///target/"))
    assert bench.files() == {PART, CHECKPOINT}
    bench.stop.clear()
    assert bench.land(host).outcome == "resumed"
    assert host.media_bytes == SIZE - KEPT
    assert_landed(bench, V1)


def test_if_present_fail_keeps_checkpoint(bench: Bench) -> None:
    host = RangeHost(V1)
    _fail(bench, host)
    bench.target.write_bytes(V2)
    with pytest.raises(InvalidRequest, match="exists already"):
        bench.land(host, if_present="fail")
    assert bench.files() == {PART, CHECKPOINT, NAME}

"""Verification of landed files on a real disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_meetings.api.audit.verify import Verification
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.store import ListedObject, ObjectStat, Store
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.marks import MarkKind, Marks, subject_hash
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.bench import BODY, NAME, NOW, OTHER, RECEIPT, Bench
from tests.contract.landing.scripted import MEDIA
from tests.contract.media.origin import video

FOLDER = "acme/2026-11-09/rec-1"
KEY = b"0123456789abcdef"


def verify(bench: Bench, *, full: bool = False, store: Store | None = None) -> tuple[dict[str, Any], list[Any]]:
    verification = Verification(store or LocalStore(bench.root, "file:///target"), full=full)
    findings = [(finding.finding, finding.key, finding.expected, finding.seen) for finding in verification.findings()]
    return verification.counts(), findings


def _nonzero(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: count for name, count in counts.items() if count}


def test_landed_file_verifies(bench: Bench) -> None:
    bench.land(video(BODY))
    assert verify(bench) == (
        {
            "full": False,
            "receipts": 1,
            "proven": 1,
            "objects": 1,
            "in_progress": 0,
            "bytes_read": 0,
            "missing": 0,
            "changed": 0,
            "unreadable": 0,
            "orphaned": 0,
        },
        [],
    )
    assert _nonzero(verify(bench, full=True)[0]) == {
        "full": True,
        "receipts": 1,
        "proven": 1,
        "objects": 1,
        "bytes_read": len(BODY),
    }


def test_deleted_object_is_missing(bench: Bench) -> None:
    bench.land(video(BODY))
    bench.target.unlink()
    for full in (False, True):
        assert verify(bench, full=full)[1] == [("missing", NAME, f"{len(BODY)} bytes", "nothing")]


def test_shortened_object_is_changed(bench: Bench) -> None:
    bench.land(video(BODY))
    with bench.target.open("r+b") as file:
        file.truncate(7)
    for full in (False, True):
        assert verify(bench, full=full)[1] == [("changed", NAME, f"{len(BODY)} bytes", "7 bytes")]


def test_full_finds_changed_content(bench: Bench) -> None:
    bench.land(video(BODY))
    before = bench.target.stat()
    rotten = BODY[:-1] + b"!"
    bench.target.write_bytes(rotten)
    os.utime(bench.target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert verify(bench)[1] == []
    digests = [f"sha256 {hashlib.sha256(body).hexdigest()}" for body in (BODY, rotten)]
    assert verify(bench, full=True)[1] == [("changed", NAME, *digests)]


def test_copied_lake_verifies_only_with_full(bench: Bench, tmp_path: Path) -> None:
    bench.land(video(BODY))
    copied = shutil.copytree(bench.root, tmp_path / "copied", copy_function=shutil.copyfile)
    os.utime(copied / NAME, ns=(0, 0))
    store = LocalStore(copied, "file:///copied")
    assert [finding[0] for finding in verify(bench, store=store)[1]] == ["changed"]
    assert verify(bench, store=store, full=True)[1] == []


def test_objects_without_receipt_are_orphaned(bench: Bench) -> None:
    bench.land(video(BODY))
    for key in (
        "README.txt",
        f"{FOLDER}/other.video.mp4",
        "acme/2026-11-09/before",
        "acme/2026-11-10/x",
        "z.part.json",
        "acme/2026-11-10/recordings-00001.batch.ndjson",  # a sweep removes it
    ):
        (bench.root / key).parent.mkdir(exist_ok=True)
        (bench.root / key).write_bytes(b"abc")
    counts, findings = verify(bench)
    assert _nonzero(counts) == {"receipts": 1, "proven": 1, "objects": 6, "orphaned": 5}
    assert {finding[1] for finding in findings} == {
        "README.txt",
        f"{FOLDER}/other.video.mp4",
        "acme/2026-11-09/before",
        "acme/2026-11-10/x",
        "z.part.json",
    }
    assert findings[0][2:] == ("a receipt", "none; 3 bytes")


def test_landing_in_progress_is_not_a_finding(bench: Bench) -> None:
    """Also between the publication of the object and its receipt."""
    bench.land(video(BODY))
    (bench.root / RECEIPT).unlink()
    checkpoint = Checkpoint(name=bench.target.name, length=None, validator=None, writer_state={})
    bench.target.with_name("file-1.video.part.json").write_bytes(checkpoint.to_bytes())
    bench.target.with_name("file-1.video.mp4.part").write_bytes(b"begun")
    counts, findings = verify(bench)
    assert findings == []
    assert _nonzero(counts) == {"objects": 1, "in_progress": 1}


def test_checkpoint_excuses_missing_receipt_for_one_hour(bench: Bench) -> None:
    bench.land(video(BODY))
    (bench.root / RECEIPT).unlink()
    checkpoint = Checkpoint(name=bench.target.name, length=None, validator=None, writer_state={})
    path = bench.target.with_name("file-1.video.part.json")
    path.write_bytes(checkpoint.to_bytes())
    os.utime(path, (at_last := NOW.timestamp(), at_last))
    store = LocalStore(bench.root, "file:///target")
    for minutes, expected in ((0, []), (60, []), (61, [("orphaned", NAME)])):
        verification = Verification(store, now=lambda minutes=minutes: NOW.add(minutes=minutes))  # type: ignore[misc]
        assert [(str(finding.finding), finding.key) for finding in verification.findings()] == expected
        assert verification.counts()["in_progress"] == 1


def test_receipt_under_name_of_another_file_is_unreadable(bench: Bench) -> None:
    second = replace(MEDIA, file_id="file-2")
    bench.land(video(BODY))
    bench.land(video(BODY), media=second)
    copy = RECEIPT.replace("file-1", "file-2")
    shutil.copyfile(bench.root / RECEIPT, bench.root / copy)
    expected = [("unreadable", copy, "a receipt of the file in its name", "the receipt of file file-1")]
    for full in (False, True):
        assert verify(bench, full=full)[1] == expected
    (bench.root / NAME.replace("file-1", "file-2")).unlink()
    assert verify(bench)[1] == expected
    assert bench.land(video(BODY), media=second).outcome == "landed"
    assert verify(bench)[1] == []


def test_two_receipts_naming_one_object(bench: Bench) -> None:
    bench.land(video(BODY))
    bench.land(video(BODY), media=replace(MEDIA, file_id="file-2"))
    second = RECEIPT.replace("file-1", "file-2")
    receipt = {**bench.receipt(), "file_id": "file-2"}
    (bench.root / second).write_text(json.dumps(receipt))
    (bench.root / NAME.replace("file-1", "file-2")).unlink()
    counts, findings = verify(bench)
    seen = "file-1.video.mp4, which another receipt names"
    assert findings == [("unreadable", second, "an object with one receipt", seen)]
    assert (counts["proven"], counts["unreadable"]) == (1, 1)


@pytest.mark.parametrize("file_id", ["a/b", "..", "x" * 300, "会议"])
def test_verify_odd_ids(bench: Bench, file_id: str) -> None:
    bench.land(video(BODY), media=replace(MEDIA, file_id=file_id))
    assert verify(bench)[1] == []


def test_empty_lake_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="Found nothing below file:///target/"):
        verify(bench)


def test_unlistable_folder_raises(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.land(video(BODY))
    scandir = os.scandir

    def deny(path: str) -> Any:  # root may read everything
        if path.endswith("rec-1"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(PermissionError):
        verify(bench)


class SpecialStore(LocalStore):
    """A store in which one object is special."""

    def __init__(self, bench: Bench, **special: Any) -> None:
        super().__init__(bench.root, "file:///target")
        self.special = special

    def open(self, key: str) -> Generator[bytes]:
        special = "open" in self.special and key.endswith(NAME)
        yield from self.special["open"]() if special else super().open(key)

    def stat(self, key: str) -> ObjectStat | None:
        if after := self.special.pop("stat", None):
            after()
        return super().stat(key)

    def read(self, key: str) -> bytes | None:
        if "read" in self.special:
            raise self.special["read"]
        return super().read(key)


def _raises() -> Iterator[bytes]:
    yield b"\0\0\0\x1cftyp"
    raise PermissionError(13, "no more")


@pytest.mark.parametrize(
    ("special", "kind", "key", "seen"),
    [
        ({"open": _raises}, "unreadable", NAME, "PermissionError: no more"),
        ({"read": OSError(5, "I/O error")}, "unreadable", RECEIPT, "OSError: I/O error"),
        ({"open": lambda: [BODY, b"more"]}, "changed", NAME, "sha256 "),
        ({"open": lambda: [BODY[:-1]]}, "changed", NAME, "sha256 "),
        ({"open": lambda: []}, "changed", NAME, "sha256 "),
    ],
    ids=["raises", "receipt-raises", "longer", "shorter", "empty"],
)
def test_unreadable_objects(bench: Bench, special: dict[str, Any], kind: str, key: str, seen: str) -> None:
    bench.land(video(BODY))
    ((found_kind, found_key, _, found_seen),) = verify(bench, full=True, store=SpecialStore(bench, **special))[1]
    assert (found_kind, found_key) == (kind, key)
    assert found_seen.startswith(seen)


def test_file_landed_during_check_is_checked_again(bench: Bench) -> None:
    bench.land(video(BODY))
    store = SpecialStore(bench, stat=lambda: bench.land(video(OTHER), if_present="replace"))
    assert verify(bench, store=store)[1] == []


def _create_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_many_folders_and_files(bench: Bench) -> None:
    """More receipts than the queue holds, in one folder and in many."""
    bench.land(video(BODY))
    for i in range(150):
        media = replace(MEDIA, file_id=f"f-{i}", recording_id=f"rec-{i % 3}")
        bench.land(opens=lambda: iter([BODY]), media=media)
    (bench.root / FOLDER / "f-7.video.mp4").unlink()
    (bench.root / FOLDER / "f-10.video.receipt.json").unlink()
    counts, findings = verify(bench)
    assert _nonzero(counts) == {"receipts": 150, "proven": 149, "objects": 150, "missing": 1, "orphaned": 1}
    assert [finding[:2] for finding in findings] == [
        ("missing", f"{FOLDER}/f-7.video.mp4"),
        ("orphaned", f"{FOLDER}/f-10.video.mp4"),
    ]


class KeySortedStore(LocalStore):
    """List by whole keys, as object stores do: subfolders come between the objects of a folder."""

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        return iter(sorted(super().walk(), key=lambda listed: listed.key.encode()))


def test_walk_sorted_by_whole_keys(bench: Bench) -> None:
    """``a/file-1.video.mp4``, then all of ``a/file-1.video.mp4x/``, then the receipt in ``a/``."""
    bench.land(video(BODY))
    _create_files(bench.root, f"{FOLDER}/file-1.video.n/deep/file", f"{FOLDER}/file-1.video.n/own")
    keys = [listed.key.removeprefix(f"{FOLDER}/file-1.video.") for listed in KeySortedStore(bench.root, "x").walk()]
    assert keys == ["mp4", "n/deep/file", "n/own", "receipt.json"]
    store = KeySortedStore(bench.root, "file:///target")
    assert {finding[1] for finding in verify(bench, store=store)[1]} == {
        f"{FOLDER}/file-1.video.n/deep/file",
        f"{FOLDER}/file-1.video.n/own",
    }


def _deep(receipt: dict[str, Any]) -> bytes:
    return json.dumps(receipt).encode()[:-1] + b',"x":' + b"[" * 100_000


def _with(**changes: Any) -> Callable[[dict[str, Any]], bytes]:
    return lambda receipt: json.dumps(receipt | changes).encode()


HOSTILE: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "empty": lambda receipt: b"",
    "truncated": lambda receipt: json.dumps(receipt).encode()[:-9],
    "binary": lambda receipt: bytes(range(256)) * 40,
    "not-an-object": lambda receipt: b"[1, 2]",
    "deep": lambda receipt: json.dumps(receipt).encode()[:-1] + b',"x":' + b"[" * 100_000,
    "deep-field": lambda receipt: _with(validator="?")(receipt).replace(b'"?"', b"[" * 900 + b"]" * 900),
    "huge": lambda receipt: _with()(receipt) + b" " * 5_000_000,
    "huge-number": lambda receipt: _with(size="?")(receipt).replace(b'"?"', b"9" * 5000),
    "another-schema": _with(schema=99),
    "schema-not-a-number": _with(schema=[2]),
    "parts": _with(parts=["zz"] * 19),
    "another-file": _with(file_id="file-2"),
    "another-kind": _with(kind="audio"),
    "unknown-field": _with(colour="red"),
    "size": _with(size="1"),
    "validator": _with(validator=None),
    "sha256": _with(sha256=["x"]),
    **{
        f"name-{name!r}": _with(name=name)
        for name in ("", ".", "..", "../secret", "/etc/passwd", "a/b", "a\nb", "a\0b", "\x1b[31m", None, 7, ["x"])
    },
}


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_receipt_is_unreadable(bench: Bench, hostile: str, full: bool) -> None:
    """One finding, no second one for the object; the other files verify."""
    bench.land(video(BODY), media=replace(MEDIA, file_id="file-0"))
    bench.land(video(BODY))
    (bench.root.parent / "secret").write_bytes(BODY)
    (bench.root / RECEIPT).write_bytes(HOSTILE[hostile](bench.receipt()))
    counts, findings = verify(bench, full=full)
    assert [finding[:2] for finding in findings] == [("unreadable", RECEIPT)]
    assert counts["proven"] == 1


@pytest.mark.parametrize("lead", ["receipt", "itself", "nowhere", "folder", "pipe"])
def test_links_and_pipes_in_place_of_receipt(bench: Bench, lead: str) -> None:
    bench.land(video(BODY))
    receipt = bench.root / RECEIPT
    receipt.rename(bench.root.parent / "elsewhere")
    if lead == "pipe":
        os.mkfifo(receipt)
    else:
        places = {"receipt": "elsewhere", "nowhere": "nothing", "folder": "."}
        receipt.symlink_to(receipt if lead == "itself" else bench.root.parent / places[lead])
    found = [finding[:2] for finding in verify(bench)[1]]
    assert found == ([] if lead == "receipt" else [("orphaned", NAME)])


def test_control_characters_in_names_are_escaped(bench: Bench) -> None:
    bench.land(video(BODY))
    _create_files(bench.root, "a\x1b[2J\nchanged")
    (bench.root / os.fsdecode(b"b\xff")).write_bytes(b"")
    assert [finding[1] for finding in verify(bench)[1]] == ["a\\x1b[2J\\nchanged", "b\\udcff"]


def test_ledger_is_no_part_of_a_lake(bench: Bench, tmp_path: Path) -> None:
    """Wherever below the target it is; a ledger alone is no lake."""
    for folder in (bench.root, bench.root / "acme" / "ledgers"):
        store = LocalStore(folder, "file:///ledger")
        Ledger(store).write(State())
        Marks(store, lambda: KEY).add(subject_hash(KEY, MarkKind.RECORDING, "acme", "t", "r1"), {})
    with pytest.raises(InvalidRequest, match="Found nothing"):
        verify(bench)
    bench.land(video(BODY))
    for full in (False, True):
        counts, findings = verify(bench, full=full)
        assert findings == []
        assert (counts["receipts"], counts["proven"], counts["objects"]) == (1, 1, 1)


def test_on_other_stores(bench: Bench, tmp_path: Path) -> None:
    fs = MemoryFileSystem()
    store = FilesystemStore(fs, str(tmp_path), "memory://lake")
    bench.land(video(BODY), store=store)
    fs.pipe_file(f"{tmp_path}/other", b"abc")
    fs.pipe_file(f"{tmp_path}/{NAME}.0123abcd.part", b"of a try that died")
    for full in (False, True):
        assert verify(bench, full=full, store=store)[1] == [("orphaned", "other", "a receipt", "none; 3 bytes")]
    fs.rm(f"{tmp_path}/{NAME}")
    assert ("missing", NAME, f"{len(BODY)} bytes", "nothing") in verify(bench, store=store)[1]

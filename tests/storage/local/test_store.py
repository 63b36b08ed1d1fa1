from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.landing.store import Plan, Store
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter
from tests.contract.landing.store import StoreContract


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "a" / "b", "file://conn@/a/b/")


class TestLocalStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return LocalStore(tmp_path / "lake", "file:///lake")

    def kill(self, writer: LocalWriter) -> None:
        os.close(writer._fd)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_validator_is_mtime(store: LocalStore, tmp_path: Path) -> None:
    store.put("x", b"1")
    stat = store.stat("x")
    assert stat is not None
    assert stat.validator == f"mtime-ns:{(tmp_path / 'a' / 'b' / 'x').stat().st_mtime_ns}"


def test_key_below_file_does_not_exist(store: LocalStore) -> None:
    store.put("x", b"1")
    assert store.read("x/y") is None
    assert store.stat("x/y") is None


@pytest.mark.parametrize("what", ["pipe", "pipe-by-link", "device", "folder"])
def test_special_files_are_not_read(store: LocalStore, tmp_path: Path, what: str) -> None:
    """A plain open would block for ever."""
    store.put("file", b"1")
    path, other = tmp_path / "a" / "b" / "x", tmp_path / "other"
    match what:
        case "pipe":
            os.mkfifo(path)
        case "pipe-by-link":
            os.mkfifo(other)
            path.symlink_to(other)
        case "device":
            path.symlink_to("/dev/null")
        case "folder":
            path.mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert store.read("x") is None
    with pytest.raises(FileNotFoundError):
        list(store.open("x"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_symlink_to_file_is_read(store: LocalStore, tmp_path: Path) -> None:
    store.put("file", b"1")
    (tmp_path / "a" / "b" / "x").symlink_to("file")
    assert (store.read("x"), list(store.open("x"))) == (b"1", [b"1"])


def test_symlink_to_folder_is_logged_and_skipped(
    store: LocalStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "v.mp4").write_bytes(b"1")
    store.put("day/w.mp4", b"1")
    (tmp_path / "a" / "b" / "day" / "rec").symlink_to(tmp_path / "elsewhere")
    with caplog.at_level("WARNING"):
        assert [listed.key for listed in store.walk()] == ["day/w.mp4"]
    assert [record.getMessage() for record in caplog.records] == [
        f"Skipping {tmp_path}/a/b/day/rec: symbolic link to a folder"
    ]


def test_part_without_checkpoint_is_not_resumed(store: LocalStore, tmp_path: Path) -> None:
    part = tmp_path / "a" / "b" / "v.mp4.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"longer bytes of an earlier try")
    writer = store.writer("v.mp4", Plan())
    writer.write(b"new")
    writer.publish()
    assert store.read("v.mp4") == b"new"


def test_second_writer_is_locked_out(store: LocalStore, tmp_path: Path) -> None:
    first = store.writer("v.mp4", Plan())
    first.write(b"first")
    with pytest.raises(BlockingIOError) as caught:
        store.writer("v.mp4", Plan())
    assert str(tmp_path / "a" / "b" / "v.mp4") in str(caught.value)
    assert "try again later" in str(caught.value)
    first.publish()
    assert store.read("v.mp4") == b"first"
    store.put("v.mp4", b"second")
    assert store.read("v.mp4") == b"second"


@pytest.mark.parametrize("race", ["published", "aborted"])
def test_lock_is_repeated_after_rename(store: LocalStore, monkeypatch: pytest.MonkeyPatch, race: str) -> None:
    """Between open and lock the other process publishes, and the opened file is no longer the part."""

    other = store.writer("v.mp4", Plan())
    other.write(b"the other's")
    flock = fcntl.flock
    calls = []

    def publish_before_lock(fd: int, how: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            other.publish() if race == "published" else other.abort()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", publish_before_lock)
    writer = store.writer("v.mp4", Plan())
    assert len(calls) == 2
    assert store.read("v.mp4") == (b"the other's" if race == "published" else None)
    writer.write(b"mine")
    writer.publish()
    assert store.read("v.mp4") == b"mine"


@pytest.mark.parametrize("broken", ["write", "fsync", "replace"])
def test_failed_put_leaves_no_file_and_no_lock(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if broken == "replace":
            patch.setattr(Path, "replace", fail)
        else:
            patch.setattr(os, broken, fail)
        with pytest.raises(OSError, match="No space"):
            store.put("x.json", b"1")
    assert names(tmp_path) == set()
    store.put("x.json", b"2")
    assert store.read("x.json") == b"2"


def test_short_writes_are_continued(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    store.put("x", b"0123456789")
    assert store.read("x") == b"0123456789"


def test_fsync_before_rename(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "b" / "x"
    seen: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def record_fsync(fd: int) -> None:
        seen.append((Path(f"/proc/self/fd/{fd}").is_dir(), path.exists()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", record_fsync)
    store.put("x", b"1")
    assert seen == [(False, False), (True, True)]


@pytest.mark.parametrize(("number", "ignored"), [(errno.EINVAL, True), (errno.EIO, False), (errno.ENOTSUP, False)])
@pytest.mark.parametrize("what", ["folder", "file"])
def test_folder_that_cannot_be_synced(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, number: int, ignored: bool, what: str
) -> None:
    """A CIFS mount answers EINVAL for every folder."""
    fsync = os.fsync

    def fail(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").is_dir() == (what == "folder"):
            raise OSError(number, os.strerror(number))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail)
    if what == "folder" and ignored:
        store.put("x", b"1")
        assert store.read("x") == b"1"
        return
    text = r"/x is complete, but its folder was not synced" if what == "folder" else r"/x is not writable"
    with pytest.raises(OSError, match=text) as caught:
        store.put("x", b"1")
    assert caught.value.errno == number


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
def test_target_without_locks_is_found_by_check(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(fd: object, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(OSError, match=r"target file://conn@/a/b .*: mount it with file locks") as caught:
        store.check_writable()
    assert caught.value.errno == number
    assert names(tmp_path) == set()


def test_no_open_file_descriptors_left(store: LocalStore) -> None:
    fds = Path("/proc/self/fd")
    before = len(list(fds.iterdir()))
    for _ in range(3):
        store.put("x", b"1")
        writer = store.writer("y", Plan())
        with pytest.raises(BlockingIOError):
            store.writer("y", Plan())
        writer.abort()
    assert len(list(fds.iterdir())) == before


def test_target_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="target file:///t is not writable") as caught:
            LocalStore(root, "file:///t").check_writable()
        assert "choose another target" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; as root the landing tests become another user")
def test_target_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="target file:///t is not writable"):
        LocalStore(tmp_path, "file:///t").check_writable()


def test_failure_after_rename_keeps_part_of_another_writer(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.writer("v.mp4", Plan())
    writer.write(b"mine")
    others: list[LocalWriter] = []
    fsync = os.fsync

    def fail_on_folder(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").is_dir():
            others.append(store.writer("v.mp4", Plan()))
            others[0].write(b"the other's")
            raise OSError(5, "Input/output error")
        fsync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail_on_folder)
        with pytest.raises(OSError, match="Input/output"):
            writer.publish()
        writer.abort()
    others[0].publish()
    assert store.read("v.mp4") == b"the other's"

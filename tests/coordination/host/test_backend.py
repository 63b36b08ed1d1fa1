"""The host backend: clocks that are set, damaged and foreign files, folders that cannot be used."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.rate_limit import Rate
from airflow_provider_meetings.coordination.backend import BackendError, Busy
from airflow_provider_meetings.coordination.host import backend as host_backend
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.host.record import BootClock
from airflow_provider_meetings.coordination.host.state_dir import StateFolder
from tests.contract.backends.backend import BackendContract
from tests.contract.backends.backend_processes import DEADLINE
from tests.contract.landing.scripted import NOBODY
from tests.coordination.token_requesters import run, use_folder

FIVE = [Rate(5, 1)]
START = BootClock("boot-1", 5000.0, 1_800_000_000.0)


class TestContract(BackendContract):
    kind = "host"

    @pytest.fixture
    def location(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(host_backend, "_FILE_LOCK_SECONDS", DEADLINE)
        return str(tmp_path / "state")


class Host:
    """A backend with clocks that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = START
        self.backend = HostBackend(folder, lambda: self.clock)

    def file(self, suffix: str) -> Path:
        (path,) = self.folder.glob(f"*.{suffix}")
        return path


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "deep" / "state")


def test_restarted_steady_clock_is_another_boot(host: Host) -> None:
    host.clock = BootClock("", 5000.0, 1000.0)
    host.backend.block("k", 60)
    host.clock = BootClock("", 10.0, 1030.0)
    assert host.backend.reserve("k", FIVE, 1e6) == pytest.approx(30)


def test_steady_clock_counts_within_one_boot(host: Host) -> None:
    host.backend.set("k", b"v", 100)
    host.clock = BootClock("boot-2", START.steady + 5, START.wall + 200)
    assert host.backend.get("k") is None
    host.backend.set("k", b"v", 100)
    host.clock = BootClock("boot-3", START.steady + 500, START.wall + 250)
    assert host.backend.get("k") == b"v"


def test_real_clocks_advance() -> None:
    earlier = BootClock.now()
    elapsed = BootClock.now().since(earlier)
    assert elapsed is not None
    assert 0 <= elapsed < 60


DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-1],
    "cut header": lambda data: data[:20],
    "longer": lambda data: data + b"x",
    "changed": lambda data: data.replace(b"boot-1", b"boot-0"),
    "foreign": lambda data: os.urandom(300),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_ignored_and_rewritten(host: Host, damage: object) -> None:
    assert callable(damage)
    host.backend.set("k", b"v", 100)
    host.backend.block("k", 50)
    for path in (host.file("value"), host.file("slot")):
        path.write_bytes(damage(path.read_bytes()))
    assert host.backend.get("k") is None
    assert host.backend.reserve("k", FIVE, 0) == 0
    host.backend.set("k", b"w", 100)
    assert host.backend.get("k") == b"w"


def test_folder_and_files_are_private_and_hide_keys(host: Host) -> None:
    host.backend.set("a-key", b"v", 100)
    host.backend.block("a-key", 1)
    with host.backend.lock("a-key", 0):
        assert stat.S_IMODE(host.folder.stat().st_mode) == 0o700
        for path in host.folder.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert "a-key" not in path.name


def test_reading_creates_no_file(host: Host) -> None:
    assert host.backend.get("k") is None
    assert list(host.folder.iterdir()) == []


def test_removed_folder_is_recreated(host: Host) -> None:
    host.backend.set("k", b"v", 100)
    for path in host.folder.iterdir():
        path.unlink()
    host.folder.rmdir()
    assert host.backend.get("k") is None
    host.backend.set("k", b"v", 100)
    assert host.backend.get("k") == b"v"


def _make_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _make_readable(path: Path) -> None:
    path.touch()
    path.chmod(0o644)


@pytest.mark.parametrize("replace_by", [_make_link, os.mkfifo, _make_readable, Path.mkdir])
def test_foreign_file_is_refused(host: Host, replace_by: object) -> None:
    assert callable(replace_by)
    host.backend.set("k", b"v", 100)
    path = host.file("value")
    path.unlink()
    replace_by(path)
    with pytest.raises(BackendError, match="state folder"):
        host.backend.set("k", b"v", 100)
    with pytest.raises(BackendError, match="state folder"):
        host.backend.get("k")


def test_symbolic_link_is_refused(host: Host, tmp_path: Path) -> None:
    host.backend.set("k", b"v", 100)
    path = host.file("value")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackendError, match="one of its files is a symbolic link"):
        host.backend.get("k")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_file_system_without_locks(host: Host, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(file: int, kind: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(BackendError, match="does not support locks; use a folder on a local disk"):
        host.backend.set("k", b"v", 100)
    with pytest.raises(BackendError, match="does not support locks"), host.backend.lock("k", 0):
        raise AssertionError


def test_file_locked_by_stopped_process(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_backend, "_FILE_LOCK_SECONDS", 0.0)
    host.backend.set("k", b"v", 100)
    with host.file("value").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BackendError, match="look for a stopped process"):
            host.backend.get("k")
    assert host.backend.get("k") == b"v"


def test_relative_path_is_refused() -> None:
    with pytest.raises(BackendError, match="not absolute"):
        StateFolder(Path("state")).check()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Create a folder that every user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


BAD_FOLDERS = {
    "good": (0o700, NOBODY, ""),
    "others can read": (0o750, NOBODY, "others may read or write it): run chmod 700"),
    "others can write": (0o702, NOBODY, "chmod 700"),
    "of another user": (0o755, 0, "it belongs to user id 0): use a folder of this user"),
    "closed": (0o700, 0, "Permission denied): give this user write permission"),
    "read-only": (0o500, NOBODY, "Permission denied): give this user write permission"),
    "full": (0o700, NOBODY, "free some space, or use another folder"),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_folder_of_unprivileged_user(open_folder: Path, case: str) -> None:
    mode, owner, error = BAD_FOLDERS[case]
    state = open_folder / "state"
    state.mkdir()
    state.chmod(mode)
    os.chown(state, owner, owner)
    (answer,) = run(use_folder, [{"state": str(state), "user": NOBODY, "small_disk": case == "full"}])
    if not error:
        assert answer["error"] == ""
        return
    assert answer["error"].startswith(f"state folder {state} cannot be used by user id {NOBODY} (")
    assert error in answer["error"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("kind", ["missing", "file", "link"])
def test_path_is_not_a_folder(open_folder: Path, kind: str) -> None:
    state = open_folder / "state"
    error = {
        "missing": "Permission denied): give this user write permission",
        "file": "the path is a file or a symbolic link",
        "link": "the path is a file or a symbolic link",
    }[kind]
    if kind == "file":
        state.touch()
    elif kind == "link":
        state.symlink_to(open_folder)
    (answer,) = run(use_folder, [{"state": str(state), "user": NOBODY}])
    assert error in answer["error"]


def test_unused_files_are_swept_once_a_day(tmp_path: Path) -> None:
    """Without sweeping, the folder would grow with each new secret."""
    folder = tmp_path / "state"
    days = 0.0
    backend = HostBackend(folder, lambda: BootClock("boot", 1000.0 + days * 86400, 1000.0 + days * 86400))
    for key in ("old", "new"):
        backend.set(key, b"x", 60)
        backend.reserve(key, FIVE, 1)
        with backend.lock(key, 1):
            pass
    assert backend.compare_and_set("record", None, b"y")
    before = {path.name for path in folder.iterdir()}
    old = {name for name in before if name.startswith(hashlib.sha256(b"old").hexdigest())}
    records = {name for name in before if name.startswith(hashlib.sha256(b"record").hexdigest())}
    assert (len(old), len(records)) == (3, 2)
    for name in old | records:
        os.utime(folder / name, (1, 1))
    backend.set("new", b"x", 60)
    assert {path.name for path in folder.iterdir()} == before  # already swept today
    days = 2.0
    with backend.lock("old", 1):
        backend.set("new", b"x", 60)
        (kept,) = {path.name for path in folder.iterdir()} & old  # a held lock
        assert kept.endswith(".lock")
    days = 4.0
    backend.set("new", b"x", 60)
    assert {path.name for path in folder.iterdir()} == before - old
    assert backend.read("record") == b"y"


def test_lock_on_swept_file_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that opened the file before the sweep would otherwise lock a file that no other process sees."""
    folder, path = StateFolder(tmp_path / "state"), tmp_path / "state" / "k.lock"
    real, swept = StateFolder.lock, list[bool]()

    def lock(self: StateFolder, file: int, **how: Any) -> None:
        real(self, file, **how)
        if not swept:
            swept.append(True)
            path.unlink()

    monkeypatch.setattr(StateFolder, "lock", lock)
    file = folder.open_locked("k.lock", timeout=0)
    assert file is not None
    try:
        assert os.fstat(file).st_ino == path.stat().st_ino
    finally:
        os.close(file)


def test_child_of_killed_holder_does_not_keep_lock(tmp_path: Path) -> None:
    """The lock ends although the forked child still runs."""
    reader, writer = os.pipe()
    end, ending = os.pipe()
    holder = os.fork()
    if not holder:
        os.close(ending)
        with HostBackend(tmp_path / "state").lock("k", 1):
            child = os.fork()
            if not child:
                os.write(writer, b"x")
                os.read(end, 1)  # until the test ends
                os._exit(0)
            os.waitpid(child, 0)
        os._exit(0)
    try:
        assert os.read(reader, 1) == b"x"
        with pytest.raises(Busy), HostBackend(tmp_path / "state").lock("k", 0):
            pass
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        with HostBackend(tmp_path / "state").lock("k", 0):
            pass
    finally:
        for file in (reader, writer, end, ending):
            os.close(file)


def test_damaged_record_is_reported_and_can_be_replaced(tmp_path: Path) -> None:
    """A damaged record differs from a missing one: the user must consent again."""
    backend = HostBackend(tmp_path / "state")
    assert backend.compare_and_set("k", None, b"tokens")
    (file,) = (tmp_path / "state").glob("*.record")
    file.write_bytes(file.read_bytes()[:-3])
    assert backend.read("k") == b""
    assert not backend.compare_and_set("k", None, b"new")
    assert backend.compare_and_set("k", b"", b"new")
    assert backend.read("k") == b"new"

"""The contract of the `Store` protocol; the test class of each store inherits it."""

from __future__ import annotations

import abc
import hashlib
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from airflow_provider_meetings.api.landing.layout import safe_name
from airflow_provider_meetings.api.landing.store import MAX_READ_BYTES, Plan, Precondition, PreconditionFailed, Store

MIB = 2**20
ODD = tuple(f"{safe_name(name)}.mp4" for name in (".hidden", "a+b c", "会议 纪要", "x" * 300, "a/b?c#d[e]*", "50%25"))


def keys(store: Store) -> list[str]:
    return [listed.key for listed in store.walk()]


def body(size: int) -> bytes:
    return (hashlib.sha256(b"%d" % size).digest() * (size // 32 + 1))[:size]


class StoreContract(abc.ABC):
    @abc.abstractmethod
    @pytest.fixture
    def store(self, tmp_path: Any) -> Any:
        """Return an empty store whose root folder does not exist yet."""

    def contents(self, store: Store) -> list[str]:
        """Return the keys of all objects and the handles of all partial uploads."""
        return sorted([*keys(store), *(upload.handle for upload in store.partial_uploads())])

    def test_empty_store(self, store: Store) -> None:
        assert (store.stat("a/b.json"), store.read("a/b.json"), self.contents(store)) == (None, None, [])
        store.delete("a/b.json")
        with pytest.raises(FileNotFoundError):
            list(store.open("a/b.json"))

    def test_check_writable_leaves_nothing(self, store: Store) -> None:
        store.check_writable()
        store.check_writable()
        assert self.contents(store) == []

    def test_put_read_stat_delete(self, store: Store) -> None:
        store.put("x/y.json", b"content")
        stat = store.stat("x/y.json")
        assert stat is not None
        assert stat.size == 7
        assert stat.validator
        assert store.stat("x/y.json") == stat
        assert store.read("x/y.json") == b"content"
        store.put("x/y.json", b"other")
        assert store.read("x/y.json") == b"other"
        assert self.contents(store) == ["x/y.json"]
        store.delete("x/y.json")
        store.delete("x/y.json")
        assert (store.stat("x/y.json"), self.contents(store)) == (None, [])

    def test_read_treats_large_object_as_missing(self, store: Store) -> None:
        store.put("x.json", body(MAX_READ_BYTES))
        assert store.read("x.json") == body(MAX_READ_BYTES)
        store.put("x.json", body(MAX_READ_BYTES + 1))
        assert store.read("x.json") is None
        store.put("x.json", b"1")
        assert store.read("x.json") == b"1"

    @pytest.mark.parametrize("size", [0, 1, 3 * MIB, 3 * MIB + 1])
    def test_write_and_read(self, store: Store, size: int) -> None:
        whole = body(size)
        writer = store.writer("v.mp4", Plan(length=size))
        for start in range(0, size, MIB):
            writer.write(whole[start : start + MIB])
        assert store.stat("v.mp4") is None
        stat = writer.publish()
        assert (stat.size, stat) == (size, store.stat("v.mp4"))
        pieces = list(store.open("v.mp4"))
        assert b"".join(pieces) == whole == store.read("v.mp4")
        assert max(map(len, pieces), default=0) <= MIB
        assert self.contents(store) == ["v.mp4"]

    @pytest.mark.parametrize("key", ODD)
    def test_odd_names(self, store: Store, key: str) -> None:
        key = f"acme/{key}"
        store.put(key, b"1")
        store.put(key, b"22")
        stat = store.stat(key)
        assert stat is not None
        assert (stat.size, store.read(key), list(store.open(key)), keys(store)) == (2, b"22", [b"22"], [key])
        store.delete(key)
        assert self.contents(store) == []

    def test_object_is_invisible_before_publish(self, store: Store) -> None:
        writer = store.writer("a/v.mp4", Plan())
        assert (store.stat("a/v.mp4"), keys(store)) == (None, [])
        for _ in range(3):
            writer.write(body(MIB))
            assert (store.stat("a/v.mp4"), store.read("a/v.mp4"), keys(store)) == (None, None, [])
        writer.publish()
        writer.abort()
        writer.pause()
        assert store.read("a/v.mp4") == body(MIB) * 3

    @pytest.mark.parametrize("size", [0, 1, 3 * MIB])
    def test_abort_keeps_old_object(self, store: Store, size: int) -> None:
        store.put("v.mp4", b"old")
        before = store.stat("v.mp4")
        writer = store.writer("v.mp4", Plan())
        writer.write(body(size))
        assert store.read("v.mp4") == b"old"
        writer.abort()
        writer.abort()
        writer.pause()
        del writer  # fsspec closes files on garbage collection
        assert (store.stat("v.mp4"), store.read("v.mp4"), self.contents(store)) == (before, b"old", ["v.mp4"])

    def test_pause_keeps_old_object(self, store: Store) -> None:
        store.put("v.mp4", b"old")
        writer = store.writer("v.mp4", Plan())
        writer.write(body(MIB))
        writer.pause()
        writer.pause()
        writer.abort()
        assert (store.read("v.mp4"), keys(store)) == (b"old", ["v.mp4"])

    def test_validator_changes_with_content(self, store: Store) -> None:
        store.put("a.json", b"1")
        self.age()
        first = store.stat("a.json")
        store.put("a.json", b"2")
        second = store.stat("a.json")
        assert first is not None
        assert second is not None
        assert first.validator != second.validator

    def age(self) -> None:  # noqa: B027  # optional
        """Set old modification times, for stores with a coarse clock."""

    def test_resume_state_of_killed_writer(self, store: Store) -> None:
        """After a kill with an open writer, the next try finds the upload by the saved state."""
        states: list[Mapping[str, Any]] = []
        dead = store.writer("a/v.mp4", Plan(save_state=states.append))
        dead.write(body(MIB))
        self.kill(dead)
        left = list(store.partial_uploads())
        assert (keys(store), {upload.key for upload in left}) == ([], {"a/v.mp4"} if left else set())
        assert bool(states) >= bool(left)
        writer = store.writer("a/v.mp4", Plan(resume_state=states[-1] if states else {}))
        writer.abort()
        assert self.contents(store) == []

    def kill(self, writer: Any) -> None:  # noqa: B027  # optional
        """Close files and locks, as the kernel does for a killed process."""

    def test_remove_partial_uploads(self, store: Store) -> None:
        store.put("a/whole.mp4", b"1")
        for key in ("a/v.mp4", "b/w.mp4"):
            writer = store.writer(key, Plan())
            writer.write(body(MIB))
            self.kill(writer)
        for upload in list(store.partial_uploads()):
            assert store.remove(upload)
            assert not store.remove(upload)
        assert self.contents(store) == ["a/whole.mp4"]

    def test_walk_goes_folder_by_folder(self, store: Store) -> None:
        for key in ("b/2", "b/10/x", "b/1", "a/z/y", "a/0", "c"):
            store.put(key, key.encode())
        assert keys(store) == ["c", "a/0", "a/z/y", "b/1", "b/2", "b/10/x"]
        assert [listed.size for listed in store.walk()] == [1, 3, 5, 3, 3, 6]
        assert {listed.modified.timezone_name for listed in store.walk()} <= {"UTC", "+00:00"}

    def test_walk_single_folder(self, store: Store) -> None:
        for key in ("a/1", "a/b/2", "ab/3", "c"):
            store.put(key, b"1")
        assert [[listed.key for listed in store.walk(folder)] for folder in ("a", "ab", "none")] == [
            ["a/1", "a/b/2"],
            ["ab/3"],
            [],
        ]

    def test_if_match(self, store: Store) -> None:
        seen = Precondition(None)
        for content in (b"1", b"22", b"22", b"3"):
            writer = store.writer("a/v", Plan(if_match=seen))
            writer.write(content)
            now = Precondition(writer.publish(), hashlib.sha256(content).hexdigest())
            self.age()
            now = Precondition(store.stat("a/v"), now.sha256)
            if seen.sha256 != now.sha256:
                for earlier in (seen, Precondition(None)):
                    late = store.writer("a/v", Plan(if_match=earlier))
                    late.write(b"4")
                    with pytest.raises(PreconditionFailed, match="changed by another process"):
                        late.publish()
                    late.abort()
                    assert (store.read("a/v"), self.contents(store)) == (content, ["a/v"])
            seen = now

    def test_hidden_partial_upload(self, store: Store) -> None:
        writer = store.writer("a/v.parquet", Plan(hidden=True))
        writer.write(body(MIB))
        uploads = store.partial_uploads()
        handles = [upload.handle for upload in uploads if upload.kind != "multipart upload"]  # which has no name
        assert all(handle.startswith("a/.") for handle in handles), handles
        writer.publish()
        assert self.contents(store) == ["a/v.parquet"]

    def test_two_threads_write_two_objects(self, store: Store) -> None:
        failed: list[BaseException] = []
        meet = threading.Barrier(2)

        def land(key: str, piece: bytes) -> None:
            try:
                writer = store.writer(key, Plan())
                meet.wait(120)
                for _ in range(4):
                    writer.write(piece)
                    assert store.stat(key) is None
                meet.wait(120)
                writer.publish()
                assert store.read(key) == piece * 4
            except BaseException as error:
                failed.append(error)
                raise

        threads = [threading.Thread(target=land, args=(f"{n}/v", bytes([n]) * MIB)) for n in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert self.contents(store) == ["1/v", "2/v"]

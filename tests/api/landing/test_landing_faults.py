"""Faults of a landing: broken streams, killed processes, full disks, other writers."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import (
    InvalidRequest,
    LinkExpired,
    MediaCorrupt,
)
from airflow_provider_meetings.api.landing.store import Plan
from airflow_provider_meetings.storage.local.store import LocalStore
from airflow_provider_meetings.storage.local.writer import LocalWriter
from tests.contract.landing import scripted
from tests.contract.landing.bench import BODY, CHUNK_BYTES, M4A, NAME, OTHER, RECEIPT, WEBM, Bench
from tests.contract.landing.scripted import MEDIA, NOBODY
from tests.contract.media.origin import Answer, raw_body, video
from tests.contract.media.ranges import RangeHost, version


def test_body_longer_than_length_does_not_reach_next_response(bench: Bench) -> None:
    """The bytes after Content-Length must not become the next response on the connection."""
    cut = BODY[:1000]
    stored = bench.land(video(BODY, {"Content-Length": "1000"}))
    assert (bench.target.read_bytes(), stored.size) == (cut, 1000)
    bench.land(video(OTHER), if_present="replace")
    assert bench.target.read_bytes() == OTHER


@pytest.mark.parametrize("difference", [-1, 1])
def test_wrong_length_is_corrupt(bench: Bench, difference: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine counts bytes itself, in case the stream does not."""
    length = property(lambda _: len(BODY) + difference)
    monkeypatch.setattr("airflow_provider_meetings.api.media.stream.MediaStream.length", length)
    with pytest.raises(MediaCorrupt, match="bytes, received"):
        bench.land(video(BODY))
    assert bench.files() == set()


def test_interrupt_without_validator_leaves_nothing(bench: Bench) -> None:
    def broken() -> Iterator[bytes]:
        yield BODY
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.land(opens=broken)
    assert bench.files() == set()


def test_store_that_loses_bytes_is_detected(bench: Bench) -> None:
    class LossyStore(LocalStore):
        def writer(self, key: str, plan: Plan) -> LocalWriter:
            writer = super().writer(key, plan)
            write = writer.write
            writer.write = lambda chunk: write(chunk[:-1])  # type: ignore[method-assign]
            return writer

    with pytest.raises(MediaCorrupt, match="it was deleted"):
        bench.land(video(BODY), store=LossyStore(bench.root, "file:///target"))
    assert RECEIPT not in bench.files()


def test_kind_cannot_take_name_of_receipt(bench: Bench) -> None:
    media = replace(MEDIA, kind="summary-receipt.json")
    stored = bench.land(media=media, opens=lambda: iter([BODY]))
    assert bench.root.joinpath(str(stored.uri).removeprefix("file:///target/")).read_bytes() == BODY


# In other processes


def _child(mode: str, root: Path, url: str, times: int = 1) -> subprocess.Popen[str]:
    packages = str(Path(sys.modules["airflow_provider_meetings"].__path__[0]).parent)
    return subprocess.Popen(
        [sys.executable, scripted.__file__, mode, str(root), url, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _answers(process: subprocess.Popen[str]) -> list[dict[str, str]]:
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def _run(mode: str, root: Path, url: str) -> dict[str, str]:
    process = _child(mode, root, url)
    assert process.stdin is not None
    process.stdin.write("go\n")
    (answer,) = _answers(process)
    return answer


def test_two_processes_never_publish_mixed_file(bench: Bench) -> None:
    bodies = {b"\0\0\0\x1cftypisom" + letter * 3_000_000 for letter in (b"a", b"b")}
    processes = [
        _child("land", bench.root, bench.origin.on(f"/{number}", video(body)), times=12)
        for number, body in enumerate(bodies)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = 0
    while any(process.poll() is None for process in processes):
        if bench.target.exists():
            found += 1
            assert bench.target.read_bytes() in bodies
    answers = [answer for process in processes for answer in _answers(process)]
    assert found
    assert {answer.get("outcome") for answer in answers} >= {"replaced"}
    assert {answer["error"] for answer in answers if "error" in answer} <= {"BlockingIOError"}, answers
    assert bench.files() == {NAME, RECEIPT}
    # The receipt describes the object of the last writer, or the next landing finds the difference.
    bench.origin.on("/media", video(BODY))
    assert bench.land().outcome in {"skipped", "replaced"}
    described = bench.receipt()
    assert hashlib.sha256(bench.target.read_bytes()).hexdigest() == described["sha256"]


def test_write_beyond_file_size_limit_leaves_nothing(bench: Bench) -> None:
    answer = _run("small-disk", bench.root, bench.origin.on("/media", video(OTHER * 3)))
    assert answer["oserror"] == "True"
    assert bench.files() == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_unwritable_target_is_one_clear_error(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        answer = _run("nobody", root, bench.origin.on("/media", video(BODY)))
        assert answer["error"] == "PermissionError"
        for word in (f"target file://{folder}", "user id 65534", "write permission", "Permission denied"):
            assert word in answer["text"]
        assert list(root.iterdir()) == []
        answer = _run("nobody", root / "below", bench.origin.url + "/media")
        assert answer["error"] == "PermissionError"
        assert f"target file://{folder}/below" in answer["text"]
        assert list(root.iterdir()) == []
    assert bench.origin.count("/media") == 0


def _without_length(body: bytes) -> Answer:
    return lambda handler: handler.send(200, {"Content-Type": "video/mp4"}, body)


def test_body_without_length_and_chunks_is_refused(bench: Bench) -> None:
    with pytest.raises(MediaCorrupt, match="neither Content-Length nor chunked"):
        bench.land(_without_length(BODY))
    assert bench.files() == set()


def test_body_without_length_must_have_declared_size(bench: Bench) -> None:
    declared = replace(MEDIA, declared_size=len(BODY))
    with pytest.raises(MediaCorrupt, match="bytes, received"):
        bench.land(_without_length(BODY[:-1]), media=declared)
    assert bench.files() == set()
    assert bench.land(_without_length(BODY), media=declared).outcome == "landed"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"Forbidden: link expired"),
        ("application/octet-stream", b"AccessDenied"),
        ("text/html", b"Sorry<br>"),
        ("video/mp4", b"\xef\xbb\xbf\r\n <!DOCTYPE HTML><title>Sign in"),
    ],
)
def test_page_or_message_is_refused(bench: Bench, content_type: str, body: bytes) -> None:
    with pytest.raises(MediaCorrupt, match="a page or a message"):
        bench.land(raw_body(body, headers={"Content-Type": content_type}))
    assert bench.files() == set()


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "text/xml", "video/mp4", "text/plain"])
@pytest.mark.parametrize(
    ("body", "ext", "media_type"),
    [(BODY, "mp4", "video/mp4"), (WEBM, "webm", "video/webm"), (M4A, "m4a", "audio/mp4")],
)
def test_bytes_decide_on_name_and_type(bench: Bench, content_type: str, body: bytes, ext: str, media_type: str) -> None:
    stored = bench.land(raw_body(body, headers={"Content-Type": content_type}))
    assert (stored.outcome, stored.media_type, bench.receipt()["media_type"]) == ("landed", media_type, media_type)
    assert bench.target.with_suffix(f".{ext}").read_bytes() == body
    assert len(bench.origin.requests) == 1


def _part_of(owner: int, bench: Bench) -> Path:
    part = Path(f"{bench.target}.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"theirs")
    os.chown(part, owner, owner)
    return part


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create a file of another user")
@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_part_of_another_user_is_refused(bench: Bench, mode: int) -> None:
    """He can have it open, and change it also after it has its final name."""
    part = _part_of(NOBODY, bench)
    part.chmod(mode)
    for _ in range(2):
        with pytest.raises(PermissionError, match=rf"part belongs to user id {NOBODY}, .*: remove it, try again"):
            bench.land(video(BODY))
        assert (part.read_bytes(), bench.target.exists()) == (b"theirs", False)
    # A sweep may remove it.
    (upload,) = LocalStore(bench.root, "file:///target").partial_uploads()
    assert LocalStore(bench.root, "file:///target").remove(upload)
    assert bench.land(video(BODY)).outcome == "landed"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("mode", [0o644, 0o666])
def test_part_of_root_is_refused_for_others(bench: Bench, mode: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench.root = Path(folder)
        part = _part_of(0, bench)
        part.chmod(mode)
        for path in (bench.root, *bench.root.rglob("*/")):
            path.chmod(0o777)
        answer = _run("nobody", bench.root, bench.origin.on("/media", video(BODY)))
        assert answer["error"] == "PermissionError"
        assert f"{part} belongs to user id 0" in answer["text"]
        assert (part.read_bytes(), bench.target.exists()) == (b"theirs", False)


def test_mount_that_chooses_owners_is_supported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """On CIFS every file has the owner of the mount, whoever writes it."""
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY + 1)
    host = RangeHost(version(2 * CHUNK_BYTES, 1))
    with pytest.raises(LinkExpired):
        bench.land(host.cut(CHUNK_BYTES), raw_body(b"", status=403))
    assert bench.land(host).outcome == "resumed"
    assert bench.files() == {NAME, RECEIPT}


def test_symlink_at_part_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    bench.target.parent.mkdir(parents=True)
    Path(f"{bench.target}.part").symlink_to(victim)
    with pytest.raises(OSError, match="is not writable"):
        bench.land(video(BODY))
    assert victim.read_bytes() == b"precious"
    assert not bench.target.exists()


def test_receipt_naming_another_object_is_ignored(bench: Bench) -> None:
    """Anyone who can write to the lake can write receipts."""
    other = bench.target.with_name("file-2.video.mp4")
    other.parent.mkdir(parents=True)
    other.write_bytes(b"another file's bytes")
    bench.land(video(BODY))
    receipt = bench.root / RECEIPT
    stat = other.stat()
    mark = {"name": other.name, "size": stat.st_size, "validator": f"mtime-ns:{stat.st_mtime_ns}"}
    receipt.write_text(json.dumps({**bench.receipt(), **mark}))
    stored = bench.land(video(BODY))
    assert (stored.outcome, stored.uri) == ("replaced", f"file:///target/{NAME}")
    assert other.read_bytes() == b"another file's bytes"
    assert bench.land().outcome == "skipped"


def test_hard_linked_part_is_not_overwritten(bench: Bench) -> None:
    """A copy of the lake made of hard links during a landing has such a part."""
    part = bench.target.with_name(bench.target.name + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER)
    elsewhere = bench.root / "elsewhere.mp4"
    elsewhere.hardlink_to(part)
    assert bench.land(video(BODY)).outcome == "landed"
    assert bench.target.read_bytes() == BODY
    assert elsewhere.read_bytes() == OTHER


def test_if_present_fail_keeps_object_created_meanwhile(bench: Bench) -> None:
    class ConcurrentStore(LocalStore):
        def writer(self, key: str, plan: Plan) -> LocalWriter:
            writer = super().writer(key, plan)
            if key == NAME:
                bench.target.write_bytes(OTHER)
            return writer

    bench.target.parent.mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="exists already"):
        bench.land(video(BODY), if_present="fail", store=ConcurrentStore(bench.root, "file:///target/"))
    assert bench.target.read_bytes() == OTHER
    assert bench.files() == {NAME}


@pytest.mark.parametrize(("declared", "warned"), [(len(BODY) + 1, True), (len(BODY), False), (0, False), (None, False)])
def test_file_smaller_than_declared_is_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture, declared: int | None, warned: bool
) -> None:
    assert bench.land(video(BODY), media=replace(MEDIA, declared_size=declared)).outcome == "landed"
    assert ("check whether the recording is truncated" in caplog.text) is warned

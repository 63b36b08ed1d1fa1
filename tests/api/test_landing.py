from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.errors import (
    InvalidRequest,
    LinkExpired,
    MediaCorrupt,
    MeetingsApiError,
    ServerError,
)
from airflow_provider_meetings.api.landing import IfPresent, Landing
from airflow_provider_meetings.api.layout import Layout
from airflow_provider_meetings.api.models import Download, MediaFile, StoredFile
from airflow_provider_meetings.api.transport import Transport
from airflow_provider_meetings.storage.local import LocalSink, LocalStore
from tests.contract import scripted
from tests.contract.leaks import logged, told
from tests.contract.origin import Answer, Origin, chunked, json_body, raw_body, video
from tests.contract.scripted import MEDIA, RECORDING, Opened, ScriptedClient

BODY = b"\0\0\0\x1cftypisom" + bytes(range(256)) * 300
OTHER = b"\0\0\0\x1cftypisom" + b"other" * 20_000
NAME = "acme/2026-11-09/rec-1/file-1.video.mp4"
RECEIPT = "acme/2026-11-09/rec-1/file-1.video.receipt.json"
NOW = pendulum.datetime(2026, 11, 20, 1, 2, 3, tz="UTC")


@dataclass
class Bench:
    """A target folder, an origin, and a client whose links lead there."""

    root: Path
    origin: Origin
    transport: Transport
    links: int = 0
    last: ScriptedClient | None = field(default=None)

    def link(self) -> Download:
        self.links += 1
        return Download(f"{self.origin.url}/media?sign=S3CRET-{self.links}")

    def land(
        self,
        *answers: Answer,
        if_present: IfPresent = "verify",
        media: MediaFile = MEDIA,
        opens: Callable[[], Opened] | None = None,
        store: LocalStore | None = None,
    ) -> StoredFile:
        if answers:
            self.origin.on("/media", *answers)
        self.last = ScriptedClient(self.transport, opens or self.link)
        store = store or LocalStore(self.root, "file:///target/")
        landing = Landing(self.last, store, layout=Layout(), if_present=if_present, now=lambda: NOW)
        return landing.land(RECORDING, media)

    @property
    def target(self) -> Path:
        return self.root / NAME

    def files(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}

    def receipt(self) -> dict[str, Any]:
        return dict(json.loads((self.root / RECEIPT).read_bytes()))


@pytest.fixture
def bench(tmp_path: Path, origin: Origin, start: Callable[..., Transport]) -> Bench:
    return Bench(tmp_path / "target", origin, start(origin.url))


def test_a_file_lands_with_its_receipt(bench: Bench) -> None:
    stored = bench.land(video(BODY))
    digest = hashlib.sha256(BODY).hexdigest()
    assert bench.target.read_bytes() == BODY
    assert bench.files() == {NAME, RECEIPT}
    assert stored == StoredFile(
        platform="acme",
        tenant="t1",
        recording_id="rec-1",
        file_id="file-1",
        kind="video",
        uri=f"file:///target/{NAME}",
        size=len(BODY),
        sha256=digest,
        media_type="video/mp4",
        landed_at=NOW,
        outcome="landed",
    )
    receipt = bench.receipt()
    assert receipt["validator"] == f"mtime-ns:{bench.target.stat().st_mtime_ns}"
    assert {k: receipt[k] for k in ("size", "sha256", "name", "landed_at", "started_at", "ended_at", "schema")} == {
        "size": len(BODY),
        "sha256": digest,
        "name": "file-1.video.mp4",
        "landed_at": "2026-11-20T01:02:03+00:00",
        "started_at": "2026-11-09T20:00:00+00:00",
        "ended_at": None,
        "schema": 1,
    }


def test_no_link_and_no_title_stays_behind(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stored = bench.land(raw_body(b"", status=403), video(BODY))
    for text in ((bench.root / RECEIPT).read_text(), repr(stored), logged(caplog.records)):
        for secret in ("S3CRET", "sign=", "salaries", "Board"):
            assert secret not in text


@pytest.mark.parametrize("if_present", ["verify", "skip"])
def test_what_is_there_is_not_fetched_again(bench: Bench, if_present: IfPresent) -> None:
    first = bench.land(video(BODY))
    again = bench.land(if_present=if_present)
    assert again == replace(first, outcome="skipped")
    assert bench.origin.asked("/media") == 1
    assert bench.last is not None
    assert bench.last.opened == 0


def test_replace_fetches_again(bench: Bench) -> None:
    bench.land(video(BODY))
    stored = bench.land(video(OTHER), if_present="replace")
    assert stored.outcome == "replaced"
    assert stored.sha256 == hashlib.sha256(OTHER).hexdigest()
    assert bench.target.read_bytes() == OTHER
    assert bench.receipt()["size"] == len(OTHER)


def test_fail_makes_what_is_there_an_error(bench: Bench) -> None:
    assert bench.land(video(BODY), if_present="fail").outcome == "landed"
    before = bench.origin.asked("/media")
    with pytest.raises(InvalidRequest, match="is there already"):
        bench.land(if_present="fail")
    assert bench.origin.asked("/media") == before
    (bench.root / RECEIPT).unlink()
    with pytest.raises(InvalidRequest, match="is there already"):
        bench.land(video(OTHER), if_present="fail")
    assert bench.target.read_bytes() == BODY
    assert bench.files() == {NAME}


def _shorten(bench: Bench) -> None:
    bench.target.write_bytes(BODY[:-1])
    _set_mtime(bench, int(str(bench.receipt()["validator"]).removeprefix("mtime-ns:")))


def _touch(bench: Bench) -> None:
    _set_mtime(bench, bench.target.stat().st_mtime_ns + 1)


def _set_mtime(bench: Bench, mtime: int) -> None:
    os.utime(bench.target, ns=(mtime, mtime))


def _tear_receipt(bench: Bench) -> None:
    receipt = bench.root / RECEIPT
    receipt.write_bytes(receipt.read_bytes()[:50])


def _empty_receipt(bench: Bench) -> None:
    (bench.root / RECEIPT).write_bytes(b"")


def _receipt_of_another(bench: Bench) -> None:
    (bench.root / RECEIPT).write_text(json.dumps({**bench.receipt(), "file_id": "file-2"}))


def _remove(bench: Bench) -> None:
    bench.target.unlink()


def _remove_receipt(bench: Bench) -> None:
    (bench.root / RECEIPT).unlink()


@pytest.mark.parametrize(
    "damage",
    [_shorten, _touch, _tear_receipt, _empty_receipt, _receipt_of_another, _remove, _remove_receipt],
    ids=lambda damage: damage.__name__,
)
def test_what_does_not_agree_with_its_receipt_is_landed_again(bench: Bench, damage: Callable[[Bench], None]) -> None:
    bench.land(video(BODY))
    damage(bench)
    assert bench.land().outcome == "replaced"
    assert bench.target.read_bytes() == BODY
    assert bench.files() == {NAME, RECEIPT}
    assert bench.land().outcome == "skipped"


def test_skip_trusts_the_receipt(bench: Bench) -> None:
    bench.land(video(BODY))
    _touch(bench)
    assert bench.land(if_present="skip").outcome == "skipped"


def test_another_type_leaves_no_second_copy(bench: Bench) -> None:
    bench.land(video(BODY))
    stored = bench.land(raw_body(b"ID3sound", headers={"Content-Type": "audio/mpeg"}), if_present="replace")
    assert (stored.outcome, stored.media_type) == ("replaced", "audio/mpeg")
    assert bench.files() == {NAME.replace(".mp4", ".mp3"), RECEIPT}
    assert bench.land().outcome == "skipped"


def test_a_file_that_the_platform_does_not_have_is_absent(bench: Bench) -> None:
    stored = bench.land(opens=lambda: None)
    assert (stored.outcome, stored.uri, stored.size, stored.sha256) == ("absent", None, None, None)
    assert bench.files() == set()


def test_content_that_the_api_serves_is_landed(bench: Bench) -> None:
    media = replace(MEDIA, kind="transcript-srt")
    text = "1\n00:00:00,000 --> 00:00:05,400\n大家好\n".encode()
    stored = bench.land(media=media, opens=lambda: iter([text[:10], text[10:]]))
    assert (stored.size, stored.media_type, stored.outcome) == (len(text), "application/x-subrip", "landed")
    assert (bench.root / "acme/2026-11-09/rec-1/file-1.transcript-srt.srt").read_bytes() == text


def test_a_body_of_many_small_pieces_is_whole(bench: Bench) -> None:
    stored = bench.land(opens=lambda: iter([BODY[i : i + 7] for i in range(0, 2100, 7)]))
    assert bench.root.joinpath(*NAME.split("/")).read_bytes() == BODY[:2100]
    assert stored.size == 2100


def test_a_dead_link_is_resolved_anew(bench: Bench) -> None:
    stored = bench.land(raw_body(b"expired", status=403), video(BODY))
    assert stored.outcome == "landed"
    assert [seen.query for seen in bench.origin.seen] == ["sign=S3CRET-1", "sign=S3CRET-2"]
    assert bench.target.read_bytes() == BODY


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_two_dead_links_are_an_error(bench: Bench, status: int) -> None:
    with pytest.raises(LinkExpired) as caught:
        bench.land(raw_body(b"expired", status=status))
    assert bench.origin.asked("/media") == 2
    assert not caught.value.permanent
    assert "S3CRET" not in told(caught.value)
    assert bench.files() == set()


def test_a_file_that_is_gone_when_the_link_died(bench: Bench) -> None:
    opens: Iterator[Opened] = iter([bench.link(), None])
    with pytest.raises(LinkExpired, match="no new link"):
        bench.land(raw_body(b"", status=404), opens=lambda: next(opens))


def test_a_longer_promise_than_body_is_noticed(bench: Bench) -> None:
    with pytest.raises(ServerError, match="was cut"):
        bench.land(video(BODY, {"Content-Length": str(len(BODY) + 1)}))
    assert bench.files() == set()


def test_a_body_beyond_its_length_is_not_read_into_the_next_one(bench: Bench) -> None:
    """HTTP ends the body at its length: what follows must not be taken for the next answer on the connection."""
    cut = BODY[:1000]
    stored = bench.land(video(BODY, {"Content-Length": "1000"}))
    assert (bench.target.read_bytes(), stored.size) == (cut, 1000)
    bench.land(video(OTHER), if_present="replace")
    assert bench.target.read_bytes() == OTHER


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_stream_of_another_length_than_promised_is_corrupt(
    bench: Bench, difference: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine counts by itself, should the layer below not."""
    length = property(lambda _: len(BODY) + difference)
    monkeypatch.setattr("airflow_provider_meetings.api.stream.MediaStream.length", length)
    with pytest.raises(MediaCorrupt, match="were promised"):
        bench.land(video(BODY))
    assert bench.files() == set()


FAILURES: dict[str, tuple[Answer, type[MeetingsApiError]]] = {
    "cut chunks": (chunked(BODY, finished=False), ServerError),
    "zero bytes": (video(b""), MediaCorrupt),
    "no content": (raw_body(b"", status=204), MediaCorrupt),
    "json": (json_body({"code": 2091004, "msg": "resource deleted"}), MediaCorrupt),
    "json as video": (video(b'{"errcode": 40014}'), MediaCorrupt),
    "html as video": (video(b"<!doctype html><title>Sign in</title>"), MediaCorrupt),
    "xml as video": (video(b"<?xml version='1.0'?><Error/>"), MediaCorrupt),
    "partial content": (raw_body(BODY, status=206), MediaCorrupt),
    "server error": (raw_body(b"", status=500), ServerError),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_after_a_failure_nothing_stands_and_the_next_try_is_right(bench: Bench, failure: str) -> None:
    answer, kind = FAILURES[failure]
    with pytest.raises(kind) as caught:
        bench.land(answer)
    assert bench.files() == set()
    assert "S3CRET" not in told(caught.value)
    assert not caught.value.permanent
    assert bench.land(video(BODY)).outcome == "landed"
    assert bench.target.read_bytes() == BODY


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_replacement_keeps_what_was_there(bench: Bench, failure: str) -> None:
    bench.land(video(BODY))
    answer, kind = FAILURES[failure]
    with pytest.raises(kind):
        bench.land(answer, if_present="replace")
    assert bench.target.read_bytes() == BODY
    assert bench.files() == {NAME, RECEIPT}
    assert bench.land().outcome == "skipped"


def test_a_stream_that_breaks_in_the_engine_is_discarded(bench: Bench) -> None:
    def broken() -> Iterator[bytes]:
        yield BODY
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.land(opens=broken)
    assert bench.files() == set()


def test_a_store_that_keeps_less_than_it_was_given_is_noticed(bench: Bench) -> None:
    class Forgetful(LocalStore):
        def sink(self, key: str) -> LocalSink:
            sink = super().sink(key)
            write = sink.write
            sink.write = lambda chunk: write(chunk[:-1])  # type: ignore[method-assign]
            return sink

    with pytest.raises(MediaCorrupt, match="holds"):
        bench.land(video(BODY), store=Forgetful(bench.root, "file:///target"))
    assert RECEIPT not in bench.files()


def test_another_writer_is_an_error_and_keeps_its_file(bench: Bench) -> None:
    bench.target.parent.mkdir(parents=True)
    other = LocalSink(bench.target)
    other.write(b"the other's bytes")
    with pytest.raises(BlockingIOError, match="being written by another process"):
        bench.land(video(BODY))
    assert bench.files() == {NAME + ".part"}
    other.publish()
    assert bench.target.read_bytes() == b"the other's bytes"
    assert bench.land().outcome == "replaced"
    assert bench.target.read_bytes() == BODY


def test_a_format_cannot_take_the_receipts_name(bench: Bench) -> None:
    media = replace(MEDIA, kind="summary-receipt.json")
    stored = bench.land(media=media, opens=lambda: iter([BODY]))
    assert bench.root.joinpath(str(stored.uri).removeprefix("file:///target/")).read_bytes() == BODY


# In processes of their own


def _child(mode: str, root: Path, url: str, times: int = 1) -> subprocess.Popen[str]:
    packages = str(Path(sys.modules["airflow_provider_meetings"].__path__[0]).parent)
    return subprocess.Popen(
        [sys.executable, scripted.__file__, mode, str(root), url, str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _said(process: subprocess.Popen[str]) -> list[dict[str, str]]:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


def _run(mode: str, root: Path, url: str) -> dict[str, str]:
    process = _child(mode, root, url)
    assert process.stdin is not None
    process.stdin.write("go\n")
    (answer,) = _said(process)
    return answer


def test_two_processes_never_publish_a_wrong_file(bench: Bench) -> None:
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
    answers = [answer for process in processes for answer in _said(process)]
    assert found
    assert {answer.get("outcome") for answer in answers} >= {"replaced"}
    assert {answer["error"] for answer in answers if "error" in answer} <= {"BlockingIOError"}
    assert bench.files() == {NAME, RECEIPT}
    # Whoever wrote last: the receipt describes the object, or the next landing notices.
    bench.origin.on("/media", video(BODY))
    assert bench.land().outcome in {"skipped", "replaced"}
    described = bench.receipt()
    assert hashlib.sha256(bench.target.read_bytes()).hexdigest() == described["sha256"]


def test_a_killed_process_leaves_no_final_name(bench: Bench) -> None:
    promised = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 9000000\r\n\r\n"
    url = bench.origin.on("/slow", bench.origin.hang(promised + OTHER[:12] + bytes(1_500_000)))
    process = _child("announce", bench.root, url)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert bench.files() == {NAME + ".part"}
    assert bench.land(video(BODY)).outcome == "landed"
    assert bench.target.read_bytes() == BODY
    assert bench.files() == {NAME, RECEIPT}


def test_a_full_disk_is_an_error_and_leaves_nothing(bench: Bench) -> None:
    answer = _run("small-disk", bench.root, bench.origin.on("/media", video(bytes(12) + OTHER * 3)))
    assert answer["oserror"] == "True"
    assert bench.files() == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_target_that_may_not_be_written_is_one_clear_error(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        answer = _run("nobody", root, bench.origin.on("/media", video(BODY)))
        assert answer["error"] == "PermissionError"
        for word in (f"target file://{folder}", "user id 65534", "right to write", "Permission denied"):
            assert word in answer["text"]
        assert list(root.iterdir()) == []
        answer = _run("nobody", root / "below", bench.origin.url + "/media")
        assert answer["error"] == "PermissionError"
        assert f"target file://{folder}/below" in answer["text"]
        assert list(root.iterdir()) == []
    assert bench.origin.asked("/media") == 0

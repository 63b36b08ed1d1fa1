"""Batches of files, with a real HTTP server."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import ClassVar

import pytest
import requests

from airflow_provider_meetings.api.errors import (
    Gone,
    MediaCorrupt,
    MeetingsApiError,
    NotFound,
    NotReady,
    PermissionDenied,
    StoreError,
)
from airflow_provider_meetings.api.landing.batch import Failed, Landed, files_of, land_all
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.transfer import Limits, Stopped
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, RecordingState, StoredFile
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.bench import BODY, Bench
from tests.contract.landing.scripted import MEDIA, RECORDING, ScriptedClient
from tests.contract.leaks import error_text
from tests.contract.media.origin import Answer, Handler, video


def _files(*names: str) -> list[tuple[Recording, MediaFile]]:
    return [(RECORDING, replace(MEDIA, file_id=name)) for name in names]


def _not_called() -> None:
    raise AssertionError("stop was called")


class _PathClient(ScriptedClient):
    """Use the file id as the path of the link."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.transport)
        self._url = bench.origin.url

    def open(self, media: MediaFile) -> Download:
        return Download(f"{self._url}/{media.file_id}")

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        if recording.recording_id == "unknown":
            raise NotFound("gone")
        yield from (replace(MEDIA, file_id=f"{recording.recording_id}-{n}") for n in (1, 2, 1))


def _landing(bench: Bench, limits: Limits | None = None) -> Landing:
    limits = limits or Limits(sleep=bench.slept.append)
    return Landing(_PathClient(bench), LocalStore(bench.root, "file:///target"), layout=Layout(), limits=limits)


def _answer_in_pairs(barrier: threading.Barrier) -> Answer:
    def answer(handler: Handler) -> None:
        barrier.wait(120)
        video(BODY)(handler)

    return answer


def test_at_most_workers_at_once(bench: Bench) -> None:
    """The downloads wait for each other in pairs: one at a time would never end, three would fail the count."""
    barrier = threading.Barrier(2)
    running: list[int] = []
    now = 0
    lock = threading.Lock()

    def land(recording: Recording, media: MediaFile) -> StoredFile:
        nonlocal now
        with lock:
            now += 1
            running.append(now)
        try:
            return landing.land(recording, media)
        finally:
            with lock:
                now -= 1

    names = [f"f{n}" for n in range(8)]
    for name in names:
        bench.origin.on(f"/{name}", _answer_in_pairs(barrier))
    landing = _landing(bench)
    results = list(land_all(_files(*names), land, workers=2, stop=_not_called))
    assert [result.media.file_id for result in results if isinstance(result, Landed)] == names
    assert max(running) == 2


def test_failed_file_does_not_stop_others(bench: Bench) -> None:
    bench.origin.on("/good", video(BODY))
    bench.origin.on("/bad", video(b"<html>"))
    results = list(land_all(_files("good", "bad", "good2"), _landing(bench).land, workers=2, stop=_not_called))
    assert [type(result).__name__ for result in results] == ["Landed", "Failed", "Failed"]
    bad = results[1]
    assert isinstance(bad, Failed)
    assert isinstance(bad.error, MediaCorrupt)
    assert bad.what == "'bad' (video) of rec-1"


def test_store_error_fails_only_its_file() -> None:
    def land(recording: Recording, media: MediaFile) -> StoredFile:
        raise OSError(errno.ENOSPC, "target x has no room")

    (result,) = land_all(_files("a"), land, workers=1, stop=_not_called)
    assert isinstance(result, Failed)
    assert isinstance(result.error, StoreError)
    assert result.error.what == "target x has no room"
    assert not result.error.permanent


@pytest.mark.parametrize("kind", [ValueError, AssertionError, MemoryError, requests.ConnectionError])
def test_unexpected_error_fails_one_file_and_names_line(kind: type[Exception]) -> None:
    def land(recording: Recording, media: MediaFile) -> StoredFile:
        if media.file_id == "a":
            raise kind("https://host/?sign=S3CRET")
        return stored

    stored = StoredFile.__new__(StoredFile)
    failed, landed = land_all(_files("a", "b"), land, workers=1, stop=_not_called)
    assert isinstance(failed, Failed)
    assert isinstance(landed, Landed)
    line = land.__code__.co_firstlineno + 2
    assert f"{kind.__name__} at landing/test_batch.py:{line}" in failed.error.what
    assert not failed.error.permanent
    assert "S3CRET" not in error_text(failed.error)


def test_keyboard_interrupt_stops_batch() -> None:
    def land(recording: Recording, media: MediaFile) -> StoredFile:
        raise KeyboardInterrupt

    stops: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        list(land_all(_files("a", "b"), land, workers=1, stop=lambda: stops.append(True)))
    assert stops == [True]


def test_stopped_is_not_a_failed_file() -> None:
    def land(recording: Recording, media: MediaFile) -> StoredFile:
        raise Stopped("stopped")

    stops: list[bool] = []
    with pytest.raises(Stopped):
        list(land_all(_files("a", "b"), land, workers=1, stop=lambda: stops.append(True)))
    assert stops == [True]


def test_threads_copy_context() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    variable.set("the task")

    def land(recording: Recording, media: MediaFile) -> StoredFile:
        raise MeetingsApiError(variable.get())

    (result,) = land_all(_files("a"), land, workers=1, stop=_not_called)
    assert isinstance(result, Failed)
    assert result.error.what == "the task"


def test_closing_generator_stops_threads(bench: Bench) -> None:
    """The second file hangs after its first bytes until it is stopped."""
    started = threading.Event()
    sent = threading.Event()

    def endless(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 99000000000\r\n\r\n" + BODY)
        try:
            while not bench.origin.closing.is_set():
                handler.wfile.write(bytes(2**20))
                started.set()
        except OSError:
            sent.set()

    bench.origin.on("/a", video(BODY))
    bench.origin.on("/endless", endless)
    limits = Limits(max_bytes=2**40, sleep=bench.slept.append)
    results = land_all(_files("a", "endless"), _landing(bench, limits).land, workers=2, stop=limits.stop.set)
    assert isinstance(next(results), Landed)
    assert started.wait(120)
    results.close()
    assert sent.wait(120)
    assert not [path for path in bench.files() if "endless" in path]


def test_files_of_skips_duplicates_and_reports_failures(bench: Bench) -> None:
    recordings = [RECORDING, replace(RECORDING, recording_id="unknown"), RECORDING]
    found = list(files_of(_PathClient(bench), recordings, ["video"]))
    assert [f.what if isinstance(f, Failed) else f[1].file_id for f in found] == [
        "rec-1-1",
        "rec-1-2",
        "'unknown' (video) of unknown",
    ]


def test_kinds_fail_alone(bench: Bench) -> None:
    """Each linked kind of each file is asked for by itself."""

    class Client(_PathClient):
        linked_kinds = ("summary",)

        def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
            if list(kinds) == ["summary"] and recording.files[0].file_id == "b":
                yield replace(recording.files[0], kind="summary-pdf")
            elif kinds:
                raise NotFound(f"no {', '.join(kinds)}")

    recording = replace(RECORDING, files=tuple(replace(MEDIA, file_id=name) for name in "abc"))
    found = list(files_of(Client(bench), [recording], ["summary", "video", "audio"]))
    assert [
        (f.media.file_id, f.media.kind, f.error.what) if isinstance(f, Failed) else f[1].file_id for f in found
    ] == [
        ("rec-1", "video", "no video, audio"),
        ("rec-1", "audio", "no video, audio"),
        ("a", "summary", "no summary"),
        "b",
        ("c", "summary", "no summary"),
    ]
    failed = found[0]
    assert isinstance(failed, Failed)
    stored = failed.stored_file("refused")
    assert (stored.outcome, stored.reason, stored.uri) == ("refused", "no video, audio", None)


def test_what_a_platform_refuses(bench: Bench) -> None:
    """An error about all objects, or one that may pass, is no refusal."""

    class Client(_PathClient):
        states: ClassVar[Mapping[int, RecordingState]] = {1: RecordingState.FORBIDDEN, 2: RecordingState.PROCESSING}

    client = Client(bench)
    refused = [Gone("x"), NotFound("x"), PermissionDenied("x", code=1)]
    others = [PermissionDenied("x", code=3), NotReady("x", code=2), NotReady("x"), StoreError("x"), MediaCorrupt("x")]
    assert [client.refuses(error) for error in (*refused, *others)] == [True] * 3 + [False] * 5

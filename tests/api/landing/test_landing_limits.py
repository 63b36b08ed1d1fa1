"""Limits of a landing: time-outs, file size, disk space."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_meetings.api.errors import FileTooLarge, LinkExpired, ServerError
from airflow_provider_meetings.api.http import transport
from airflow_provider_meetings.api.landing import source
from tests.contract.acme_api import Start
from tests.contract.landing.aftermath import assert_landed, assert_not_landed
from tests.contract.landing.bench import CHECKPOINT, NAME, Bench
from tests.contract.media.origin import Handler, video
from tests.contract.media.ranges import RangeHost, only_status, version, with_headers

KIB = 1024
SIZE = 640 * KIB
V1 = version(SIZE, 1)
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK_BYTES", 64 * KIB)


def _set_timeout(seconds: float, bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_SECONDS", seconds)
    bench.transport = start(bench.origin.url)


def _head(size: int) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
        b'ETag: "v1"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n' % size
    )


def test_slow_stream_does_not_time_out(bench: Bench, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read time-out limits the time between bytes, not the total."""
    _set_timeout(1.5, bench, start, monkeypatch)

    def trickle(handler: Handler) -> None:
        handler.wfile.write(_head(SIZE))
        for begin in range(0, SIZE, SIZE // 8):
            bench.origin.closing.wait(0.25)  # eight times: longer than the time-out in total
            handler.wfile.write(V1[begin : begin + SIZE // 8])
            handler.wfile.flush()

    bench.land(trickle)
    assert_landed(bench, V1)
    assert bench.links == 1


HANGS = {
    "before the status": b"",
    "before the body": _head(SIZE),
    "in the first chunk": _head(SIZE) + V1[:100],
    "in the middle": _head(SIZE) + V1[: SIZE // 2],
    "before the last byte": _head(SIZE) + V1[:-1],
}


@pytest.mark.parametrize("hang", HANGS)
def test_read_timeout_is_an_error(bench: Bench, hang: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_timeout(0.1, bench, start, monkeypatch)
    answer = bench.origin.hang(HANGS[hang])
    with pytest.raises(ServerError, match=r"no answer in time|was cut") as caught:
        bench.land(answer)
    assert not caught.value.permanent
    assert_not_landed(bench)
    _set_timeout(30, bench, start, monkeypatch)
    bench.land(RangeHost(V1))
    assert_landed(bench, V1)


@pytest.mark.parametrize("hang", HANGS)
def test_resume_after_timeout(bench: Bench, hang: str, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_timeout(0.5, bench, start, monkeypatch)
    host = RangeHost(V1)
    bench.land(bench.origin.hang(HANGS[hang]), host)
    assert_landed(bench, V1)
    assert host.media_bytes < SIZE or "middle" not in hang


@pytest.mark.parametrize("in_chunks", [False, True])
def test_file_above_max_bytes_is_refused(bench: Bench, in_chunks: bool) -> None:
    host = RangeHost(V1, in_chunks=in_chunks)
    with pytest.raises(FileTooLarge, match=f"the limit is {SIZE - 1}"):
        bench.land(host, max_bytes=SIZE - 1)
    assert bench.files() == set()
    assert host.offsets == [None]
    bench.land(host, max_bytes=SIZE)
    assert_landed(bench, V1)


def test_content_length_above_max_bytes_writes_nothing(bench: Bench) -> None:
    with pytest.raises(FileTooLarge):
        bench.land(video(V1, {"Content-Length": str(2**40)}))
    assert not bench.root.exists()


def test_content_length_above_free_space_is_refused(bench: Bench) -> None:
    host = RangeHost(V1)
    with pytest.raises(OSError, match=r"bytes free, \d+ are needed: free some space") as caught:
        bench.land(host.modified(with_headers(content_length=str(2**59))), max_bytes=2**60)
    assert caught.value.errno == errno.ENOSPC
    assert bench.files() == set()
    bench.land(host)
    assert_landed(bench, V1)


@pytest.fixture
def disk(bench: Bench) -> Iterator[Path]:
    """Mount a file system of 1 MiB at the target."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    bench.root.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(bench.root)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield bench.root
    finally:
        subprocess.run(["umount", str(bench.root)], check=True)


def _free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def test_full_disk_frees_written_bytes(bench: Bench, disk: Path) -> None:
    free = _free(disk)
    host = RangeHost(version(free + 1, 1), in_chunks=True)
    with pytest.raises(OSError, match="free some space") as caught:
        bench.land(host)
    assert caught.value.errno == errno.ENOSPC
    assert bench.files() == set()
    assert _free(disk) == free
    bench.land(RangeHost(V1))
    assert_landed(bench, V1)


def test_part_survives_full_disk(bench: Bench, disk: Path) -> None:
    host = RangeHost(V1)
    with pytest.raises(LinkExpired):
        bench.land(host.cut(SIZE // 2), host.modified(only_status(403)))
    filler = disk / "filler"
    filler.write_bytes(bytes(_free(disk) - PAGE))
    with pytest.raises(OSError, match="free some space") as caught:
        bench.land(host)
    assert caught.value.errno == errno.ENOSPC
    assert bench.files() == {NAME + ".part", CHECKPOINT, "filler"}
    filler.unlink()
    assert bench.land(host).outcome == "resumed"
    assert_landed(bench, V1)
    assert host.media_bytes == SIZE


@pytest.mark.parametrize("pages", [0, 1, 15])
def test_no_download_without_space_for_receipt(bench: Bench, disk: Path, pages: int) -> None:
    free = _free(disk)
    host = RangeHost(version(free - pages * PAGE, 1))
    with pytest.raises(OSError, match="free some space") as caught:
        bench.land(host)
    assert caught.value.errno == errno.ENOSPC
    assert bench.files() == set()
    fits = version(free - 16 * PAGE, 1)
    bench.land(RangeHost(fits))
    assert_landed(bench, fits)

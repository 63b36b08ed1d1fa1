from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat

import pytest

from airflow_provider_meetings.api.errors import (
    InvalidRequest,
    LinkExpired,
)
from airflow_provider_meetings.api.landing.landing import IfPresent
from airflow_provider_meetings.api.models import StoredFile
from tests.contract.landing.bench import BODY, NAME, NOW, OTHER, RECEIPT, Bench
from tests.contract.landing.scripted import MEDIA, Opened
from tests.contract.leaks import error_text, logged
from tests.contract.media.origin import raw_body, video


def test_land_writes_object_and_receipt(bench: Bench) -> None:
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
        "schema": 2,
    }


def test_links_and_titles_are_not_kept(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stored = bench.land(raw_body(b"", status=403), video(BODY))
    for text in ((bench.root / RECEIPT).read_text(), repr(stored), logged(caplog.records)):
        for secret in ("S3CRET", "sign=", "salaries", "Board"):
            assert secret not in text


@pytest.mark.parametrize("if_present", ["verify", "skip"])
def test_landed_file_is_skipped(bench: Bench, if_present: IfPresent) -> None:
    first = bench.land(video(BODY))
    again = bench.land(if_present=if_present)
    assert again == replace(first, outcome="skipped")
    assert bench.origin.count("/media") == 1
    assert bench.last is not None
    assert bench.last.opened == 0


def test_if_present_replace(bench: Bench) -> None:
    bench.land(video(BODY))
    stored = bench.land(video(OTHER), if_present="replace")
    assert stored.outcome == "replaced"
    assert stored.sha256 == hashlib.sha256(OTHER).hexdigest()
    assert bench.target.read_bytes() == OTHER
    assert bench.receipt()["size"] == len(OTHER)


def test_if_present_fail(bench: Bench) -> None:
    assert bench.land(video(BODY), if_present="fail").outcome == "landed"
    before = bench.origin.count("/media")
    with pytest.raises(InvalidRequest, match="exists already"):
        bench.land(if_present="fail")
    assert bench.origin.count("/media") == before
    (bench.root / RECEIPT).unlink()
    with pytest.raises(InvalidRequest, match="exists already"):
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


def _truncate_receipt(bench: Bench) -> None:
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
    [_shorten, _touch, _truncate_receipt, _empty_receipt, _receipt_of_another, _remove, _remove_receipt],
    ids=lambda damage: damage.__name__,
)
def test_damaged_object_or_receipt_lands_again(bench: Bench, damage: Callable[[Bench], None]) -> None:
    bench.land(video(BODY))
    damage(bench)
    assert bench.land().outcome == "replaced"
    assert bench.target.read_bytes() == BODY
    assert bench.files() == {NAME, RECEIPT}
    assert bench.land().outcome == "skipped"


def test_if_present_skip_trusts_receipt(bench: Bench) -> None:
    bench.land(video(BODY))
    _touch(bench)
    assert bench.land(if_present="skip").outcome == "skipped"


def test_replacement_of_other_media_type_removes_old_object(bench: Bench) -> None:
    bench.land(video(BODY))
    stored = bench.land(raw_body(b"ID3\x04\x00sound", headers={"Content-Type": "audio/mpeg"}), if_present="replace")
    assert (stored.outcome, stored.media_type) == ("replaced", "audio/mpeg")
    assert bench.files() == {NAME.replace(".mp4", ".mp3"), RECEIPT}
    assert bench.land().outcome == "skipped"


def test_missing_file_is_absent(bench: Bench) -> None:
    stored = bench.land(opens=lambda: None)
    assert (stored.outcome, stored.uri, stored.size, stored.sha256) == ("absent", None, None, None)
    assert bench.files() == set()


def test_land_content_served_by_api(bench: Bench) -> None:
    media = replace(MEDIA, kind="transcript-srt")
    text = "1\n00:00:00,000 --> 00:00:05,400\n大家好\n".encode()
    stored = bench.land(media=media, opens=lambda: iter([text[:10], text[10:]]))
    assert (stored.size, stored.media_type, stored.outcome) == (len(text), "application/x-subrip", "landed")
    assert (bench.root / "acme/2026-11-09/rec-1/file-1.transcript-srt.srt").read_bytes() == text


def test_land_body_of_many_small_chunks(bench: Bench) -> None:
    stored = bench.land(opens=lambda: iter([BODY[i : i + 7] for i in range(0, 2100, 7)]))
    assert bench.root.joinpath(*NAME.split("/")).read_bytes() == BODY[:2100]
    assert stored.size == 2100


def test_expired_link_is_renewed(bench: Bench) -> None:
    stored = bench.land(raw_body(b"expired", status=403), video(BODY))
    assert stored.outcome == "landed"
    assert [seen.query for seen in bench.origin.requests] == ["sign=S3CRET-1", "sign=S3CRET-2"]
    assert bench.target.read_bytes() == BODY


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_links_that_always_expire_are_an_error(bench: Bench, status: int) -> None:
    with pytest.raises(LinkExpired) as caught:
        bench.land(raw_body(b"expired", status=status))
    assert len({seen.query for seen in bench.origin.requests}) == 5
    assert len(bench.slept) == 4
    assert not caught.value.permanent
    assert "S3CRET" not in error_text(caught.value)
    assert bench.files() == set()


def test_file_missing_after_link_expired_is_an_error(bench: Bench) -> None:
    opens: Iterator[Opened] = chain([bench.link()], repeat(None))
    with pytest.raises(LinkExpired, match="returned no new one"):
        bench.land(raw_body(b"", status=404), opens=lambda: next(opens))

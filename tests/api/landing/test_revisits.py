"""Landings of recordings that were landed before: what has changed is replaced, and nothing else is written."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_meetings.api.errors import MediaCorrupt
from airflow_provider_meetings.api.landing import source
from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.landing import IfPresent
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.models import StoredFile
from airflow_provider_meetings.storage.fsspec.store import FilesystemStore
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.landing.bench import BODY, OTHER, Bench
from tests.contract.landing.scripted import MEDIA
from tests.contract.media.origin import json_body, raw_body, video
from tests.storage.s3.s3_bench import s3_bench

TEXT = replace(MEDIA, kind="transcript-srt")
DOCUMENT = replace(MEDIA, kind="summary-txt")
NAME = "acme/2026-11-09/rec-1/file-1.transcript-srt.srt"
RECEIPT = "acme/2026-11-09/rec-1/file-1.transcript-srt.receipt.json"
CHECKPOINT = "acme/2026-11-09/rec-1/file-1.transcript-srt.part.json"
FIRST, SECOND, THIRD = (f"1\n00:00:00,000 --> 00:00:05,400\n{text}\n".encode() for text in ("大家好", "你好", "再见"))

Land = Callable[..., StoredFile]


@pytest.fixture(params=["local", "fsspec", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "local":
        yield LocalStore(tmp_path / "lake", "x://lake")
    elif request.param == "fsspec":
        yield FilesystemStore(LocalFileSystem(), str(tmp_path / "lake"), "x://lake")
    else:
        with s3_bench() as bench:
            yield bench.store()


@pytest.fixture
def written(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the keys of the objects that are written."""
    keys: list[str] = []
    begin = store.writer

    def writer(key: str, *arguments: Any) -> Any:
        keys.append(key)
        return begin(key, *arguments)

    monkeypatch.setattr(store, "writer", writer)
    return keys


@pytest.fixture
def land(bench: Bench, store: Store, written: list[str]) -> Land:
    """Return a function that lands a content that the API serves, or None, in a revisit."""

    def land(content: bytes | None, *, revisit: bool = True, **arguments: Any) -> StoredFile:
        opens = lambda: None if content is None else iter([content[:9], content[9:]])  # noqa: E731
        return bench.land(media=TEXT, opens=opens, store=store, revisit=revisit, **arguments)

    return land


def receipt(store: Store) -> dict[str, Any]:
    return dict(json.loads(store.read(RECEIPT) or b""))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("if_present", ["verify", "skip"])
def test_unchanged_content_is_fetched_once_and_not_written(
    bench: Bench, store: Store, land: Land, written: list[str], if_present: IfPresent
) -> None:
    first = land(FIRST, revisit=False)
    assert (receipt(store)["version"], receipt(store)["former_sha256"]) == (1, None)
    written.clear()
    assert land(FIRST, if_present=if_present) == replace(first, outcome="skipped")
    assert bench.last is not None
    assert (bench.last.opened, written, list(store.partial_uploads())) == (1, [], [])
    assert land(FIRST, revisit=False, if_present=if_present).outcome == "skipped"
    assert bench.last.opened == 0


def test_changed_content_replaces_object_and_receipt(bench: Bench, store: Store, land: Land) -> None:
    land(FIRST, revisit=False)
    for version, (before, content) in enumerate([(FIRST, SECOND), (SECOND, THIRD)], 2):
        stored = land(content)
        assert bench.last is not None
        assert bench.last.opened == 1
        assert (stored.outcome, stored.sha256, stored.uri) == ("replaced", sha256(content), f"{store.uri(NAME)}")
        assert store.read(NAME) == content
        found = receipt(store)
        assert [found[name] for name in ("sha256", "version", "former_sha256")] == [
            sha256(content),
            version,
            sha256(before),
        ]
        assert land(content).outcome == "skipped"
    assert [each.key for each in store.walk()] == [RECEIPT, NAME]
    assert list(store.partial_uploads()) == []


def test_content_that_the_platform_has_no_longer_stays(
    store: Store, land: Land, written: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    first = land(FIRST, revisit=False)
    written.clear()
    caplog.set_level(logging.INFO)
    assert land(None) == replace(first, outcome="skipped")
    assert "does not exist on the platform any more" in caplog.text
    assert (store.read(NAME), written) == (FIRST, [])


def test_content_that_was_absent_lands(land: Land) -> None:
    assert land(None, revisit=False).outcome == "absent"
    assert land(None).outcome == "absent"
    assert land(FIRST).outcome == "landed"


def test_damaged_object_is_replaced(store: Store, land: Land) -> None:
    land(FIRST, revisit=False)
    store.put(NAME, b"damaged")
    assert land(FIRST).outcome == "replaced"
    assert (store.read(NAME), receipt(store)["version"], receipt(store)["former_sha256"]) == (FIRST, 1, None)


def test_replace_continues_the_versions(store: Store, land: Land) -> None:
    land(FIRST, revisit=False)
    found = []
    for content in (SECOND, SECOND, THIRD):
        assert land(content, if_present="replace").outcome == "replaced"
        found.append((receipt(store)["version"], receipt(store)["former_sha256"]))
    assert found == [(2, sha256(FIRST)), (2, sha256(FIRST)), (3, sha256(SECOND))]


def test_large_content_is_replaced_unread(
    bench: Bench, store: Store, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It need not fit into memory."""
    monkeypatch.setattr(source, "_MAX_COMPARED", 4)
    land(FIRST, revisit=False)
    assert land(FIRST).outcome == "replaced"
    assert (store.read(NAME), receipt(store)["version"]) == (FIRST, 1)


def test_killed_replacement_is_replaced(store: Store, land: Land) -> None:
    """A checkpoint and a part file stand for the content of a revisit that was killed."""
    land(FIRST, revisit=False)
    checkpoint = Checkpoint(name=NAME.rpartition("/")[2], length=len(SECOND), validator='"v1"', writer_state={})
    store.put(CHECKPOINT, checkpoint.to_bytes())
    assert land(THIRD).outcome == "replaced"
    assert store.read(NAME) == THIRD
    assert [each.key for each in store.walk()] == [RECEIPT, NAME]


def test_media_are_not_fetched_again(bench: Bench) -> None:
    for kind in ("video", "audio"):
        media = replace(MEDIA, kind=kind)
        bench.land(video(BODY), media=media)
        assert bench.land(video(OTHER), media=media, revisit=True).outcome == "skipped"
        assert bench.last is not None
        assert bench.last.opened == 0


def test_linked_document_is_compared(bench: Bench) -> None:
    def document(text: str) -> Any:
        return raw_body(text.encode(), headers={"Content-Type": "text/plain"})

    bench.land(document("first"), media=DOCUMENT)
    expired = raw_body(b"", status=403)
    assert bench.land(expired, document("first"), media=DOCUMENT, revisit=True).outcome == "skipped"
    assert len(bench.slept) == 1
    with pytest.raises(MediaCorrupt):
        bench.land(json_body({"code": 1}), media=DOCUMENT, revisit=True)
    path = bench.root / "acme/2026-11-09/rec-1/file-1.summary-txt.txt"
    assert path.read_text() == "first"
    assert bench.land(document("second"), media=DOCUMENT, revisit=True).outcome == "replaced"
    assert path.read_text() == "second"


def test_truncated_document_does_not_replace(bench: Bench) -> None:
    whole = raw_body(b"the whole text", headers={"Content-Type": "text/plain"})
    bench.land(whole, media=DOCUMENT)
    cut = raw_body(b"the", headers={"Content-Type": "text/plain", "Content-Length": "14"})
    assert bench.land(cut, whole, media=DOCUMENT, revisit=True).outcome == "skipped"
    assert bench.origin.count("/media") == 3

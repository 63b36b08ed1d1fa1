"""The landing operator with recordings that a ledger revisits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.wecom import WecomFile
from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING, READY_MINUTE
from airflow_provider_meetings.emulator.seed.wecom import TWO_FILES_RECORD
from tests.transfers.conftest import land_media, list_feishu, list_wecom

KINDS = ["video", "audio", "summary", "ai_transcript", "transcript"]
ENDPOINTS = ("get_file_list", "get_file", "get_detail")


def change_files(emulated: Any, change: Callable[[WecomFile], WecomFile]) -> None:
    """Change the first file of the recording."""
    company = emulated.state.company
    recording = company.wecom_recordings[TWO_FILES_RECORD]
    first, second = recording.files
    changed = {TWO_FILES_RECORD: replace(recording, files=(change(first), second))}
    emulated.state.company = replace(company, wecom_recordings={**company.wecom_recordings, **changed})


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_wecom_revisits(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    company = emulated.state.company
    change_files(emulated, lambda file: replace(file, summaries=file.summaries[:2]))
    revisited = [{**one, "revisit": True} for one in recordings]

    def land(recordings: list[dict[str, Any]] = revisited) -> tuple[dict[str, str], Counter[str]]:
        """Return the outcomes that are not ``skipped``, and the number of requests."""
        emulated.state.requests.clear()
        stored = land_media(context, tmp_path, recordings=recordings, kinds=KINDS)
        calls = Counter(request.path.rpartition("/")[2] for request in emulated.state.requests)
        outcomes = {f"{f['file_id'][-1]} {f['kind']}": f["outcome"] for f in stored if f["outcome"] != "skipped"}
        return outcomes, Counter({name: calls[name] for name in ENDPOINTS})

    first, requests = land(recordings)
    assert set(first.values()) == {"landed"}
    before = files(tmp_path)
    assert land() == ({}, requests)  # as many as the first landing, but no media
    # Of the media hosts, the five summaries and two AI transcripts.
    assert sum("/wecom-media/" in request.path for request in emulated.state.requests) == 7
    assert files(tmp_path) == before
    assert land(recordings) == ({}, {"get_detail": 0, "get_file_list": 0, "get_file": 0})

    emulated.state.company = company  # with the third format of the summary
    assert land()[0] == {"1 summary-pdf": "landed"}
    change_files(emulated, lambda file: replace(file, transcript=replace(file.transcript, audio_detect=0)))  # type: ignore[type-var]
    assert land()[0] == {"1 transcript-json": "replaced"}
    receipt = json.loads(next(tmp_path.rglob("*-1.transcript-json.receipt.json")).read_text())
    assert (receipt["version"], len(receipt["former_sha256"])) == (2, 64)

    before = files(tmp_path)
    change_files(emulated, lambda file: replace(file, summaries=(), ai_transcript=None, transcript=None))
    assert land()[0] == {}
    assert files(tmp_path) == before
    change_files(
        emulated,
        lambda file: replace(file, summaries=company.wecom_recordings[TWO_FILES_RECORD].files[0].summaries[:1]),
    )
    assert land()[0] == {}
    assert files(tmp_path) == before


def test_feishu_revisits(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = [{**one, "revisit": True} for one in list_feishu(context, READY_MEETING)]
    kinds = ["video", "transcript-srt", "summary", "chapters"]

    def land() -> tuple[list[str], list[str]]:
        """Return the outcomes and the endpoints of the requests."""
        emulated.state.requests.clear()
        arguments: dict[str, Any] = {"meetings_conn_id": "feishu_default", "recordings": recordings, "kinds": kinds}
        stored = land_media(context, tmp_path, max_workers=1, **arguments)
        return [f["outcome"] for f in stored], [r.path.rpartition("/")[2] for r in emulated.state.requests]

    assert land()[0] == ["landed"] * 4
    assert land() == (["skipped"] * 4, ["transcript", "artifacts"])  # one answer has summary and chapters
    company = emulated.state.company
    artifacts = replace(company.feishu_artifacts[READY_MINUTE], summary="A better summary.")
    emulated.state.company = replace(company, feishu_artifacts={**company.feishu_artifacts, READY_MINUTE: artifacts})
    assert land()[0] == ["skipped", "skipped", "replaced", "skipped"]
    assert next(tmp_path.rglob("*.summary-txt.txt")).read_text() == "A better summary."


@pytest.mark.parametrize("code", [2091004, 99991672])
def test_revisit_that_is_refused(emulated: Any, context: Any, tmp_path: Path, code: int) -> None:
    """The landed object stays."""
    recordings = [{**one, "revisit": True} for one in list_feishu(context, READY_MEETING)]
    arguments: dict[str, Any] = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    land_media(context, tmp_path, kinds=["transcript-txt"], **arguments)
    before = files(tmp_path)
    emulated.state.fail("feishu.minute_transcript", code)
    if code == 2091004:
        (stored,) = land_media(context, tmp_path, kinds=["transcript-txt"], **arguments)
        assert (stored["outcome"], stored["uri"]) == ("refused", None)
    else:
        with pytest.raises(Exception, match=str(code)):
            land_media(context, tmp_path, kinds=["transcript-txt"], **arguments)
    assert files(tmp_path) == before

"""The kinds and formats of files that the landing operator requests."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed.feishu import (
    AUDIO_ONLY_MEETING,
    READY_MEETING,
    READY_MINUTE,
    RUNNING_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import AUDIO_ONLY_RECORD, TWO_FILES_RECORD
from tests.transfers.conftest import land_media, list_feishu, list_wecom


def test_wecom_video_audio_and_summaries(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    stored = land_media(
        context, tmp_path, recordings=recordings, kinds=("video", "audio", "summary"), timezone="Asia/Shanghai"
    )
    kinds = {(f["file_id"][-1], f["kind"]) for f in stored}
    assert {("1", "video"), ("1", "audio"), ("2", "video"), ("2", "audio")} <= kinds
    assert any(kind.startswith("summary-") for _, kind in kinds)
    files = {f.record_file_id: f for f in emulated.state.company.wecom_recordings[TWO_FILES_RECORD].files}
    for file in stored:
        path = Path(file["uri"].removeprefix("file://"))
        assert path.parent == tmp_path / "wecom" / "2026-11-12" / TWO_FILES_RECORD
        content = path.read_bytes()
        assert (file["outcome"], len(content)) == ("landed", file["size"])
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        if file["kind"] == "video":
            media = files[file["file_id"]].video
            assert content == media.read(0, media.size)
        receipt = json.loads(path.with_name(f"{file['file_id']}.{file['kind']}.receipt.json").read_text())
        assert (receipt["sha256"], receipt["size"], receipt["name"]) == (file["sha256"], file["size"], path.name)
        assert "title" not in receipt


def test_feishu_video_and_transcripts(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    stored = land_media(
        context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, kinds=["video", "transcript-srt"]
    )
    found = [(f["kind"], f["outcome"], (f["uri"] or "").rpartition(".")[2]) for f in stored]
    assert found == [
        ("video", "landed", "mp4"),
        ("transcript-srt", "landed", "srt"),
        ("video", "landed", "m4a"),
        ("transcript-srt", "absent", ""),
    ]


def test_empty_link_is_absent(emulated: Any, context: Any, tmp_path: Path) -> None:
    stored = land_media(
        context, tmp_path, recordings=list_wecom(emulated, context, AUDIO_ONLY_RECORD), kinds=["video", "audio"]
    )
    assert [(f["kind"], f["outcome"]) for f in stored] == [("video", "absent"), ("audio", "landed")]


def test_feishu_artifacts(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    kinds = ["summary", "chapters", "todos", "keywords", "ai_transcript"]
    names = ("summary-txt", "chapters-json", "todos-json", "keywords-json", "ai_transcript-txt")
    stored = land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, kinds=kinds)
    assert [(f["kind"], f["outcome"]) for f in stored] == [
        (kind, outcome) for outcome in ("landed", "absent") for kind in names
    ]
    landed = {f["kind"]: Path(f["uri"].removeprefix("file://")) for f in stored[:5]}
    assert [path.name.partition(".")[2] for path in landed.values()] == [
        "summary-txt.txt",
        "chapters-json.json",
        "todos-json.json",
        "keywords-json.json",
        "ai_transcript-txt.txt",
    ]
    assert [f["media_type"] for f in stored[:5]] == ["text/plain", *["application/json"] * 3, "text/plain"]
    artifacts = emulated.state.company.feishu_artifacts[READY_MINUTE]
    assert landed["summary-txt"].read_text() == artifacts.summary
    assert [todo["content"] for todo in json.loads(landed["todos-json"].read_text())] == [
        text for text, _ in artifacts.todos
    ]
    assert "跟进" in landed["todos-json"].read_text()  # not escaped
    assert json.loads(landed["keywords-json"].read_text()) == list(artifacts.keywords)
    assert landed["ai_transcript-txt"].read_text().startswith("2026-11-10 10:01:12 CST|45分钟 14秒\n\n关键词:\n")


def test_wecom_transcripts(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    stored = land_media(context, tmp_path, recordings=recordings, kinds=["transcript", "ai_transcript"])
    assert [(f["file_id"][-1], f["kind"], f["outcome"], f["media_type"]) for f in stored] == [
        ("1", "transcript-json", "landed", "application/json"),
        ("2", "transcript-json", "landed", "application/json"),
        ("1", "ai_transcript-txt", "landed", "text/plain"),
        ("2", "ai_transcript-txt", "landed", "text/plain"),
    ]
    files = {f.record_file_id: f for f in emulated.state.company.wecom_recordings[TWO_FILES_RECORD].files}
    for file in stored:
        content = Path(file["uri"].removeprefix("file://")).read_bytes()
        if file["kind"] == "ai_transcript-txt":
            assert content == files[file["file_id"]].ai_transcript.read()
        else:
            transcript = json.loads(content)
            assert len(transcript["paragraphs"]) == len(files[file["file_id"]].transcript.paragraphs)


@pytest.mark.parametrize(
    ("head", "ext"), [(b"PK\x03\x04", "docx"), (b"%PDF-1.7", "pdf"), (b"\xd0\xcf\x11\xe0", "docs")]
)
def test_wecom_docs(emulated: Any, context: Any, tmp_path: Path, head: bytes, ext: str) -> None:
    company = emulated.state.company
    record = company.wecom_recordings[AUDIO_ONLY_RECORD]
    document = Media.of(head + b" of an unknown type", "docs")
    changed = replace(record, files=(replace(record.files[0], summaries=(document,), ai_transcript=document),))
    emulated.state.company = replace(company, wecom_recordings={**company.wecom_recordings, AUDIO_ONLY_RECORD: changed})
    recordings = list_wecom(emulated, context, AUDIO_ONLY_RECORD)
    stored = land_media(context, tmp_path, recordings=recordings, kinds=["summary", "ai_transcript-docs"])
    assert [(f["kind"], f["outcome"]) for f in stored] == [("summary-docs", "landed"), ("ai_transcript-docs", "landed")]
    for file in stored:
        assert file["uri"].endswith(f".{file['kind']}.{ext}")
        assert Path(file["uri"].removeprefix("file://")).read_bytes() == document.read()


def missing_kinds(capsys: pytest.CaptureFixture[str], platform: str) -> list[str]:
    """Return the logged kinds that the platform does not have, since the last call."""
    return re.findall(rf"\[warning *\] {platform} does not have ([^;\n]*);", capsys.readouterr().out)


def test_unavailable_kinds(emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    kinds = ["video", "audio", "transcript-json"]
    assert [f["kind"] for f in land_media(context, tmp_path, **arguments, kinds=kinds)] == ["video", "video"]
    assert missing_kinds(capsys, "feishu") == ["audio, transcript-json"]
    before = len(emulated.state.requests)
    assert land_media(context, tmp_path, **arguments, kinds=["ai_transcript-docs"]) == []
    assert missing_kinds(capsys, "feishu") == ["ai_transcript-docs"]
    assert len(emulated.state.requests) == before
    assert context["ti"].pushed["summary"]["outcomes"] == {}
    assert len(land_media(context, tmp_path, **arguments, kinds='["video"]')) == 2
    assert missing_kinds(capsys, "feishu") == []


def test_unavailable_kinds_of_wecom(
    emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    assert land_media(context, tmp_path, recordings=recordings, kinds=["chapters", "todos", "transcript-srt"]) == []
    assert missing_kinds(capsys, "wecom") == ["chapters, todos, transcript-srt"]


def test_missing_summary_is_absent(emulated: Any, context: Any, tmp_path: Path) -> None:
    company = emulated.state.company
    record = company.wecom_recordings[AUDIO_ONLY_RECORD]
    bare = replace(record, files=(replace(record.files[0], summaries=()),))
    emulated.state.company = replace(company, wecom_recordings={**company.wecom_recordings, AUDIO_ONLY_RECORD: bare})
    stored = land_media(
        context, tmp_path, recordings=list_wecom(emulated, context, AUDIO_ONLY_RECORD), kinds=["summary"]
    )
    assert [(f["kind"], f["outcome"]) for f in stored] == [("summary", "absent")]


def test_log_has_a_line_per_file_and_one_for_all(
    emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    recordings = list_feishu(context, RUNNING_MEETING, READY_MEETING, AUDIO_ONLY_MEETING)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings, "kinds": ["video", "transcript-txt"]}

    def land() -> tuple[list[dict[str, Any]], str]:
        capsys.readouterr()
        caplog.clear()
        stored = land_media(context, tmp_path, **arguments)
        # The engine logs by the standard library, the operator by Airflow.
        logged = "\n".join([*caplog.messages, capsys.readouterr().out])
        assert not any(one["title"] in logged for one in recordings if one["title"])
        for file in stored:
            name = file["uri"] or f"{file['file_id']!r} ({file['kind']})"
            assert logged.count(name) == 1
        assert f"Skipping meeting {RUNNING_MEETING}: state is recording" in logged
        return stored, logged

    stored, logged = land()
    assert sorted(file["outcome"] for file in stored) == ["absent", "landed", "landed", "landed"]
    assert f"Landed {stored[0]['uri']}: {stored[0]['size']} bytes, fetched " in logged
    written = sum(file["size"] or 0 for file in stored)
    assert re.search(f"4 files of 2 recordings: .*3 landed.*; {written} bytes written; 1 recordings not ready", logged)
    _, logged = land()
    assert f"Skipping {stored[0]['uri']}: already landed" in logged
    assert re.search("4 files of 2 recordings: .*3 skipped.*; 0 bytes written; 1 recordings not ready", logged)


def test_ready_recordings_without_files_are_in_summary(
    emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = list_feishu(context, RUNNING_MEETING, READY_MEETING)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    assert land_media(context, tmp_path, **arguments, kinds=["audio"]) == []
    assert context["ti"].pushed["summary"]["without_files"] == [READY_MINUTE]
    assert f"No file of the requested kinds in: {READY_MINUTE}" in capsys.readouterr().out
    land_media(context, tmp_path, **arguments)
    assert context["ti"].pushed["summary"]["without_files"] == []
    assert "No file of the requested kinds" not in capsys.readouterr().out

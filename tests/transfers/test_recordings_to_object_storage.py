"""Landing media with the operator."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.sdk.observability.stats import Stats

from airflow_provider_meetings.api.landing.transfer import Stopped
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed.feishu import (
    AUDIO_ONLY_MEETING,
    READY_MEETING,
    READY_MINUTE,
    RUNNING_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import AUDIO_ONLY_RECORD, TWO_FILES_RECORD
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from tests.contract.voiding import at_requests


def listed(emulated: Any, context: Any, record: str) -> list[dict[str, Any]]:
    meeting = emulated.state.company.wecom_recordings[record].meetingid
    return ListRecordingsOperator(
        task_id="list",
        meetings_conn_id="wecom_default",
        meeting_ids=[meeting],
        start="2026-10-20T00:00:00+08:00",
        end="2026-11-14T00:00:00+08:00",
    ).execute(context)


def feishu_meetings(context: Any, *meeting_ids: str) -> list[dict[str, Any]]:
    return ListRecordingsOperator(
        task_id="list", meetings_conn_id="feishu_default", meeting_ids=list(meeting_ids)
    ).execute(context)


def land(context: Any, target: Path, **arguments: Any) -> list[dict[str, Any]]:
    return RecordingsToObjectStorageOperator(
        **{"task_id": "land", "meetings_conn_id": "wecom_default", "target": f"file://{target}", **arguments}
    ).execute(context)


def test_wecom_video_audio_and_summaries(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = listed(emulated, context, TWO_FILES_RECORD)
    stored = land(
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


def test_second_run_fetches_nothing(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = listed(emulated, context, TWO_FILES_RECORD)
    first = land(context, tmp_path, recordings=recordings)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*") if p.is_file()}
    requests = len(emulated.state.requests)
    second = land(context, tmp_path, recordings=[recordings])
    assert [f["outcome"] for f in second] == ["skipped", "skipped"]
    assert [{**f, "outcome": ""} for f in second] == [{**f, "outcome": ""} for f in first]
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*") if p.is_file()} == before
    assert len(emulated.state.requests) == requests


def test_feishu_video_and_transcripts(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING, AUDIO_ONLY_MEETING)
    stored = land(
        context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, kinds=["video", "transcript-srt"]
    )
    found = [(f["kind"], f["outcome"], (f["uri"] or "").rpartition(".")[2]) for f in stored]
    assert found == [
        ("video", "landed", "mp4"),
        ("transcript-srt", "landed", "srt"),
        ("video", "landed", "m4a"),
        ("transcript-srt", "absent", ""),
    ]


@pytest.mark.parametrize("link", ["valid", "expired"])
def test_token_revoked_during_download(
    emulated: Any, context: Any, tmp_path: Path, link: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The body is cut, and the tokens are revoked by then; an expired link is resolved again."""
    company = emulated.state.company
    media = Media(7 * 2**20 + 123, "mp4", "long")
    recording = company.wecom_recordings[TWO_FILES_RECORD]
    file = replace(recording.files[0], video=media)
    changed = {TWO_FILES_RECORD: replace(recording, files=(file,))}
    emulated.state.company = replace(company, wecom_recordings={**company.wecom_recordings, **changed})
    recordings = listed(emulated, context, TWO_FILES_RECORD)
    capsys.readouterr()
    emulated.state.fault("cut", file.record_file_id, n=3 * 2**20, first=1, last=1)
    if link == "expired":
        emulated.state.fault("expired", file.record_file_id, first=2, last=2)
    at_requests(emulated.state, "/wecom-media/", 1)
    (stored,) = land(context, tmp_path, recordings=recordings)
    content = Path(stored["uri"].removeprefix("file://")).read_bytes()
    assert content == media.read(0, media.size)
    assert hashlib.sha256(content).hexdigest() == stored["sha256"]
    resolved = sum(r.path.endswith("/get_file_list") for r in emulated.state.requests)
    renewed = emulated.state.token_requests["wecom"] - 1
    # First; after the cut, with the revoked token and with a new one; and once more for the expired link.
    assert (resolved, renewed) == (4 if link == "expired" else 3, 1)
    assert "1 rejected tokens refreshed" in capsys.readouterr().out


def test_longest_retry_after_of_several_failures(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING, AUDIO_ONLY_MEETING)
    # The first file fails after five HTML pages, without a retry_after.
    emulated.state.fault("html", READY_MINUTE)
    emulated.state.fail("feishu.minute_media", 99991400, skip=5, times=None, reset=3000)
    task = RecordingsToObjectStorageOperator(
        task_id="land",
        meetings_conn_id="feishu_default",
        recordings=recordings,
        target=f"file://{tmp_path}",
        max_workers=1,
    )
    with pytest.raises(AirflowException, match="2 files failed") as caught:
        task.execute(context)
    assert task.retry_policy is not None
    delay = task.retry_policy.evaluate(caught.value, 1, 3).retry_delay
    assert delay is not None
    assert delay.total_seconds() >= 3000


def test_empty_link_is_absent(emulated: Any, context: Any, tmp_path: Path) -> None:
    stored = land(context, tmp_path, recordings=listed(emulated, context, AUDIO_ONLY_RECORD), kinds=["video", "audio"])
    assert [(f["kind"], f["outcome"]) for f in stored] == [("video", "absent"), ("audio", "landed")]


def test_not_ready_recordings_are_in_summary(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, RUNNING_MEETING, READY_MEETING)
    stored = land(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings)
    assert [f["outcome"] for f in stored] == ["landed"]
    not_ready = [{"recording_id": None, "meeting_id": RUNNING_MEETING, "state": "recording"}]
    assert context["ti"].pushed["summary"]["not_ready"] == not_ready


def test_no_token_at_media_host_and_no_link_in_outputs(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING)
    stored = land(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings)
    (media,) = [r for r in emulated.state.requests if "code" in r.query]
    assert "authorization" not in media.headers
    assert "cookie" not in media.headers
    code = media.query["code"]
    texts = [json.dumps([recordings, stored, context["ti"].pushed])]
    texts += [p.read_text() for p in tmp_path.rglob("*.receipt.json")]
    assert not any(code in text or "authcode" in text for text in texts)


def test_feishu_summary_chapters_and_todos(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING, AUDIO_ONLY_MEETING)
    kinds = ["summary", "chapters", "todos"]
    stored = land(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, kinds=kinds)
    assert [(f["kind"], f["outcome"]) for f in stored] == [
        (kind, outcome) for outcome in ("landed", "absent") for kind in ("summary-txt", "chapters-json", "todos-json")
    ]
    landed = {f["kind"]: Path(f["uri"].removeprefix("file://")) for f in stored[:3]}
    assert [path.name.partition(".")[2] for path in landed.values()] == [
        "summary-txt.txt",
        "chapters-json.json",
        "todos-json.json",
    ]
    assert [f["media_type"] for f in stored[:3]] == ["text/plain", "application/json", "application/json"]
    artifacts = emulated.state.company.feishu_artifacts[READY_MINUTE]
    assert landed["summary-txt"].read_text() == artifacts.summary
    assert [todo["content"] for todo in json.loads(landed["todos-json"].read_text())] == [
        text for text, _ in artifacts.todos
    ]
    assert "跟进" in landed["todos-json"].read_text()  # not escaped


def test_wecom_transcripts(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = listed(emulated, context, TWO_FILES_RECORD)
    stored = land(context, tmp_path, recordings=recordings, kinds=["transcript", "ai_transcript"])
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


def missing_kinds(capsys: pytest.CaptureFixture[str], platform: str) -> list[str]:
    """Return the logged kinds that the platform does not have, since the last call."""
    return re.findall(rf"\[warning *\] {platform} does not have ([^;\n]*);", capsys.readouterr().out)


def test_unavailable_kinds(emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recordings = feishu_meetings(context, READY_MEETING, AUDIO_ONLY_MEETING)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    kinds = ["video", "audio", "transcript-json"]
    assert [f["kind"] for f in land(context, tmp_path, **arguments, kinds=kinds)] == ["video", "video"]
    assert missing_kinds(capsys, "feishu") == ["audio, transcript-json"]
    before = len(emulated.state.requests)
    assert land(context, tmp_path, **arguments, kinds=["ai_transcript"]) == []
    assert missing_kinds(capsys, "feishu") == ["ai_transcript"]
    assert len(emulated.state.requests) == before
    assert context["ti"].pushed["summary"]["outcomes"] == {}
    with pytest.raises(AirflowFailException, match="kinds: 'vidoe' is not one of"):
        land(context, tmp_path, **arguments, kinds=["vidoe"])
    with pytest.raises(AirflowFailException, match="feishu has no 'transcript-docx'; it has video, transcript-txt"):
        land(context, tmp_path, **arguments, kinds=["video", "transcript-docx"])
    assert len(land(context, tmp_path, **arguments, kinds='["video"]')) == 2
    assert missing_kinds(capsys, "feishu") == []


def test_unavailable_kinds_of_wecom(
    emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = listed(emulated, context, TWO_FILES_RECORD)
    assert land(context, tmp_path, recordings=recordings, kinds=["chapters", "todos", "transcript-srt"]) == []
    assert missing_kinds(capsys, "wecom") == ["chapters, todos, transcript-srt"]


def test_missing_summary_is_absent(emulated: Any, context: Any, tmp_path: Path) -> None:
    company = emulated.state.company
    record = company.wecom_recordings[AUDIO_ONLY_RECORD]
    bare = replace(record, files=(replace(record.files[0], summaries=()),))
    emulated.state.company = replace(company, wecom_recordings={**company.wecom_recordings, AUDIO_ONLY_RECORD: bare})
    stored = land(context, tmp_path, recordings=listed(emulated, context, AUDIO_ONLY_RECORD), kinds=["summary"])
    assert [(f["kind"], f["outcome"]) for f in stored] == [("summary", "absent")]


def test_other_files_land_after_failure(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING, AUDIO_ONLY_MEETING)
    company = emulated.state.company
    gone = replace(company.feishu_minutes[READY_MINUTE], status="deleted")
    emulated.state.company = replace(company, feishu_minutes={**company.feishu_minutes, READY_MINUTE: gone})
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    with pytest.raises(AirflowFailException, match=r"1 files failed, 1 landed or present: .*2091004") as caught:
        land(context, tmp_path, **arguments)
    assert "A retry" not in str(caught.value)
    assert context["ti"].pushed["summary"]["without_files"] == []
    assert len(list(tmp_path.rglob("*.m4a"))) == 1
    assert context["ti"].pushed["summary"]["outcomes"] == {"landed": 1, "failed": 1}
    emulated.state.company = company
    assert [f["outcome"] for f in land(context, tmp_path, **arguments)] == ["landed", "skipped"]


def test_connection_of_other_platform(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING)
    with pytest.raises(
        AirflowFailException, match="is from feishu, but the connection 'wecom_default' is of type wecom"
    ):
        land(context, tmp_path / "lake", recordings=recordings)
    assert not (tmp_path / "lake").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an unprivileged user")
def test_target_without_write_permission(emulated: Any, context: Any, tmp_path: Path) -> None:
    """Land in a child process without root permissions."""
    recordings = listed(emulated, context, TWO_FILES_RECORD)
    target = tmp_path / "lake"
    target.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    requests = len(emulated.state.requests)
    report = tmp_path / "report"
    report.touch()
    report.chmod(0o666)
    if (child := os.fork()) == 0:
        os.setuid(65534)
        try:
            land(context, target, recordings=recordings)
        except BaseException as error:
            report.write_text(f"{type(error).__name__}: {error}")
        os._exit(0)
    os.waitpid(child, 0)
    text = report.read_text()
    assert text.startswith("PermissionError")
    assert f"target file://{target} is not writable for user id 65534" in text
    assert "choose another target" in text
    assert list(target.iterdir()) == []
    assert len(emulated.state.requests) == requests


def test_duplicate_recordings_land_once(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING)
    stored = land(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings * 3, max_workers=3)
    assert [f["outcome"] for f in stored] == ["landed"]


def test_file_larger_than_max_bytes(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = feishu_meetings(context, READY_MEETING)
    with pytest.raises(AirflowFailException, match=r"no file may be larger than 1000\..*give a larger max_bytes"):
        land(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, max_bytes=1000)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    assert context["ti"].pushed["summary"]["failed"] == [
        {"recording_id": READY_MINUTE, "file_id": READY_MINUTE, "kind": "video", "error": "FileTooLarge"}
    ]


def test_metrics(emulated: Any, context: Any, tmp_path: Path) -> None:
    """Replace the backend of Airflow's metrics."""
    metrics: list[tuple[str, Any, Any]] = []

    class Backend(NoStatsLogger):
        @classmethod
        def incr(cls, stat: str, count: int = 1, rate: float = 1, *, tags: Any = None) -> None:
            metrics.append((stat, count, tags))

        @classmethod
        def timing(cls, stat: str, dt: Any, *, tags: Any = None) -> None:
            metrics.append((stat, type(dt).__name__, tags))

    recordings = feishu_meetings(context, READY_MEETING)
    Stats.initialize(factory=Backend, export_legacy_names=False)
    try:
        (stored,) = land(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings)
    finally:
        Stats.initialize(factory=NoStatsLogger, export_legacy_names=False)
    kind = {"platform": "feishu", "kind": "video"}
    assert [row for row in metrics if row[0].startswith("meetings.landing.")] == [
        ("meetings.landing.bytes", stored["size"], kind),
        ("meetings.landing.duration", "timedelta", kind),
        ("meetings.landing.files", 1, {"platform": "feishu", "outcome": "landed"}),
    ]


@pytest.mark.parametrize("kind", ["stall", "trickle"])
def test_on_kill_cancels_hanging_landing(emulated: Any, context: Any, tmp_path: Path, kind: Any) -> None:
    class Requests(list[Any]):
        media = threading.Event()

        def append(self, request: Any) -> None:
            super().append(request)
            if "code" in request.query:
                self.media.set()

    recordings = feishu_meetings(context, READY_MEETING)
    emulated.state.requests = requests = Requests(emulated.state.requests)
    emulated.state.fault(kind, READY_MINUTE, n=1)
    operator = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", target=f"file://{tmp_path}", recordings=recordings
    )
    operator.on_kill()  # without a run it does nothing
    pickle.dumps(operator)
    with ThreadPoolExecutor(1) as threads:
        landing = threads.submit(operator.execute, context)
        assert requests.media.wait(20)
        operator.on_kill()
        with pytest.raises(Stopped):
            landing.result(20)
    assert sum("code" in request.query for request in requests) == 1
    emulated.state.clear_faults()
    assert [f["outcome"] for f in operator.execute(context)] == ["landed"]


def test_ready_recordings_without_files_are_in_summary(
    emulated: Any, context: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recordings = feishu_meetings(context, RUNNING_MEETING, READY_MEETING)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    assert land(context, tmp_path, **arguments, kinds=["audio"]) == []
    assert context["ti"].pushed["summary"]["without_files"] == [READY_MINUTE]
    assert f"No file of the requested kinds in: {READY_MINUTE}" in capsys.readouterr().out
    land(context, tmp_path, **arguments)
    assert context["ti"].pushed["summary"]["without_files"] == []
    assert "No file of the requested kinds" not in capsys.readouterr().out

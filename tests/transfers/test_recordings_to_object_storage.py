"""Landing media with the operator."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.landing.transfer import Stopped
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed.feishu import (
    AUDIO_ONLY_MEETING,
    READY_MEETING,
    READY_MINUTE,
    RUNNING_MEETING,
)
from airflow_provider_meetings.emulator.seed.wecom import TWO_FILES_RECORD
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import BatchWriter
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.transfers import recordings_to_object_storage
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from tests.contract.media.origin import raw_body, serve_origin
from tests.contract.revocation import revoke_at_requests
from tests.transfers.conftest import land_media, list_feishu, list_wecom


def test_second_run_fetches_nothing(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    first = land_media(context, tmp_path, recordings=recordings)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*") if p.is_file()}
    requests = len(emulated.state.requests)
    second = land_media(context, tmp_path, recordings=[recordings])
    assert [f["outcome"] for f in second] == ["skipped", "skipped"]
    assert [{**f, "outcome": ""} for f in second] == [{**f, "outcome": ""} for f in first]
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.rglob("*") if p.is_file()} == before
    assert len(emulated.state.requests) == requests


def test_one_answer_serves_all_files_of_a_recording(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)

    def land(if_present: str = "verify") -> tuple[Counter[str], Counter[str]]:
        emulated.state.requests.clear()
        kinds = ["video", "audio", "summary", "ai_transcript"]
        stored = land_media(context, tmp_path, recordings=recordings, kinds=kinds, if_present=if_present, max_workers=4)
        calls = Counter(request.path.rpartition("/")[2] for request in emulated.state.requests)
        return Counter(f["outcome"] for f in stored), Counter({n: calls[n] for n in ("get_file_list", "get_file")})

    assert land() == ({"landed": 12}, {"get_file_list": 1, "get_file": 2})
    assert land() == ({"skipped": 12}, {"get_file_list": 0, "get_file": 0})
    # A landing that was stopped before the last format: the others do not hide it.
    receipt = next(tmp_path.rglob("*summary-pdf.receipt.json"))
    receipt.unlink()
    assert land() == ({"skipped": 11, "replaced": 1}, {"get_file_list": 1, "get_file": 0})
    # Nor does a receipt of the time when the platform had no other format.
    older = next(tmp_path.rglob("*summary-docx.receipt.json"))
    older.write_text(json.dumps({**json.loads(older.read_text()), "formats": ["summary-docx"]}))
    assert land() == ({"skipped": 12}, {"get_file_list": 0, "get_file": 0})
    assert land("replace") == ({"replaced": 12}, {"get_file_list": 1, "get_file": 2})


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
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    capsys.readouterr()
    emulated.state.fault("cut", file.record_file_id, n=3 * 2**20, first=1, last=1)
    if link == "expired":
        emulated.state.fault("expired", file.record_file_id, first=2, last=2)
    revoke_at_requests(emulated.state, "/wecom-media/", 1)
    (stored,) = land_media(context, tmp_path, recordings=recordings)
    content = Path(stored["uri"].removeprefix("file://")).read_bytes()
    assert content == media.read(0, media.size)
    assert hashlib.sha256(content).hexdigest() == stored["sha256"]
    resolved = sum(r.path.endswith("/get_file_list") for r in emulated.state.requests)
    renewed = emulated.state.token_requests["wecom"] - 1
    # First; after the cut, with the revoked token and with a new one; and once more for the expired link.
    assert (resolved, renewed) == (4 if link == "expired" else 3, 1)
    assert "1 rejected tokens refreshed" in capsys.readouterr().out


def test_longest_retry_after_of_several_failures(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
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


@pytest.mark.parametrize("status", [429, 503])
def test_wait_of_media_host_reaches_scheduler(
    emulated: Any, context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    recordings = list_feishu(context, READY_MEETING)
    task = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", recordings=recordings, target=f"file://{tmp_path}"
    )
    with serve_origin() as origin:
        url = origin.on("/media", raw_body(b"busy", status=status, headers={"Retry-After": "1200"}))
        monkeypatch.setattr(FeishuClient, "open", lambda self, media: Download(url))
        with pytest.raises(AirflowException, match=f"status {status}") as caught:
            task.execute(context)
        assert origin.count("/media") == 1
    assert not isinstance(caught.value, AirflowFailException)
    assert task.retry_policy is not None
    delay = task.retry_policy.evaluate(caught.value, 1, 3).retry_delay
    assert delay is not None
    assert 1200 <= delay.total_seconds() <= 1320


def test_not_ready_recordings_are_in_summary(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, RUNNING_MEETING, READY_MEETING)
    stored = land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings)
    assert [f["outcome"] for f in stored] == ["landed"]
    not_ready = [{"recording_id": None, "meeting_id": RUNNING_MEETING, "state": "recording"}]
    assert context["ti"].pushed["summary"]["not_ready"] == not_ready


def test_summary_lists_the_first_and_counts_all(
    emulated: Any, context: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings_to_object_storage, "LISTED", 1)
    recordings = list_feishu(context, RUNNING_MEETING, READY_MEETING)
    land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=[*recordings, *recordings])
    summary = context["ti"].pushed["summary"]
    assert (len(summary["not_ready"]), summary["counts"]) == (
        1,
        {"not_ready": 2, "without_files": 0, "refused": 0, "failed": 0},
    )


def test_recordings_and_stored_files_by_reference(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    writer = BatchWriter(f"file://{tmp_path}/batches", context, "recordings")
    for recording in recordings:
        writer.add(recording)
    (uri,) = land_media(
        context,
        tmp_path / "lake",
        meetings_conn_id="feishu_default",
        recordings=writer.finish(),
        batches_to=f"file://{tmp_path}/batches",
    )
    assert "/stored_files-00001.batch.ndjson#sha256=" in uri
    expected = land_media(context, tmp_path / "lake", meetings_conn_id="feishu_default", recordings=recordings)
    found = list(arguments.items(uri, "stored_files", context))
    assert [f["uri"] for f in found] == [f["uri"] for f in expected]
    assert {f["outcome"] for f in found} == {"landed"}


def test_no_token_at_media_host_and_no_link_in_outputs(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING)
    stored = land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings)
    (media,) = [r for r in emulated.state.requests if "code" in r.query]
    assert media.withheld == ()
    code = media.query["code"]
    texts = [json.dumps([recordings, stored, context["ti"].pushed])]
    texts += [p.read_text() for p in tmp_path.rglob("*.receipt.json")]
    assert not any(code in text or "authcode" in text for text in texts)


def _delete(emulated: Any, minute: str) -> None:
    company = emulated.state.company
    gone = replace(company.feishu_minutes[minute], status="deleted")
    emulated.state.company = replace(company, feishu_minutes={**company.feishu_minutes, minute: gone})


def test_refused_file_is_an_outcome(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    company = emulated.state.company
    _delete(emulated, READY_MINUTE)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings}
    refused, landed = land_media(context, tmp_path, **arguments)
    assert landed["outcome"] == "landed"
    assert refused == {
        **dict.fromkeys(("uri", "size", "sha256", "media_type", "landed_at")),
        **{"platform": "feishu", "tenant": landed["tenant"], "recording_id": READY_MINUTE, "file_id": READY_MINUTE},
        **{"kind": "video", "outcome": "refused", "reason": "resource deleted (code 2091004)"},
    }
    summary = context["ti"].pushed["summary"]
    assert summary["outcomes"] == {"landed": 1, "refused": 1}
    assert summary["refused"] == [
        {name: refused[name] for name in ("recording_id", "file_id", "kind", "reason")},
    ]
    assert (summary["without_files"], summary["failed"]) == ([], [])
    emulated.state.company = company
    assert [f["outcome"] for f in land_media(context, tmp_path, **arguments)] == ["landed", "skipped"]


def test_on_refused_fail(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    _delete(emulated, READY_MINUTE)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings, "on_refused": "fail"}
    with pytest.raises(AirflowFailException, match=r"1 files failed, 1 landed or present: .*2091004") as caught:
        land_media(context, tmp_path, **arguments)
    assert "A retry" not in str(caught.value)
    assert context["ti"].pushed["summary"]["without_files"] == []
    assert len(list(tmp_path.rglob("*.m4a"))) == 1
    assert context["ti"].pushed["summary"]["outcomes"] == {"landed": 1, "failed": 1}


class TaskStateStore(dict[str, Any]):
    """Airflow's store of one task instance."""

    set = dict.__setitem__


def test_fail_keeps_what_an_earlier_try_landed(emulated: Any, context: Any, tmp_path: Path) -> None:
    store = context["task_state_store"] = TaskStateStore()
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    company = emulated.state.company
    _delete(emulated, READY_MINUTE)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings, "if_present": "fail"}
    with pytest.raises(AirflowFailException, match=r"1 files failed, 1 landed or present"):
        land_media(context, tmp_path, **arguments, on_refused="fail")
    emulated.state.company = company
    assert [f["outcome"] for f in land_media(context, tmp_path, **arguments)] == ["landed", "skipped"]
    assert store == {}
    with pytest.raises(AirflowFailException, match=r"2 files failed, 0 landed or present"):
        land_media(context, tmp_path, **arguments)


def test_failing_task_state_store_fails_no_landing(
    emulated: Any, context: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(TaskStateStore):
        def set(self, *_: Any) -> None:
            raise RuntimeError("no supervisor")

    context["task_state_store"] = Failing()
    recordings = list_feishu(context, READY_MEETING)
    arguments = {"meetings_conn_id": "feishu_default", "recordings": recordings, "if_present": "replace"}
    assert [f["outcome"] for f in land_media(context, tmp_path, **arguments)] == ["landed"]
    assert "task state store failed (RuntimeError)" in caplog.text


@pytest.mark.parametrize("code", [99991672, 2091003])
def test_missing_scope_and_not_ready_are_no_refusal(emulated: Any, context: Any, tmp_path: Path, code: int) -> None:
    recordings = list_feishu(context, READY_MEETING)
    emulated.state.fail("feishu.minute_media", code, times=None)
    with pytest.raises(AirflowException, match=str(code)) as caught:
        land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings)
    assert isinstance(caught.value, AirflowFailException) == (code == 99991672)
    assert context["ti"].pushed["summary"]["outcomes"] == {"failed": 1}


@pytest.mark.parametrize("by_reference", [False, True])
def test_partial_result_is_pushed_before_failure(
    emulated: Any, context: Any, tmp_path: Path, by_reference: bool
) -> None:
    recordings = list_feishu(context, READY_MEETING, AUDIO_ONLY_MEETING)
    emulated.state.fault("html", READY_MINUTE)
    to: dict[str, Any] = {"batches_to": f"file://{tmp_path}/batches"} if by_reference else {}
    with pytest.raises(AirflowException, match="1 files failed, 1 landed"):
        land_media(context, tmp_path / "lake", meetings_conn_id="feishu_default", recordings=recordings, **to)
    failed, landed = arguments.items(context["ti"].pushed["return_value"], "stored_files", context)
    assert landed["outcome"] == "landed"
    assert (failed["file_id"], failed["outcome"], failed["uri"]) == (READY_MINUTE, "failed", None)
    assert "a page or a message was served instead of the file" in failed["reason"]
    assert "authcode" not in json.dumps([failed, landed])


def test_no_result_is_pushed_without_do_xcom_push(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING)
    emulated.state.fail("feishu.minute_media", 99991672, times=None)
    with pytest.raises(AirflowFailException):
        land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, do_xcom_push=False)
    assert "return_value" not in context["ti"].pushed


def test_formats_that_are_refused(emulated: Any, context: Any, tmp_path: Path) -> None:
    """WeCom is asked for the formats of an AI transcript, file by file."""
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
    emulated.state.fail("wecom.get_file", 730008)
    kinds = ["ai_transcript", "video", "summary-docx"]
    stored = land_media(context, tmp_path, recordings=recordings, kinds=kinds)
    assert [(f["file_id"][-1], f["kind"], f["outcome"]) for f in stored] == [
        ("1", "video", "landed"),
        ("2", "video", "landed"),
        ("1", "summary-docx", "landed"),
        ("2", "summary-docx", "landed"),
        ("1", "ai_transcript", "refused"),
        ("2", "ai_transcript-txt", "landed"),
    ]
    assert stored[4]["reason"].startswith("meeting deleted")


def test_connection_of_other_platform(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING)
    with pytest.raises(
        AirflowFailException, match="is from feishu, but the connection 'wecom_default' is of type wecom"
    ):
        land_media(context, tmp_path / "lake", recordings=recordings)
    assert not (tmp_path / "lake").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an unprivileged user")
def test_target_without_write_permission(emulated: Any, context: Any, tmp_path: Path) -> None:
    """Land in a child process without root permissions."""
    recordings = list_wecom(emulated, context, TWO_FILES_RECORD)
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
            land_media(context, target, recordings=recordings)
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
    recordings = list_feishu(context, READY_MEETING)
    stored = land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings * 3, max_workers=3)
    assert [f["outcome"] for f in stored] == ["landed"]


def test_file_larger_than_max_bytes(emulated: Any, context: Any, tmp_path: Path) -> None:
    recordings = list_feishu(context, READY_MEETING)
    with pytest.raises(AirflowFailException, match=r"the limit is 1000\..*max_bytes"):
        land_media(context, tmp_path, meetings_conn_id="feishu_default", recordings=recordings, max_bytes=1000)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    assert context["ti"].pushed["summary"]["failed"] == [
        {"recording_id": READY_MINUTE, "file_id": READY_MINUTE, "kind": "video", "error": "FileTooLarge"}
    ]


@pytest.mark.parametrize("kind", ["stall", "trickle"])
def test_on_kill_cancels_hanging_landing(emulated: Any, context: Any, tmp_path: Path, kind: Any) -> None:
    class Requests(list[Any]):
        media = threading.Event()

        def append(self, request: Any) -> None:
            super().append(request)
            if "code" in request.query:
                self.media.set()

    recordings = list_feishu(context, READY_MEETING)
    emulated.state.requests = requests = Requests(emulated.state.requests)
    emulated.state.fault(kind, READY_MINUTE, n=1)
    operator = RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", target=f"file://{tmp_path}", recordings=recordings
    )
    operator.on_kill()  # without a run it does nothing
    pickle.dumps(operator)
    with ThreadPoolExecutor(1) as threads:
        landing = threads.submit(operator.execute, context)
        assert requests.media.wait(60)
        operator.on_kill()
        with pytest.raises(Stopped):
            landing.result(60)
    assert sum("code" in request.query for request in requests) == 1
    emulated.state.clear_faults()
    assert [f["outcome"] for f in operator.execute(context)] == ["landed"]

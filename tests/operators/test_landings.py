"""The operators that verify and sweep."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.operators.landings import LISTED, SweepOperator, VerifyOperator
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator


@pytest.fixture
def lake(emulated: Any, context: Any, tmp_path: Path) -> Path:
    """Land a recording of the emulator with the operator."""
    found = [FeishuHook().client.check(RecordingQuery(recording_ids=(READY_MINUTE,)))[0].to_dict()]
    RecordingsToObjectStorageOperator(
        task_id="land", meetings_conn_id="feishu_default", recordings=found, target=f"file://{tmp_path}/lake"
    ).execute(context)
    context["ti"].pushed.clear()
    return tmp_path / "lake"


def verify(lake: Path, **arguments: Any) -> VerifyOperator:
    return VerifyOperator(task_id="verify", target=f"file://{lake}", **arguments)


def sweep(lake: Path, **arguments: Any) -> SweepOperator:
    return SweepOperator(task_id="sweep", target=f"file://{lake}", **arguments)


def landed(lake: Path) -> Path:
    (media,) = lake.rglob("*.mp4")
    return media


@pytest.mark.parametrize("full", [False, True])
def test_landed_file_verifies(lake: Path, context: Any, full: bool) -> None:
    result = verify(lake, full=full).execute(context)
    assert (result["proven"], result["objects"], result["findings"]) == (1, 1, [])
    assert result["bytes_read"] == (landed(lake).stat().st_size if full else 0)
    assert context["ti"].pushed == {"summary": result}


def test_findings_fail_task_without_retry(lake: Path, context: Any) -> None:
    media = landed(lake)
    media.unlink()
    (lake / "README.txt").write_bytes(b"")
    with pytest.raises(AirflowFailException, match=r"1 missing, 1 orphaned\. .*README.txt is orphaned") as caught:
        verify(lake).execute(context)
    assert f"file://{media} is missing" in str(caught.value)
    assert "Land missing, changed" in str(caught.value)
    summary = context["ti"].pushed["summary"]
    assert (summary["missing"], summary["orphaned"]) == (1, 1)
    assert {finding["uri"] for finding in summary["findings"]} == {f"file://{media}", f"file://{lake}/README.txt"}


def test_fail_on(lake: Path, context: Any) -> None:
    (lake / "README.txt").write_bytes(b"")
    result = verify(lake, fail_on=["missing", "changed", "unreadable"]).execute(context)
    assert (result["orphaned"], len(result["findings"])) == (1, 1)
    with pytest.raises(AirflowFailException, match="1 orphaned"):
        verify(lake, fail_on=["orphaned"]).execute(context)


def test_xcom_lists_first_findings(lake: Path, context: Any) -> None:
    for i in range(3 * LISTED):
        (lake / f"{i:03}").write_bytes(b"")
    result = verify(lake, fail_on=[]).execute(context)
    assert (result["orphaned"], len(result["findings"])) == (3 * LISTED, LISTED)
    with pytest.raises(AirflowFailException, match=r"004 is orphaned; …\."):
        verify(lake).execute(context)


def test_empty_target_fails(tmp_path: Path, context: Any) -> None:
    with pytest.raises(AirflowFailException, match="Found nothing below"):
        verify(tmp_path / "nowhere").execute(context)
    assert context["ti"].pushed == {}


def leave_partial(lake: Path, days: int) -> set[Path]:
    """Leave the part and checkpoint of a killed try."""
    part = landed(lake).with_name("obcn.video.mp4.part")
    part.write_bytes(b"12345")
    checkpoint = part.with_name("obcn.video.part.json")
    checkpoint.write_bytes(Checkpoint(name="obcn.video.mp4", length=None, validator=None, writer_state={}).to_bytes())
    for path in (part, checkpoint):
        os.utime(path, (time := path.stat().st_mtime - days * 86400, time))
    return {part, checkpoint}


def test_sweep_reports_and_deletes(lake: Path, context: Any) -> None:
    partial = leave_partial(lake, days=8)
    landed_files = set(lake.rglob("*")) - partial
    result = sweep(lake).execute(context)
    assert (result["stale"], result["removed"], result["delete"]) == (2, 0, False)
    assert [found["kind"] for found in result["leftovers"]] == ["part file", "checkpoint"]
    assert set(lake.rglob("*")) == landed_files | partial
    result = sweep(lake, delete=True).execute(context)
    assert (result["stale"], result["removed"], result["delete"]) == (0, 2, True)
    assert set(lake.rglob("*")) == landed_files
    verify(lake).execute(context)


def test_older_than(lake: Path, context: Any) -> None:
    leave_partial(lake, days=2)
    assert sweep(lake).execute(context)["young"] == 1
    assert sweep(lake, older_than=timedelta(hours=47)).execute(context)["stale"] == 2


def test_failed_removal_fails_task_after_others(lake: Path, context: Any) -> None:
    part, _ = sorted(leave_partial(lake, days=8))
    part.unlink()
    part.symlink_to(landed(lake))  # not followed
    os.utime(landed(lake), (0, 0))
    with pytest.raises(AirflowException, match=r"1 leftovers .* removed: .*obcn.video.mp4 \(OSError") as caught:
        sweep(lake, delete=True).execute(context)
    assert not isinstance(caught.value, AirflowFailException)

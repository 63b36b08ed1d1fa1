"""``airflow meetings``: through Airflow's parser, and once each as a process."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.cli.cli_parser import get_parser

from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.ledger.items import Settled
from airflow_provider_meetings.api.ledger.ledger import FOLDER, Ledger
from airflow_provider_meetings.api.ledger.marks import MarkKind, Marks, subject_hash
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.cli.definition import age
from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.api.ledger.test_state import item, seen
from tests.conftest import Emulated

AIRFLOW = str(Path(sys.executable).parent / "airflow")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Create a target with two objects and their receipts."""
    lake = tmp_path / "lake"
    lake.mkdir()
    for file_id in ("a", "b"):
        media = lake / f"{file_id}.video.mp4"
        media.write_bytes(b"12345")
        receipt = Receipt(
            platform="acme",
            tenant="t1",
            recording_id="rec-1",
            meeting_id=None,
            file_id=file_id,
            kind="video",
            name=media.name,
            uri=f"file://{media}",
            size=5,
            sha256="ab" * 32,
            media_type="video/mp4",
            validator=f"mtime-ns:{media.stat().st_mtime_ns}",
            landed_at="2026-11-20T00:00:00+00:00",
            started_at=None,
            ended_at=None,
        )
        (lake / f"{file_id}.video.receipt.json").write_bytes(receipt.to_bytes())
    return lake


def airflow(tmp_path: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "home"), **env}
    return subprocess.run([AIRFLOW, *command], env=environment, text=True, capture_output=True, timeout=300)


def run(*command: str) -> int:
    """Run ``airflow meetings`` in this process, and return its exit code."""
    arguments = get_parser().parse_args(["meetings", *command])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")  # set by the command, restored afterwards
        with pytest.raises(SystemExit) as caught:
            arguments.func(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_verify_process_prints_table_and_counts(tmp_path: Path, lake: Path) -> None:
    (lake / "b.video.mp4").unlink()
    (lake / "[red] x").write_bytes(b"")  # must not be read as markup
    done = airflow(tmp_path, "meetings", "verify", f"file://{lake}")
    assert done.returncode == 1, done.stderr
    rows = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines() if "|" in line]
    assert rows == [
        ["finding", "key", "expected", "seen"],
        ["missing", "b.video.mp4", "5 bytes", "nothing"],
        ["orphaned", "[red] x", "a receipt", "none; 0 bytes"],
    ]
    assert "receipts 2, proven 1, objects 2, in_progress 0, bytes_read 0, missing 1" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_sweep_as_json(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = lake / "a.video.mp4.part"
    part.write_bytes(b"123")
    os.utime(part, (0, 0))
    assert run("sweep", f"file://{lake}", "--older-than", "36500d", "-o", "json") == 0
    (young,) = json.loads(capsys.readouterr().out)["leftovers"]
    assert young["outcome"] == "young"
    assert run("sweep", f"file://{lake}", "--delete", "-o", "json") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    result = json.loads(printed.out)
    assert (result["removed"], result["bytes"], result["target"]) == (1, 3, f"file://{lake}")
    assert not part.exists()
    assert len(list(lake.iterdir())) == 4


def test_failed_check_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", f"file://{tmp_path}/nowhere", "--full") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert re.match(f"airflow meetings: .*file://{tmp_path}/nowhere/", printed.err)


def test_forget_plans_and_applies(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", "a key of the tests, long enough")
    plan = f"file://{tmp_path}/plan.json"
    where = ("--platform", "acme", "--tenant", "t1", "--targets", f"file://{lake}", "-o", "json")
    assert run("forget", plan, "--recordings", "nowhere", *where) == 0
    assert "Nothing found" in capsys.readouterr().err
    assert run("forget", plan, "--recordings", "rec-1", *where) == 0
    (counts,) = json.loads(capsys.readouterr().out)["counts"]
    assert (counts["table"], counts["removed"]) == ("objects", 4)
    assert len(list(lake.iterdir())) == 4
    assert run("forget", plan, "--apply") == 0
    assert [path.name for path in lake.iterdir()] == ["_meetings_forgotten"]
    assert "rec-1" not in (tmp_path / "plan.json").read_text()


def test_pending_shows_what_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url, day = f"file://{tmp_path}", 86_400.0
    opened = {"seen": seen(started_at=5 * day, reason="state 2"), "opened": frozenset({"e1"}), "first_seen": 6 * day}
    closed = {**opened, "closed": frozenset({"e1"}), "settled": Settled(at=7 * day, entry="e", digest="d")}
    items = {"recording:1": item(**opened), "recording:2": item(**closed)}
    state = State(items=items, intervals={"window": ((0.0, 9 * day),)}, since={"window": 0.0})
    Ledger(LocalStore(tmp_path, url)).write(state)
    assert run("pending", url, "-o", "json") == 1
    shown = json.loads(capsys.readouterr().out)
    (pending,) = shown["pending"]
    names = ("item_key", "listed_by", "day", "state", "reason", "waits_since")
    assert [pending[name] for name in names] == [
        *("recording:1", "window", "1970-01-06", "ready", "state 2", "1970-01-07T00:00:00+00:00")
    ]
    day_counts = {"listed": 2, "landed": 1, "open": 1, "settled": 0, "lost": 0}
    assert shown["counts"] == [{"listed_by": "window", "day": "1970-01-06", **day_counts}]
    dates = {"listed_up_to": "1970-01-10T00:00:00+00:00", "settled_up_to": "1970-01-06T00:00:00+00:00"}
    assert shown["dates"] == [{"listed_by": "window", **dates}]
    assert run("pending", url, "--older-than", "36500d") == 0
    assert "recording:1" in capsys.readouterr().out
    lost = {**opened, "seen": seen(recording_id="3"), "closed": frozenset({"e1"})}
    Ledger(LocalStore(tmp_path, url)).write(State(items={"recording:3": item(**lost)}))
    assert run("pending", url, "--older-than", "36500d", "-o", "json") == 1
    assert [one["item_key"] for one in json.loads(capsys.readouterr().out)["lost"]] == ["recording:3"]
    (tmp_path / FOLDER / "x.json").write_text("{")
    assert run("pending", url) == 2


def test_unforget_removes_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "0123456789abcdef"
    urls = [f"file://{tmp_path}/{name}" for name in ("ledger", "lake")]
    for url in urls:
        marks = Marks(store_at(url), key.encode)
        for kind, one in ((MarkKind.RECORDING, "r1"), (MarkKind.RECORDING, "r2"), (MarkKind.OWNER, "o1")):
            marks.add(subject_hash(key.encode(), kind, "acme", "t", one), {})
    command = ("unforget", *urls, "--platform", "acme", "--tenant", "t", "--ids", "r1,o1", "-o")
    monkeypatch.delenv("AIRFLOW__MEETINGS__REDACT_KEY", raising=False)
    with pytest.raises(SystemExit, match="2"):
        run("unforget", *urls, "--platform", "acme", "--tenant", "t")
    assert "--ids" in capsys.readouterr().err
    assert run(*command, "json") == 2
    assert "Set the option redact_key" in capsys.readouterr().err
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", key)
    assert run(*command, "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "removed": 4,
        "marks": [{"id": "r1", "removed": 2}, {"id": "o1", "removed": 2}],
    }
    assert run(*command, "table") == 1
    for url in urls:
        marks = Marks(store_at(url), key.encode)
        of = (MarkKind.RECORDING, "acme", "t")
        assert (marks.has(*of, "r1"), marks.has(*of, "r2")) == (False, True)


WINDOW = ("--start", "2026-11-04T00:00:00+08:00", "--end", "2026-11-10T00:00:00+08:00")


def test_plan_samples_at_share_of_connection(emulated: Emulated, capsys: pytest.CaptureFixture[str]) -> None:
    emulated.connect("wecom", extra={"rate_share": 0.5})
    command = ("plan", "wecom_default", *WINDOW, "--owner-ids", "zhangwei,lina", "--kinds", "video,transcript")
    assert run(*command, "--batch-size", "2", "-o", "json") == 0
    plan = json.loads(capsys.readouterr().out)
    found = [
        recording
        for recording in emulated.state.company.wecom_recordings.values()
        if recording.creator in ("zhangwei", "lina") and 4 <= recording.meeting_start_time.day < 10
        if recording.meeting_start_time.month == 11
    ]
    assert (plan["recordings"], plan["batches"]) == (len(found), -(-len(found) // 2))
    assert plan["bytes"] == sum(file.video.size for recording in found for file in recording.files if file.video)
    assert [(row["endpoint"], row["windows"], row["requests"]) for row in plan["endpoints"]] == [
        ("record.list", {"6 d": 2}, 2),
        ("record.get_file_list", {}, len(found)),
        ("record.transcript.get_detail", {}, len(found)),
    ]
    seen = emulated.state.calls.total()
    assert run(*command, "--per-day", "150000", "-o", "json") == 0
    assert emulated.state.calls.total() == seen
    plan = json.loads(capsys.readouterr().out)
    # Of 150,000 calls an hour a half, less two percent.
    assert (plan["hours"], plan["bytes"]) == (round(6 / 0.49, 3), None)


def test_plan_as_table(emulated: Emulated, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "feishu_default", "--meeting-ids", READY_MEETING) == 0
    printed = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split("|")] for line in printed.out.splitlines() if "|" in line]
    assert [row[:4] for row in rows] == [
        ["endpoint", "for", "windows", "requests"],
        ["meetings.recording", "meeting_ids", "", "1"],
        ["minutes.get", "meeting_ids", "", "1"],
        ["minutes.media", "meeting_ids", "", "1"],
    ]
    # 2,714 s at the assumed rate.
    assert "recordings 1, batches 1, bytes 339250000, bytes_by durations at an assumed 1000 kbit/s" in printed.err
    assert "basis a sample of 1 ids: 1 recordings, 3 requests" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "--owner-ids", "a", *WINDOW), "nowhere"),
        (("feishu_default", "--owner-ids", "a", *WINDOW, "--per-day", "5"), "does not support owner_ids"),
        (("wecom_default", "--owner-ids", "a", "--start", WINDOW[3], "--end", WINDOW[1]), "Swap them"),
        (("wecom_default", "--owner-ids", "a"), "set start and end"),
        (("wecom_default", "--owner-ids", "a", *WINDOW, "--kinds", "film"), "film"),
        (("feishu_default", "--meeting-ids", READY_MEETING, "--per-day", "5"), "needs a window"),
    ],
)
def test_plan_of_invalid_query_exits_with_2(
    emulated: Emulated, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run("plan", *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert emulated.state.requests == []


PACKAGE = "airflow_provider_meetings"
LIGHT = {"", ".cli", ".cli.definition", ".get_provider_info", ".platforms", ".platforms.feishu", ".platforms.wecom"}


def test_other_airflow_commands_import_only_the_definition(tmp_path: Path) -> None:
    done = airflow(tmp_path, "--help", PYTHONVERBOSE="1")
    assert "Maintain landed meeting recordings" in done.stdout
    imported = set(re.findall(rf"^import '{PACKAGE}([^']*)'", done.stderr, re.MULTILINE))
    assert ".cli.definition" in imported
    assert imported <= LIGHT


@pytest.mark.parametrize(
    ("text", "found"),
    [("90m", timedelta(minutes=90)), ("24h", timedelta(days=1)), ("7d", timedelta(days=7)), ("0m", timedelta(0))],
)
def test_age(text: str, found: timedelta) -> None:
    assert age(text) == found


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "1 h", "1w", "1h\n", "٣d", "9999999d", "1hh"])
def test_invalid_age(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 90m, 24h or 7d"):
        age(text)


@pytest.mark.parametrize("output", ["table", "json", "yaml", "plain"])
def test_options(output: str) -> None:
    parser = get_parser()
    verify = parser.parse_args(["meetings", "verify", "file:///lake", "--full", "-o", output])
    assert (verify.target, verify.full, verify.output) == ("file:///lake", True, output)
    sweep = parser.parse_args(["meetings", "sweep", "file:///lake", "--output", output])
    assert (sweep.older_than, sweep.delete, sweep.output) == (timedelta(days=7), False, output)

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
from airflow_provider_meetings.cli.definition import age

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
            sha256=None,
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

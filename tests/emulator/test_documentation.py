"""The pages for DAG authors: what they show works, and nothing is left out."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.control.settings import SETTINGS
from airflow_provider_meetings.emulator.faults.media import FAULT_KINDS
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

pytest_plugins = ["pytester"]

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "\n".join((DOCS / name).read_text("utf-8") for name in ("emulator.rst", "testing.rst"))
CURLS = re.findall(r"\$ curl (.*)", PAGE)


def blocks() -> list[str]:
    """Return the Python code of the pages."""
    found = re.findall(r"^( *)\.\. code-block:: python\n\n((?:\1   .*\n|\n)+)", PAGE, re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


def test_every_knob_and_every_fault_is_named() -> None:
    assert [name for name in SETTINGS if name not in PAGE] == []
    assert [kind for kind in FAULT_KINDS if kind not in PAGE] == []


@pytest.mark.parametrize("line", CURLS)
def test_curl(emulator: Any, line: str) -> None:
    match = re.fullmatch(r"(?:-X (?P<method>\w+) )?\$E(?P<path>\S+)(?: -d '(?P<body>.*)')?", line)
    assert match
    method = match["method"] or ("POST" if match["body"] else "GET")
    response = requests.request(method, f"{emulator.url}/_emulator{match['path']}", data=match["body"])
    assert response.status_code == 200
    assert json.loads(response.text)


def test_curl_lines_were_found() -> None:
    assert len(CURLS) >= 15


@pytest.mark.parametrize("code", [code for code in blocks() if "def test_" not in code])
def test_python(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_CONN_FEISHU_DEFAULT", "AIRFLOW_CONN_WECOM_DEFAULT"):
        monkeypatch.setenv(name, "restored afterwards")
    exec(code, {"state": EmulatorState(), "EmulatorState": EmulatorState})


def test_the_complete_test_passes(pytester: pytest.Pytester) -> None:
    (plugin,) = [code for code in blocks() if code.startswith("pytest_plugins")]
    (code,) = [code for code in blocks() if "def test_" in code]
    pytester.makeconftest(plugin)
    pytester.makepyfile(code)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)

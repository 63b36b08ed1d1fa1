"""The examples of docs/guides/emulator.rst and docs/guides/testing.rst work, and the pages are complete."""

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

DOCS = Path(__file__).parents[2] / "docs" / "guides"
PAGE = "\n".join((DOCS / name).read_text("utf-8") for name in ("emulator.rst", "testing.rst"))
CURLS = re.findall(r"\$ curl (.*)", PAGE)


def blocks() -> list[str]:
    """Return the Python code of the pages."""
    found = re.findall(r"^( *)\.\. code-block:: python\n\n((?:\1   .*\n|\n)+)", PAGE, re.MULTILINE)
    return [textwrap.dedent(code) for _, code in found]


def test_every_setting_and_fault_is_documented() -> None:
    assert [name for name in SETTINGS if name not in PAGE] == []
    assert [kind for kind in FAULT_KINDS if kind not in PAGE] == []


@pytest.mark.parametrize("line", CURLS)
def test_curl_example(emulator: Any, line: str) -> None:
    match = re.fullmatch(r"(?:-X (?P<method>\w+) )?\$E(?P<path>\S+)(?: -d '(?P<body>.*)')?", line)
    assert match
    method = match["method"] or ("POST" if match["body"] else "GET")
    response = requests.request(method, f"{emulator.url}/_emulator{match['path']}", data=match["body"])
    assert response.status_code == 200
    assert json.loads(response.text)


def test_curl_examples_are_found() -> None:
    assert len(CURLS) >= 15


@pytest.mark.parametrize("code", [code for code in blocks() if "def test_" not in code])
def test_python_example(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The examples set these; monkeypatch restores them.
    for name in ("AIRFLOW_CONN_FEISHU_DEFAULT", "AIRFLOW_CONN_WECOM_DEFAULT"):
        monkeypatch.setenv(name, "")
    exec(code, {"state": EmulatorState(), "EmulatorState": EmulatorState})


def test_complete_test_example(emulated: Any) -> None:
    """Run the page's test here: a pytest of its own would import Airflow again, which takes seconds."""
    (code,) = [code for code in blocks() if "def test_" in code]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    (test,) = [value for name, value in namespace.items() if name.startswith("test_")]
    test(emulated)

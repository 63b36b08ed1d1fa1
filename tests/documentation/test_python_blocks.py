"""Each Python block of the documentation runs: it builds its tasks, or does what it says to an emulator."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from tests.documentation.blocks import Block, blocks

PAGES = sorted({block.page for block in blocks("python")})
TASKS = """
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator

listed = ListRecordingsOperator(task_id="listed", meetings_conn_id="wecom_default", meeting_ids=["1"])
landed = RecordingsToObjectStorageOperator(
    task_id="landed", meetings_conn_id="wecom_default", recordings=listed.output, target="file:///data/lake"
)
"""
"""The tasks of the guide to the operators, which blocks of other pages continue."""


def run(block: Block, names: dict[str, Any]) -> None:
    """Run a block in a DAG of its own."""
    used = {node.id for node in ast.walk(ast.parse(block.code)) if isinstance(node, ast.Name)}
    with DAG(dag_id="block"):
        if used & {"listed", "landed"}:
            exec(TASKS, names)
        exec(compile(block.code, str(block), "exec"), names)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run_in_their_order(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A page sets these; monkeypatch restores them.
    for name in ("AIRFLOW_CONN_FEISHU_DEFAULT", "AIRFLOW_CONN_WECOM_DEFAULT"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "block"}
    for block in blocks("python"):
        if block.page == page:
            run(block, names)


def test_blocks_are_found() -> None:
    assert len(blocks("python")) >= 20
    assert {"README.md", "docs/guides/privacy.rst", "docs/guides/emulator.rst"} <= set(PAGES)

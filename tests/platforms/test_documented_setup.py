"""The files of the guides that a reader imports into the vendor's console or copies into Airflow."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.feishu_apps import NEEDED
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.platforms.feishu.auth.identity import OFFLINE_ACCESS, SCOPES

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
AS_USER = {"feishu.minutes_search", "feishu.meeting_list"}


def scopes(identity: str, kind: str) -> set[str]:
    found: list[str] = json.loads((EXAMPLES / f"feishu_scopes_{identity}.json").read_text())["scopes"][kind]
    assert len(set(found)) == len(found)
    return set(found)


def test_scopes_of_an_app() -> None:
    """One for each endpoint, and no other."""
    imported = scopes("app", "tenant")
    needed = {endpoint: set(names) for endpoint, names in NEEDED.items() if endpoint not in AS_USER}
    assert all(len(imported & names) == 1 for names in needed.values())
    assert imported == {"moments:moments:readonly"} | (imported & set().union(*needed.values()))
    assert scopes("app", "user") == set()


def test_scopes_of_a_user() -> None:
    """Those that a connection requests by default; a consent to any other is refused."""
    assert scopes("user", "user") == {*SCOPES, OFFLINE_ACCESS}
    assert scopes("user", "tenant") == set()


def tasks(name: str) -> dict[str, Any]:
    return dict(runpy.run_path(str(EXAMPLES / f"{name}.py"))[name]().task_dict)


def test_check_of_feishu(emulated: Any, context: Any, tmp_path: Path) -> None:
    check = tasks("check_feishu")
    check["find"].render_template_fields({**context, "params": {"minute": READY_MINUTE}})
    check["land"].recordings = check["find"].execute(context)
    check["land"].target = f"file://{tmp_path}"
    assert {file["outcome"] for file in check["land"].execute(context)} == {"landed"}


@pytest.mark.parametrize("scope", ["feishu.minute_media", "feishu.minute_transcript"])
def test_check_of_feishu_fails_without_a_scope(emulated: Any, context: Any, tmp_path: Path, scope: str) -> None:
    check = tasks("check_feishu")
    check["find"].recording_ids = [READY_MINUTE]
    check["land"].recordings = check["find"].execute(context)
    check["land"].target = f"file://{tmp_path}"
    emulated.state.fail(scope, 99991672, times=None)
    with pytest.raises(Exception, match="99991672"):
        check["land"].execute(context)


def test_check_of_wecom(emulated: Any, context: Any, tmp_path: Path) -> None:
    check = tasks("check_wecom")
    check["list"].render_template_fields({**context, "params": check["list"].dag.params.dump()})
    check["land"].recordings = check["list"].execute(context)
    check["land"].target = f"file://{tmp_path}"
    outcomes = {file["outcome"] for file in check["land"].execute(context)}
    assert "landed" in outcomes
    assert outcomes <= {"landed", "absent"}

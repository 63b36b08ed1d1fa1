"""A user's consent through two runs of the operator, or through the command."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_meetings.emulator.seed.credentials import FEISHU_USER
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.operators import FeishuAuthorizeOperator
from tests.conftest import Emulated
from tests.platforms.feishu.browser import REDIRECT, USER, browse
from tests.test_cli import AIRFLOW, run


@pytest.fixture
def user(emulated: Emulated) -> Emulated:
    """Return the emulator with a connection that calls as a user."""
    emulated.connect("feishu", extra=USER)
    return emulated


class TestOperator:
    """The first run logs the URL; the second run gets the redirect URL."""

    def test_both_runs(
        self,
        user: Emulated,
        context: Any,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with pytest.raises(AirflowFailException, match="Run this task again within five minutes"):
            FeishuAuthorizeOperator(task_id="t").execute(context)
        (address,) = re.findall(r"https?://\S*/authorize\?\S+", capsys.readouterr().out)
        redirected = browse(address)
        with caplog.at_level(logging.DEBUG):
            done = FeishuAuthorizeOperator(task_id="t", redirected_to=redirected).execute(context)
        assert done["user"] == FEISHU_USER.open_id
        logged = capsys.readouterr().out + caplog.text
        assert "has consented until" in logged
        code = parse_qs(urlsplit(redirected).query)["code"][0]
        assert code not in logged
        assert FEISHU_USER.name not in logged
        assert FeishuHook().get_conn().get_minute(READY_MINUTE)

    def test_second_run_without_first(self, user: Emulated, context: Any) -> None:
        operator = FeishuAuthorizeOperator(task_id="t", redirected_to=f"{REDIRECT}?code=c&state=s")
        with pytest.raises(AirflowFailException, match="No consent was started"):
            operator.execute(context)


class TestCommand:
    """The command ``airflow meetings authorize``."""

    def test_consent(self, tmp_path: Path, user: Emulated) -> None:
        environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")}
        command = [AIRFLOW, "meetings", "authorize", "feishu_default"]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
            assert process.stdout is not None
            out = redirected = ""
            while "paste it here within five minutes" not in out:
                out += (line := process.stdout.readline())
                if found := re.search(r"https?://\S*/authorize\?\S+", line):
                    redirected = browse(found[0])
            rest, err = process.communicate(f"{redirected}\n", timeout=120)
        assert (process.returncode, err) == (0, "")
        assert f"{FEISHU_USER.name}: user {FEISHU_USER.open_id} has consented until " in rest
        assert FeishuHook().get_conn().get_minute(READY_MINUTE)

    @pytest.mark.parametrize(
        ("conn_id", "text"),
        [
            ("feishu_default", "has no code and no state"),
            ("wecom_default", "platform wecom has no consent of users"),
        ],
    )
    def test_refusal_exits_with_2(
        self,
        user: Emulated,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        conn_id: str,
        text: str,
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("S3CRETCODE\n"))
        assert run("authorize", conn_id) == 2
        err = capsys.readouterr().err
        assert text in err
        assert "S3CRETCODE" not in err

"""A user's consent as a person gives it: by two runs of the operator, by the command."""

from __future__ import annotations

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

AIRFLOW = str(Path(sys.executable).parent / "airflow")


@pytest.fixture
def user(emulated: Emulated) -> Emulated:
    """Give an emulator whose connection asks as a user."""
    emulated.connect("feishu", extra=USER)
    return emulated


class TestOperator:
    """Two runs of a task, and a person between them."""

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
    """``airflow meetings authorize`` as a person types it."""

    def run(self, tmp_path: Path, user: Emulated, answer: Any, conn_id: str = "feishu_default") -> tuple[int, str, str]:
        environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")}
        command = [AIRFLOW, "meetings", "authorize", conn_id]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
            assert process.stdout is not None
            seen = ""
            while line := process.stdout.readline():
                seen += line
                if found := re.search(r"https?://\S*/authorize\?\S+", line):
                    answer = answer(found[0])
                if "paste it here" in line:
                    break
            out, err = process.communicate(answer if isinstance(answer, str) else "", timeout=120)
            return process.returncode, seen + out, err

    def test_consent(self, tmp_path: Path, user: Emulated) -> None:
        code, out, err = self.run(tmp_path, user, lambda address: browse(address) + "\n")
        assert (code, err) == (0, "")
        assert f"{FEISHU_USER.name}: user {FEISHU_USER.open_id} has consented until " in out
        assert "paste it here within five minutes" in out
        assert FeishuHook().get_conn().get_minute(READY_MINUTE)

    def test_pasted_wrong_address(self, tmp_path: Path, user: Emulated) -> None:
        code, _, err = self.run(tmp_path, user, lambda address: "S3CRETCODE\n")
        assert code == 2
        assert "has no code and no state" in err
        assert "S3CRETCODE" not in err

    def test_connection_of_platform_without_consent(self, tmp_path: Path, user: Emulated) -> None:
        code, out, err = self.run(tmp_path, user, "", conn_id="wecom_default")
        assert (code, out) == (2, "")
        assert "no users consent on the platform wecom" in err

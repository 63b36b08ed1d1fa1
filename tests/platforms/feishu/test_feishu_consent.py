"""A user's consent: by hook, by operator and by the command; what is asked with it afterwards, and what is refused."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.emulator.clock import VirtualClock
from airflow_provider_meetings.emulator.company import FEISHU_APP_SECRET, FEISHU_USER
from airflow_provider_meetings.emulator.seed_feishu import NAMED_POST, READY_MEETING, READY_MINUTE
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.authorize import FeishuAuthorizeOperator
from airflow_provider_meetings.platforms.feishu.clouds import accounts_url
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.identity import SCOPES
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from tests.conftest import Emulated

AIRFLOW = str(Path(sys.executable).parent / "airflow")
REDIRECT = "http://localhost:8080/callback"
USER = {"identity": "user", "redirect_uri": REDIRECT}


@pytest.fixture
def user(emulated: Emulated) -> Emulated:
    """Give an emulator whose connection asks as a user."""
    emulated.connect("feishu", extra=USER)
    return emulated


def browse(address: str) -> str:
    """Do what a browser does at the consent page, and return the address that it is sent to."""
    with requests.get(address, allow_redirects=False, timeout=10) as answer:
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]


def read(*, patient: bool = True) -> None:
    """Read a minute as a task does."""
    hook = FeishuHook.for_connection("feishu_default", patient=patient)
    assert isinstance(hook, FeishuHook)
    with hook.airflow_errors():
        hook.get_conn().get_minute(READY_MINUTE)


def consent() -> FeishuHook:
    hook = FeishuHook()
    hook.finish_consent(browse(hook.begin_consent()))
    return hook


def test_a_consent_and_what_it_opens(user: Emulated) -> None:
    hook = FeishuHook()
    address = hook.begin_consent()
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert query["scope"].split() == [*SCOPES, "offline_access"]
    assert query["code_challenge_method"] == "S256"
    assert FEISHU_APP_SECRET not in address
    standing, name = FeishuHook().finish_consent(browse(address))
    assert (standing.user, name) == (FEISHU_USER.open_id, FEISHU_USER.name)
    assert hook.missing_scopes(standing) == ()
    client = FeishuHook().get_conn()
    assert client.get_minute(READY_MINUTE).token == READY_MINUTE
    assert client.get_minute_media_url(READY_MINUTE).url
    assert client.get_minute_transcript(READY_MINUTE)
    assert client.get_minute_statistics(READY_MINUTE)
    assert client.get_minute_artifacts(READY_MINUTE)
    assert client.get_meeting_recording(READY_MEETING).minute_token == READY_MINUTE
    assert next(iter(client.search_minutes(owner_ids=[FEISHU_USER.open_id])))
    # No app's token was needed for any of it.
    assert user.state.calls["feishu.tenant_access_token"] == 0


def test_posts_are_refused_before_the_request(user: Emulated, context: Any) -> None:
    consent()
    user.state.forget_counters()
    operator = FeishuPostsOperator(task_id="t", post_ids=[NAMED_POST])
    with pytest.raises(AirflowFailException, match=r"takes the app's token only.*without the extra identity"):
        operator.execute(context)
    assert user.state.requests == []


def test_a_rejected_token_is_renewed_once_and_by_the_chain(user: Emulated) -> None:
    consent()
    client = FeishuHook().get_conn()
    client.get_minute(READY_MINUTE)
    user.state.revoke_tokens()
    assert client.get_minute(READY_MINUTE).token == READY_MINUTE
    assert list(user.state.consents.presented.values()) == [1]
    # Another process finds what this one has written down.
    user.state.forget_counters()
    assert FeishuHook().get_conn().get_minute(READY_MINUTE)
    assert user.state.consents.presented == {}


def test_a_consent_that_was_taken_back(user: Emulated) -> None:
    consent()
    client = FeishuHook().get_conn()
    client.get_minute(READY_MINUTE)
    user.state.fail("feishu.user_access_token", 20064, times=None)
    user.state.revoke_tokens()
    for _ in range(3):
        with pytest.raises(AirflowFailException, match=r"Have the user consent again: run airflow meetings authorize"):
            read()
    assert user.state.calls["feishu.user_access_token"] == 2


@pytest.mark.parametrize("manner", ["hang", "cut"])
def test_a_renewal_that_is_not_answered_leaves_the_chain_cut_and_says_so(
    user: Emulated, monkeypatch: pytest.MonkeyPatch, manner: Any
) -> None:
    """The platform has used the refresh token up, and nobody has what takes its place."""
    monkeypatch.setattr("airflow_provider_meetings.api.transport.READ_SECONDS", 0.3)
    consent()
    read()
    user.state.revoke_tokens()
    user.state.silence("feishu.user_access_token", manner, times=1)
    with pytest.raises(AirflowException) as first:
        read(patient=False)
    assert not isinstance(first.value, AirflowFailException)
    with pytest.raises(AirflowFailException, match=r"A refresh token works once.*airflow meetings authorize"):
        read()
    with pytest.raises(AirflowFailException, match=r"A refresh token works once.*airflow meetings authorize"):
        read()
    # Asked again by one who lived and had no answer; refused, it is never sent again.
    assert list(user.state.consents.presented.values()) == [2]


def test_nobody_has_consented_yet(user: Emulated) -> None:
    works, text = FeishuHook().test_connection()
    assert not works
    assert "No user has consented for this connection yet. Run airflow meetings authorize feishu_default" in text
    assert user.state.requests == []


def test_a_connection_test_tells_until_when(user: Emulated) -> None:
    clock = VirtualClock(user.state.now())
    consent()
    works, text = FeishuHook().test_connection()
    assert works
    assert re.search(rf"user {FEISHU_USER.open_id} has consented until \d{{4}}-\d\d-\d\d, and the token can be", text)
    assert "SOON" not in text
    user.state.clock = clock
    user.state.refresh_seconds = 86400
    user.state.revoke_tokens()
    consent()
    works, text = FeishuHook().test_connection()
    assert works
    assert "SOON: The user's token can be renewed until" in text


def test_without_a_place_that_keeps_it_nothing_is_begun(user: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__STATE_DIR")
    with pytest.raises(AirflowFailException, match="nothing is named that keeps it"):
        FeishuHook().begin_consent()
    works, text = FeishuHook().test_connection()
    assert (works, "coordination_conn_id" in text) == (False, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda address: "", "holds no code and no state"),
        (lambda address: "http://[", "holds no code and no state"),
        (lambda address: REDIRECT, "holds no code and no state"),
        (lambda address: re.sub("state=[^&]*", "state=forged", address), "answers another consent"),
        (lambda address: f"{REDIRECT}?error=access_denied&state=x", "did not consent"),
        (lambda address: re.sub("code=[^&]*", "code=S3CRETCODE", address), "Begin anew"),
    ],
)
def test_another_address_than_the_browser_was_sent_to(user: Emulated, change: Any, said: str) -> None:
    hook = FeishuHook()
    redirected = browse(hook.begin_consent())
    with pytest.raises(AirflowFailException) as caught:
        hook.finish_consent(change(redirected))
    assert said in str(caught.value)
    assert "S3CRETCODE" not in str(caught.value)
    # What was begun can still be finished.
    assert hook.finish_consent(redirected)


def test_a_code_serves_once_and_what_was_begun_too(user: Emulated) -> None:
    hook = FeishuHook()
    redirected = browse(hook.begin_consent())
    hook.finish_consent(redirected)
    with pytest.raises(AirflowFailException, match="No consent was begun within the last ten minutes"):
        hook.finish_consent(redirected)


def test_a_user_who_refuses(user: Emulated) -> None:
    user.state.consent = "deny"
    hook = FeishuHook()
    with pytest.raises(AirflowFailException, match="The user did not consent"):
        hook.finish_consent(browse(hook.begin_consent()))


def test_scopes_of_the_connection(user: Emulated) -> None:
    user.connect("feishu", extra={**USER, "scopes": "minutes:minutes.basic:read vc:record:readonly"})
    hook = consent()
    client = hook.get_conn()
    assert client.get_minute(READY_MINUTE)
    with pytest.raises(AirflowFailException, match=r"name it in the extra scopes.*authorize"), hook.airflow_errors():
        list(client.search_minutes("a"))
    # The next consent asks for more; what it gives is told apart from what was asked for.
    user.connect("feishu", extra={**USER, "scopes": "minutes:minutes.search:read"})
    standing, _ = FeishuHook().finish_consent(browse(FeishuHook().begin_consent()))
    assert "minutes:minutes.search:read" in standing.scope
    user.connect("feishu", extra={**USER, "scopes": "minutes:minutes.media:export"})
    later = FeishuHook()
    later.get_conn()
    assert later.missing_scopes(standing) == ("minutes:minutes.media:export",)


def test_asking_as_the_app_needs_no_consent(emulated: Emulated) -> None:
    with pytest.raises(AirflowFailException, match="asks as the app, for which nobody consents"):
        FeishuHook().begin_consent()
    client = FeishuHook().get_conn()
    with pytest.raises(ValueError, match="takes a user's token only"):
        client.search_minutes("a")
    with pytest.raises(ValueError, match="takes a user's token only"):
        client.get_user_info()
    assert emulated.state.requests == []


def test_a_changed_secret_asks_for_another_consent_at_once(user: Emulated) -> None:
    consent()
    user.connect("feishu", extra=USER, password="another-secret")
    works, text = FeishuHook().test_connection()
    assert (works, "the app's secret was changed since the consent" in text) == (False, True)
    user.connect("feishu", extra=USER)
    assert FeishuHook().test_connection()[0]


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

    def test_the_second_run_without_a_first_one(self, user: Emulated, context: Any) -> None:
        operator = FeishuAuthorizeOperator(task_id="t", redirected_to=f"{REDIRECT}?code=c&state=s")
        with pytest.raises(AirflowFailException, match="No consent was begun"):
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

    def test_a_consent(self, tmp_path: Path, user: Emulated) -> None:
        code, out, err = self.run(tmp_path, user, lambda address: browse(address) + "\n")
        assert (code, err) == (0, "")
        assert f"{FEISHU_USER.name}: user {FEISHU_USER.open_id} has consented until " in out
        assert "paste it here within five minutes" in out
        assert FeishuHook().get_conn().get_minute(READY_MINUTE)

    def test_what_is_pasted_wrong(self, tmp_path: Path, user: Emulated) -> None:
        code, _, err = self.run(tmp_path, user, lambda address: "S3CRETCODE\n")
        assert code == 2
        assert "holds no code and no state" in err
        assert "S3CRETCODE" not in err

    def test_a_connection_of_another_kind(self, tmp_path: Path, user: Emulated) -> None:
        code, out, err = self.run(tmp_path, user, "", conn_id="wecom_default")
        assert (code, out) == (2, "")
        assert "is not of type feishu: users consent there only" in err


def test_the_pages_of_both_clouds() -> None:
    assert accounts_url("https://open.feishu.cn") == "https://accounts.feishu.cn"
    assert accounts_url("https://open.larksuite.com") == "https://accounts.larksuite.com"
    assert accounts_url("https://behind.example.com/feishu") == "https://behind.example.com/feishu"


def test_a_listing_by_owners_with_its_proof(user: Emulated, context: Any) -> None:
    consent()
    start, end = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
    operator = ListRecordingsOperator(
        task_id="t", meetings_conn_id="feishu_default", owner_ids=[FEISHU_USER.open_id], start=start, end=end
    )
    found = operator.execute(context)
    assert found
    assert {recording["owner_id"] for recording in found if recording["owner_id"]} == {FEISHU_USER.open_id}
    (window,) = context["ti"].pushed["summary"]["windows"]
    assert (window["endpoint"], window["selector"], window["complete"]) == ("minutes_search", FEISHU_USER.open_id, True)
    assert window["items"] == len(found)


def test_owners_are_no_question_for_the_app(emulated: Emulated, context: Any) -> None:
    operator = ListRecordingsOperator(task_id="t", meetings_conn_id="feishu_default", owner_ids=["ou_1"])
    with pytest.raises(AirflowFailException, match="feishu cannot be asked by owner_ids"):
        operator.execute(context)
    assert emulated.state.requests == []

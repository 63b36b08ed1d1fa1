"""A user's consent through the hook, calls with it, and refused consents."""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.coordination.backend import BackendError
from airflow_provider_meetings.coordination.host.backend import HostBackend
from airflow_provider_meetings.coordination.oauth.token_store import UserTokenStore
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_SECRET, FEISHU_USER
from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING, READY_MINUTE
from airflow_provider_meetings.emulator.state.clock import VirtualClock
from airflow_provider_meetings.hooks.meetings import POLL_QUEUE_SECONDS
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.auth.identity import SCOPES
from airflow_provider_meetings.platforms.feishu.errors import accounts_url
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from tests.conftest import Emulated
from tests.contract.backends import backend_servers
from tests.hooks.test_shared_state import forget
from tests.platforms.feishu.browser import REDIRECT, USER, browse

WINDOW = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")


@pytest.fixture
def user(emulated: Emulated) -> Emulated:
    """Return the emulator with a connection that calls as a user."""
    emulated.connect("feishu", extra=USER)
    return emulated


def read(*, retry: bool = True) -> None:
    """Read a minute as a task does."""
    hook = FeishuHook.for_connection("feishu_default", retry=retry)
    assert isinstance(hook, FeishuHook)
    with hook.error_mapping():
        hook.get_conn().get_minute(READY_MINUTE)


def consent() -> FeishuHook:
    hook = FeishuHook()
    hook.finish_consent(browse(hook.begin_consent()))
    return hook


def test_consent_grants_user_calls(user: Emulated) -> None:
    hook = FeishuHook()
    address = hook.begin_consent()
    query = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert query["scope"].split() == [*SCOPES, "offline_access"]
    assert query["code_challenge_method"] == "S256"
    assert FEISHU_APP_SECRET not in address
    consent_status, name = FeishuHook().finish_consent(browse(address))
    assert (consent_status.user, name) == (FEISHU_USER.open_id, FEISHU_USER.name)
    assert hook.missing_scopes(consent_status) == ()
    client = FeishuHook().get_conn()
    assert client.get_minute(READY_MINUTE).token == READY_MINUTE
    assert client.get_minute_media_url(READY_MINUTE).url
    assert client.get_minute_transcript(READY_MINUTE)
    assert client.get_minute_statistics(READY_MINUTE)
    assert client.get_minute_artifacts(READY_MINUTE)
    assert client.get_meeting_recording(READY_MEETING).minute_token == READY_MINUTE
    assert next(iter(client.search_minutes(FEISHU_USER.open_id, *WINDOW)))
    # No app token was fetched.
    assert user.state.calls["feishu.tenant_access_token"] == 0


def test_user_cannot_read_posts(user: Emulated, context: Any) -> None:
    consent()
    user.state.forget_counters()
    operator = FeishuPostsOperator(task_id="t", post_ids=[NAMED_POST])
    with pytest.raises(AirflowFailException, match=r"takes the app's token only.*without the extra identity"):
        operator.execute(context)
    assert user.state.requests == []


def test_rejected_user_token_is_refreshed_once(user: Emulated) -> None:
    consent()
    client = FeishuHook().get_conn()
    client.get_minute(READY_MINUTE)
    user.state.revoke_tokens()
    assert client.get_minute(READY_MINUTE).token == READY_MINUTE
    assert list(user.state.consents.presented.values()) == [1]
    # Another process uses the stored tokens.
    user.state.forget_counters()
    assert FeishuHook().get_conn().get_minute(READY_MINUTE)
    assert user.state.consents.presented == {}


def test_user_tokens_are_masked(user: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_meetings.hooks.meetings.mask_secret", masked.append)
    users = consent()._users
    assert isinstance(users, UserTokenStore)
    _, before = users._records.read()
    assert {before.access, before.refresh} <= set(masked)
    masked.clear()
    user.state.revoke_tokens()
    read()
    _, after = users._records.read()
    assert before.refresh != after.refresh
    assert {before.refresh, after.access, after.refresh} <= set(masked)


def test_revoked_consent(user: Emulated) -> None:
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
def test_unanswered_refresh_requires_consent(user: Emulated, monkeypatch: pytest.MonkeyPatch, manner: Any) -> None:
    """The platform has used up the refresh token, but its response with the new one is lost."""
    monkeypatch.setattr("airflow_provider_meetings.api.http.transport.READ_SECONDS", 0.3)
    consent()
    read()
    user.state.revoke_tokens()
    user.state.hang("feishu.user_access_token", manner, times=1)
    with pytest.raises(AirflowException) as first:
        read(retry=False)
    assert not isinstance(first.value, AirflowFailException)
    with pytest.raises(AirflowFailException, match=r"A refresh token works once.*airflow meetings authorize"):
        read()
    with pytest.raises(AirflowFailException, match=r"A refresh token works once.*airflow meetings authorize"):
        read()
    # The process retries the refresh token once after no response; once rejected, it is not sent again.
    assert list(user.state.consents.presented.values()) == [2]


def test_call_without_consent(user: Emulated) -> None:
    works, text = FeishuHook().test_connection()
    assert not works
    assert "No user has consented for this connection yet. Run airflow meetings authorize feishu_default" in text
    assert user.state.calls["feishu.user_access_token"] == 0


def test_connection_test_reports_consent_end(user: Emulated) -> None:
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
    assert "SOON: The user's token can be renewed only until" in text


def test_consent_needs_durable_backend(user: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__MEETINGS__STATE_DIR")
    with pytest.raises(AirflowFailException, match="no place for them is named"):
        FeishuHook().begin_consent()
    works, text = FeishuHook().test_connection()
    assert (works, "coordination_conn_id" in text) == (False, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda address: "", "has no code and no state"),
        (lambda address: "http://[", "has no code and no state"),
        (lambda address: REDIRECT, "has no code and no state"),
        (lambda address: re.sub("state=[^&]*", "state=forged", address), "belongs to another consent"),
        (lambda address: f"{REDIRECT}?code=c&state=\udc80", "belongs to another consent"),
        (lambda address: f"{REDIRECT}?error=access_denied&state=x", "did not consent"),
    ],
)
def test_invalid_redirect_address(user: Emulated, change: Any, message: str) -> None:
    hook = FeishuHook()
    redirected = browse(hook.begin_consent())
    with pytest.raises(AirflowFailException) as caught:
        hook.finish_consent(change(redirected))
    assert message in str(caught.value)
    assert "S3CRETCODE" not in str(caught.value)
    # The started consent can still be finished.
    assert hook.finish_consent(redirected)


def test_state_works_once_even_if_code_is_refused(user: Emulated) -> None:
    hook = FeishuHook()
    redirected = browse(hook.begin_consent())
    with pytest.raises(AirflowFailException, match=r"Begin anew|code 20003") as caught:
        hook.finish_consent(re.sub("code=[^&]*", "code=S3CRETCODE", redirected))
    assert "S3CRETCODE" not in str(caught.value)
    user.state.forget_counters()
    with pytest.raises(AirflowFailException, match="No consent was started within the last ten minutes"):
        hook.finish_consent(redirected)
    assert user.state.requests == []


def test_consent_of_another_user_is_reported(user: Emulated) -> None:
    hook = consent()
    users = hook._users
    assert users is not None
    assert users.accept(TokenPair("a", 7200, "r", 86400, ""), "ou_before").instead_of == FEISHU_USER.open_id
    consent_status, _ = hook.finish_consent(browse(hook.begin_consent()))
    assert "It takes the place of the consent of ANOTHER USER, ou_before" in hook.describe_consent(consent_status)
    consent_status, _ = hook.finish_consent(browse(hook.begin_consent()))
    assert "ANOTHER USER" not in hook.describe_consent(consent_status)


def test_tokens_are_kept_if_user_is_unknown(user: Emulated) -> None:
    user.state.fail("feishu.user_info", 99991400, times=None)
    hook = FeishuHook()
    consent_status, name = hook.finish_consent(browse(hook.begin_consent()))
    assert (consent_status.user, name) == ("", "")
    assert user.state.calls["feishu.user_info"] == 1
    assert FeishuHook().get_conn().get_minute(READY_MINUTE)


def test_wait_for_other_process_can_be_interrupted(user: Emulated) -> None:
    consent()
    hook = FeishuHook.for_connection("feishu_default", retry=False)
    assert isinstance(hook, FeishuHook)
    client = hook.get_conn()
    users = hook._users
    assert isinstance(users, UserTokenStore)
    assert users.timeout == POLL_QUEUE_SECONDS
    value, record = users._records.read()
    assert users._records.compare_and_set(value, users._records.encrypt(record.claimed("another.1", time.time())))
    user.state.revoke_tokens()
    client.transport.interrupt()
    with pytest.raises(ServerError, match="the task is being stopped"):
        client.get_minute(READY_MINUTE)
    assert user.state.consents.presented == {}


def test_connection_test_reports_unreachable_token_store(user: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    consent()
    hook = FeishuHook()
    assert hook.test_connection()[0]

    def away(_self: HostBackend, _key: str) -> bytes:
        raise BackendError("the disk is gone")

    monkeypatch.setattr(HostBackend, "read", away)
    works, text = hook.test_connection()
    assert (works, "the disk is gone" in text) == (False, True)


def test_code_and_state_work_once(user: Emulated) -> None:
    hook = FeishuHook()
    redirected = browse(hook.begin_consent())
    hook.finish_consent(redirected)
    with pytest.raises(AirflowFailException, match="No consent was started within the last ten minutes"):
        hook.finish_consent(redirected)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_consents_in_progress_are_independent(user: Emulated, order: tuple[int, int]) -> None:
    """Two started with one connection, and one with another connection of the same app."""
    user.monkeypatch.setenv("AIRFLOW_CONN_FEISHU_OTHER", os.environ["AIRFLOW_CONN_FEISHU_DEFAULT"])
    hooks = [FeishuHook(), FeishuHook(), FeishuHook("feishu_other")]
    redirected = [browse(hook.begin_consent()) for hook in hooks]
    with pytest.raises(AirflowFailException, match="belongs to another consent or connection"):
        hooks[2].finish_consent(redirected[0])
    for number in order:
        assert FeishuHook().finish_consent(redirected[number])[0].user == FEISHU_USER.open_id
    with pytest.raises(AirflowFailException, match="it was used"):
        hooks[0].finish_consent(redirected[0])
    assert hooks[2].finish_consent(redirected[2])[0].instead_of == ""
    for hook in hooks:
        assert hook.get_conn().get_minute(READY_MINUTE)


def test_consent_of_another_host(user: Emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    redirected = browse(FeishuHook().begin_consent())
    consent()
    forget(monkeypatch)
    monkeypatch.setenv("AIRFLOW__MEETINGS__STATE_DIR", str(tmp_path / "of another host"))
    for use in (lambda: FeishuHook().finish_consent(redirected), read):
        with pytest.raises(AirflowFailException) as caught:
            use()
        for text in (str(tmp_path / "of another host"), socket.gethostname(), "coordination_conn_id"):
            assert text in str(caught.value)


def test_consent_shared_by_all_hosts_names_no_host(user: Emulated, monkeypatch: pytest.MonkeyPatch) -> None:
    backend_servers.need("Redis", 6379)
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", '{"conn_type": "redis", "host": "127.0.0.1"}')
    user.connect("feishu", extra={**USER, "coordination_conn_id": "shared"})
    for use in (lambda: FeishuHook().finish_consent(f"{REDIRECT}?code=c&state=s"), read):
        with pytest.raises(AirflowFailException, match=r"consent") as caught:
            use()
        assert "host" not in str(caught.value)


def test_user_refuses(user: Emulated) -> None:
    user.state.consent = "deny"
    hook = FeishuHook()
    with pytest.raises(AirflowFailException, match="The user did not consent"):
        hook.finish_consent(browse(hook.begin_consent()))


def test_connection_scopes(user: Emulated) -> None:
    user.connect("feishu", extra={**USER, "scopes": "minutes:minutes.basic:read vc:record:readonly"})
    hook = consent()
    client = hook.get_conn()
    assert client.get_minute(READY_MINUTE)
    with pytest.raises(AirflowFailException, match=r"add it to the extra scopes.*authorize"), hook.error_mapping():
        list(client.search_minutes("a", *WINDOW))
    # The next consent requests more scopes; requested and granted scopes are distinguished.
    user.connect("feishu", extra={**USER, "scopes": "minutes:minutes.search:read"})
    consent_status, _ = FeishuHook().finish_consent(browse(FeishuHook().begin_consent()))
    assert "minutes:minutes.search:read" in consent_status.scope
    user.connect("feishu", extra={**USER, "scopes": "minutes:minutes.media:export"})
    later = FeishuHook()
    later.get_conn()
    assert later.missing_scopes(consent_status) == ("minutes:minutes.media:export",)


def test_app_connection_needs_no_consent(emulated: Emulated) -> None:
    with pytest.raises(AirflowFailException, match="calls as the app, which needs no user's consent"):
        FeishuHook().begin_consent()
    client = FeishuHook().get_conn()
    with pytest.raises(ValueError, match="takes a user's token only"):
        client.search_minutes("a", *WINDOW)
    with pytest.raises(ValueError, match="takes a user's token only"):
        client.get_user_info()
    assert emulated.state.requests == []


def test_changed_secret_requires_new_consent(user: Emulated) -> None:
    consent()
    user.connect("feishu", extra=USER, password="another-secret")
    with pytest.raises(AirflowFailException, match="the app's secret was changed since the consent"):
        read()
    user.connect("feishu", extra=USER)
    assert FeishuHook().test_connection()[0]


def test_consent_pages_of_both_clouds() -> None:
    assert accounts_url("https://open.feishu.cn") == "https://accounts.feishu.cn"
    assert accounts_url("https://open.larksuite.com") == "https://accounts.larksuite.com"
    assert accounts_url("https://behind.example.com/feishu") == "https://behind.example.com/feishu"


def test_listing_by_owner_is_reported(user: Emulated, context: Any) -> None:
    consent()
    start, end = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
    operator = ListRecordingsOperator(
        task_id="t", meetings_conn_id="feishu_default", owner_ids=[FEISHU_USER.open_id], start=start, end=end
    )
    found = operator.execute(context)
    assert found
    assert {recording["owner_id"] for recording in found if recording["owner_id"]} == {FEISHU_USER.open_id}
    (window,) = context["ti"].pushed["summary"]["windows"]
    assert (window["endpoint"], window["selector"], window["outcome"]) == (
        "minutes_search",
        FEISHU_USER.open_id,
        "complete",
    )
    assert window["items"] == len(found)

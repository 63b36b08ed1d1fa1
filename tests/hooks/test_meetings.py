"""The hook: connection to client, errors to Airflow's, secrets to the masker."""

from __future__ import annotations

import json
import secrets
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # there, but not declared

from airflow_provider_meetings.api.errors import LinkExpired, PermissionDenied, RateLimited, ServerError, UnsafeAddress
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_SECRET, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.seed.feishu import FORBIDDEN_POST, READY_MINUTE
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient

HOOKS = {"feishu": (FeishuHook, FeishuClient), "wecom": (WeComHook, WeComClient)}
SECRETS = {"feishu": FEISHU_APP_SECRET, "wecom": WECOM_CORP_SECRET}
both = pytest.mark.parametrize("conn_type", list(HOOKS))


@both
def test_the_type_of_the_connection_picks_hook_and_client(emulated: Any, conn_type: str) -> None:
    hook = MeetingsHook.for_connection(f"{conn_type}_default")
    assert type(hook) is HOOKS[conn_type][0]
    assert type(hook.get_conn()) is HOOKS[conn_type][1]


def test_a_connection_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "sqlite", "host": "/tmp/x"}))
    with pytest.raises(AirflowFailException, match=r"'other' does not belong to a meeting platform .*feishu or wecom"):
        MeetingsHook.for_connection("other")


def test_a_platforms_secret_is_not_sent_to_the_other(emulated: Any) -> None:
    with pytest.raises(AirflowFailException, match="'wecom_default' is of type wecom, not feishu"):
        FeishuHook("wecom_default").get_conn()
    assert emulated.state.requests == []


@both
@pytest.mark.parametrize("field", ["login", "password"])
def test_a_missing_login_is_named(emulated: Any, conn_type: str, field: str) -> None:
    emulated.connect(conn_type, **{field: ""})
    with pytest.raises(AirflowFailException, match=f"has no {field}"):
        MeetingsHook.for_connection(f"{conn_type}_default").get_conn()


@both
def test_a_blank_host_is_the_platforms_own(emulated: Any, conn_type: str) -> None:
    emulated.connect(conn_type, host="")
    client = MeetingsHook.for_connection(f"{conn_type}_default").get_conn()
    assert client.transport.base_url == HOOKS[conn_type][0].default_base_url


def test_a_host_without_scheme_is_refused(emulated: Any) -> None:
    emulated.connect("feishu", host="open.larksuite.com")
    with pytest.raises(AirflowFailException, match="host must be a URL with its scheme"):
        FeishuHook().get_conn()


def test_a_port_of_its_own_is_appended(emulated: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1", port=int(emulated.url.rpartition(":")[2]))
    assert FeishuHook().test_connection()[0]


@both
@pytest.mark.parametrize("allowed", ["media.example.org, 127.0.0.0/8", ["media.example.org", "127.0.0.0/8"]])
def test_allowed_media_hosts_reach_the_media(
    emulated: Any, conn_type: str, allowed: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator's host stands for a store in a private network; the API's own is never asked."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    emulated.connect(conn_type, host="https://1.1.1.1", extra={})
    with pytest.raises(UnsafeAddress):
        MeetingsHook.for_connection(f"{conn_type}_default").get_conn().media_session.stream(f"{emulated.url}/unknown")
    emulated.connect(conn_type, host="https://1.1.1.1", extra={"allowed_media_hosts": allowed})
    with pytest.raises(LinkExpired, match="status 404"):
        MeetingsHook.for_connection(f"{conn_type}_default").get_conn().media_session.stream(f"{emulated.url}/unknown")


def test_extras_reach_the_client(emulated: Any) -> None:
    emulated.connect("feishu", extra={"tenant": "bluewave", "user_id_type": "union_id"})
    recording = FeishuHook().check(RecordingQuery(recording_ids=(READY_MINUTE,)))[0]
    assert recording.tenant == "bluewave"
    assert emulated.state.requests[-1].query["user_id_type"] == "union_id"


def test_an_unknown_user_id_type_is_refused(emulated: Any) -> None:
    emulated.connect("feishu", extra={"user_id_type": "email"})
    with pytest.raises(AirflowFailException, match=r"user_id_type must be one of .*open_id"):
        FeishuHook().get_conn()


@both
def test_the_connection_test_says_yes(emulated: Any, conn_type: str) -> None:
    good, text = HOOKS[conn_type][0]().test_connection()
    assert good
    assert "got a token" in text


@both
def test_the_connection_test_says_what_is_wrong_with_the_secret(emulated: Any, conn_type: str) -> None:
    emulated.connect(conn_type, password="a-wrong-secret")
    good, text = HOOKS[conn_type][0]().test_connection()
    assert not good
    assert "Check login" in text
    assert "password" in text
    assert "a-wrong-secret" not in text


@both
def test_the_connection_test_of_an_unreachable_host(emulated: Any, conn_type: str) -> None:
    emulated.connect(conn_type, host="http://127.0.0.1:9")
    good, text = HOOKS[conn_type][0]().test_connection()
    assert not good
    assert "could not be reached at http://127.0.0.1:9" in text
    assert "host" in text
    assert SECRETS[conn_type] not in text


def test_permanent_errors_are_not_tried_again(emulated: Any) -> None:
    hook = FeishuHook()
    with pytest.raises(AirflowFailException) as caught, hook.error_mapping():
        hook.get_conn().get_post(FORBIDDEN_POST)
    assert isinstance(caught.value.__cause__, PermissionDenied)
    assert "feishu_default" in str(caught.value)


def test_passing_errors_are_tried_again(emulated: Any) -> None:
    emulated.connect("wecom", host="http://127.0.0.1:9")
    hook = MeetingsHook.for_connection("wecom_default", retry=False)
    with pytest.raises(AirflowException) as caught, hook.error_mapping():
        hook.get_conn().whoami()
    assert not isinstance(caught.value, AirflowFailException)
    assert isinstance(caught.value.__cause__, ServerError)


@both
def test_secret_and_token_are_masked(emulated: Any, conn_type: str) -> None:
    # A new one: the masker of this process knows those of other tests.
    secret = f"{secrets.token_hex(8)}/+ä"
    emulated.connect(conn_type, password=secret)
    hook = HOOKS[conn_type][0]()
    hook.get_conn()
    assert secret not in str(redact(f"the secret {secret} in a text"))
    assert quote(secret, safe="") not in str(redact(f"corpsecret={quote(secret, safe='')}&x=1"))

    emulated.connect(conn_type)
    HOOKS[conn_type][0]().get_conn().whoami()
    token = _live_token(emulated, conn_type)
    assert token not in str(redact(f"Bearer {token}"))


def _live_token(emulated: Any, conn_type: str) -> str:
    hook = HOOKS[conn_type][0]()
    if conn_type == "feishu":
        hook.check(RecordingQuery(recording_ids=(READY_MINUTE,)))
        return str(emulated.state.requests[-1].headers["authorization"].removeprefix("Bearer "))
    hook.check(RecordingQuery(meeting_ids=("hy-x",)))
    return str(emulated.state.requests[-1].query["access_token"])


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("https://open.feishu.cn", None),
        ("https://OPEN.Feishu.cn/", None),
        ("HTTPS://open.feishu.cn:443", None),
        ("https://open.feishu.cn", 443),
        ("", None),
    ],
)
def test_a_host_shares_by_whatever_spelling(emulated: Any, host: str, port: int | None) -> None:
    emulated.monkeypatch.setenv(
        "AIRFLOW_CONN_FEISHU_DEFAULT",
        json.dumps({"conn_type": "feishu", "login": "cli_a", "password": "s", "host": host, "port": port}),
    )
    assert FeishuHook().get_conn().transport.base_url == "https://open.feishu.cn"


def take_a_turn(conn_type: str, quota: Quota) -> None:
    """Wait for the place of a call as the triggerer does: for some seconds at most."""
    MeetingsHook.for_connection(f"{conn_type}_default", retry=False).get_conn().transport.acquire(quota)


@both
def test_the_share_of_a_quota_reaches_the_queue(emulated: Any, conn_type: str) -> None:
    quota = Quota("an.endpoint", (Rate(5, 1),))
    emulated.connect(conn_type, extra={"rate_share": 0.001})
    take_a_turn(conn_type, quota)
    # Five in a second, a thousandth of it ours, 2 % below: one in 204 s.
    with pytest.raises(RateLimited, match=r"the next call of an\.endpoint is 20\d s away"):
        take_a_turn(conn_type, quota)


@both
def test_each_app_has_a_quota_of_its_own(emulated: Any, conn_type: str) -> None:
    quota = Quota("an.endpoint", (Rate(1, 1000),))
    for login in ("app-1", "app-2"):
        emulated.connect(conn_type, login=login)
        take_a_turn(conn_type, quota)
    for login in ("app-1", "app-2"):
        emulated.connect(conn_type, login=login)
        with pytest.raises(RateLimited, match=r"the next call of an\.endpoint"):
            take_a_turn(conn_type, quota)

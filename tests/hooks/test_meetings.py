"""The hook: clients from connections, error mapping, masking of secrets."""

from __future__ import annotations

import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.execution_time import task_runner
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # there, but not declared

from airflow_provider_meetings.api.errors import LinkExpired, PermissionDenied, RateLimited, ServerError, UnsafeAddress
from airflow_provider_meetings.api.http.rate_limit import Quota, Rate
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed.feishu import FORBIDDEN_POST, READY_MINUTE
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from airflow_provider_meetings.transfers.recordings_to_object_storage import LandedFiles

HOOKS = {"feishu": (FeishuHook, FeishuClient), "wecom": (WeComHook, WeComClient)}
both = pytest.mark.parametrize("conn_type", list(HOOKS))


@both
def test_connection_type_selects_hook_and_client(emulated: Any, conn_type: str) -> None:
    hook = MeetingsHook.for_connection(f"{conn_type}_default")
    assert type(hook) is HOOKS[conn_type][0]
    assert type(hook.get_conn()) is HOOKS[conn_type][1]


@both
def test_default_host(emulated: Any, conn_type: str) -> None:
    emulated.connect(conn_type, host="")
    client = MeetingsHook.for_connection(f"{conn_type}_default").get_conn()
    assert client.transport.base_url == HOOKS[conn_type][0].default_base_url


def test_port_is_added_to_host(emulated: Any) -> None:
    emulated.connect("feishu", host="http://127.0.0.1", port=int(emulated.url.rpartition(":")[2]))
    assert FeishuHook().test_connection()[0]


@both
@pytest.mark.parametrize("allowed", ["media.example.org, 127.0.0.0/8", ["media.example.org", "127.0.0.0/8"]])
def test_allowed_media_hosts(emulated: Any, conn_type: str, allowed: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator plays a media host in a private network; the API host is not called."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    emulated.connect(conn_type, host="https://1.1.1.1", extra={})
    with pytest.raises(UnsafeAddress):
        MeetingsHook.for_connection(f"{conn_type}_default").get_conn().media_session.stream(f"{emulated.url}/unknown")
    emulated.connect(conn_type, host="https://1.1.1.1", extra={"allowed_media_hosts": allowed})
    with pytest.raises(LinkExpired, match="status 404"):
        MeetingsHook.for_connection(f"{conn_type}_default").get_conn().media_session.stream(f"{emulated.url}/unknown")


def test_extras(emulated: Any) -> None:
    emulated.connect("feishu", extra={"tenant": "bluewave", "user_id_type": "union_id"})
    recording = FeishuHook().client.check(RecordingQuery(recording_ids=(READY_MINUTE,)))[0]
    assert recording.tenant == "bluewave"
    assert emulated.state.requests[-1].query["user_id_type"] == "union_id"


def test_permanent_error_becomes_fail_exception(emulated: Any) -> None:
    hook = FeishuHook()
    with pytest.raises(AirflowFailException) as caught, hook.error_mapping():
        hook.get_conn().get_post(FORBIDDEN_POST)
    assert isinstance(caught.value.__cause__, PermissionDenied)
    assert "feishu_default" in str(caught.value)


def test_temporary_error_becomes_airflow_exception(emulated: Any) -> None:
    emulated.connect("wecom", host="http://127.0.0.1:9")
    hook = MeetingsHook.for_connection("wecom_default", retry=False)
    with pytest.raises(AirflowException) as caught, hook.error_mapping():
        hook.get_conn().whoami()
    assert not isinstance(caught.value, AirflowFailException)
    assert isinstance(caught.value.__cause__, ServerError)


@both
def test_secret_and_token_are_masked(emulated: Any, conn_type: str) -> None:
    # A new secret, because the masker of this process knows the secrets of other tests.
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
    (token,) = emulated.state.tokens._tokens[conn_type]
    return str(token)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("https://open.feishu.cn", None),
        ("https://OPEN.Feishu.cn/", None),
        ("HTTPS://open.feishu.cn:443", None),
        ("https://open.feishu.cn", 443),
        ("", None),
        ("", 443),
    ],
)
def test_equivalent_hosts_have_one_base_url(emulated: Any, host: str, port: int | None) -> None:
    emulated.monkeypatch.setenv(
        "AIRFLOW_CONN_FEISHU_DEFAULT",
        json.dumps({"conn_type": "feishu", "login": "cli_a", "password": "s", "host": host, "port": port}),
    )
    assert FeishuHook().get_conn().transport.base_url == "https://open.feishu.cn"


def acquire(conn_type: str, quota: Quota) -> None:
    """Acquire a slot of the rate limiter as the triggerer does, with a short timeout."""
    MeetingsHook.for_connection(f"{conn_type}_default", retry=False).get_conn().transport.acquire(quota)


@both
def test_rate_share(emulated: Any, conn_type: str) -> None:
    quota = Quota("an.endpoint", (Rate(5, 1),))
    emulated.connect(conn_type, extra={"rate_share": 0.001})
    acquire(conn_type, quota)
    # A thousandth of 5 calls per second, minus 2 %: one call in 204 s.
    with pytest.raises(RateLimited, match=r"the next call of an\.endpoint is (19|20)\d s away"):
        acquire(conn_type, quota)


@both
def test_each_app_has_its_own_quota(emulated: Any, conn_type: str) -> None:
    quota = Quota("an.endpoint", (Rate(1, 1000),))
    for login in ("app-1", "app-2"):
        emulated.connect(conn_type, login=login)
        acquire(conn_type, quota)
    for login in ("app-1", "app-2"):
        emulated.connect(conn_type, login=login)
        with pytest.raises(RateLimited, match=r"the next call of an\.endpoint"):
            acquire(conn_type, quota)


class Supervisor:
    """Detect concurrent calls, which the supervisor of ``dags test`` does not support."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self.overlapped = False
        self.calls = 0

    def send(self, message: Any) -> None:
        self.calls += 1
        if self.calls > 6:
            return
        try:
            self._barrier.wait(0.1)
            self.overlapped = True
        except threading.BrokenBarrierError:
            self._barrier.reset()

    def get(self, key: str) -> None:
        self.send(key)

    def set(self, key: str, value: object) -> None:
        self.send(value)


def test_supervisor_calls_do_not_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    hook = FeishuHook()
    files = LandedFiles(None)
    files._store = supervisor

    def call(number: int) -> None:
        if number % 2:
            hook._mask(f"a-secret-of-thread-{number}")
        else:
            files.add(f"file-{number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, range(16)))
    assert supervisor.calls >= 16
    assert not supervisor.overlapped

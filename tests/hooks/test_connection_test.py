"""The connection test: a login each time, that shares nothing but the tokens of a success, and texts without the id."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_SECRET, WECOM_CORP_SECRET
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from tests.contract.media.certificate import NAME, make_certificate
from tests.contract.media.opening import port
from tests.contract.media.origin import Origin, json_body, serve_origin
from tests.contract.media.proxy import Proxy, serve_proxy
from tests.hooks.test_shared_state import forget
from tests.platforms.feishu.browser import USER, browse

HOOKS: dict[str, type[MeetingsHook]] = {"feishu": FeishuHook, "wecom": WeComHook}
SECRETS = {"feishu": FEISHU_APP_SECRET, "wecom": WECOM_CORP_SECRET}
LOGIN = {"feishu": "feishu.tenant_access_token", "wecom": "wecom.gettoken"}
REFUSED = {"feishu": 10014, "wecom": 40001}
COPY = "q7RdTz0B"
"""An id such as Airflow gives to the copy of a connection that the UI tests."""
both = pytest.mark.parametrize("conn_type", list(HOOKS))


def log_in(conn_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the connection as the next process does."""
    forget(monkeypatch)
    hook = MeetingsHook.for_connection(f"{conn_type}_default")
    with hook.error_mapping():
        hook.get_conn().whoami()


def copy_connection(emulated: Any, conn_type: str) -> None:
    """Put a copy of a connection into the environment, as the API server does for the UI."""
    copied = os.environ[f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT"]
    emulated.monkeypatch.setenv(f"AIRFLOW_CONN_{COPY.upper()}", copied)


@both
def test_right_secret(emulated: Any, conn_type: str) -> None:
    works, text = HOOKS[conn_type]().test_connection()
    assert works
    assert "got a token for" in text
    assert emulated.url in text


@both
def test_wrong_secret(emulated: Any, conn_type: str) -> None:
    emulated.connect(conn_type, password="a-wrong-secret")
    works, text = HOOKS[conn_type]().test_connection()
    assert not works
    assert "Check login" in text
    assert "password" in text
    assert "a-wrong-secret" not in text


@both
def test_unreachable_host(emulated: Any, conn_type: str) -> None:
    emulated.connect(conn_type, host="http://127.0.0.1:9")
    works, text = HOOKS[conn_type]().test_connection()
    assert not works
    assert "could not be reached at http://127.0.0.1:9" in text
    assert "host" in text
    assert SECRETS[conn_type] not in text


@both
def test_logs_in_each_time(emulated: Any, conn_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(conn_type, monkeypatch)
    hook = HOOKS[conn_type]()
    for logins in (2, 3):
        assert hook.test_connection()[0]
        assert emulated.state.calls[LOGIN[conn_type]] == logins
    emulated.state.fail(LOGIN[conn_type], REFUSED[conn_type])
    assert not HOOKS[conn_type]().test_connection()[0]


@both
def test_token_of_success_is_shared(emulated: Any, conn_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the login was refused a moment ago, which processes remember for a minute."""
    emulated.state.fail(LOGIN[conn_type], REFUSED[conn_type])
    with pytest.raises(AirflowException):
        log_in(conn_type, monkeypatch)
    assert HOOKS[conn_type]().test_connection()[0]
    log_in(conn_type, monkeypatch)
    assert emulated.state.calls[LOGIN[conn_type]] == 2


@both
def test_failure_is_not_shared(emulated: Any, conn_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server's address may be refused, and the workers' not."""
    emulated.state.fail(LOGIN[conn_type], REFUSED[conn_type])
    assert not HOOKS[conn_type]().test_connection()[0]
    log_in(conn_type, monkeypatch)
    assert emulated.state.calls[LOGIN[conn_type]] == 2


@both
def test_token_is_not_shared_if_sharing_fails(emulated: Any, conn_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SHARED", json.dumps({"conn_type": "redis", "host": "127.0.0.1", "port": 9}))
    emulated.connect(conn_type, extra={"coordination_conn_id": "shared"})
    works, text = HOOKS[conn_type]().test_connection()
    assert not works
    assert "cannot be shared through redis connection 'shared'" in text
    emulated.connect(conn_type)
    log_in(conn_type, monkeypatch)
    assert emulated.state.calls[LOGIN[conn_type]] == 2


@pytest.fixture
def behind_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Origin, Proxy, str]]:
    """Serve both logins over TLS under a name that only the proxy resolves; yield the CA's path too."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    ca, context = make_certificate(tmp_path)
    with serve_origin(context) as origin, serve_proxy(**{NAME: port(origin.url)}) as proxy:
        token = {"tenant_access_token": "t-1", "access_token": "t-1", "expire": 7200, "expires_in": 7200}
        answer = json_body({"code": 0, "errcode": 0, "msg": "ok", "errmsg": "ok", **token})
        origin.on("/open-apis/auth/v3/tenant_access_token/internal", answer)
        origin.on("/cgi-bin/gettoken", answer)
        yield origin, proxy, str(ca)


@both
def test_uses_proxy_and_ca_of_the_connection(
    emulated: Any, conn_type: str, behind_proxy: tuple[Origin, Proxy, str]
) -> None:
    origin, proxy, ca = behind_proxy

    def test(**extra: str) -> tuple[bool, str]:
        emulated.connect(conn_type, host=f"https://{NAME}", extra=extra)
        return HOOKS[conn_type]().test_connection()

    works, text = test(proxy=proxy.url, ca_bundle=ca)
    assert works, text
    assert (len(proxy.requests), len(origin.requests)) == (1, 1)
    # The token that is now stored hides neither a missing CA nor a dead proxy.
    works, text = test(proxy=proxy.url)
    assert (works, "certificate" in text) == (False, True)
    assert not test(proxy="http://127.0.0.1:9", ca_bundle=ca)[0]
    assert len(origin.requests) == 1
    works, text = test(proxy=proxy.url, ca_bundle=ca)
    assert works, text
    assert len(origin.requests) == 2


@both
@pytest.mark.parametrize(
    "changes",
    [
        {"host": "http://127.0.0.1:9"},
        {"password": "a-wrong-secret"},
        {"password": None},
        {"host": "https://a@b"},
        {"port": 70000},
        {"extra": {"rate_share": 7}},
        {"extra": "not json"},
        {"extra": {"coordination_conn_id": "not_there"}},
        {"extra": {"proxy": "http://127.0.0.1:9"}},
    ],
    ids=str,
)
def test_errors_do_not_show_the_id(emulated: Any, conn_type: str, changes: dict[str, Any]) -> None:
    emulated.connect(conn_type, **changes)
    copy_connection(emulated, conn_type)
    works, text = HOOKS[conn_type](COPY).test_connection()
    assert not works
    assert COPY not in text
    assert text


class TestUser:
    def test_login_of_the_app_is_tried(self, emulated: Any) -> None:
        emulated.connect("feishu", extra=USER)
        hook = FeishuHook()
        hook.finish_consent(browse(hook.begin_consent()))
        works, text = FeishuHook().test_connection()
        assert works
        assert "has consented until" in text
        assert emulated.state.calls[LOGIN["feishu"]] == 1
        emulated.state.fail(LOGIN["feishu"], REFUSED["feishu"])
        works, text = FeishuHook().test_connection()
        assert (works, "Check login" in text) == (False, True)

    def test_copy_has_no_consent(self, emulated: Any) -> None:
        emulated.connect("feishu", extra=USER)
        assert not FeishuHook().test_connection()[0]
        copy_connection(emulated, "feishu")
        works, text = FeishuHook(COPY).test_connection()
        assert works
        assert "airflow connections test with the id of the connection" in text
        assert COPY not in text

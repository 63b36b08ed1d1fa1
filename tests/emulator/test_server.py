from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.__main__ import main
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState


@contextmanager
def running(number: signal.Signals, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Run the command; yield its URL and, after `number` has stopped it, the rest of its output."""
    command = [sys.executable, "-W", "error", "-m", "airflow_provider_meetings.emulator", "--port", "0", *arguments]
    output: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert select.select([process.stdout], [], [], 30)[0], "no line within 30 seconds"
            line = process.stdout.readline()
            assert line.startswith("Emulator listening on http://127.0.0.1:")
            yield line.split()[-1], output
            process.send_signal(number)
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == ""
            output.append(process.stdout.read())
        finally:
            process.kill()


def test_command_serves_until_sigterm() -> None:
    with running(signal.SIGTERM) as (url, output):
        corp = {"corpid": credentials.WECOM_CORP_ID, "corpsecret": credentials.WECOM_CORP_SECRET}
        assert requests.get(f"{url}/cgi-bin/gettoken", params=corp).json()["errcode"] == 0
    for text in (
        credentials.FEISHU_APP_SECRET,
        credentials.WECOM_CORP_SECRET,
        credentials.FEISHU_USER_TOKEN,
        credentials.FEISHU_STORE_APP_SECRET,
        credentials.FEISHU_APP_TICKET,
        credentials.FEISHU_TENANT_KEY,
        *credentials.FEISHU_REDIRECT_URIS,
        "zhangwei",
        *default_company().feishu_posts,
    ):
        assert text in output[0]


def test_command_applies_options_and_stops_on_sigint() -> None:
    options = ("--rate-limits", "--link-seconds", "60", "--cloud", "lark")
    with running(signal.SIGINT, *options) as (url, _), requests.Session() as session:
        settings = session.get(f"{url}/_emulator/").json()["knobs"]
        assert (settings["rate_limits"]["value"], settings["link_seconds"]["value"]) == (True, 60)
        app = {"app_id": credentials.LARK_APP_ID, "app_secret": credentials.LARK_APP_SECRET}
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        token = session.post(url + path, json=app).json()["tenant_access_token"]
        for _ in range(5):
            session.get(f"{url}/open-apis/moments/v1/posts/1", headers={"Authorization": f"Bearer {token}"})
        counters = session.get(f"{url}/_emulator/counters").json()
        assert counters["calls"]["feishu.post"] == 5
        assert session.delete(f"{url}/_emulator/counters").json()["calls"] == {}


def test_command_fails_if_port_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in err


@pytest.mark.parametrize("arguments", [["--port", "65536"], ["--not-ready-polls", "-1"], ["--token-seconds", "x"]])
def test_command_rejects_bad_options(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_serve_leaves_no_thread_and_no_socket() -> None:
    before = threading.active_count()
    with serve(EmulatorState()) as url, requests.Session() as session:
        assert session.get(url).status_code == 404
    assert threading.active_count() == before
    with pytest.raises(requests.ConnectionError):
        requests.get(url)


def test_serve_stops_during_a_download(capfd: pytest.CaptureFixture[str]) -> None:
    state = EmulatorState()
    before = threading.active_count()
    with serve(state) as url:
        code = state.issue_link("feishu", Media(1 << 30, "mp4", "big"), "big.mp4")
        response = requests.get(f"{url}/space/api/box/stream/download/authcode/?code={code}", stream=True)
        assert response.raw.read(1000)
    assert threading.active_count() == before
    with pytest.raises(requests.RequestException):
        for _ in response.iter_content(1 << 20):
            pass
    response.close()
    assert "Traceback" not in capfd.readouterr().err


def test_serve_raises_if_port_is_in_use() -> None:
    with (
        serve(EmulatorState()) as url,
        pytest.raises(OSError, match="in use"),
        serve(EmulatorState(), port=int(url.rsplit(":", 1)[1])),
    ):
        pass


def test_concurrent_clients_get_one_token(emulator: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: emulator.feishu_token(), range(8)))
    assert len(set(tokens)) == 1
    assert emulator.state.token_requests["feishu"] == len(emulator.state.requests) == 8

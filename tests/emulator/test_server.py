from __future__ import annotations

import io
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

COMMAND = [sys.executable, "-W", "error", "-m", "airflow_provider_meetings.emulator"]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert isinstance(process.stdout, io.TextIOWrapper)
    assert select.select([process.stdout], [], [], 30)[0], "no line within 30 seconds"
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_serves_and_ends_cleanly(number: signal.Signals) -> None:
    with running("--port", "0") as process:
        line = first_line(process)
        assert line.startswith("Emulator listening on http://127.0.0.1:")
        url = line.split()[-1]
        with requests.Session() as session:
            corp = {"corpid": credentials.WECOM_CORP_ID, "corpsecret": credentials.WECOM_CORP_SECRET}
            assert session.get(f"{url}/cgi-bin/gettoken", params=corp).json()["errcode"] == 0
            process.send_signal(number)
            assert process.wait(timeout=30) == 0
            assert process.stdout is not None
            assert process.stderr is not None
            out, err = process.stdout.read(), process.stderr.read()
    assert err == ""
    for shown in (
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
        assert shown in out


def test_command_takes_the_knobs_of_its_help() -> None:
    with running("--port", "0", "--rate-limits", "--link-seconds", "60") as process:
        url = first_line(process).split()[-1]
        knobs = requests.get(f"{url}/_emulator/").json()["knobs"]
    assert (knobs["rate_limits"]["value"], knobs["link_seconds"]["value"]) == (True, 60)


def test_command_is_limited_counts_and_counts_anew_by_http() -> None:
    with running("--port", "0", "--rate-limits", "--cloud", "lark") as process, requests.Session() as session:
        url = first_line(process).split()[-1]
        # A window of a day, for the command's clock runs.
        assert session.post(f"{url}/_emulator/knobs", json={"limits": {"feishu.post": [[2, 86400]]}}).ok
        app = {"app_id": credentials.LARK_APP_ID, "app_secret": credentials.LARK_APP_SECRET}
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        token = session.post(url + path, json=app).json()["tenant_access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        for _ in range(5):
            session.get(f"{url}/open-apis/moments/v1/posts/1", headers=headers)
        counters = session.get(f"{url}/_emulator/counters").json()
        assert (counters["calls"]["feishu.post"], counters["throttled"]) == (5, {"feishu.post": 3})
        assert session.delete(f"{url}/_emulator/counters").json()["throttled"] == {}


def test_command_says_that_the_port_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in done.stderr


@pytest.mark.parametrize("arguments", [["--port", "65536"], ["--not-ready-polls", "-1"], ["--token-seconds", "x"]])
def test_command_refuses_bad_options(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert arguments[0] in done.stderr


def test_serve_leaves_no_thread_and_no_socket() -> None:
    before = threading.active_count()
    with serve(EmulatorState()) as url, requests.Session() as session:
        assert session.get(url).status_code == 404
    assert threading.active_count() == before
    with pytest.raises(requests.ConnectionError):
        requests.get(url)


def test_serve_stops_under_a_half_read_download(capfd: pytest.CaptureFixture[str]) -> None:
    state = EmulatorState()
    before = threading.active_count()
    with serve(state) as url:
        code = state.issue_link("feishu", Media(1 << 30, "mp4", "big"), "big.mp4")
        address = f"{url}/space/api/box/stream/download/authcode/?code={code}"
        response = requests.get(address, stream=True)
        assert response.raw.read(1000)
    assert threading.active_count() == before
    with pytest.raises(requests.RequestException):
        for _ in response.iter_content(1 << 20):
            pass
    response.close()
    assert "Traceback" not in capfd.readouterr().err


def test_serve_raises_if_the_port_is_in_use() -> None:
    with (
        serve(EmulatorState()) as url,
        pytest.raises(OSError, match="in use"),
        serve(EmulatorState(), port=int(url.rsplit(":", 1)[1])),
    ):
        pass


def test_requests_are_logged_as_they_came(emulator: Any) -> None:
    requests.post(f"{emulator.url}/cgi-bin/x?a=1&b=%E4%BC%9A", json={"title": "会"}, headers={"X-Own": "Yes"})
    requests.get(f"{emulator.url}/y")
    first, second = emulator.state.requests
    assert (first.method, first.path, first.query) == ("POST", "/cgi-bin/x", {"a": "1", "b": "会"})
    assert first.body == {"title": "会"}
    assert first.headers["x-own"] == "Yes"
    assert (second.method, second.path, second.query, second.body) == ("GET", "/y", {}, None)


def test_many_clients_at_once_get_one_token(emulator: Any) -> None:
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(emulator.feishu_token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1
    assert emulator.state.token_requests["feishu"] == len(emulator.state.requests) == 8

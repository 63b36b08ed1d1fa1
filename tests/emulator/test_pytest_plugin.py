"""The fixture for DAG authors, in a pytest run of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["airflow_provider_meetings.emulator.pytest_plugin"]'

TESTS = """
import json
import os
import urllib.request

from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE

NAMES = ("AIRFLOW_CONN_FEISHU_DEFAULT", "AIRFLOW_CONN_WECOM_DEFAULT")


def test_connections(meetings_emulator):
    assert set(meetings_emulator.connections) == set(NAMES)
    for name in NAMES:
        assert os.environ[name] == meetings_emulator.connections[name]
        assert json.loads(os.environ[name])["host"] == meetings_emulator.url
    wecom = json.loads(os.environ[NAMES[1]])
    url = f"{wecom['host']}/cgi-bin/gettoken?corpid={wecom['login']}&corpsecret={wecom['password']}"
    with urllib.request.urlopen(url) as response:
        assert json.load(response)["errcode"] == 0
    assert meetings_emulator.state.token_requests == {"wecom": 1}
    meetings_emulator.state.fail("feishu.minute", 2091003)


def test_each_test_has_its_own_emulator(meetings_emulator):
    assert not list(meetings_emulator.state.failures)
    assert meetings_emulator.state.requests == []
    assert READY_MINUTE in meetings_emulator.state.company.feishu_minutes
    assert json.loads(meetings_emulator.connection("feishu"))["conn_type"] == "feishu"


def test_no_connections_without_the_fixture():
    assert not set(NAMES) & set(os.environ)
"""


def test_fixture(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_CONN_FEISHU_DEFAULT", "AIRFLOW_CONN_WECOM_DEFAULT"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    # In this process the plugin's module may be imported already.
    warnings = ("-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning")
    result = pytester.runpytest_inprocess(*warnings, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)


def test_plugin_is_not_loaded_by_default(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(meetings_emulator): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'meetings_emulator' not found*"])

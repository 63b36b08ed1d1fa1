"""Every field and extra of a connection refuses invalid values before the first request, and shows no value."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException, BaseHook, Connection
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # there, but not declared

from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from tests.bad_input.rows import LONG, SECRET, Row

HOOKS: dict[str, type[MeetingsHook]] = {"feishu": FeishuHook, "wecom": WeComHook}
FORMS = {conn_type: hook.manifest["connection-type"]["conn-fields"] for conn_type, hook in HOOKS.items()}
NOT_TEXT: list[tuple[Any, str]] = [(7, "got int"), (True, "got bool"), (["x"], "got list"), ({"x": 1}, "got dict")]
NOTHING: list[Any] = [None, "", [], 0]
FIELDS: list[Row] = [
    *(
        Row(name, value, kind, "copy it from the platform's console again")
        for name in ("login", "password")
        for value, kind in [
            *NOT_TEXT,
            (LONG, "5000 characters"),
            (f"{SECRET}\n", "a line break"),
            (f" {SECRET}", "a space at an end"),
            (f"{SECRET}\0", "a control character"),
        ]
    ),
    *(
        Row(name, value, f"has no {name}", "login is the app's or corp's id")
        for name in ("login", "password")
        for value in NOTHING
    ),
    *(
        Row("host", value, kind, "set it to the base URL alone")
        for value, kind in [
            *NOT_TEXT,
            (f"https://{LONG}", "5008 characters"),
            ("https://open.feishu.cn\n/x", "a line break"),
            (f"https://app:{SECRET}@open.feishu.cn", "contains a user"),
            (f"app:{SECRET}@open.feishu.cn", "contains a user"),
            (f"https://open.feishu.cn?x={SECRET}", "a query"),
            ("https://open.feishu.cn#x", "a fragment"),
        ]
    ),
    *(
        Row("host", value, "a URL with its scheme", "Write https://")
        for value in (
            "open.feishu.cn",
            "ftp://open.feishu.cn",
            "https://",
            "https://[",
            "https://x:99999",
            "file:///etc",
        )
    ),
    *(
        Row("port", value, "an invalid port", "from 1 to 65535", {"host": "http://127.0.0.1"})
        for value in (-1, 65536, 10**9)
    ),
    *(Row("port", value, "cannot be read", "AIRFLOW_CONN_") for value in ("abc", ["8"], {"x": 1})),
    Row("port", 443, "another in its port field", "remove one of them", {"host": "https://open.feishu.cn:443"}),
    *(
        Row("extra", value, "not a JSON object", "such as {")
        for value in ("not json", "[]", "7", '"x"', "null", "{'proxy': 'x'}", ["x"], SECRET)
    ),
    *(Row("conn_type", value, "is of type", "not ") for value in ("sqlite", "carrier_pigeon", "Feishu")),
    *(
        Row("extra proxy", value, "not the URL of a proxy", "http://host:port")
        for value in (f"app:{SECRET}@host", "host:8080", "ftp://host", "http://", "http://[", "http://host:99999")
    ),
    Row("extra coordination_conn_id", f"redis://:{SECRET}@host", "is an address", "store it as a connection"),
    Row("extra coordination_conn_id", "feishu_default", "is of type 'feishu'", "one of type redis, postgres, mysql"),
    *(
        Row("extra ca_bundle", value, "does not exist on this worker", "the path of a file")
        for value in ("/nowhere/ca.pem", "ca.pem", "True", SECRET)
    ),
    *(
        Row("extra allowed_media_hosts", value, kind, "a string with commas")
        for value, kind in [
            *[(value, kind) for value, kind in NOT_TEXT if not isinstance(value, list)],
            (["media.example.com", 7], "entry 2 must be a string, got int"),
            ([["media.example.com"]], "entry 1 must be a string, got list"),
            ([None], "entry 1 must be a string, got NoneType"),
            (["media.example.com", LONG], "5000 characters"),
            (LONG, "5000 characters"),
            ([""], "is empty"),
            (["media.example.com\n"], "a line break"),
            ("media.example.com,\0x", "a control character"),
            ([" media.example.com"], "a space at an end"),
        ]
    ),
    *(
        Row("extra allowed_media_hosts", value, kind, "such as media.example.com, *.example.com")
        for value, kind in [
            ("media.example.com, 10.0.0.1/8", "entry 2, '10.0.0.1/8', is no host name"),
            (["10.0.0.0/8", "*example.com"], "entry 2, '*example.com', is no host name"),
            ("media.example.com:443", "entry 1, 'media.example.com:443', is no host name"),
            (f"https://app:{SECRET}@media.example.com", "entry 1 is no host name"),
            (f"media.example.com?sign={SECRET}", "entry 1 is no host name"),
        ]
    ),
    *(
        Row("extra rate_share", value, "not a number from 0.001 to 1", "correct or remove it")
        for value in (
            0,
            1.5,
            "half",
            -0.1,
            1e-9,
            "1e-300",
            "0",
            "nan",
            "inf",
            "1e9",
            True,
            [0.4],
            {"x": 1},
            "0,4",
            "9" * 5000,
            10**400,
        )
    ),
    Row("extra allowed_media_hosts", "169.254.169.254", "never allowed", "Leave it out"),
]
OF_FEISHU = [
    *(
        Row(f"extra {name}", value, f"not one of {', '.join(choices)}", "correct or remove it")
        for name, choices in [
            ("user_id_type", ("open_id", "union_id", "user_id")),
            ("identity", ("app", "user")),
            ("app_type", ("self-built", "store")),
        ]
        for value in ("0", SECRET, choices[0].upper())
    ),
    *(Row(f"extra {name}", SECRET, "app_type is store", "remove it") for name in ("app_ticket", "tenant_key")),
    *(Row(f"extra {name}", SECRET, "identity is user", "remove it") for name in ("redirect_uri", "scopes")),
]


def text_rows(conn_type: str) -> list[Row]:
    return [
        Row(f"extra {name}", value, kind, "set it to a string, or remove it")
        for name, field in FORMS[conn_type].items()
        if field["schema"]["type"] == ["string", "null"]
        for value, kind in [*NOT_TEXT, (LONG, "5000 characters"), ("x\n", "a line break"), (" x", "a space at an end")]
    ]


ROWS = {"feishu": [*FIELDS, *text_rows("feishu"), *OF_FEISHU], "wecom": [*FIELDS, *text_rows("wecom")]}


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Listen where the connections lead to; nobody connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def connect(monkeypatch: pytest.MonkeyPatch, listener: socket.socket, conn_type: str, row: Row) -> MeetingsHook:
    fields: dict[str, Any] = {"password": SECRET, **row.also}
    if row.parameter.startswith("extra "):
        fields["extra"] = {row.parameter.removeprefix("extra "): row.value}
    else:
        fields[row.parameter] = row.value
    fields.setdefault("host", f"http://127.0.0.1:{listener.getsockname()[1]}")
    known = {"conn_type": conn_type, "login": "cli_x", **fields}
    if row.parameter in {"login", "password", "host"} and not isinstance(row.value, str | None):
        # Airflow refuses these in the environment; another secrets backend may return them.
        made = Connection(conn_id=f"{conn_type}_default", **known)
        monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: made)
    monkeypatch.setenv("AIRFLOW_CONN_FEISHU_DEFAULT", json.dumps({"conn_type": "feishu"}))
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", json.dumps(known))
    return HOOKS[conn_type]()


CASES = [pytest.param(conn_type, row, id=f"{conn_type}-{row}") for conn_type, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("conn_type", "row"), CASES)
def test_invalid_field_is_refused_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch,
    listener: socket.socket,
    caplog: pytest.LogCaptureFixture,
    conn_type: str,
    row: Row,
) -> None:
    hook = connect(monkeypatch, listener, conn_type, row)
    with caplog.at_level(logging.DEBUG), pytest.raises((AirflowFailException, AirflowNotFoundException)) as caught:
        hook.get_conn()
    text = str(caught.value)
    # Airflow raises "not found" for an unreadable connection, too: only that may be retried.
    assert isinstance(caught.value, AirflowNotFoundException) == ("is not defined" in text)
    assert row.parameter.removeprefix("extra ") in text or row.parameter == "conn_type"
    assert row.kind in text
    assert row.remedy in text
    assert len(text) < 1000
    assert SECRET not in text
    assert SECRET not in caplog.text
    works, shown = hook.test_connection()
    assert not works
    assert row.remedy in shown
    assert f"{conn_type}_default" not in shown
    assert SECRET not in shown
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("conn_type", HOOKS)
def test_every_field_of_the_form_has_a_row(conn_type: str) -> None:
    fields = {"login", "password", "host", "port", "extra", "conn_type"}
    fields |= {f"extra {name}" for name in FORMS[conn_type]}
    assert fields <= {row.parameter for row in ROWS[conn_type]}


@pytest.mark.parametrize("conn_type", HOOKS)
def test_blank_and_absent_extras_are_accepted(emulated: Any, conn_type: str) -> None:
    extras: list[Any] = [None, "", "{}", " { } ", {"tenant": None, "proxy": "", "ca_bundle": "", "user_id_type": None}]
    extras += [{"coordination_conn_id": value} for value in (None, "")]
    hosts: list[Any] = [None, "", " , ", [], "10.0.0.0/8,", "a.b, *.c.d ,::1"]
    extras += [{"allowed_media_hosts": value} for value in hosts]
    extras += [{"rate_share": value} for value in (None, "", 1, 0.4, "0.4", " 1 ", 1e-3)]
    for extra in extras:
        emulated.connect(conn_type, extra=extra, host=f" {emulated.url} ")
        assert HOOKS[conn_type]().test_connection()[0]


def test_proxy_password_is_masked(emulated: Any) -> None:
    emulated.connect("feishu", extra={"proxy": "http://app:pw-of-a-proxy@127.0.0.1:9"})
    good, text = FeishuHook().test_connection()
    assert not good
    assert "pw-of-a-proxy" not in text
    assert "pw-of-a-proxy" not in str(redact("through http://app:pw-of-a-proxy@127.0.0.1:9"))

"""Every field and extra of a connection refuses what it cannot use, before anything is sent; no value is shown."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException, BaseHook, Connection
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # there, but not declared

from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms import feishu, wecom
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from tests.bad_input.rows import LONG, SECRET, Row

HOOKS: dict[str, type[MeetingsHook]] = {"feishu": FeishuHook, "wecom": WeComHook}
MANIFESTS = {"feishu": feishu.MANIFEST, "wecom": wecom.MANIFEST}
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
        Row("host", value, kind, "write the base URL alone")
        for value, kind in [
            *NOT_TEXT,
            (f"https://{LONG}", "5008 characters"),
            ("https://open.feishu.cn\n/x", "a line break"),
            (f"https://app:{SECRET}@open.feishu.cn", "with a user"),
            (f"app:{SECRET}@open.feishu.cn", "with a user"),
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
        Row("port", value, "a port that is none", "from 1 to 65535", {"host": "http://127.0.0.1"})
        for value in (-1, 65536, 10**9)
    ),
    *(Row("port", value, "cannot be read", "AIRFLOW_CONN_") for value in ("abc", ["8"], {"x": 1})),
    Row("port", 443, "another beside it", "leave one of them out", {"host": "https://open.feishu.cn:443"}),
    *(
        Row("extra", value, "no JSON object", "with quotes")
        for value in ("not json", "[]", "7", '"x"', "null", "{'proxy': 'x'}", ["x"], SECRET)
    ),
    *(Row("conn_type", value, "is of type", "not ") for value in ("sqlite", "carrier_pigeon", "Feishu")),
    *(
        Row(f"extra {name}", value, kind, "write it as a text")
        for name in (
            "tenant",
            "user_id_type",
            "proxy",
            "ca_bundle",
            "coordination_conn_id",
            "identity",
            "redirect_uri",
            "scopes",
            "app_type",
            "app_ticket",
            "tenant_key",
        )
        for value, kind in [*NOT_TEXT, (LONG, "5000 characters"), ("x\n", "a line break"), (" x", "a space at an end")]
    ),
    *(
        Row("extra proxy", value, "no URL of a proxy", "http://host:port")
        for value in (f"app:{SECRET}@host", "host:8080", "ftp://host", "http://", "http://[", "http://host:99999")
    ),
    Row("extra coordination_conn_id", f"redis://:{SECRET}@host", "is an address", "store it as a connection"),
    Row("extra coordination_conn_id", "feishu_default", "is of type 'feishu'", "one of type redis, postgres, mysql"),
    *(
        Row("extra ca_bundle", value, "does not exist on this worker", "the path of a file")
        for value in ("/nowhere/ca.pem", "ca.pem", "True", SECRET)
    ),
    *(
        Row("extra allowed_media_hosts", value, kind, "a text with commas")
        for value, kind in [
            *[(value, kind) for value, kind in NOT_TEXT if not isinstance(value, list)],
            (["media.example.com", 7], "entry 2 must be a text, got int"),
            ([["media.example.com"]], "entry 1 must be a text, got list"),
            ([None], "entry 1 must be a text, got NoneType"),
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
        Row("extra rate_share", value, f"an extra rate_share of {value!r:.60}", "from 0.001 to 1")
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
        )
    ),
    Row("extra allowed_media_hosts", "169.254.169.254", "nothing is ever fetched", "Leave it out"),
]
OF_FEISHU = [
    *(Row("extra user_id_type", value, f"got {value!r}", "open_id") for value in ("email", "OPEN_ID", "0")),
    *(Row("extra identity", value, f"got {value!r}", "app or user") for value in ("me", "User", "0")),
    *(Row("extra app_type", value, f"got {value!r}", "self-built or store") for value in ("isv", "Store", "0")),
    *(Row(f"extra {name}", SECRET, "app_type is store", "leave one") for name in ("app_ticket", "tenant_key")),
    *(Row(f"extra {name}", SECRET, "identity is user", "leave one") for name in ("redirect_uri", "scopes")),
]


def connect(emulated: Any, conn_type: str, row: Row) -> MeetingsHook:
    fields: dict[str, Any] = {"password": SECRET, **row.also}
    if row.parameter.startswith("extra "):
        fields["extra"] = {row.parameter.removeprefix("extra "): row.value}
    else:
        fields[row.parameter] = row.value
    fields.setdefault("host", emulated.url)
    known = {"conn_type": conn_type, "login": "cli_x", **fields}
    if row.parameter in {"login", "password", "host"} and not isinstance(row.value, str | None):
        # Airflow's own reading of the environment refuses these; another secrets backend may not.
        made = Connection(conn_id=f"{conn_type}_default", **known)
        emulated.monkeypatch.setattr(BaseHook, "get_connection", lambda conn_id: made)
    emulated.monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", json.dumps(known))
    return HOOKS[conn_type]()


CASES = [pytest.param(t, row, id=f"{t}-{row}") for t in HOOKS for row in FIELDS + OF_FEISHU * (t == "feishu")]


@pytest.mark.parametrize(("conn_type", "row"), CASES)
def test_refused_before_anything_is_sent(
    emulated: Any, caplog: pytest.LogCaptureFixture, conn_type: str, row: Row
) -> None:
    hook = connect(emulated, conn_type, row)
    with caplog.at_level(logging.DEBUG), pytest.raises((AirflowFailException, AirflowNotFoundException)) as caught:
        hook.get_conn()
    text = str(caught.value)
    # Airflow says "not found" of what it cannot read too: only that may be tried again.
    assert isinstance(caught.value, AirflowNotFoundException) == ("is not defined" in text)
    assert row.parameter.removeprefix("extra ") in text or row.parameter == "conn_type"
    assert row.kind in text
    assert row.remedy in text
    assert len(text) < 1000
    assert SECRET not in text
    assert SECRET not in caplog.text
    assert hook.test_connection() == (False, text)
    assert emulated.state.requests == []


@pytest.mark.parametrize("conn_type", HOOKS)
def test_every_field_of_the_form_has_a_row(conn_type: str) -> None:
    manifest: Any = MANIFESTS[conn_type]
    fields = {"login", "password", "host", "port", "extra", "conn_type"}
    fields |= {f"extra {name}" for name in manifest["conn-fields"]}
    assert fields <= {row.parameter for row in FIELDS}


@pytest.mark.parametrize("conn_type", HOOKS)
def test_what_is_blank_or_absent_is_taken(emulated: Any, conn_type: str) -> None:
    extras: list[Any] = [None, "", "{}", " { } ", {"tenant": None, "proxy": "", "ca_bundle": "", "user_id_type": None}]
    extras += [{"coordination_conn_id": value} for value in (None, "")]
    hosts: list[Any] = [None, "", " , ", [], "10.0.0.0/8,", "a.b, *.c.d ,::1"]
    extras += [{"allowed_media_hosts": value} for value in hosts]
    extras += [{"rate_share": value} for value in (None, "", 1, 0.4, "0.4", " 1 ", 1e-3)]
    for extra in extras:
        emulated.connect(conn_type, extra=extra, host=f" {emulated.url} ")
        assert HOOKS[conn_type]().test_connection()[0]


def test_the_password_of_a_proxy_is_masked(emulated: Any) -> None:
    emulated.connect("feishu", extra={"proxy": "http://app:pw-of-a-proxy@127.0.0.1:9"})
    good, text = FeishuHook().test_connection()
    assert not good
    assert "pw-of-a-proxy" not in text
    assert "pw-of-a-proxy" not in str(redact("through http://app:pw-of-a-proxy@127.0.0.1:9"))

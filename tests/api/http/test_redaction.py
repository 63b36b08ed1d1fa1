"""URLs in log lines."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_meetings.api.http.redaction import keep_queries_out_of_logs, redact
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.seed.feishu import READY_MINUTE
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://user:secret@host/path?x=1", "https://host/path?***"),
        ("http://host:8080/path", "http://host:8080/path"),
        ("https://host", "https://host"),
    ],
)
def test_redact(url: str, redacted: str) -> None:
    assert redact(url) == redacted


def test_urllib3_logs_no_query(emulated: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    WeComHook().get_conn().whoami()
    client = FeishuHook().get_conn()
    link = client.get_minute_media_url(READY_MINUTE)
    with client.media_session.stream(link.url) as stream:
        assert next(stream.chunks())
    lines = "\n".join(record.getMessage() for record in caplog.records)
    assert "GET /cgi-bin/gettoken?***" in lines
    assert "GET /space/api/box/stream/download/authcode/?***" in lines
    assert WECOM_CORP_SECRET not in lines
    assert link.url.partition("?")[2] not in lines


def test_header_warning_hides_query(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 logs the whole URL of a response with invalid headers, on another logger than its DEBUG lines."""
    keep_queries_out_of_logs("https://media.example.invalid/x")
    line = "Failed to parse headers (url=%s): %s"
    logging.getLogger("urllib3.connection").warning(line, "https://media.example.invalid/x?sign=S3CRET", "defect")
    assert "https://media.example.invalid/x?***" in caplog.text
    assert "S3CRET" not in caplog.text

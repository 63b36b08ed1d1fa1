"""Open media links in tests, and return the errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from airflow_provider_meetings.api.errors import MeetingsApiError, UnsafeAddress
from airflow_provider_meetings.api.media.session import MediaSession
from tests.contract.leaks import error_text
from tests.contract.media.origin import Answer, raw_body

LOOPBACK = "http://127.0.0.1:9"
OPEN = "https://open.feishu.cn"
OpenSession = Callable[..., MediaSession]
"""Create a session: ``(base_url=LOOPBACK, *allowed_media_hosts, **arguments)``."""


def read(session: MediaSession, url: str, **headers: str) -> bytes:
    with session.open(url, headers) as response:
        return bytes(response.content)


def open_error(session: MediaSession, url: str, kind: type[MeetingsApiError] = UnsafeAddress) -> str:
    """Return the text of the error; secrets in the links of tests are named S3CRET."""
    with pytest.raises(kind) as caught:
        session.open(url, {})
    assert caught.value.platform == "acme"
    assert "S3CRET" not in error_text(caught.value)
    return str(caught.value)


def redirect_to(location: str, status: int = 302, headers: Mapping[str, str] | None = None) -> Answer:
    return raw_body(b"elsewhere", status=status, headers={"Location": location, **(headers or {})})


def port(url: str) -> int:
    return int(url.rpartition(":")[2])

from __future__ import annotations

import pytest
import requests

from airflow_provider_meetings.api.http.auth import Signature, Token, TokenAuth, token_key
from airflow_provider_meetings.coordination.memory import ProcessTokenStore


@pytest.mark.parametrize(
    ("lifetime", "left", "fresh"),
    [
        (7200, 7200, True),
        (7200, 301, True),
        (7200, 300, False),
        (7200, 0, False),
        (7200, -5, False),
        (60, 7, True),  # the margin is a tenth of a short lifetime, not five minutes
        (60, 6, False),
    ],
)
def test_token_is_fresh_until_shortly_before_expiry(lifetime: float, left: float, fresh: bool) -> None:
    assert Token("v", 1000.0, lifetime).fresh(1000.0 - left) is fresh


def test_token_repr_hides_value() -> None:
    assert "SECRET" not in repr(Token("SECRET", 1.0, 1.0))


def test_key_is_unique_per_identity_without_secret() -> None:
    parts = ("feishu", "https://open.feishu.cn", "app", "s3cret-value", "tenant")
    key = token_key(*parts)
    assert "s3cret-value" not in key
    assert token_key(*parts) == key
    for index in range(5):
        other = [*parts]
        other[index] += "x"
        assert token_key(*other) != key


def test_rejected_signature_is_replaced() -> None:
    values = iter(["one", "two"])
    secrets: list[str] = []

    def place(request: requests.PreparedRequest, value: str) -> None:
        request.headers["X-Token"] = value

    auth = TokenAuth(
        key="k",
        fetch=lambda: Token(next(values), 1e12, 7200),
        place=place,
        store=ProcessTokenStore(clock=lambda: 0.0),
        on_secret=secrets.append,
    )
    first = auth.signature()
    assert isinstance(first, Signature)
    assert auth.signature().value == "one"
    second = auth.signature(rejected=first)
    request = requests.Request("GET", "http://example.com", auth=second).prepare()
    assert request.headers["X-Token"] == "two"
    assert auth.signature().value == "two"
    assert secrets == ["one", "one", "two", "two"]

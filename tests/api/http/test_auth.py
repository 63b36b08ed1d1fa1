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
        (60, 7, True),  # a tenth of a short life, not five minutes
        (60, 6, False),
    ],
)
def test_a_token_is_renewed_before_its_end(lifetime: float, left: float, fresh: bool) -> None:
    assert Token("v", 1000.0, lifetime).fresh(1000.0 - left) is fresh


def test_token_repr_hides_value() -> None:
    assert "SECRET" not in repr(Token("SECRET", 1.0, 1.0))


def test_key_is_unique_per_identity_without_secret() -> None:
    given = ("feishu", "https://open.feishu.cn", "app", "s3cret-value", "tenant")
    key = token_key(*given)
    assert "s3cret-value" not in key
    assert token_key(*given) == key
    for place in range(5):
        other = [*given]
        other[place] += "x"
        assert token_key(*other) != key


def test_rejected_signature_is_replaced() -> None:
    values = iter(["one", "two"])
    told: list[str] = []

    def place(request: requests.PreparedRequest, value: str) -> None:
        request.headers["X-Token"] = value

    auth = TokenAuth(
        key="k",
        fetch=lambda: Token(next(values), 1e12, 7200),
        place=place,
        store=ProcessTokenStore(clock=lambda: 0.0),
        on_secret=told.append,
    )
    first = auth.signature()
    assert isinstance(first, Signature)
    assert auth.signature().value == "one"
    second = auth.signature(rejected=first)
    request = requests.Request("GET", "http://example.com", auth=second).prepare()
    assert request.headers["X-Token"] == "two"
    assert auth.signature().value == "two"
    assert told == ["one", "one", "two", "two"]

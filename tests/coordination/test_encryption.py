from __future__ import annotations

import pytest

from airflow_provider_meetings.coordination.encryption import Encryptor

SEAL = Encryptor("the-secret")
CLOSED = SEAL.close("name", {"value": "a-token"})


def test_it_opens_for_who_knows_the_secret() -> None:
    assert Encryptor("the-secret").open("name", CLOSED) == {"value": "a-token"}
    assert b"a-token" not in CLOSED
    assert b"the-secret" not in CLOSED


def test_the_same_content_is_never_the_same_value() -> None:
    assert SEAL.close("name", {"value": "a-token"}) != CLOSED


@pytest.mark.parametrize(
    ("secret", "name", "value"),
    [
        ("another", "name", CLOSED),
        ("the-secret", "other", CLOSED),
        ("the-secret", "name", CLOSED[:-4]),
        ("the-secret", "name", CLOSED[:10]),
        ("the-secret", "name", b""),
        ("the-secret", "name", b"2" + CLOSED[1:]),
        ("the-secret", "name", CLOSED[:20] + bytes([CLOSED[20] ^ 1]) + CLOSED[21:]),
    ],
)
def test_all_else_is_none(secret: str, name: str, value: bytes) -> None:
    assert Encryptor(secret).open(name, value) is None


def test_an_empty_secret_has_a_key_of_its_own() -> None:
    assert Encryptor("").open("name", CLOSED) is None

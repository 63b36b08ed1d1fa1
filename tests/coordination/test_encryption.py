from __future__ import annotations

import pytest

from airflow_provider_meetings.coordination.encryption import Encryptor

ENCRYPTOR = Encryptor("the-secret")
ENCRYPTED = ENCRYPTOR.encrypt("name", {"value": "a-token"})


def test_round_trip() -> None:
    assert Encryptor("the-secret").decrypt("name", ENCRYPTED) == {"value": "a-token"}
    assert b"a-token" not in ENCRYPTED
    assert b"the-secret" not in ENCRYPTED


def test_encrypted_values_differ() -> None:
    assert ENCRYPTOR.encrypt("name", {"value": "a-token"}) != ENCRYPTED


@pytest.mark.parametrize(
    ("secret", "name", "value"),
    [
        ("another", "name", ENCRYPTED),
        ("the-secret", "other", ENCRYPTED),
        ("the-secret", "name", ENCRYPTED[:-4]),
        ("the-secret", "name", ENCRYPTED[:10]),
        ("the-secret", "name", b""),
        ("the-secret", "name", b"2" + ENCRYPTED[1:]),
        ("the-secret", "name", ENCRYPTED[:20] + bytes([ENCRYPTED[20] ^ 1]) + ENCRYPTED[21:]),
    ],
)
def test_foreign_or_damaged_value(secret: str, name: str, value: bytes) -> None:
    assert Encryptor(secret).decrypt(name, value) is None


def test_empty_secret() -> None:
    assert Encryptor("").decrypt("name", ENCRYPTED) is None

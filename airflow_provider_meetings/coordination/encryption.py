"""Encrypt shared values under a key that is derived from the app's secret."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SALT = b"airflow-provider-meetings"
_INFO = b"shared tokens, version 1"


class Encryptor:
    """Encrypt JSON objects; each can be decrypted only under its own name."""

    def __init__(self, secret: str) -> None:
        derived = HKDF(algorithm=SHA256(), length=40, salt=_SALT, info=_INFO).derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived[:32]))
        self._prefix = b"1." + derived[32:].hex().encode() + b"."

    def encrypt(self, name: str, content: dict[str, Any]) -> bytes:
        """Encrypt `content`; the value begins with its version and the id of the key."""
        return self._prefix + self._fernet.encrypt(json.dumps([name, content]).encode())

    def decrypt(self, name: str, value: bytes) -> dict[str, Any] | None:
        """Decrypt a value; return None if it is damaged, or of another key, version or name."""
        if not value.startswith(self._prefix):
            return None
        try:
            written_as, content = json.loads(self._fernet.decrypt(value[len(self._prefix) :]))
        except (InvalidToken, ValueError):
            return None
        return content if written_as == name and isinstance(content, dict) else None

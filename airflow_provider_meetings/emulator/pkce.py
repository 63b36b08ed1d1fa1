"""The proof that who exchanges a code is who asked for it (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Final, Literal

Method = Literal["S256", "plain"]

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The public half."""

    text: str
    method: Method


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
def proves(challenge: Challenge | None, verifier: str | None, *, strict: bool) -> bool:
    """Tell whether ``verifier`` belongs to ``challenge``.

    :param strict: refuse one for which there was no challenge.
    """
    if challenge is None:
        return verifier is None or not strict
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    expected = verifier
    if challenge.method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return secrets.compare_digest(expected.encode(), challenge.text.encode())

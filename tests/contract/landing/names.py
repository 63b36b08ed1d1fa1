"""Host names that resolve to addresses of the test; only the resolver is replaced."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

PUBLIC = "93.184.215.14"
"""Never contacted, only checked."""

Names = Callable[..., list[str]]


def patch_resolver(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Return a function ``(name, *answers)``; each answer is a list of addresses, the last one repeats.

    The function returns a list to which each lookup of the name is appended. Other names are unknown.
    """
    real = socket.getaddrinfo
    known: dict[str, tuple[list[list[str]], list[str]]] = {}

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host in known:
            answers, lookups = known[host]
            lookups.append(host)
            found = answers.pop(0) if len(answers) > 1 else answers[0]
            return [entry for address in found for entry in real(address, port, *args, **kwargs)]
        if not any(c.isalpha() for c in str(host).replace("0x", "")) or ":" in str(host):
            return real(host, port, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def name(host: str, *answers: list[str]) -> list[str]:
        known[host] = ([*answers], [])
        return known[host][1]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return name

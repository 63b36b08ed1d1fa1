"""The browser of a consenting user."""

from __future__ import annotations

import requests

REDIRECT = "http://localhost:8080/callback"
USER = {"identity": "user", "redirect_uri": REDIRECT}


def browse(address: str) -> str:
    """Open the consent page, and return the URL of its redirect."""
    with requests.get(address, allow_redirects=False, timeout=10) as answer:
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

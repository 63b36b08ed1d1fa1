"""An emulator that records each secret it issues, and a search for them in all encodings."""

from __future__ import annotations

import json
import re
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import quote, quote_plus, urlencode

import pytest

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.endpoints import Platform
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomRecording, WecomSharing
from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID
from airflow_provider_meetings.emulator.seed.wecom import SPECIAL_DAY
from airflow_provider_meetings.emulator.state.emulator import EmulatorState, Link
from airflow_provider_meetings.emulator.state.tokens import TokenStatus

DEBUG = {
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
    "AIRFLOW__LOGGING__FAB_LOGGING_LEVEL": "DEBUG",
    # Airflow sets higher levels for these by default.
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": " ".join(
        f"{name}=DEBUG" for name in ("airflow_provider_meetings", "requests", "sqlalchemy", "tenacity", "urllib3")
    ),
}
RESERVED = "/+=&%"
"""Ends each secret, so that its raw and percent-encoded forms differ, as those of real signatures do."""
_TOKEN_USES = 5
"""Number of requests before the emulator rejects a token: a refresh could log the old one."""


class Secret(NamedTuple):
    """A secret; ``mark`` is a part of it that is the same in all encodings."""

    value: str
    mark: str


class Planted:
    """All issued secrets by name; the name is the kind and a number."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}
        self._kinds: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, kind: str, value: str, mark: str) -> str:
        """Record ``value`` and return it."""
        with self._lock:
            self._kinds[kind] += 1
            self._secrets[f"{kind} {self._kinds[kind]}"] = Secret(value, mark)
        return value

    def invent(self, kind: str) -> str:
        """Return a new secret and record it."""
        mark = secrets.token_urlsafe(18)
        return self.add(kind, mark + RESERVED, mark)

    def secrets(self) -> dict[str, Secret]:
        """Return the secrets by name."""
        with self._lock:
            return dict(self._secrets)

    def count(self, kind: str) -> int:
        """Return the number of secrets of a kind."""
        with self._lock:
            return self._kinds[kind]


def plant_app_secrets(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change the secrets of the two apps in all modules that imported them."""
    for constant in ("FEISHU_APP_SECRET", "WECOM_CORP_SECRET"):
        mark = f"planted-{constant}-"
        value = planted.add(constant, mark + RESERVED, mark)
        for name, module in list(sys.modules.items()):
            imports_it = name == "local_airflow" or name.startswith("airflow_provider_meetings.emulator")
            if imports_it and hasattr(module, constant):
                monkeypatch.setattr(module, constant, value)
        if constant == "FEISHU_APP_SECRET":
            change_feishu_secret(monkeypatch, value)


def change_feishu_secret(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Change the secret of the emulator's self-built Feishu app."""
    apps = (replace(app, secret=value) if app.app_id == FEISHU_APP_ID else app for app in credentials.APPS)
    monkeypatch.setattr(credentials, "APPS", tuple(apps))


class PlantedState(EmulatorState):
    """Issue tokens that work for a few requests and links with three signature values, and record all of them.

    The first link of each file is dead, so that errors about links are logged too.
    """

    def __init__(self, planted: Planted, company: Company | None = None, uses: int = _TOKEN_USES) -> None:
        super().__init__(_with_sharing(planted, company or default_company()), not_ready_polls=1)
        self.planted = planted
        self._max_uses = uses
        self._uses_left: Counter[str] = Counter()
        self._signed: dict[str, str] = {}
        self._dead: set[tuple[str, str]] = set()

    def issue_token(self, platform: Platform) -> tuple[str, int]:
        token = self.planted.invent(f"{platform} token")
        self._uses_left[token] = self._max_uses
        return token, self.token_seconds

    def token_status(self, platform: Platform, token: str) -> TokenStatus:
        self._uses_left[token] -= 1
        return "valid" if self._uses_left[token] >= 0 else "unknown"

    def issue_link(self, platform: Platform, media: Media, filename: str, object_id: str = "") -> str:
        signature = self.planted.invent(f"{platform} link signature")
        self._signed[signature] = super().issue_link(platform, media, filename, object_id)
        more = {
            "X-Key-Id": self.planted.invent(f"{platform} link key id"),
            "X-Security-Token": self.planted.invent(f"{platform} link session token"),
        }
        query = f"{quote(signature, safe='')}&{urlencode(more)}"
        mark = signature.removesuffix(RESERVED)
        self.planted.add(f"{platform} link query", query, mark)
        path, name = {
            "feishu": ("/space/api/box/stream/download/authcode/", "code"),
            "wecom": (f"/wecom-media/{quote(filename)}", "sign"),
        }[platform]
        self.planted.add(f"{platform} link", f"{path}?{name}={query}", mark)
        return query

    def open_link(self, code: str) -> Link | None:
        link = super().open_link(self._signed.get(code, ""))
        # By name: two files can have the same content.
        if link is not None and (link.object_id, link.filename) not in self._dead:
            self._dead.add((link.object_id, link.filename))
            return None
        return link


def _with_sharing(planted: Planted, company: Company) -> Company:
    """Give each file of the special day a sharing link and a password."""

    def shared(recording: WecomRecording) -> WecomRecording:
        return replace(recording, files=tuple(replace(file, sharing=sharing()) for file in recording.files))

    def sharing() -> WecomSharing:
        key = planted.invent("sharing key")
        url = f"https://share.example.invalid/cw/{quote(key, safe='')}"
        planted.add("sharing url", url, key.removesuffix(RESERVED))
        return WecomSharing(url, planted.invent("sharing password"))

    special = {
        name: shared(recording)
        for name, recording in company.wecom_recordings.items()
        if recording.meeting_start_time.date() == SPECIAL_DAY
    }
    return replace(company, wecom_recordings={**company.wecom_recordings, **special})


_ESCAPE = re.compile("%[0-9A-F]{2}")


def _lower(escape: re.Match[str]) -> str:
    return escape[0].lower()


def encodings(secret: str) -> Iterator[bytes]:
    """Yield the encodings of a secret."""
    quoted = quote(secret, safe="")
    forms = {secret, quote(secret), quoted, _ESCAPE.sub(_lower, quoted), quote_plus(secret), quote(quoted, safe="")}
    forms |= {json.dumps(form)[1:-1] for form in forms} | {repr(form)[1:-1] for form in forms}
    yield from {form.encode() for form in forms}


def detect(planted: Mapping[str, Secret], haystack: bytes) -> set[str]:
    """Return the names of the secrets in ``haystack``, in any encoding."""
    return {
        name
        for name, secret in planted.items()
        # The mark first: there are thousands of links with a dozen encodings each.
        if secret.mark.encode() in haystack and any(form in haystack for form in encodings(secret.value))
    }

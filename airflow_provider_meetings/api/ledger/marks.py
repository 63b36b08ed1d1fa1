"""Marks of what was forgotten: it is not landed or loaded again until its mark is removed."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.models import MediaFile, Recording

FOLDER = "_meetings_forgotten"
"""Beside the folder of a ledger: who deletes, restores or compacts that one leaves the marks alone."""
FORGOTTEN = "forgotten"
"""The reason of a recording that is marked."""
MIN_KEY_BYTES = 16
MAX_AGE = 10.0
_OBJECT = re.compile(rf"{FOLDER}/([0-9a-f]{{8}})-[0-9a-f]{{64}}\.json")


class MarkKind(StrEnum):
    """What the id of a mark is that of."""

    RECORDING = "recording"
    OWNER = "owner"
    POST = "post"
    AUTHOR = "author"
    FILE = "file"
    """Files of a kind: the recording's id, a slash, and the kind."""


def subject_hash(key: bytes, kind: MarkKind, platform: str, tenant: str, subject: str) -> str:
    """Return the key's fingerprint and the HMAC-SHA256 that stands for an id; also in the table ``erasures``."""
    digest = hmac.new(key, json.dumps([kind, platform, tenant, subject]).encode(), hashlib.sha256).hexdigest()
    return f"{_fingerprint(key)}-{digest}"


def check_key(key: bytes, hashes: Iterable[str], place: str) -> None:
    """Check that `subject_hash` makes comparable hashes with a key.

    :param place: which has the hashes.
    :raises InvalidRequest: for a key that is too short, and for hashes that another key has made.
    """
    if len(key) < MIN_KEY_BYTES:
        raise InvalidRequest(
            f"What was forgotten is marked by hashes, which need a key of at least {MIN_KEY_BYTES} bytes",
            next_step="Set the option redact_key of section [meetings], for existing marks to the key of them.",
        )
    if not all(one.startswith(_fingerprint(key)) for one in hashes):
        raise InvalidRequest(
            f"{place} has marks of what was forgotten that were made with another key",
            next_step="Set the option redact_key of section [meetings] back to the key of the marks: with another "
            "one, what was forgotten would be landed again.",
        )


def _fingerprint(key: bytes) -> str:
    return hmac.new(key, b"meetings marks", hashlib.sha256).hexdigest()[:8]


def _name(subject_hash: str) -> str:
    return f"{FOLDER}/{subject_hash}.json"


class Marks:
    """The marks below the root of a store: one object each, whose name says what is marked to who has the key.

    :param key: returns the key of the hashes; called only if there is a mark, or one is added.
    :raises InvalidRequest, OSError: see `read`, which is called at once.
    """

    def __init__(self, store: Store, key: Callable[[], bytes]) -> None:
        self._store = store
        self._get_key = key
        self.read()

    def read(self) -> Self:
        """List all marks anew; reads no object.

        :raises InvalidRequest: without a key, with one that is too short, and for marks that another key has made.
        :raises OSError: if the store fails.
        """
        found = [match for one in self._store.walk(FOLDER) if (match := _OBJECT.fullmatch(one.key))]
        if found:
            check_key(self._key, [match[1] for match in found], self._store.uri(FOLDER))
        self._found = {match[0] for match in found}
        self._read_at = time.monotonic()
        return self

    def refresh(self) -> Self:
        """List them anew if the last listing is older than `MAX_AGE` seconds."""
        return self if time.monotonic() - self._read_at < MAX_AGE else self.read()

    def __contains__(self, mark: str) -> bool:
        """Return whether there is a mark that `mark_of` has returned."""
        return mark in self._found

    def has(self, kind: MarkKind, platform: str, tenant: str, subject: str | None) -> bool:
        """Return whether an id is marked."""
        return bool(self._found and subject) and self._mark(kind, platform, tenant, str(subject)) in self._found

    def has_file(self, file: MediaFile) -> bool:
        """Return whether files of its kind are marked in its recording."""
        ids = (f"{file.recording_id}/{kind}" for kind in (file.kind, file.kind.partition("-")[0]))
        return any(self.has(MarkKind.FILE, file.platform, file.tenant, one) for one in ids)

    def mark_of(self, recording: Recording) -> str | None:
        """Return the mark of a recording or of its owner; None if there is none."""
        of = (recording.platform, recording.tenant)
        ids = {MarkKind.RECORDING: recording.recording_id, MarkKind.OWNER: recording.owner_id}
        return next((self._mark(kind, *of, str(one)) for kind, one in ids.items() if self.has(kind, *of, one)), None)

    def add(self, subject_hash: str, content: Mapping[str, Any]) -> None:
        """Mark an id by its hash; a mark that exists is written again.

        :param content: plain JSON about the erasure, without personal data.
        """
        self._store.put(mark := _name(subject_hash), json.dumps(content).encode())
        self._found.add(mark)

    def remove(self, hashes: Iterable[str]) -> list[str]:
        """Remove marks by their hashes; return the hashes of those that there were."""
        found = [one for one in hashes if _name(one) in self._found]
        for one in found:
            self._store.delete(_name(one))
            self._found.discard(_name(one))
        return found

    def _mark(self, kind: MarkKind, platform: str, tenant: str, subject: str) -> str:
        return _name(subject_hash(self._key, kind, platform, tenant, subject))

    @cached_property
    def _key(self) -> bytes:
        check_key(key := self._get_key(), (), "")
        return key

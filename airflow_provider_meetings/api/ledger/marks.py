"""Marks of what was forgotten: it is not landed or loaded again until its mark is removed."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from airflow_provider_meetings.api.errors import InvalidRequest, StoreError
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.models import Recording

FOLDER = "_meetings_forgotten"
"""Beside the folder of a ledger: who deletes, restores or compacts that one leaves the marks alone."""
MIN_KEY_BYTES = 16
_NAME = re.compile(rf"{FOLDER}/([0-9a-f]{{8}})-([0-9a-f]{{64}})\.json")


class MarkKind(StrEnum):
    """What the id of a mark is that of."""

    RECORDING = "recording"
    OWNER = "owner"
    POST = "post"
    AUTHOR = "author"


def subject_hash(key: bytes, kind: MarkKind, platform: str, tenant: str, subject: str) -> str:
    """Return the HMAC-SHA256 that stands for an id, in hexadecimal; also in the table ``erasures``."""
    return hmac.new(key, json.dumps([kind, platform, tenant, subject]).encode(), hashlib.sha256).hexdigest()


class Marks:
    """The marks below the root of a store: one object each, whose name says what is marked to who has the key.

    Each method raises InvalidRequest and StoreError as `read` does.

    :param key: returns the key of the hashes; called only if there is a mark, or one is added.
    """

    def __init__(self, store: Store, key: Callable[[], bytes]) -> None:
        self._store = store
        self._get_key = key
        self._found: set[str] | None = None

    @property
    def uri(self) -> str:
        """Return the address of the folder."""
        return self._store.uri(FOLDER)

    def read(self) -> Self:
        """List all marks anew; reads no object.

        :raises InvalidRequest: without a key, with a key that is too short, and for marks that another key has made:
            what they mark could not be kept out.
        :raises StoreError: if the store fails.
        """
        self._found = None
        self._marked()
        return self

    def _marked(self) -> set[str]:
        if self._found is not None:
            return self._found
        with self._errors():
            found = [match.groups() for one in self._store.walk(FOLDER) if (match := _NAME.fullmatch(one.key))]
        if found and (others := {made_by for made_by, _ in found} - {self._fingerprint}):
            raise InvalidRequest(
                f"{self.uri} has marks of what was forgotten that were made with another key than "
                f"{self._fingerprint}: {', '.join(sorted(others))}",
                next_step="Set the option redact_key of section [meetings] back to the key of the marks: with another "
                "one, what was forgotten would be landed again.",
            )
        self._found = {name for _, name in found}
        return self._found

    def has(self, kind: MarkKind, platform: str, tenant: str, subject: str | None) -> bool:
        """Return whether an id is marked, as of the last `read`."""
        found = self._marked()
        return bool(found and subject and subject_hash(self._key, kind, platform, tenant, subject) in found)

    def forgotten(self, recording: Recording) -> bool:
        """Return whether a recording or its owner is marked."""
        of = (recording.platform, recording.tenant)
        ids = {MarkKind.RECORDING: recording.recording_id, MarkKind.OWNER: recording.owner_id}
        return any(self.has(kind, *of, subject) for kind, subject in ids.items())

    def add(self, kind: MarkKind, platform: str, tenant: str, subject: str, content: Mapping[str, Any]) -> None:
        """Mark an id; a mark that exists is written again.

        :param content: plain JSON about the erasure, without personal data.
        """
        found = self._marked()
        name = subject_hash(self._key, kind, platform, tenant, subject)
        with self._errors():
            self._store.put(self._object(name), json.dumps(content).encode())
        found.add(name)

    def remove(self, kind: MarkKind, platform: str, tenant: str, subject: str) -> bool:
        """Remove a mark; return whether there was one."""
        if had := self.has(kind, platform, tenant, subject):
            with self._errors():
                self._store.delete(self._object(subject_hash(self._key, kind, platform, tenant, subject)))
            self._found = None  # the next call sees whether it is gone
        return had

    def _object(self, name: str) -> str:
        return f"{FOLDER}/{self._fingerprint}-{name}.json"

    @cached_property
    def _key(self) -> bytes:
        key = self._get_key()
        if len(key) < MIN_KEY_BYTES:
            raise InvalidRequest(
                f"What was forgotten is marked by hashes, which need a key of at least {MIN_KEY_BYTES} bytes",
                next_step="Set the option redact_key of section [meetings], for existing marks to the key of them.",
            )
        return key

    @property
    def _fingerprint(self) -> str:
        return hmac.new(self._key, b"meetings marks", hashlib.sha256).hexdigest()[:8]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"The marks {self.uri}: {error.strerror or error}") from None

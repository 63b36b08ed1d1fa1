"""What is forgotten, and what this does to a row, a JSON value and a text file."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Table, Text

from airflow_provider_meetings.api.landing.layout import safe_name, stem
from airflow_provider_meetings.api.ledger.marks import MarkKind
from airflow_provider_meetings.api.models import MediaKind
from airflow_provider_meetings.api.subtitles import decoded
from airflow_provider_meetings.warehouse.merge.convert import json_text
from airflow_provider_meetings.warehouse.privacy.rules import NOT_REDACTABLE, person_fields
from airflow_provider_meetings.warehouse.privacy.scrub import Replacements, Scrub, add_replacement
from airflow_provider_meetings.warehouse.tables.types import Id

Values = Mapping[str, Any]
"""A row, a line of a batch, or a receipt."""
Key = tuple[Any, ...]
Counts = Counter[tuple[str, str]]
"""By table, or ``objects``: what is ``removed`` and ``redacted``, and the ``bytes`` or ``partitions`` that it is in."""

_RECORDING = ("platform", "tenant", "recording_id")
FILE = (*_RECORDING, "file_id", "kind")
_SPOKEN = ("speaker_id", "speaker_name", "text")
# An address that is changed leads nowhere, since the object keeps its name.
_FIXED = NOT_REDACTABLE.keys() - {"selector", "listed_by"} | {"uri"}


class Eraser:
    """Decide on one value after the other; what it meets and belongs to the subject is added to it.

    :param subject: ``of``: platform and tenant, None for all; ``person``: texts that identify one; ``older_than``: by
        kind of file, the end of the starts; ``recordings``: [platform, tenant, id, kinds of files], a whole recording
        if there are no kinds; ``posts``, and ``shared`` recordings, which name the person: [platform, tenant, id].
    :param key: of the hashes of redaction: hashed texts are found as well.
    """

    def __init__(self, subject: Mapping[str, Any], key: bytes) -> None:
        self._of = tuple(subject["of"] or ())
        self._person = subject.get("person", [])
        self._before = {kind: datetime.fromisoformat(end) for kind, end in subject.get("older_than", {}).items()}
        self.recordings: dict[Key, set[str]] = {tuple(one): set(kinds) for *one, kinds in subject.get("recordings", ())}
        self.posts = set(map(tuple, subject.get("posts", ())))
        self.shared = set(map(tuple, subject.get("shared", ())))
        self.stays = not (self._person or self._before)
        """Whether something stays that could go, or what goes was named."""
        self.rewritten: dict[Key, tuple[int | None, str | None]] = {}
        """By `FILE`, the new size and sha256 of a text file that names the person; None if it goes."""
        self.met, self.owned = set[Key](), set[Key]()
        """Recordings, and those whose owner some row or line tells."""
        self.loose: dict[str, int] = {}
        """By store, the number of objects without a receipt, which are not searched."""
        self.unsearched: set[Key] = set()
        """By `FILE`, media and documents, in which the person may occur."""
        hashes = {hmac.new(key, one.encode(), hashlib.sha256).hexdigest() for one in self._person}
        self._texts = {*self._person, *hashes}
        replacements: Replacements = {}
        for one in self._texts:
            add_replacement(replacements, one, "", is_id=True)
        self._scrub = Scrub(replacements)

    def subject(self) -> dict[str, Any]:
        """Return the subject with all that belongs to it, as plain JSON."""
        recordings = [[*key, sorted(kinds)] for key, kinds in self.recordings.items()]
        met = {"recordings": recordings, "posts": sorted(self.posts), "shared": sorted(self.shared)}
        return {"of": self._of, "person": self._person, **met}

    def marks(self) -> list[tuple[MarkKind, str, str, str]]:
        """Return what must stay forgotten. A recording that is redacted is frozen: its words must not come back."""
        people = [(*self._of, one) for one in self._person]
        by_kind: Mapping[MarkKind, Collection[Key]] = {
            MarkKind.RECORDING: {*self.shared, *(key for key, kinds in self.recordings.items() if not kinds)},
            MarkKind.FILE: [(*key[:2], f"{key[2]}/{one}") for key, kinds in self.recordings.items() for one in kinds],
            MarkKind.POST: self.posts,
            MarkKind.OWNER: people,
            MarkKind.AUTHOR: people,
        }
        return [(kind, *key) for kind, keys in by_kind.items() for key in sorted(keys)]

    def row(self, table: Table, name: str, values: Values) -> dict[str, Any] | None:
        """Return the changes of a row, as its columns store them; None if it goes.

        :param name: of the table, without prefix.
        """
        # The tables of artifacts have one kind each, and no column for it.
        kind = f"{name.removeprefix('minute_')}-json" if name.startswith("minute_") else None
        if self.goes(values, kind) or (self.concerns(values) and self.is_named(values.get("selector"))):
            return None
        changes: dict[str, Any] = {}
        if name == "recording_files" and (new := self.rewritten.get(_key(values, FILE))):
            file = {"size": new[0], "sha256": new[1]} | ({} if new[1] else {"uri": None})
            changes = {column: value for column, value in file.items() if value != values.get(column)}
        is_his = self._is_his(values)
        for column in table.columns if self.concerns(values) else ():
            old, is_json = values.get(column.name), isinstance(column.type, JSON)
            if column.primary_key or column.name.startswith("_") or column.name in _FIXED:
                continue
            old = json.loads(old) if is_json and isinstance(old, str) else old
            clean = None if is_his and column.name in _SPOKEN else self.clean(old)
            if isinstance(column.type, Id | Text | JSON) and clean != old:
                changes[column.name] = json_text(clean) if is_json else clean
        if changes and values.get("recording_id"):
            self.shared.add(_key(values, _RECORDING))
        return changes | dict.fromkeys(values.keys() & {"_source_hash"}) if changes else {}

    def is_in(self, line: Values) -> bool:
        """Return whether a line of a batch is about what goes, or names the person."""
        is_of_all = "platform" not in line  # a window, which has the ids that were listed
        return self.goes(line) or ((is_of_all or self.concerns(line)) and self.clean(line) != line)

    def concerns(self, values: Values) -> bool:
        return self._of in ((), _key(values, _RECORDING[:2]))

    def goes(self, values: Values, kind: str | None = None) -> bool:
        """Return whether a row, line or receipt goes as a whole.

        :param kind: the kind of file that it is about, if it does not say so itself.
        """
        if not self.concerns(values):
            return False
        kind = values.get("kind") or kind
        key, post = _key(values, _RECORDING), _key(values, ("platform", "tenant", "post_id"))
        self.met |= {key} if key[2] else set()
        self.owned |= {key} if values.get("owner_id") else set()
        if values.get("author_id") in self._texts:
            self.posts.add(post)
        if (is_own := values.get("owner_id") in self._texts) and key[2]:
            self.recordings[key] = set()
        for asked, before in self._before.items():
            if key[2] and kind and MediaKind.wanted(kind, [asked]) and (start := _start(values)):
                if start < before:
                    self.recordings.setdefault(key, set()).add(asked)
                self.stays |= start >= before
        kinds = self.recordings.get(key)
        gone = kinds is not None and (not kinds or bool(kind and MediaKind.wanted(kind, [*kinds])))
        self.stays |= bool(self._person and key[2]) and not gone
        return gone or is_own or post in self.posts

    def in_path(self, key: str) -> bool:
        """Return whether an address contains the id of a recording that goes as a whole, and its platform or tenant."""
        *folders, name = key.split("/")
        parts = {*folders, stem(name).rpartition(".")[0]}
        whole = ([safe_name(one) for one in of] for of, kinds in self.recordings.items() if not kinds)
        return any(recording in parts and not parts.isdisjoint(of) for *of, recording in whole)

    def clean(self, value: Any) -> Any:
        """Return a copy of a JSON value without the person: his entries of lists, his texts elsewhere."""
        return self._scrub(self._without(value))

    def file(self, content: bytes, kind: str, segments: Iterable[Any]) -> bytes | None:
        """Return a text file without the person; None if his words in it cannot be found.

        :param segments: of a transcript, in order.
        """
        raw = decoded(content)
        try:
            if (clean := self.clean(parsed := json.loads(raw))) != parsed:
                return json.dumps(clean, ensure_ascii=False).encode()
            return content
        except (ValueError, RecursionError):
            if "json" in kind:
                return None if self.is_named(raw) else content
        parts, done = [], 0
        for one in segments:
            at = raw.find(one.text, done)
            if at < 0:
                return None if self.is_named(raw) else content
            is_his = self._is_his({name: getattr(one, name) for name in (*_SPOKEN, "broken")})
            heading = raw[done:at].replace(one.speaker_name or "\0", "") if is_his else raw[done:at]
            parts += [heading, "" if is_his else one.text]
            done = at + len(one.text)
        clean = self._scrub("".join([*parts, raw[done:]]))
        return content if clean == raw else (clean or "").encode()

    def is_named(self, value: Any) -> bool:
        """Return whether a text names the person."""
        return isinstance(value, str) and self._scrub(value) != value

    def meet_file(self, receipt: Values, new: bytes | None) -> None:
        """Note a text file that names the person: its new content, None if it goes."""
        self.shared.add(_key(receipt, _RECORDING))
        size_and_hash = (None, None) if new is None else (len(new), hashlib.sha256(new).hexdigest())
        self.rewritten[_key(receipt, FILE)] = size_and_hash

    def _is_his(self, segment: Values) -> bool:
        """Return whether he speaks; a text that begins with his name counts where no speaker is known."""
        speakers, text = (segment.get("speaker_id"), segment.get("speaker_name")), segment.get("text")
        if any(speakers) and not segment.get("broken"):
            return any(one is not None and self._scrub(one) is None for one in speakers)
        begins = str(self.clean(text)).lstrip("[【 ").startswith("redacted]")
        return self.is_named(text) and (begins or bool(segment.get("broken")))

    def _without(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._without(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._without(item) for item in value if not self._is_he(item)]
        return value

    def _is_he(self, entry: Any) -> bool:
        """Return whether an entry of a list is the person, or is about him: a viewer, what a speaker has said."""
        if not isinstance(entry, Mapping):
            return isinstance(entry, str) and self._scrub(entry) is None
        people = person_fields()
        return any(self._is_he(item) for name, item in entry.items() if isinstance(item, Mapping) or name in people)


def _key(values: Values, names: Iterable[str]) -> Key:
    return tuple(values.get(name) for name in names)


def _start(values: Values) -> datetime | None:
    """Return when the recording of a row or receipt began, else when its file was landed."""
    for at in (values.get("started_at"), values.get("landed_at")):
        with suppress(TypeError, ValueError):  # who can write to a store can write receipts
            at = at if isinstance(at, datetime) else datetime.fromisoformat(at or "")
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None

"""Redact neutral values by column name, before they are staged.

A redacted value is also replaced everywhere else in the same recording, file or post: in `source`, under any field
name, and inside URIs and other texts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from sqlalchemy import Table

from airflow_provider_meetings.api.ledger.marks import MIN_KEY_BYTES
from airflow_provider_meetings.api.query import WINDOW
from airflow_provider_meetings.api.sanitize import storable, storable_text
from airflow_provider_meetings.manifests import manifests
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.rows import Neutral
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.merge.convert import text
from airflow_provider_meetings.warehouse.privacy.rules import (
    LIST_COLUMNS,
    NOT_REDACTABLE,
    SAME_INFORMATION,
    check,
    is_key,
    person_fields,
    vendor_names,
)
from airflow_provider_meetings.warehouse.privacy.scrub import Replacements, Scrub, add_replacement

_SPEAKERS = frozenset({"speaker_id", "speaker_name"})
_MAX_DEPTH = 100
_SELECTORS = ("owner_id", "meeting_id", "meeting_number", "recording_id")


class Redaction:
    """Redact neutral values; each method yields copies.

    :param redact: the action, ``hash`` or ``drop``, by column name.
    :param key: the key of the hashes (HMAC-SHA256), which prevents guessing. Equal values have equal hashes in all
        tables.
    :param tables: the tables to be written.
    :raises LoadError: for an impossible action, and for hashes without a key, or with a key that is too short.
    """

    def __init__(self, redact: Mapping[str, str], key: bytes | None, tables: Iterable[Table]) -> None:
        tables = list(tables)
        check(redact, tables)
        if "hash" in redact.values() and len(key or b"") < MIN_KEY_BYTES:
            raise LoadError(
                f"redact: hashing needs a key of at least {MIN_KEY_BYTES} bytes: set the option redact_key of section "
                "[meetings], or AIRFLOW__MEETINGS__REDACT_KEY; nothing was written"
            )
        self._key = key or b""
        self._actions = dict(redact)
        for name in redact:
            for other in SAME_INFORMATION.get(name, ()):
                self._actions.setdefault(other, "drop")
        if redact.keys() & {"recording_id", "file_id"}:  # the same id on Feishu
            self._actions |= {"recording_id": "hash", "file_id": "hash"}
        columns = [column for table in tables for column in table.columns]
        fields = [
            (name, action)
            for column in columns
            if (action := self._actions.get(column.name))
            for name in vendor_names(column)
        ]
        # If two columns share a field, dropping takes precedence.
        self._vendor = dict(sorted(fields, key=lambda pair: pair[1] == "drop"))
        self._people = {field: column for field, column in person_fields().items() if column in self._actions}
        self._meetings: dict[tuple[object, ...], set[Any]] = {}
        # Columns that identify and join rows change only by their own action.
        self._protected = {*NOT_REDACTABLE, *(column.name for column in columns if is_key(column))}
        self._source_columns = [column for column in columns if column.info.get("from_source")]

    def recordings(self, recordings: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact recordings and their files; their meeting ids are kept for `stored_files`."""
        for recording in recordings:
            if "meeting_id" in self._actions:
                found = {row.get("meeting_id") for row in (recording, *(recording.get("files") or ()))}
                self._meetings.setdefault(_recording_key(recording), set()).update(found - {None})
            yield self._redact(recording)

    def posts(self, posts: Iterable[Neutral]) -> Iterator[Neutral]:
        return map(self._redact, posts)

    def stored_files(self, files: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact stored files; a URI that contains a redacted id no longer refers to the object.

        A URI may contain the meeting id, which only the recording has: consume `recordings` first.
        """
        return map(self._redact_stored, files)

    def contents(self, contents: Iterable[Content]) -> Iterator[Content]:
        """Redact the rows of files; one file is held in memory, because a name in one row is replaced in all."""
        for content in contents:
            if self._actions:
                yield Content(content.item, self._redact_stored(content.file), self._redact_rows(content.rows))
            else:
                yield content

    def _redact_rows(self, rows: Iterable[Neutral]) -> Iterator[Neutral]:
        replacements: Replacements = {}
        redacted = [self._apply(self._parse_unread(row, replacements), replacements, in_file=True) for row in rows]
        scrub = Scrub(replacements)
        for row in redacted:
            clean = self._scrub(row, scrub)
            if isinstance(clean.get("text"), dict | list):
                clean["text"] = storable_text(json.dumps(clean["text"], ensure_ascii=False))
            yield clean

    def _parse_unread(self, row: Neutral, replacements: Replacements) -> Neutral:
        """Redact speakers in an unparsed part of a transcript, which is a JSON text, and return the part parsed."""
        unread = row.get("text")
        wanted = self._actions.keys() & _SPEAKERS and "text" not in self._actions
        if not wanted or not row.get("broken") or not isinstance(unread, str):
            return row
        try:
            parsed = storable(json.loads(unread), _MAX_DEPTH)
        except (ValueError, RecursionError):
            return row
        is_nested = isinstance(parsed, dict | list)
        return {**row, "text": self._redact_source(parsed, replacements)} if is_nested else row

    def summaries(self, summaries: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact the selectors of listings. A selector may be any of the ids, so the action of each id applies to it.

        Windows whose selector is dropped are numbered over the whole call, so that they stay distinct.
        """
        numbers = count()
        actions = {self._actions[name] for name in _SELECTORS if name in self._actions}
        for summary in summaries:
            redacted = dict(self._redact({name: value for name, value in summary.items() if name != "windows"}))
            windows = [dict(window) for window in summary.get("windows") or ()]
            for window in windows:
                if "drop" in actions:
                    window |= {"selector": None, "number": next(numbers)}
                elif actions:
                    window["selector"] = self._hash(window.get("selector"))
            yield {**redacted, "windows": windows}

    def ledger(self, ledger: Neutral) -> Neutral:
        """Redact the items of a ledger with their keys, and the selectors of its dates.

        A date whose selector is dropped is left out: others would share its row.
        """
        dates = map(self._redact, ledger["dates"])
        return {
            "items": [{**self._redact(item), "item_key": self._item_key(item)} for item in ledger["items"]],
            "dates": [one for one in dates if ":" in one["listed_by"] or one["listed_by"] == WINDOW],
        }

    def _item_key(self, item: Neutral) -> str:
        kind, _, value = str(item["item_key"]).partition(":")
        name = {"number": "meeting_number"}.get(kind, f"{kind}_id")
        own, at, start = value.rpartition("@") if kind == "number" else (value, "", "")
        if name in self._actions:
            own = self._hash(own)
        return f"{kind}:{own}{at}{'' if 'started_at' in self._actions else start}"

    def _redact_stored(self, file: Neutral) -> Neutral:
        replacements: Replacements = {}
        for meeting_id in self._meetings.get(_recording_key(file), ()):
            self._redact_value("meeting_id", meeting_id, self._actions["meeting_id"], replacements)
        return self._redact(file, replacements)

    def _redact(self, row: Neutral, replacements: Replacements | None = None) -> Neutral:
        if not self._actions:
            return row
        replacements = {} if replacements is None else replacements
        redacted = self._apply(row, replacements)
        return self._scrub(redacted, Scrub(replacements))

    def _scrub(self, row: Mapping[str, Any], scrub: Scrub) -> dict[str, Any]:
        """Replace redacted texts in all values, except in columns that identify rows."""
        clean = {}
        for name, value in row.items():
            if name == "files":
                clean[name] = [self._scrub(file, scrub) for file in value]
            else:
                clean[name] = value if name in self._protected or name == "reactions" else scrub(value)
        return clean

    def _apply(self, row: Neutral, replacements: Replacements, *, in_file: bool = False) -> dict[str, Any]:
        """Redact by column and field names, and add the redacted texts to `replacements`.

        :param in_file: whether the row was read from a file; its `source` may name people who are in no column.
        """
        redacted = dict(row)
        source = redacted.get("source")
        own = manifests().get(redacted.get("platform") or "", {}).get("columns", {})
        for column in self._source_columns:  # the column keeps its value although `source` is redacted
            name = own.get(column.name)
            if isinstance(source, Mapping) and name in source and column.name not in redacted:
                redacted[column.name] = source[name]
        for name, action in self._actions.items():
            if name in redacted:
                redacted[name] = self._redact_value(name, redacted[name], action, replacements)
        selector, colon, value = str(redacted.get("listed_by") or "").partition(":")
        if colon and selector in self._actions:
            hashed = self._redact_value(selector, value, self._actions[selector], replacements)
            redacted["listed_by"] = selector if hashed is None else f"{selector}:{hashed}"
        if "source" in redacted:
            redacted["source"] = self._redact_source(redacted["source"], replacements if in_file else None)
        for name in ("files", "reactions"):
            if name in redacted:
                apply = self._apply if name == "files" else self._apply_to_reaction
                redacted[name] = [apply(item, replacements) for item in redacted[name]]
        return redacted

    def _apply_to_reaction(self, reaction: Neutral, replacements: Replacements) -> dict[str, Any]:
        columns = {"type": "reaction_type", "count": "reaction_count"}
        return {
            name: self._redact_value(name, value, self._actions[column], replacements)
            if (column := columns.get(name)) in self._actions
            else value
            for name, value in reaction.items()
        }

    def _redact_value(self, name: str, value: Any, action: str, replacements: Replacements) -> Any:
        # Spoken text is redacted in every row anyway. If it were replaced elsewhere, a text that is only a name would
        # remove that name from the speaker's column.
        if isinstance(value, str) and value and name != "text":
            replacement = self._hash(value) if action == "hash" else ""
            add_replacement(replacements, value, replacement, is_id=name.endswith(("_id", "_number")))
        redacted: Any = None
        if isinstance(value, list | tuple) and (action == "hash" or name in LIST_COLUMNS):
            redacted = [self._redact_value(name, item, action, replacements) for item in value]
        elif name == "viewers" and isinstance(value, Mapping):  # the person, not the time
            redacted = {
                key: self._redact_value(key, item, action, replacements) if key == "user_id" else item
                for key, item in value.items()
            }
        if action == "drop":  # after the items, which must be replaced elsewhere
            return {} if name == "source" else None
        return self._hash(value) if redacted is None else redacted

    def _redact_source(self, source: Any, replacements: Replacements | None = None) -> Any:
        """Redact by the platform's field names; with `replacements`, also the people named in a file."""
        if isinstance(source, list):
            return [self._redact_source(item, replacements) for item in source]
        if not isinstance(source, Mapping):
            return source
        redacted = {}
        for name, value in source.items():
            column = self._people.get(name)
            nested = self._redact_source(value, replacements)  # first, to collect the people in a dropped field
            if replacements is not None and column and not isinstance(value, Mapping):
                as_column = name if column == "viewers" else column  # the value of a viewer is the id
                redacted[name] = self._redact_person(as_column, value, self._actions[column], replacements)
            elif (action := self._vendor.get(name)) is None:
                redacted[name] = nested
            elif action == "hash":
                redacted[name] = self._hash_field(value)
        return redacted

    def _redact_person(self, name: str, value: Any, action: str, replacements: Replacements) -> Any:
        """Redact a person, whose id may be a number, or a list of people."""
        if isinstance(value, list):
            return [self._redact_person(name, item, action, replacements) for item in value]
        if isinstance(value, Mapping):
            return self._redact_source(value, replacements)
        return None if value is None else self._redact_value(name, text(value), action, replacements)

    def _hash_field(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._hash_field(item) for item in value]
        return None if isinstance(value, Mapping) else self._hash(value)

    def _hash(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return hmac.new(self._key, text(value).encode(), hashlib.sha256).hexdigest()


def _recording_key(row: Neutral) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("platform", "tenant", "recording_id"))

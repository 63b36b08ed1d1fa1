"""Take out of neutral values what shall not be stored, before anything is staged: each by its column's name.

A value that is redacted goes wherever else it stands in the same recording, file or post: in `source`, under the
platform's names of it and under any other, and within addresses and other texts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from sqlalchemy import Table

from airflow_provider_meetings.api.sanitize import storable_text
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.rows import Neutral
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.merge.convert import text
from airflow_provider_meetings.warehouse.privacy.rules import IMPLIED, KEPT, LISTS, UNREAD, check, is_key, vendor_names
from airflow_provider_meetings.warehouse.privacy.scrub import Scrub, Told, note

SHORTEST_KEY = 16
_SPEAKERS = frozenset({"speaker_id", "speaker_name"})
_DEEPEST = 100
_SELECTED_BY = ("owner_id", "meeting_id", "meeting_number", "recording_id")


class Redaction:
    """Redact neutral values; each method returns a copy.

    :param redact: an action, ``hash`` or ``drop``, by the column's name.
    :param key: keys the hashes, HMAC-SHA256, so that nobody can find a value by hashing guesses, and equal values are
        equal in every table.
    :param tables: those that are written.
    :raises LoadError: for what cannot be redacted so, and for hashes without a key, or with a short one.
    """

    def __init__(self, redact: Mapping[str, str], key: bytes | None, tables: Iterable[Table]) -> None:
        written = list(tables)
        check(redact, written)
        if "hash" in redact.values() and len(key or b"") < SHORTEST_KEY:
            raise LoadError(
                f"redact: hashing needs a key of at least {SHORTEST_KEY} bytes: set the option redact_key of section "
                "[meetings], or AIRFLOW__MEETINGS__REDACT_KEY; nothing was written"
            )
        self._key = key or b""
        self._actions = dict(redact)
        for name in redact:
            for other in IMPLIED.get(name, ()):
                self._actions.setdefault(other, "drop")
        if redact.keys() & {"recording_id", "file_id"}:  # which for Feishu are the same id
            self._actions |= {"recording_id": "hash", "file_id": "hash"}
        columns = [column for table in written for column in table.columns]
        named = [
            (name, action)
            for column in columns
            if (action := self._actions.get(column.name))
            for name in vendor_names(column)
        ]
        # Of two columns that share a field one may be dropped, and then the field is.
        self._vendor = dict(sorted(named, key=lambda pair: pair[1] == "drop"))
        self._people = {field: column for field, column in UNREAD.items() if column in self._actions}
        self._meetings: dict[tuple[object, ...], set[Any]] = {}
        # By these rows are told apart and joined: only their own action changes them.
        self._kept = {*KEPT, *(column.name for column in columns if is_key(column))}
        self._lifted = [column for column in columns if column.info.get("source")]

    def __bool__(self) -> bool:
        return bool(self._actions)

    def recordings(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact recordings, each with its files; of which meetings they are is held for `stored_files`."""
        for recording in given:
            if "meeting_id" in self._actions:
                told = {one.get("meeting_id") for one in (recording, *(recording.get("files") or ()))}
                self._meetings.setdefault(_owner(recording), set()).update(told - {None})
            yield self._value(recording)

    def posts(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact posts, each with its reactions."""
        return map(self._value, given)

    def stored_files(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact stored files; an address that an id stands in no longer leads anywhere.

        Layouts may have the meeting's id, which only the recording tells: those of the call are to be read before.
        """
        return map(self._stored, given)

    def contents(self, given: Iterable[Content]) -> Iterator[Content]:
        """Redact what stands in files; the rows of one are held, since what one tells goes from all of them."""
        for one in given:
            yield Content(one.item, self._stored(one.file), self._rows(one.rows)) if self._actions else one

    def _rows(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        told: Told = {}
        found = [self._redacted(self._unread(row, told), told, in_file=True) for row in given]
        scrub = Scrub(told)
        for row in found:
            clean = self._without(row, scrub)
            if isinstance(clean.get("text"), dict | list):
                clean["text"] = storable_text(json.dumps(clean["text"], ensure_ascii=False))
            yield clean

    def _unread(self, given: Neutral, told: Told) -> Neutral:
        """Redact who speaks in what was not read into columns, while it is still JSON."""
        said = given.get("text")
        wanted = self._actions.keys() & _SPEAKERS and "text" not in self._actions
        if not wanted or not given.get("broken") or not isinstance(said, str):
            return given
        try:
            parsed = json.loads(said)
        except (ValueError, RecursionError):
            return given
        return given if _deep(parsed) else {**given, "text": self._of_the_platform(parsed, told)}

    def summaries(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact listings: what was asked for may be any of the ids, and is redacted with each of them.

        Dropped, the listings can no longer be told apart by it: their number in the whole call tells them.
        """
        numbers = count()
        actions = {self._actions[name] for name in _SELECTED_BY if name in self._actions}
        for summary in given:
            found = dict(self._value({name: value for name, value in summary.items() if name != "windows"}))
            windows = [dict(window) for window in summary.get("windows") or ()]
            for window in windows:
                if "drop" in actions:
                    window |= {"selector": None, "number": next(numbers)}
                elif actions:
                    window["selector"] = self._hashed(window.get("selector"))
            yield {**found, "windows": windows}

    def _stored(self, given: Neutral) -> Neutral:
        told: Told = {}
        for meeting_id in self._meetings.get(_owner(given), ()):
            self._applied("meeting_id", meeting_id, self._actions["meeting_id"], told)
        return self._value(given, told)

    def _value(self, given: Neutral, told: Told | None = None) -> Neutral:
        if not self._actions:
            return given
        told = {} if told is None else told
        found = self._redacted(given, told)
        return self._without(found, Scrub(told))

    def _without(self, given: Mapping[str, Any], scrub: Scrub) -> dict[str, Any]:
        """Replace every redacted text wherever it stands, but not in what rows are told apart by."""
        found = {}
        for name, value in given.items():
            if name == "files":
                found[name] = [self._without(file, scrub) for file in value]
            else:
                found[name] = value if name in self._kept or name == "reactions" else scrub(value)
        return found

    def _redacted(self, given: Neutral, told: Told, *, in_file: bool = False) -> dict[str, Any]:
        """Redact by name, and note in `told` what each text became.

        :param in_file: whether it stands in a file, where also `source` tells of people whom no column names.
        """
        found = dict(given)
        source = found.get("source")
        for column in self._lifted:  # what the column takes from `source` it shall have although `source` goes
            name = column.info["source"]
            if isinstance(source, Mapping) and name in source and column.name not in found:
                found[column.name] = source[name]
        for name, action in self._actions.items():
            if name in found:
                found[name] = self._applied(name, found[name], action, told)
        if "source" in found:
            found["source"] = self._of_the_platform(found["source"], told if in_file else None)
        for name in ("files", "reactions"):
            if name in found:
                part = self._redacted if name == "files" else self._reaction
                found[name] = [part(item, told) for item in found[name]]
        return found

    def _reaction(self, given: Neutral, told: Told) -> dict[str, Any]:
        named = {"type": "reaction_type", "count": "reaction_count"}
        return {
            name: self._applied(name, value, self._actions[column], told)
            if (column := named.get(name)) in self._actions
            else value
            for name, value in given.items()
        }

    def _applied(self, name: str, value: Any, action: str, told: Told) -> Any:
        # What was said is redacted in every row, and a name that somebody says alone shall still be that of who speaks.
        if isinstance(value, str) and value and name != "text":
            note(told, value, self._hashed(value) if action == "hash" else "", is_id=name.endswith(("_id", "_number")))
        parts: Any = None
        if isinstance(value, list | tuple) and (action == "hash" or name in LISTS):
            parts = [self._applied(name, item, action, told) for item in value]
        elif name == "viewers" and isinstance(value, Mapping):  # who it was, not when
            parts = {
                key: self._applied(key, item, action, told) if key == "user_id" else item for key, item in value.items()
            }
        if action == "drop":  # only now: what stood in a list goes elsewhere, too
            return {} if name == "source" else None
        return self._hashed(value) if parts is None else parts

    def _of_the_platform(self, source: Any, told: Told | None = None) -> Any:
        """Redact by the names of the platform; of what stands in a file `told` notes the people."""
        if isinstance(source, list):
            return [self._of_the_platform(item, told) for item in source]
        if not isinstance(source, Mapping):
            return source
        found = {}
        for name, value in source.items():
            column = self._people.get(name)
            rest = self._of_the_platform(value, told)  # also of a field that goes: who is named there goes elsewhere
            if told is not None and column and not isinstance(value, Mapping):
                as_one = name if column == "viewers" else column  # of these the id
                found[name] = self._person(as_one, value, self._actions[column], told)
            elif (action := self._vendor.get(name)) is None:
                found[name] = rest
            elif action == "hash":
                found[name] = self._field(value)
        return found

    def _person(self, name: str, value: Any, action: str, told: Told) -> Any:
        """Redact who is told of, also as a number, or several in a list."""
        if isinstance(value, list):
            return [self._person(name, one, action, told) for one in value]
        if isinstance(value, Mapping):
            return self._of_the_platform(value, told)
        return None if value is None else self._applied(name, text(value), action, told)

    def _field(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._field(item) for item in value]
        return None if isinstance(value, Mapping) else self._hashed(value)

    def _hashed(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return hmac.new(self._key, text(value).encode(), hashlib.sha256).hexdigest()


def _owner(given: Neutral) -> tuple[object, ...]:
    return tuple(given.get(name) for name in ("platform", "tenant", "recording_id"))


def _deep(value: Any) -> bool:
    """Tell whether a value is no list or mapping, or one so deep that to walk it may fail."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [one for one in level if isinstance(one, dict | list)]
        level = [item for one in level for item in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return not isinstance(value, dict | list)
    return True

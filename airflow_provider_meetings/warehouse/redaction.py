"""Take out of neutral values what shall not be stored, before anything is staged: each by its column's name.

A value that is redacted goes wherever else it stands in the same recording, file or post: in `source`, under the
platform's names of it and under any other, and within addresses and other texts.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote

from sqlalchemy import Table

from airflow_provider_meetings.api.layout import safe_name
from airflow_provider_meetings.warehouse.contents import Content
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.redactable import IMPLIED, KEPT, LISTS, check, is_key, vendor_names
from airflow_provider_meetings.warehouse.rows import Neutral
from airflow_provider_meetings.warehouse.values import text

SHORTEST_KEY = 16
_DROPPED = "[redacted]"
# A shorter text stands within others by chance; an id also then, where no letter or digit is beside it.
_SHORTEST_WITHIN = 6
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
        # By these rows are told apart and joined: only their own action changes them.
        self._kept = {*KEPT, *(column.name for column in columns if is_key(column))}
        self._lifted = [column for column in columns if column.info.get("source")]

    def __bool__(self) -> bool:
        return bool(self._actions)

    def recordings(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact recordings, each with its files."""
        return map(self._value, given)

    def posts(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact posts, each with its reactions."""
        return map(self._value, given)

    def stored_files(self, given: Iterable[Neutral]) -> Iterator[Neutral]:
        """Redact stored files; an address that an id stands in no longer leads anywhere."""
        return map(self._value, given)

    def contents(self, given: Iterable[Content]) -> Iterator[Content]:
        """Redact what stands in files."""
        return (Content(one.item, self._value(one.file), map(self._value, one.rows)) for one in given)

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

    def _value(self, given: Neutral) -> Neutral:
        if not self._actions:
            return given
        told: dict[str, tuple[str, bool]] = {}
        found = self._redacted(given, told)
        return self._without(found, _Scrub(told))

    def _without(self, given: Mapping[str, Any], scrub: _Scrub) -> dict[str, Any]:
        """Replace every redacted text wherever it stands, but not in what rows are told apart by."""
        found = {}
        for name, value in given.items():
            if name == "files":
                found[name] = [self._without(file, scrub) for file in value]
            else:
                found[name] = value if name in self._kept or name == "reactions" else scrub(value)
        return found

    def _redacted(self, given: Neutral, told: dict[str, tuple[str, bool]]) -> dict[str, Any]:
        """Redact by name, and note in `told` what each text became, and whether it is an id."""
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
            found["source"] = self._of_the_platform(found["source"])
        for name in ("files", "reactions"):
            if name in found:
                part = self._redacted if name == "files" else self._reaction
                found[name] = [part(item, told) for item in found[name]]
        return found

    def _reaction(self, given: Neutral, told: dict[str, tuple[str, bool]]) -> dict[str, Any]:
        named = {"type": "reaction_type", "count": "reaction_count"}
        return {
            name: self._applied(name, value, self._actions[column], told)
            if (column := named.get(name)) in self._actions
            else value
            for name, value in given.items()
        }

    def _applied(self, name: str, value: Any, action: str, told: dict[str, tuple[str, bool]]) -> Any:
        if isinstance(value, str) and value:
            told[value] = (self._hashed(value) if action == "hash" else "", name.endswith(("_id", "_number")))
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

    def _of_the_platform(self, source: Any) -> Any:
        if isinstance(source, Mapping):
            return {
                name: self._field(value, self._vendor.get(name))
                for name, value in source.items()
                if self._vendor.get(name) != "drop"
            }
        return [self._of_the_platform(item) for item in source] if isinstance(source, list) else source

    def _field(self, value: Any, action: str | None) -> Any:
        if action is None:
            return self._of_the_platform(value)
        if isinstance(value, list):
            return [self._field(item, action) for item in value]
        return None if isinstance(value, Mapping) else self._hashed(value)

    def _hashed(self, value: Any) -> Any:
        if value is None or value == "":
            return value
        return hmac.new(self._key, text(value).encode(), hashlib.sha256).hexdigest()


class _Scrub:
    """Replace redacted texts in any JSON value, whole or within others; all at once, so that no hash is cut.

    :param told: what each text became, empty if dropped, and whether it is an id.
    """

    def __init__(self, told: Mapping[str, tuple[str, bool]]) -> None:
        self._whole = {raw: became or None for raw, (became, _) in told.items()}
        self._within: dict[str, str] = {}
        patterns = []
        for raw, (became, is_id) in told.items():
            for form in {raw, safe_name(raw), quote(raw, safe="", errors="replace")}:
                if len(form) >= _SHORTEST_WITHIN:
                    patterns.append(re.escape(form))
                elif is_id:
                    patterns.append(f"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])")
                self._within[form] = became or _DROPPED
        patterns.sort(key=len, reverse=True)
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        if not isinstance(value, str):
            return value
        if value in self._whole:
            return self._whole[value]
        return self._pattern.sub(lambda found: self._within[found[0]], value) if self._pattern else value

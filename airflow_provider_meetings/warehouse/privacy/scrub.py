"""Replace redacted values wherever else they occur."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_meetings.api.landing.layout import safe_name
from airflow_provider_meetings.api.sanitize import storable_text

Replacements = dict[str, tuple[str, bool]]
"""By redacted text: its replacement, empty if dropped, and whether the text is an id."""

_DROPPED = "[redacted]"
# Shorter texts (in bytes) occur in other texts by chance. Shorter ids are replaced if not beside a letter or digit.
_MIN_BYTES = 6
# Longer texts are searched, not compared at each position: repeated characters would make that quadratic.
_MAX_COMPARED = 64


def add_replacement(replacements: Replacements, raw: str, replacement: str, *, is_id: bool) -> None:
    """Add a replacement. Of two for the same text, dropping takes precedence, and being an id."""
    previous, was_id = replacements.get(raw, (replacement, False))
    replacements[raw] = (replacement if previous else "", is_id or was_id)


class Scrub:
    """Replace redacted texts in any JSON value, as whole strings and as substrings.

    All texts are replaced in one pass, so that no replacement is changed by another. A file may name thousands of
    people, so texts are looked up by their first characters and their length; a regular expression would try each.
    """

    def __init__(self, replacements: Replacements) -> None:
        self._whole = {raw: replacement or None for raw, (replacement, _) in replacements.items()}
        self._ids = {raw for raw, (_, is_id) in replacements.items() if is_id}
        self._within: dict[str, str] = {}
        for raw, (replacement, is_id) in replacements.items():
            for form in {raw, safe_name(raw), quote(raw, safe="", errors="replace")}:
                if _long_enough(form) or (form and is_id):
                    self._within[form] = replacement or _DROPPED
        self._lengths: dict[str, list[int]] = {}
        self._long: dict[str, list[str]] = {}
        for form in sorted(self._within, key=len, reverse=True):
            if len(form) > _MAX_COMPARED:
                self._long.setdefault(form[:_MAX_COMPARED], []).append(form)
                continue
            lengths = self._lengths.setdefault(form[:_MIN_BYTES], [])
            if len(form) not in lengths[-1:]:
                lengths.append(len(form))
        self._starts = sorted({len(start) for start in self._lengths}, reverse=True)
        firsts = "".join(sorted({re.escape(form[0]) for form in self._within}))
        self._first = re.compile(f"[{firsts}]") if firsts else None

    def __call__(self, value: Any) -> Any:
        """Return a copy."""
        if isinstance(value, Mapping):
            return {self._name(name): self(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        if type(value) is int and str(value) in self._ids:  # an id as a number
            return self._whole[str(value)]
        if not isinstance(value, str):
            return value
        return self._whole[value] if value in self._whole else self._replaced(self._unescaped(value))

    def _name(self, name: Any) -> Any:
        return (self._whole[name] or _DROPPED) if name in self._ids else name

    def _unescaped(self, value: str) -> str:
        """Scrub a JSON document inside a string, if it contains escapes, which would hide redacted texts."""
        if "\\" not in value or not value.startswith(("[", "{")):
            return value
        try:
            parsed = json.loads(value)
            clean = self(parsed)
            return value if clean == parsed else storable_text(json.dumps(clean, ensure_ascii=False))
        except (ValueError, RecursionError):
            return value

    def _replaced(self, value: str) -> str:
        parts = []
        done = at = 0
        positions: dict[str, int] = {}
        while self._first and (match := self._first.search(value, at)):
            at = match.start()
            form = self._find_long(value, at, positions) or self._find_short(value, at)
            if form is None:
                at += 1
                continue
            parts += [value[done:at], self._within[form]]
            done = at = at + len(form)
        return "".join([*parts, value[done:]])

    def _find_long(self, value: str, at: int, positions: dict[str, int]) -> str | None:
        """Return the longest long form at a position; `positions` caches the next position of each form."""
        for form in self._long.get(value[at : at + _MAX_COMPARED], ()):
            if positions.get(form, -1) < at:
                position = value.find(form, at)
                positions[form] = len(value) if position < 0 else position
            if positions[form] == at:
                return form
        return None

    def _find_short(self, value: str, at: int) -> str | None:
        for start in self._starts:
            for length in self._lengths.get(value[at : at + start], ()):
                end = at + length
                alone = not (_is_ascii_alnum(value[at - 1 : at]) or _is_ascii_alnum(value[end : end + 1]))
                if (form := value[at:end]) in self._within and (alone or _long_enough(form)):
                    return form
        return None


def _long_enough(form: str) -> bool:
    return len(form.encode(errors="replace")) >= _MIN_BYTES


def _is_ascii_alnum(character: str) -> bool:
    return character.isascii() and character.isalnum()

"""Replace texts that were redacted wherever else they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_meetings.api.landing.layout import safe_name
from airflow_provider_meetings.api.sanitize import storable_text

Told = dict[str, tuple[str, bool]]
"""What each redacted text became, empty if dropped, and whether it is an id."""

_DROPPED = "[redacted]"
# Of fewer bytes a text stands within others by chance; an id also then, where no letter or digit is beside it.
_SHORTEST_WITHIN = 6
# A longer text is searched for, and not compared at every place: of equal characters each place would cost all of it.
_LONGEST_COMPARED = 64


def note(told: Told, raw: str, became: str, *, is_id: bool) -> None:
    """Note what a text became; one that is noted twice is dropped if it was once, and is an id if it was once."""
    before, was_id = told.get(raw, (became, False))
    told[raw] = (became if before else "", is_id or was_id)


class Scrub:
    """Replace redacted texts in any JSON value, whole or within others; all at once, so that no hash is cut.

    A file may name thousands: they are looked up by beginning and length, since a regular expression tries each.

    :param told: what they became.
    """

    def __init__(self, told: Told) -> None:
        self._whole = {raw: became or None for raw, (became, _) in told.items()}
        self._ids = {raw for raw, (_, is_id) in told.items() if is_id}
        self._within: dict[str, str] = {}
        for raw, (became, is_id) in told.items():
            for form in {raw, safe_name(raw), quote(raw, safe="", errors="replace")}:
                if _long_enough(form) or (form and is_id):
                    self._within[form] = became or _DROPPED
        self._lengths: dict[str, list[int]] = {}
        self._long: dict[str, list[str]] = {}
        for form in sorted(self._within, key=len, reverse=True):
            if len(form) > _LONGEST_COMPARED:
                self._long.setdefault(form[:_LONGEST_COMPARED], []).append(form)
                continue
            lengths = self._lengths.setdefault(form[:_SHORTEST_WITHIN], [])
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
        if type(value) is int and str(value) in self._ids:  # a platform may write an id as a number
            return self._whole[str(value)]
        if not isinstance(value, str):
            return value
        return self._whole[value] if value in self._whole else self._replaced(self._unescaped(value))

    def _name(self, name: Any) -> Any:
        return (self._whole[name] or _DROPPED) if name in self._ids else name

    def _unescaped(self, value: str) -> str:
        """Write JSON that stands within a text anew where it holds escapes, which hide what is looked for."""
        if "\\" not in value or not value.startswith(("[", "{")):
            return value
        try:
            parsed = json.loads(value)
            clean = self(parsed)
            return value if clean == parsed else storable_text(json.dumps(clean, ensure_ascii=False))
        except (ValueError, RecursionError):
            return value

    def _replaced(self, value: str) -> str:
        pieces = []
        done = at = 0
        places: dict[str, int] = {}
        while self._first and (begin := self._first.search(value, at)):
            at = begin.start()
            form = self._found(value, at, places) or self._compared(value, at)
            if form is None:
                at += 1
                continue
            pieces += [value[done:at], self._within[form]]
            done = at = at + len(form)
        return "".join([*pieces, value[done:]])

    def _found(self, value: str, at: int, places: dict[str, int]) -> str | None:
        """Return the longest of the long forms that stands there; `places` has where each was found last."""
        for form in self._long.get(value[at : at + _LONGEST_COMPARED], ()):
            if places.get(form, -1) < at:
                place = value.find(form, at)
                places[form] = len(value) if place < 0 else place
            if places[form] == at:
                return form
        return None

    def _compared(self, value: str, at: int) -> str | None:
        for start in self._starts:
            for length in self._lengths.get(value[at : at + start], ()):
                end = at + length
                alone = not (_latin(value[at - 1 : at]) or _latin(value[end : end + 1]))
                if (form := value[at:end]) in self._within and (alone or _long_enough(form)):
                    return form
        return None


def _long_enough(form: str) -> bool:
    return len(form.encode(errors="replace")) >= _SHORTEST_WITHIN


def _latin(beside: str) -> bool:
    return beside.isascii() and beside.isalnum()

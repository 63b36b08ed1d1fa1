"""Replace redacted values wherever else they occur."""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any
from unicodedata import category, normalize
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
# What `_fold` changes: character references, also escaped twice (&amp;#20250;), several blanks, and characters
# that are neither ASCII nor common Chinese ones.
_SPECIAL = re.compile(r"(&(?:amp;)?(?:#(?:\d{1,7}|[xX][\da-fA-F]{1,6});?|[A-Za-z]\w{1,31};)|\s{2,99}|[^ -~、。一-鿿])")
# Similar letters, quotes, hyphens and dots, and the dot above, which "İ" leaves in lower case.
_SIMILAR = str.maketrans("ı‘’‐–•・‧", "i''--···", "\u0307")


def add_replacement(replacements: Replacements, raw: str, replacement: str, *, is_id: bool) -> None:
    """Add a replacement. Of two for the same text, dropping takes precedence, and being an id."""
    previous, was_id = replacements.get(raw, (replacement, False))
    replacements[raw] = (replacement if previous else "", is_id or was_id)


def fold(text: str) -> str:
    """Return a text in one spelling: lower case, decomposed, narrow, without HTML escapes and invisible characters."""
    return _SPECIAL.sub(lambda special: _fold(special[0]), text).lower()


@lru_cache(1 << 14)
def _fold(special: str) -> str:
    special = html.unescape(html.unescape(special))
    text = normalize("NFKD", normalize("NFKD", special).casefold()).translate(_SIMILAR)
    # Format characters (Cf) are invisible, such as zero-width spaces.
    return re.sub(r"\s+", " ", "".join(one for one in text if category(one) != "Cf"))


class Scrub:
    """Replace redacted texts in any JSON value, as whole strings and as substrings, also in other spellings (`fold`).

    All texts are replaced in one pass, so that no replacement is changed by another. A file may name thousands of
    people, so texts are looked up by their first characters and their length; a regular expression would try each.
    """

    def __init__(self, replacements: Replacements) -> None:
        # If two texts are spellings of each other, a third spelling is dropped if one of them is.
        texts = sorted(replacements.items(), key=lambda item: not item[1][0])
        self._exact = {raw: new or None for raw, (new, _) in texts}
        self._whole = {folded: new for raw, new in self._exact.items() if (folded := fold(raw))}
        self._ids = {fold(raw) for raw, (_, is_id) in texts if is_id}
        self._forms = {
            form: new or _DROPPED
            for raw, (new, is_id) in texts
            for form in {raw, safe_name(raw), quote(raw, safe="", errors="replace")}
            if (folded := fold(form)) and (is_id or _long_enough(folded))
        }
        self._within = {fold(form): new for form, new in self._forms.items()}
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
        folded = fold(value)
        if folded in self._whole:
            return self._exact.get(value, self._whole[folded])
        clean = self._unescaped(value)
        return self._replaced(clean, folded if clean is value else fold(clean))

    def _name(self, name: Any) -> Any:
        # The platform's field names are identifiers; a title may be the same word.
        if isinstance(name, str) and name.isascii() and name.isidentifier() and fold(name) not in self._ids:
            return name
        return _DROPPED if (clean := self(name)) is None else clean

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

    def _replaced(self, value: str, folded: str) -> str:
        parts = []
        done = folded_done = 0
        positions: dict[str, int] = {}
        places: list[int] = []
        for match in self._first.finditer(folded) if self._first else ():
            at = match.start()
            if at < folded_done or not (form := self._form_at(folded, at, positions)):
                continue
            if not places:  # each second piece is special
                pieces = _SPECIAL.split(value)
                places = [0, *accumulate(len(_fold(piece) if n % 2 else piece) for n, piece in enumerate(pieces))]
                origins = [0, *accumulate(map(len, pieces))]
            folded_done = at + len(form)
            first, last = bisect_right(places, at) - 1, bisect_left(places, folded_done) - 1
            # A special piece of which only a part was found is replaced as a whole.
            start = origins[first] + (0 if first % 2 else at - places[first])
            end = origins[last + 1] if last % 2 else origins[last] + folded_done - places[last]
            parts += [value[done:start], self._forms.get(value[start:end], self._within[form])]
            done = end
        return "".join([*parts, value[done:]])

    def _form_at(self, value: str, at: int, positions: dict[str, int]) -> str | None:
        """Return the longest form at a position; `positions` caches the next position of each long form."""
        for form in self._long.get(value[at : at + _MAX_COMPARED], ()):
            if positions.get(form, -1) < at:
                position = value.find(form, at)
                positions[form] = len(value) if position < 0 else position
            if positions[form] == at:
                return form
        for start in self._starts:
            for length in self._lengths.get(value[at : at + start], ()):
                end = at + length
                if (form := value[at:end]) in self._within and (
                    _long_enough(form) or not re.search("[0-9a-z]", value[at - 1 : at] + value[end : end + 1])
                ):
                    return form
        return None


def _long_enough(form: str) -> bool:
    return len(normalize("NFC", form).encode(errors="replace")) >= _MIN_BYTES

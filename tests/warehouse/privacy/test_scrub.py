"""Replacement of redacted texts inside other texts: precedence and cost."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.landing.layout import safe_name
from airflow_provider_meetings.warehouse.privacy.scrub import Replacements, Scrub, add_replacement

LONG = 600_000
# Few letters, some repeated beyond _MAX_COMPARED, so that the texts overlap.
_TEXTS = st.lists(st.sampled_from(["a", "b", " ", "好", "a" * 40, "ab" * 40, "a" * 70]), min_size=1, max_size=5).map(
    "".join
)


def replacements(**texts: str) -> Replacements:
    noted: Replacements = {}
    for raw, text in texts.items():
        add_replacement(noted, raw, text, is_id=False)
    return noted


def replace_by_trying(noted: Replacements, value: str) -> str:
    """Replace by trying all forms at all positions, the longest first."""
    forms = {
        form: (replacement or "[redacted]", is_id)
        for raw, (replacement, is_id) in noted.items()
        for form in (raw, safe_name(raw), quote(raw, safe=""))
    }
    done, at = "", 0
    while at < len(value):
        for form in sorted(forms, key=len, reverse=True):
            replacement, is_id = forms[form]
            neighbours = value[at - 1 : at] if at else "", value[at + len(form) : at + len(form) + 1]
            alone = is_id and not any(character.isascii() and character.isalnum() for character in neighbours)
            if value.startswith(form, at) and (len(form) >= 6 or alone):
                done, at = done + replacement, at + len(form)
                break
        else:
            done, at = done + value[at], at + 1
    return done


@given(st.dictionaries(_TEXTS, st.booleans(), max_size=6), _TEXTS)
def test_longest_text_is_replaced_first(texts: dict[str, bool], value: str) -> None:
    noted: Replacements = {}
    for number, (raw, is_id) in enumerate(texts.items()):
        add_replacement(noted, raw, f"<{number}>", is_id=is_id)
    if value not in texts:
        assert Scrub(noted)(value) == replace_by_trying(noted, value)


def test_long_texts() -> None:
    long, longer = "a" * 100, "a" * 150 + "b"
    scrub = Scrub(replacements(**{long: "<1>", longer: "<2>", "aaaaaa": "<3>"}))
    assert scrub(f"b{long}b{longer}c{'a' * 200}b{'a' * 99}") == "b<1>b<2>c<1><1>b" + "<3>" * 16 + "aaa"
    assert scrub(f"{'a' * 50}{longer} {longer}") == "<1><1>b <2>"  # leftmost first


@pytest.mark.parametrize("value", ["a" * LONG, "a" * 2 * LONG, ("a" * 1000 + "c") * (LONG // 1000)])
def test_repeated_characters_take_linear_time(value: str) -> None:
    """A comparison at each position would take minutes."""
    scrub = Scrub(replacements(**{"a" * LONG + "b": "", "a" * (LONG - 1) + "b": "", "a" * 2000 + "d": ""}))
    assert scrub([value, value + "a" * LONG + "b"]) == [value, value + "[redacted]"]

"""Redacted texts in other texts: which of several counts, and that long ones cost no more than their length."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.landing.layout import safe_name
from airflow_provider_meetings.warehouse.privacy.scrub import Replacements, Scrub, add_replacement

LONG = 600_000
# Few letters, some of them repeated beyond the length up to which texts are compared: so that they overlap.
_TEXTS = st.lists(st.sampled_from(["a", "b", " ", "好", "a" * 40, "ab" * 40, "a" * 70]), min_size=1, max_size=5).map(
    "".join
)


def told(**became: str) -> Replacements:
    noted: Replacements = {}
    for raw, text in became.items():
        add_replacement(noted, raw, text, is_id=False)
    return noted


def by_trying(noted: Replacements, value: str) -> str:
    """Replace by trying every form at every place, the longest first."""
    forms = {
        form: (became or "[redacted]", is_id)
        for raw, (became, is_id) in noted.items()
        for form in (raw, safe_name(raw), quote(raw, safe=""))
    }
    done, at = "", 0
    while at < len(value):
        for form in sorted(forms, key=len, reverse=True):
            became, is_id = forms[form]
            beside = value[at - 1 : at] if at else "", value[at + len(form) : at + len(form) + 1]
            alone = is_id and not any(one.isascii() and one.isalnum() for one in beside)
            if value.startswith(form, at) and (len(form) >= 6 or alone):
                done, at = done + became, at + len(form)
                break
        else:
            done, at = done + value[at], at + 1
    return done


@given(st.dictionaries(_TEXTS, st.booleans(), max_size=6), _TEXTS)
def test_all_at_once_and_the_longest_first(texts: dict[str, bool], value: str) -> None:
    noted: Replacements = {}
    for number, (raw, is_id) in enumerate(texts.items()):
        add_replacement(noted, raw, f"<{number}>", is_id=is_id)
    if value not in texts:
        assert Scrub(noted)(value) == by_trying(noted, value)


def test_a_long_text_is_found_wherever_it_stands() -> None:
    long, longer = "a" * 100, "a" * 150 + "b"
    scrub = Scrub(told(**{long: "<1>", longer: "<2>", "aaaaaa": "<3>"}))
    assert scrub(f"b{long}b{longer}c{'a' * 200}b{'a' * 99}") == "b<1>b<2>c<1><1>b" + "<3>" * 16 + "aaa"
    assert scrub(f"{'a' * 50}{longer} {longer}") == "<1><1>b <2>"  # from the left, as ever


@pytest.mark.parametrize("value", ["a" * LONG, "a" * 2 * LONG, ("a" * 1000 + "c") * (LONG // 1000)])
def test_equal_characters_do_not_cost_their_product(value: str) -> None:
    """Compared anew at every place, this would take minutes."""
    scrub = Scrub(told(**{"a" * LONG + "b": "", "a" * (LONG - 1) + "b": "", "a" * 2000 + "d": ""}))
    assert scrub([value, value + "a" * LONG + "b"]) == [value, value + "[redacted]"]

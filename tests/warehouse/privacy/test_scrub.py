"""Replacement of redacted texts inside other texts: spellings, precedence and cost."""

from __future__ import annotations

import re
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.landing.layout import safe_name
from airflow_provider_meetings.warehouse.privacy.scrub import Replacements, Scrub, add_replacement, fold

LONG = 600_000
PAGE = Path(__file__).parents[3] / "docs" / "guides" / "privacy.rst"
FOUND, NOT_FOUND = (
    [
        (value, re.sub(r"<U\+([0-9A-F]{4})>", lambda code: chr(int(code[1], 16)), example))
        for value, examples in re.findall(r"     - ``(.+)``\n     - ``(.+)``\n", table)
        for example in examples.split("; ")
    ]
    for table in PAGE.read_text().split("   * - Found\n")[1].split("   * - Not found\n")
)
# Few letters, some repeated beyond _MAX_COMPARED, so that the texts overlap.
_LETTERS = ["a", "b", "-", "好", "a" * 40, "ab" * 40, "a" * 70]
_TEXTS = st.lists(st.sampled_from(_LETTERS), min_size=1, max_size=5).map("".join)
# Each is folded to something shorter, longer, or of the same length.
_SPELLED = st.lists(
    st.sampled_from(["a", "Ａ", "&#97;", "&amp;#x61;", "ﬃ", "É", "e\u0301", "가", "好"]), min_size=1
).map("".join)
_AROUND = st.lists(st.sampled_from(["x", "Ｘ", "&#120;", "ß", "Ǆ", "  ", "\u200b", "ü", "中"])).map("".join)


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
            if value.startswith(form, at) and (len(form.encode()) >= 6 or alone):
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


@pytest.mark.parametrize("replacement", ["", "<hash>"])
@pytest.mark.parametrize(("value", "example"), FOUND)
def test_spelling_is_found(value: str, example: str, replacement: str) -> None:
    noted: Replacements = {}
    add_replacement(noted, value, replacement, is_id=value.isdigit() or value.startswith("ou_"))
    scrub, new = Scrub(noted), replacement or "[redacted]"
    if example.startswith("["):  # a JSON document
        assert scrub(example) == f'["{new if replacement else None}"]'.replace('"None"', "null")
        return
    around = f"ﬁ &lt; ß\u0301 {example}\u200b, {normalize('NFD', 'é')} {example} &amp;"
    assert scrub(around) == around.replace(example, new)
    assert scrub({"a": [{"b": example}]})["a"][0]["b"] in {new, replacement or None}
    assert scrub({"a": {example: 1, f"by {example}": 2, "a_b": 3}}) == {"a": {new: 1, f"by {new}": 2, "a_b": 3}}


@pytest.mark.parametrize(("value", "example"), NOT_FOUND)
def test_spelling_is_not_found(value: str, example: str) -> None:
    assert Scrub(replacements(**{value: ""}))([example, {example: example}]) == [example, {example: example}]


def test_tables_of_spellings_are_read() -> None:
    assert len(FOUND) >= 15
    assert len(NOT_FOUND) >= 12


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Al", "AL"),  # a short name is compared with whole strings only, in each spelling
        ("李", "&#26446;"),
        ("김", normalize("NFD", "김")),
        ("ＡＬ", "al"),
    ],
)
def test_short_name_is_replaced_as_whole_string_only(value: str, text: str) -> None:
    assert Scrub(replacements(**{value: "<1>"}))([text, f"{text} {text}"]) == ["<1>", f"{text} {text}"]


def test_id_beside_letter_or_digit_is_another_id() -> None:
    noted: Replacements = {}
    add_replacement(noted, "u7", "<1>", is_id=True)
    texts = ["U7!", "Ｕ７", "Ｕ７７", "&#117;7", "xu7", "&#120;u7", "?a&u7;", "u7½", "é u7，"]
    assert Scrub(noted)(texts) == ["<1>!", "<1>", "Ｕ７７", "<1>", "xu7", "&#120;u7", "?a<1>", "u7½", "é <1>，"]


@pytest.mark.parametrize("field", ["Meeting", "meeting", "meetings", "userId"])
def test_field_name_that_is_like_a_title_is_kept(field: str) -> None:
    scrub = Scrub(replacements(Meeting="", userId=""))
    assert scrub({field: {field: 1}}) == {field: {field: 1}}


def test_each_spelling_keeps_its_own_replacement() -> None:
    scrub = Scrub(replacements(**{"Lina Wei": "<1>", "lina wei": "<2>", "LINA WEI": "<3>"}))
    assert scrub("Lina Wei, lina wei, LINA WEI, Lina wei") == "<1>, <2>, <3>, <3>"
    assert scrub(["Lina Wei", "lina wei"]) == ["<1>", "<2>"]
    dropped = Scrub(replacements(**{"Lina Wei": "", "lina wei": "<2>"}))
    assert dropped("lina wei; LINA WEI") == "<2>; [redacted]"


@given(_AROUND, _SPELLED, _AROUND)
def test_only_what_is_found_is_changed(before: str, value: str, after: str) -> None:
    """The text around a value remains as it is, whatever folding does to its length."""
    noted: Replacements = {}
    add_replacement(noted, normalize("NFC", fold(value)), "<new>", is_id=True)
    assert Scrub(noted)(f"{before}|{value}|{after}") == f"{before}|<new>|{after}"


def test_long_texts() -> None:
    long, longer = "a" * 100, "a" * 150 + "b"
    scrub = Scrub(replacements(**{long: "<1>", longer: "<2>", "aaaaaa": "<3>"}))
    assert scrub(f"b{long}b{longer}c{'a' * 200}b{'a' * 99}") == "b<1>b<2>c<1><1>b" + "<3>" * 16 + "aaa"
    assert scrub(f"{'a' * 50}{longer} {longer}") == "<1><1>b <2>"  # leftmost first


@pytest.mark.parametrize(
    "value",
    [
        *("a" * LONG, "a" * 2 * LONG, ("a" * 1000 + "c") * (LONG // 1000)),
        *(part * (LONG // 6) for part in ("&amp;", "&", " ", "é ", "&amp;amp;amp;", "amp;")),
    ],
    ids=lambda value: f"{value[:12]}…",
)
def test_repeated_characters_take_linear_time(value: str) -> None:
    """A comparison at each position would take minutes."""
    scrub = Scrub(replacements(**{"a" * LONG + "b": "", "a" * (LONG - 1) + "b": "", "a" * 2000 + "d": ""}))
    assert scrub([value, value + "a" * LONG + "b"]) == [value, value + "[redacted]"]

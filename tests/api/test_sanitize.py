"""Responses as storable text and JSON."""

from __future__ import annotations

import pytest

from airflow_provider_meetings.api.http.fields import Fields
from airflow_provider_meetings.api.sanitize import json_file, storable, storable_text, without_links


@pytest.mark.parametrize(
    ("text", "stored"),
    [("周会 📦", "周会 📦"), ("cut \ud83d", "cut \ufffd"), ("\ud83d\udce6", "📦"), ("a\x00b", "a\ufffdb"), ("", "")],
)
def test_storable_text(text: str, stored: str) -> None:
    assert storable_text(text) == stored
    assert Fields("acme").text({"title": text}, "title") == (stored or None)
    assert without_links({"title": text, "deep": [{text: text}]}) == {"title": stored, "deep": [{stored: stored}]}
    stored.encode()


def test_storable_numbers_and_depth() -> None:
    assert storable([2**63, 2**63 - 1, float("nan"), 1.5, True, None]) == [str(2**63), 2**63 - 1, None, 1.5, True, None]
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    assert storable(nested)


def test_json_file_is_deterministic() -> None:
    written = json_file([{"b": "周会", "a": {"d": 1, "c": [float("nan"), "half \ud83d", "https://example.com/"]}}])
    assert written.decode() == '[{"a": {"c": [null, "half \ufffd", "https://example.com/"], "d": 1}, "b": "周会"}]'
    assert json_file([{"a": {"c": [None, "half \ufffd", "https://example.com/"], "d": 1}, "b": "周会"}]) == written

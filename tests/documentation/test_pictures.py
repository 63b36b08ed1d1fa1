"""The committed pictures are those that the scripts draw."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pictures import IMAGES, pictures
from screenshots import MAX_BYTES

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.tables.tables import tables

SCREENSHOTS = sorted(IMAGES.glob("*.png"))


@pytest.mark.parametrize(("name", "text"), pictures().items())
def test_picture_is_up_to_date(name: str, text: str) -> None:
    assert (IMAGES / name).read_text() == text, "run: python scripts/pictures.py"
    ElementTree.fromstring(text)


def test_pictures_name_every_state_and_table() -> None:
    drawn = pictures()
    assert [state for state in RecordingState if f">{state}<" not in drawn["states.svg"]] == []
    assert [table.name for table in tables() if f">{table.name}<" not in drawn["tables.svg"]] == []


@pytest.mark.parametrize("path", SCREENSHOTS, ids=lambda path: path.name)
def test_screenshot_is_small_and_used_with_a_text(path: Path) -> None:
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < MAX_BYTES
    pages = [page.read_text() for page in IMAGES.parent.rglob("*.rst")]
    assert any(re.search(rf"image:: \S*{path.name}\n +:alt: \w", text) for text in pages)

"""The committed pictures are those that the scripts draw."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from pictures import IMAGES, pictures

from airflow_provider_meetings.api.models import RecordingState
from airflow_provider_meetings.warehouse.tables.tables import tables


@pytest.mark.parametrize(("name", "text"), pictures().items())
def test_picture_is_up_to_date(name: str, text: str) -> None:
    assert (IMAGES / name).read_text() == text, "run: python scripts/pictures.py"
    ElementTree.fromstring(text)


def test_pictures_name_every_state_and_table() -> None:
    drawn = pictures()
    assert [state for state in RecordingState if f">{state}<" not in drawn["states.svg"]] == []
    assert [table.name for table in tables() if f">{table.name}<" not in drawn["tables.svg"]] == []

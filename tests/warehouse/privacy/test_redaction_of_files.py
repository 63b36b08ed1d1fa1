"""Redaction in all rows of a file, including parts that were not parsed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_provider_meetings.api.artifacts import Statistics, Todo
from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.platforms.feishu.transcripts import todos
from airflow_provider_meetings.platforms.wecom.transcripts import json_segments
from airflow_provider_meetings.warehouse.load.transcripts import Content
from tests.warehouse.privacy.test_redaction import POST, hashed, redaction


def redact_file(item: type[Any], rows: Any, **redact: str) -> list[dict[str, Any]]:
    (content,) = redaction(**redact).contents([Content(item, {}, iter(rows))])
    return [dict(row) for row in content.rows]


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_list_items_are_redacted_everywhere(action: str) -> None:
    todo = {
        "content": "Carol C calls the bank",
        "assignees": ["Carol C"],
        "source": {"assignees": ["Carol C"], "note": "Carol C"},
    }
    seen = {"viewers": [{"user_id": "ou_1", "viewed_at": None}], "source": {"last": "ou_1", "note": "seen by ou_1"}}
    for item, row, column in ((Todo, todo, "assignees"), (Statistics, seen, "viewers")):
        (content,) = redaction(**{column: action}).contents([Content(item, {}, [row])])
        (found,) = content.rows
        assert not re.search("Carol|ou_1", json.dumps(found))
        assert bool(found[column]) == (action == "hash")
    (found,) = redaction(image_keys=action).posts(
        [{**POST, "image_keys": ["img_v3_1"], "source": {"cover": "img_v3_1"}}]
    )
    assert "img_v3_1" not in json.dumps(found)


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_value_of_one_row_is_redacted_in_all_rows(action: str) -> None:
    rows = [
        {"speaker_name": "Bob", "speaker_id": None, "text": "thanks Alice Wong, or @u7"},
        {"speaker_name": "Alice Wong", "speaker_id": "u7", "text": "welcome"},
        {"speaker_name": None, "speaker_id": None, "text": "Alice Wong 1:2:3:4", "broken": True},
        {
            "speaker_name": None,
            "speaker_id": None,
            "text": "ＡＬＩＣＥ &#87;ong or U7",
            "source": {"U7": [{"by": "alice wong"}]},
        },
    ]
    found = redact_file(TranscriptSegment, rows, speaker_name=action, speaker_id=action)
    assert not re.search("Ａ|Alice|Wong|u7|#87", json.dumps(found, ensure_ascii=False), re.IGNORECASE)
    todos = [{"content": None, "assignees": None, "source": "Carol C: call"}, {"assignees": ["Carol C"], "source": {}}]
    assert "Carol" not in json.dumps(redact_file(Todo, todos, assignees=action))


def test_dropped_text_does_not_remove_speaker() -> None:
    rows = [{"speaker_name": "Bob", "text": "Alice"}, {"speaker_name": "Alice", "text": "Yes?"}]
    assert [row["speaker_name"] for row in redact_file(TranscriptSegment, rows, text="drop")] == ["Bob", "Alice"]


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_speakers_in_unparsed_part(action: str) -> None:
    paragraph = {"speaker_info": {"userid": "u7", "name": "Bob"}, "sentences": [{"note": "Bob", "by": "u8"}], "n": 7}
    rows = [
        {"speaker_id": None, "text": json.dumps(paragraph), "broken": True},
        {"speaker_id": "u8", "text": "for u7", "broken": False},
    ]
    found = redact_file(TranscriptSegment, rows, speaker_name=action, speaker_id=action)
    assert not re.search("u7|u8|Bob", json.dumps(found))
    assert json.loads(found[0]["text"])["n"] == 7
    assert redact_file(TranscriptSegment, rows, title="drop") == rows
    if action == "hash":  # hashed once, although owner_id has the same field
        found = redact_file(TranscriptSegment, rows, speaker_id="hash", owner_id="hash")
        assert json.loads(found[0]["text"])["speaker_info"]["userid"] == hashed("u7")
    assert redact_file(TranscriptSegment, rows, text="drop")[0]["text"] is None
    (seen,) = redact_file(Statistics, [{"source": {"seen": [{"user_id": "ou_1"}], "last": "by ou_1"}}], viewers=action)
    assert "ou_1" not in json.dumps(seen)


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_people_as_numbers_and_in_lists(action: str) -> None:
    paragraph = {"speaker_info": {"userid": 1002345, "name": ["Anna Karenina", {"name": "Bob"}]}, "sentences": "odd"}
    rows = [{"speaker_id": None, "text": json.dumps(paragraph), "broken": True}, {"text": "to Anna Karenina"}]
    found = json.dumps(redact_file(TranscriptSegment, rows, speaker_name=action, speaker_id=action))
    assert not re.search("1002345|Anna|Bob", found)
    assert (hashed("1002345") in found) == (action == "hash")
    (seen,) = redact_file(Statistics, [{"source": {"last": {"user_id": 1002345}}}], viewers=action)
    assert "1002345" not in json.dumps(seen)


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "7", "{", '"Lina"', "Lina: {}"])
def test_unparsed_part_that_is_not_json_is_kept(text: str) -> None:
    rows = [{"text": text, "broken": True}]
    assert redact_file(TranscriptSegment, rows, speaker_name="drop") == rows


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_deeply_nested_speaker_in_unparsed_part(action: str) -> None:
    rows = [{"text": "[" * 300 + '{"name": "Lina"}' + "]" * 300, "broken": True}]
    (found,) = redact_file(TranscriptSegment, rows, speaker_name=action)
    assert json.loads(found["text"])
    assert "Lina" not in found["text"]


def test_lone_surrogate_in_unparsed_part() -> None:
    (found,) = redact_file(TranscriptSegment, [{"text": r'["\ud800"]', "broken": True}], speaker_name="drop")
    assert found["text"] == '["\ufffd"]'


def test_thousands_of_speakers() -> None:
    rows = [{"speaker_name": f"Speaker {n:05}", "text": f"{n} said it to Speaker {n + 1:05}"} for n in range(5000)]
    found = redact_file(TranscriptSegment, rows, speaker_name="drop")
    assert [row["text"] for row in found[:2]] == ["0 said it to [redacted]", "1 said it to [redacted]"]


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_files_of_the_platforms(action: str) -> None:
    file = StoredFile(
        platform="wecom",
        tenant="acme",
        recording_id="r",
        file_id="f",
        kind="transcript-json",
        uri=None,
        size=None,
        sha256=None,
        media_type=None,
        landed_at=None,
        outcome="landed",
    )
    words = [{"words": [{"wid": "1", "text": "hello from lina_w"}]}]
    paragraphs = [
        {"pid": "0", "speaker_info": {"userid": "bob"}, "sentences": words, "added": {"text": "unknown"}},
        {"pid": "1", "speaker_info": {"userid": "lina_w"}, "sentences": words},
    ]
    segments = [one.to_dict() for one in json_segments(file, json.dumps({"paragraphs": paragraphs}).encode())]
    found = redact_file(TranscriptSegment, segments, speaker_id=action)
    assert [row["broken"] for row in found] == [True, False]
    assert not re.search("bob|lina_w", json.dumps(found))
    assert "unknown" in found[0]["text"]
    noted = json.dumps(["Carol C calls", {"content": "call", "assignees": ["Carol C"]}]).encode()
    assert "Carol" not in json.dumps(redact_file(Todo, [one.to_dict() for one in todos(file, noted)], assignees=action))

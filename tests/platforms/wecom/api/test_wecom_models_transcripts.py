from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.platforms.wecom.api.models import Paragraph, Transcripts, parse_transcript


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())


def joined(*bodies: dict[str, Any]) -> Transcripts:
    return Transcripts.joined(transcripts for body in bodies for transcripts in parse_transcript(body).items)


def test_transcript_example() -> None:
    body = answer("transcript_detail")
    page = parse_transcript(body)
    assert page.next_cursor == "0"
    (transcripts,) = page.items
    assert (transcripts.keywords, transcripts.audio_detect, transcripts.raw) == (("k",), 1, body["transcripts"])
    (paragraph,) = transcripts.paragraphs
    assert (paragraph.pid, paragraph.speaker_info.userid) == ("0", "zhangsan")
    (sentence,) = paragraph.sentences
    assert (sentence.start_time, sentence.end_time, sentence.text) == (0, 4000, "大家好")


def test_sentence_text_has_spaces_between_latin_words_only() -> None:
    sentences = [
        {"words": [{"text": "Hi"}, {"text": "all"}]},
        {"words": [{"text": "好"}, {"text": ""}, {"text": "ok"}]},
    ]
    paragraph = Paragraph.parse({"pid": 1, "sentences": sentences})
    assert [sentence.text for sentence in paragraph.sentences] == ["Hi all", "好ok"]


@pytest.mark.parametrize("more", [{}, {"transcripts": None}, {"transcripts": {}}, {"transcripts": {"paragraphs": []}}])
def test_file_without_transcript(more: dict[str, Any]) -> None:
    read = joined({"errcode": 0, **more})
    assert (read.paragraphs, read.keywords, read.audio_detect, read.as_file()) == ((), (), None, b"")
    with pytest.raises(ServerError, match="no paragraph"):
        parse_transcript({"errcode": 0, "has_more": True, **more})


def test_pages_are_joined() -> None:
    def page(*pids: str, keywords: list[str], detect: int | None) -> dict[str, Any]:
        paragraphs = [{"pid": pid} for pid in pids]
        return {"transcripts": {"paragraphs": paragraphs, "keywords": keywords, "audio_detect": detect}}

    read = joined(page("0", "1", keywords=["k", ""], detect=1), page("1", "2", keywords=["l", "k"], detect=0))
    assert [paragraph.pid for paragraph in read.paragraphs] == ["0", "1", "2"]
    assert (read.keywords, read.audio_detect) == (("k", "l"), 0)
    assert json.loads(read.as_file()) == {
        "paragraphs": [{"pid": "0"}, {"pid": "1"}, {"pid": "2"}],
        "keywords": ["k", "l"],
        "audio_detect": 0,
    }


def test_paragraph_without_id_is_refused() -> None:
    with pytest.raises(ServerError, match="pid"):
        Paragraph.parse({"start_time": 0})

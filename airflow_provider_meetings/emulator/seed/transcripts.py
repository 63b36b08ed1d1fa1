"""The transcripts of the default company's WeCom meetings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airflow_provider_meetings.emulator.model.wecom import WecomParagraph, WecomSentence, WecomTranscript, WecomWord

# Speaker (1: the owner, 2: a colleague, 0: an external speaker without a userid), and the text of each sentence.
_UTTERANCES: Final = (
    (1, (("大家好", "，", "我们", "开始", "吧", "。"), ("先", "看", "上周", "的", "进展", "。"))),
    (2, (("The", " arm", " passed", " all", " tests", "."),)),
    (0, (("请问", "什么", "时候", "可以", "交付", "？"),)),
    (1, (("下周二", "。"), ("样机", "先", "发", "给", "你们", "。"))),
    (2, (("好", "，", "我", "来", "跟进", "。"),)),
)
_WORD_MS: Final = 400
_PAUSE_MS: Final = 600


def transcript(owner: str, *, external: bool = False, detected: bool = True) -> WecomTranscript:
    """Return five paragraphs, or four without the ``external`` speaker."""
    colleague = "lina" if owner != "lina" else "wangfang"
    return WecomTranscript(
        tuple(_paragraphs({0: "", 1: owner, 2: colleague}, external=external)),
        ("样机", "交付") if external else ("进展", "样机"),
        1 if detected else 0,
    )


def _paragraphs(userids: dict[int, str], *, external: bool) -> Iterator[WecomParagraph]:
    clock = 0
    for speaker, sentence_texts in _UTTERANCES:
        if speaker == 0 and not external:
            continue
        start = clock
        sentences = []
        for texts in sentence_texts:
            words = tuple(
                WecomWord(clock + index * _WORD_MS, clock + (index + 1) * _WORD_MS, text)
                for index, text in enumerate(texts)
            )
            clock = words[-1].end
            sentences.append(WecomSentence(words[0].start, clock, words))
        yield WecomParagraph(start, clock, tuple(sentences), userids[speaker])
        clock += _PAUSE_MS


def as_file(transcript: WecomTranscript) -> str:
    """Return the transcript as WeCom's text file; its layout is assumed."""
    lines = []
    for paragraph in transcript.paragraphs:
        seconds, text = paragraph.start // 1000, "".join(word.text for s in paragraph.sentences for word in s.words)
        lines.append(f"{paragraph.userid or '外部成员'} {seconds // 60:02}:{seconds % 60:02}\n{text}\n")
    return "\n".join(lines)

"""WeCom's transcripts: the paragraphs of a file and their words."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.wecom import (
    authorized_body,
    integer,
    invalid_parameter,
    requested_file,
    text,
)
from airflow_provider_meetings.emulator.model.wecom import WecomParagraph, WecomTranscript
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

# Assumed: a file without a transcript has no paragraphs.
_NO_TRANSCRIPT: Final = WecomTranscript(())


# https://developer.work.weixin.qq.com/document/path/98212
async def get_paragraph_list(state: EmulatorState, request: Request) -> Response:
    """Answer with all paragraphs; times are milliseconds from the start of the recording."""
    _, file = requested_file(state, await authorized_body(state, request))
    transcript = file.transcript or _NO_TRANSCRIPT
    content = {
        "audio_detect": transcript.audio_detect,
        "paragraphs": [
            {"pid": str(number), "start_time": paragraph.start, "end_time": paragraph.end}
            for number, paragraph in enumerate(transcript.paragraphs)
        ],
    }
    return answers.success(content)


# https://developer.work.weixin.qq.com/document/path/98211
async def get_detail(state: EmulatorState, request: Request) -> Response:
    """Answer with ``limit`` paragraphs starting at ``pid``, or with all paragraphs without these parameters.

    A client requests the next page with the last pid that it has, so each page repeats one paragraph, and with limit 1
    a client makes no progress.
    """
    body = await authorized_body(state, request)
    _, file = requested_file(state, body)
    transcript = file.transcript or _NO_TRANSCRIPT
    number = len(transcript.paragraphs)
    pid = text(body, "pid")
    if pid and pid not in map(str, range(number)):
        raise invalid_parameter("no such pid")
    first = int(pid) if pid else 0
    limit = integer(body, "limit", number)
    if limit < 1 and "limit" in body:
        raise invalid_parameter("limit must be 1 or more")
    page = transcript.paragraphs[first : first + limit]
    content = {
        "has_more": first + limit < number,
        "transcripts": {
            "paragraphs": [_paragraph(index, paragraph) for index, paragraph in enumerate(page, first)],
            "keywords": list(transcript.keywords),
            "audio_detect": transcript.audio_detect,
        },
    }
    return answers.success(content)


def _paragraph(index: int, paragraph: WecomParagraph) -> dict[str, Any]:
    """Return one paragraph. Assumed: sentences are numbered in their paragraph, words in their sentence, from "0"."""
    return {
        "pid": str(index),
        "start_time": paragraph.start,
        "end_time": paragraph.end,
        # Assumed: an external speaker has no userid key.
        "speaker_info": {"userid": paragraph.userid} if paragraph.userid else {},
        "sentences": [
            {
                "sid": str(sid),
                "start_time": sentence.start,
                "end_time": sentence.end,
                "words": [
                    {"wid": str(wid), "start_time": word.start, "end_time": word.end, "text": word.text}
                    for wid, word in enumerate(sentence.words)
                ],
            }
            for sid, sentence in enumerate(paragraph.sentences)
        ],
    }

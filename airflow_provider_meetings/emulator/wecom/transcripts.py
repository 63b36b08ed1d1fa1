"""WeCom's transcripts: the paragraphs of a file, and what was said in them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import wecom as answers
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.answers.wecom import file_asked_for, integer, invalid, signed_body, text
from airflow_provider_meetings.emulator.model.wecom import WecomParagraph, WecomTranscript
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_SILENCE = WecomTranscript(())


class WecomTranscripts:
    """Answer for the transcripts of one company; a file without one has no paragraphs (assumed).

    Ids count from "0": paragraphs in the transcript, sentences in their paragraph, words in their sentence (the last
    two are assumed).
    """

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return both routes."""
        return [
            self.gate.route("wecom.get_paragraph_list", self.get_paragraph_list),
            self.gate.route("wecom.get_detail", self.get_detail),
        ]

    # https://developer.work.weixin.qq.com/document/path/98212
    async def get_paragraph_list(self, request: Request) -> Response:
        """Answer with all paragraphs; times are milliseconds from the beginning of the recording."""
        _, file = file_asked_for(self.state, await signed_body(self.state, request))
        said = file.transcript or _SILENCE
        content = {
            "audio_detect": said.audio_detect,
            "paragraphs": [
                {"pid": str(number), "start_time": paragraph.start, "end_time": paragraph.end}
                for number, paragraph in enumerate(said.paragraphs)
            ],
        }
        return answers.success(content, warning=self.state.wecom_warning)

    # https://developer.work.weixin.qq.com/document/path/98211
    async def get_detail(self, request: Request) -> Response:
        """Answer with ``limit`` paragraphs from ``pid`` on, that one included; with all where neither is given.

        The next page is asked for by the last pid that was seen, and repeats its paragraph: with limit 1 it never ends.
        """
        body = await signed_body(self.state, request)
        _, file = file_asked_for(self.state, body)
        said = file.transcript or _SILENCE
        pid = text(body, "pid")
        if pid and pid not in {str(number) for number in range(len(said.paragraphs))}:
            raise invalid("no such pid")
        first = int(pid) if pid else 0
        limit = integer(body, "limit", len(said.paragraphs))
        if limit < 1 and "limit" in body:
            raise invalid("limit must be 1 or more")
        page = said.paragraphs[first : first + limit]
        content = {
            "has_more": first + limit < len(said.paragraphs),
            "transcripts": {
                "paragraphs": [_paragraph(first + number, paragraph) for number, paragraph in enumerate(page)],
                "keywords": list(said.keywords),
                "audio_detect": said.audio_detect,
            },
        }
        return answers.success(content, warning=self.state.wecom_warning)


def _paragraph(number: int, paragraph: WecomParagraph) -> dict[str, Any]:
    return {
        "pid": str(number),
        "start_time": paragraph.start,
        "end_time": paragraph.end,
        # A speaker from outside may lack it: absent, not empty (assumed).
        "speaker_info": {"userid": paragraph.userid} if paragraph.userid else {},
        "sentences": [
            {
                "sid": str(place),
                "start_time": sentence.start,
                "end_time": sentence.end,
                "words": [
                    {"wid": str(order), "start_time": word.start, "end_time": word.end, "text": word.text}
                    for order, word in enumerate(sentence.words)
                ],
            }
            for place, sentence in enumerate(paragraph.sentences)
        ],
    }

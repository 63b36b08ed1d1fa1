"""Feishu's minutes: description, media link, transcript, statistics, and what the AI made of one."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.feishu import shown_user
from airflow_provider_meetings.emulator.answers.media import attachment, feishu_address
from airflow_provider_meetings.emulator.answers.request_check import Gate
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.feishu import FeishuArtifacts, FeishuMinute, FeishuStatistics
from airflow_provider_meetings.emulator.model.transcript import as_srt, as_txt
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_BOOLEANS: Final = {"true": True, "false": False}
_PARAM_INVALID: Final = 2091001


class FeishuMinutes:
    """Answer for the minutes of one company.

    The app may read every minute that is not marked forbidden, and so may its user (assumed: the documents tell of the
    app's data range alone).
    """

    def __init__(self, state: EmulatorState, gate: Gate) -> None:
        self.state = state
        self.gate = gate

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.gate.route("feishu.minute", self.minute),
            self.gate.route("feishu.minute_media", self.minute_media),
            self.gate.route("feishu.minute_transcript", self.minute_transcript),
            self.gate.route("feishu.minute_statistics", self.minute_statistics),
            self.gate.route("feishu.minute_artifacts", self.minute_artifacts),
        ]

    # https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
    async def minute(self, request: Request) -> Response:
        """Answer with the minute's description; times and durations are milliseconds in strings."""
        minute = self._minute(request, "feishu.minute", counted=True)
        owner_id = shown_user(request, minute.owner, "feishu.minute", _PARAM_INVALID)
        media_host = "https://internal-api-drive-stream.example.invalid"
        described = {
            "token": minute.token,
            "owner_id": owner_id,
            "create_time": str(milliseconds(minute.create_time)),
            "title": minute.title,
            "cover": minute.cover or f"{media_host}/space/api/box/stream/download/all/{minute.token}",
            "duration": str(minute.duration),
            "url": minute.url or f"https://sample.{self.state.domain}/minutes/{minute.token}",
        }
        # Newer copies of the page have it, older ones do not: a reader must bear both.
        if minute.note_id:
            described["note_id"] = minute.note_id
        return answers.success({"minute": described}, self.state.now())

    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    async def minute_media(self, request: Request) -> Response:
        """Answer with an address that is valid for one day and needs no token."""
        minute = self._minute(request, "feishu.minute_media", counted=True)
        filename = f"{minute.title}.{minute.media.kind}"
        address = feishu_address(request, self.state, minute.media, filename, minute.token)
        return answers.success({"download_url": address}, self.state.now())

    # https://open.feishu.cn/document/minutes-v1/minute-transcript/get
    async def minute_transcript(self, request: Request) -> Response:
        """Answer with the file itself, empty if nothing was said. The page gives no defaults: assumed false and txt."""
        minute = self._minute(request, "feishu.minute_transcript")
        invalid = answers.refused("feishu.minute_transcript", _PARAM_INVALID)
        try:
            # The vendor's Python SDK sends "True".
            need_speaker = _BOOLEANS[request.query_params.get("need_speaker", "false").lower()]
            need_timestamp = _BOOLEANS[request.query_params.get("need_timestamp", "false").lower()]
        except KeyError:
            raise invalid from None
        file_format = request.query_params.get("file_format", "txt")
        if file_format == "srt":
            text = as_srt(minute.transcript, need_speaker=need_speaker)
        elif file_format == "txt":
            text = as_txt(minute.transcript, need_speaker=need_speaker, need_timestamp=need_timestamp)
        else:
            raise invalid
        headers = {
            "X-Tt-Logid": answers.log_id(self.state.now()),
            "Content-Disposition": attachment(f"{minute.title}.{file_format}"),
        }
        return Response(text, 200, headers, "application/octet-stream")

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
    async def minute_statistics(self, request: Request) -> Response:
        """Answer with views up to now: counts in strings, each viewer's latest view in milliseconds in a string."""
        minute = self._minute(request, "feishu.minute_statistics")
        statistics = self.state.company.feishu_statistics.get(minute.token, FeishuStatistics())
        viewers: list[dict[str, Any]] = [
            {
                "user_id": shown_user(request, user, "feishu.minute_statistics", _PARAM_INVALID),
                "view_time": str(milliseconds(moment)),
            }
            for user, moment in statistics.viewers
        ]
        described = {
            "user_view_count": str(len(viewers)),
            "page_view_count": str(statistics.page_views),
            "user_view_list": viewers,
        }
        return answers.success({"statistics": described}, self.state.now())

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
    async def minute_artifacts(self, request: Request) -> Response:
        """Answer with summary, chapters and todos; empty ones where the AI made nothing (assumed)."""
        minute = self._minute(request, "feishu.minute_artifacts")
        artifacts = self.state.company.feishu_artifacts.get(minute.token, FeishuArtifacts())
        described = {
            "summary": artifacts.summary,
            "minute_chapters": [
                {
                    "title": chapter.title,
                    "start_ms": str(chapter.start),
                    "stop_ms": str(chapter.stop),
                    "summary_content": chapter.summary,
                }
                for chapter in artifacts.chapters
            ],
            "minute_todos": [{"content": text, "assignees": list(names)} for text, names in artifacts.todos],
        }
        return answers.success(described, self.state.now())

    def _minute(self, request: Request, name: str, *, counted: bool = False) -> FeishuMinute:
        authorize(self.state, request, name, "tenant", "user")
        token = request.path_params["minute_token"]
        if len(token) != 24:
            raise answers.refused(name, _PARAM_INVALID)
        minute = self.state.company.feishu_minutes.get(token)
        if minute is None:
            raise answers.refused(name, 2091002)
        if minute.status == "deleted":
            raise answers.refused(name, 2091004)
        if minute.status == "forbidden":
            raise answers.refused(name, 2091005)
        waits = self.state.waits(token, processing=minute.status == "processing")
        if waits:
            polls = self.state.count_poll if counted else self.state.polls
            if polls("minute", token) < waits:
                raise answers.refused(name, 2091003)
        return minute

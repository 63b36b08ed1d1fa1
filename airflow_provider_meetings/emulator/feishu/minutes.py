"""Feishu's minutes: description, media link, transcript, statistics and AI artifacts."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_meetings.emulator.answers import feishu as answers
from airflow_provider_meetings.emulator.answers.media import attachment, feishu_link
from airflow_provider_meetings.emulator.feishu.tokens import authorize
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.feishu import FeishuArtifacts, FeishuMinute, FeishuStatistics
from airflow_provider_meetings.emulator.model.transcript import as_srt, as_txt
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_MINUTE: Final = "feishu.minute"
_MEDIA: Final = "feishu.minute_media"
_TRANSCRIPT: Final = "feishu.minute_transcript"
_STATISTICS: Final = "feishu.minute_statistics"
_ARTIFACTS: Final = "feishu.minute_artifacts"
_BOOLEANS: Final = {"true": True, "false": False}
_PARAM_INVALID: Final = 2091001
_COVER_HOST: Final = "https://internal-api-drive-stream.example.invalid"


# https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
async def minute(state: EmulatorState, request: Request) -> Response:
    """Answer with the description of a minute; times and durations are milliseconds in strings."""
    minute = _requested_minute(state, request, _MINUTE, count_poll=True)
    data = {
        "token": minute.token,
        "owner_id": answers.user_id(request, minute.owner, _MINUTE, _PARAM_INVALID),
        "create_time": str(milliseconds(minute.create_time)),
        "title": minute.title,
        "cover": minute.cover or f"{_COVER_HOST}/space/api/box/stream/download/all/{minute.token}",
        "duration": str(minute.duration),
        "url": minute.url or f"https://sample.{state.domain}/minutes/{minute.token}",
    }
    # Only newer copies of the page have it, so a client must accept both.
    if minute.note_id:
        data["note_id"] = minute.note_id
    return answers.success({"minute": data}, state.now())


# https://open.feishu.cn/document/minutes-v1/minute-media/get
async def minute_media(state: EmulatorState, request: Request) -> Response:
    """Answer with a link that is valid for one day and needs no token."""
    minute = _requested_minute(state, request, _MEDIA, count_poll=True)
    filename = f"{minute.title}.{minute.media.kind}"
    link = feishu_link(request, state, minute.media, filename, minute.token)
    return answers.success({"download_url": link}, state.now())


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
async def minute_transcript(state: EmulatorState, request: Request) -> Response:
    """Answer with the file; empty without utterances. The page gives no defaults: assumed false and txt."""
    minute = _requested_minute(state, request, _TRANSCRIPT)
    query = request.query_params
    file_format = query.get("file_format", "txt")
    try:
        # The vendor's Python SDK sends "True".
        need_speaker = _BOOLEANS[query.get("need_speaker", "false").lower()]
        need_timestamp = _BOOLEANS[query.get("need_timestamp", "false").lower()]
    except KeyError:
        raise answers.error(_TRANSCRIPT, _PARAM_INVALID) from None
    if file_format == "srt":
        text = as_srt(minute.transcript, need_speaker=need_speaker)
    elif file_format == "txt":
        keywords = state.company.feishu_artifacts.get(minute.token, FeishuArtifacts()).keywords
        text = as_txt(minute, keywords, need_speaker=need_speaker, need_timestamp=need_timestamp)
    else:
        raise answers.error(_TRANSCRIPT, _PARAM_INVALID)
    headers = {
        "X-Tt-Logid": answers.log_id(state.now()),
        "Content-Disposition": attachment(f"{minute.title}.{file_format}"),
    }
    return Response(text, 200, headers, "application/octet-stream")


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
async def minute_statistics(state: EmulatorState, request: Request) -> Response:
    """Answer with the views: counts in strings, the latest view of each viewer in milliseconds in a string."""
    minute = _requested_minute(state, request, _STATISTICS)
    statistics = state.company.feishu_statistics.get(minute.token, FeishuStatistics())
    viewers: list[dict[str, Any]] = [
        {
            "user_id": answers.user_id(request, user, _STATISTICS, _PARAM_INVALID),
            "view_time": str(milliseconds(viewed_at)),
        }
        for user, viewed_at in statistics.viewers
    ]
    data = {
        "user_view_count": str(len(viewers)),
        "page_view_count": str(statistics.page_views),
        "user_view_list": viewers,
    }
    return answers.success({"statistics": data}, state.now())


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
async def minute_artifacts(state: EmulatorState, request: Request) -> Response:
    """Answer with all artifacts; assumed: empty ones for a minute without them, but without what is not on the page."""
    minute = _requested_minute(state, request, _ARTIFACTS)
    artifacts = state.company.feishu_artifacts.get(minute.token, FeishuArtifacts())
    data = {
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
    text = as_txt(minute, artifacts.keywords, need_speaker=True, need_timestamp=True)
    added = {"keywords": list(artifacts.keywords), "transcript": text}
    data |= {name: value for name, value in added.items() if value}
    return answers.success(data, state.now())


def _requested_minute(
    state: EmulatorState, request: Request, endpoint: str, *, count_poll: bool = False
) -> FeishuMinute:
    """Return the minute of the path.

    Every minute that is not marked forbidden is accessible to the app; that it is to the user too is assumed.

    :param count_poll: count this request as a poll of a minute in processing.
    """
    authorize(state, request, endpoint, "tenant", "user")
    token = request.path_params["minute_token"]
    if len(token) != 24:
        raise answers.error(endpoint, _PARAM_INVALID)
    minute = state.company.feishu_minutes.get(token)
    if minute is None:
        raise answers.error(endpoint, 2091002)
    if minute.status == "deleted":
        raise answers.error(endpoint, 2091004)
    if minute.status == "forbidden" or (not minute.exportable and endpoint in (_MEDIA, _TRANSCRIPT)):
        raise answers.error(endpoint, 2091005)
    needed = state.polls_needed(token, processing=minute.status == "processing")
    if needed:
        polls = state.count_poll if count_poll else state.polls
        if polls("minute", token) < needed:
            raise answers.error(endpoint, 2091003)
    return minute

"""Feishu's endpoints: tenant tokens, minutes, meeting recordings, Moments posts."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_meetings.emulator import feishu_answers as answers
from airflow_provider_meetings.emulator.company import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.downloads import attachment, feishu_address
from airflow_provider_meetings.emulator.feishu_answers import FeishuError
from airflow_provider_meetings.emulator.model import FeishuMinute, FeishuPost, FeishuUser, milliseconds
from airflow_provider_meetings.emulator.state import EmulatorState
from airflow_provider_meetings.emulator.transcript import as_srt, as_txt

_USER_ID_TYPES: Final = ("open_id", "union_id", "user_id")
_BOOLEANS: Final = {"true": True, "false": False}
_TENANT_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"
_MINUTE_PATH: Final = "/open-apis/minutes/v1/minutes/{minute_token}"


class Feishu:
    """Answer for one company; every field permission is granted, so ``user_id`` is never withheld."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return all routes; the token's path is in circulation with and without a trailing slash."""
        return [
            Route(_TENANT_PATH, self.tenant_access_token, methods=["POST"]),
            Route(_TENANT_PATH + "/", self.tenant_access_token, methods=["POST"]),
            Route(_MINUTE_PATH, self.minute),
            Route(_MINUTE_PATH + "/media", self.minute_media),
            Route(_MINUTE_PATH + "/transcript", self.minute_transcript),
            Route("/open-apis/vc/v1/meetings/{meeting_id}/recording", self.meeting_recording),
            Route("/open-apis/moments/v1/posts/{post_id}", self.post),
        ]

    # https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal
    async def tenant_access_token(self, request: Request) -> Response:
        """Answer flat, with ``expire`` in seconds. A refusal has status 200, which the documents leave uncertain."""
        self.state.count_token_request("feishu")
        now = self.state.clock()
        try:
            body = await request.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not body.get("app_id") or not body.get("app_secret"):
            # Assumed: the page does not say what a missing field answers.
            return answers.flat({"code": 10003, "msg": "invalid param"}, now)
        if (body["app_id"], body["app_secret"]) != (FEISHU_APP_ID, FEISHU_APP_SECRET):
            return answers.flat({"code": 10015, "msg": "wrong app secret"}, now)
        token, expire = self.state.issue_token("feishu")
        return answers.flat({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire}, now)

    # https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
    async def minute(self, request: Request) -> Response:
        """Answer with the minute's description; times and durations are milliseconds in strings."""
        minute = self._minute(request, counted=True)
        owner_id = _user_id(request, minute.owner, answers.MINUTE_PARAM_INVALID)
        described = {
            "token": minute.token,
            "owner_id": owner_id,
            "create_time": str(milliseconds(minute.create_time)),
            "title": minute.title,
            "cover": f"https://internal-api-drive-stream.example.invalid/space/api/box/stream/download/all/{minute.token}",
            "duration": str(minute.duration),
            "url": f"https://sample.feishu.cn/minutes/{minute.token}",
        }
        # Newer copies of the page have it, older ones do not: a reader must bear both.
        if minute.note_id:
            described["note_id"] = minute.note_id
        return answers.success({"minute": described}, self.state.clock())

    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    async def minute_media(self, request: Request) -> Response:
        """Answer with an address that is valid for one day and needs no token."""
        minute = self._minute(request, counted=True)
        filename = f"{minute.title}.{minute.media.kind}"
        address = feishu_address(request, self.state, minute.media, filename)
        return answers.success({"download_url": address}, self.state.clock())

    # https://open.feishu.cn/document/minutes-v1/minute-transcript/get
    async def minute_transcript(self, request: Request) -> Response:
        """Answer with the file itself, empty if nothing was said. The page gives no defaults: assumed false and txt."""
        minute = self._minute(request, counted=False)
        try:
            # The vendor's Python SDK sends "True".
            need_speaker = _BOOLEANS[request.query_params.get("need_speaker", "false").lower()]
            need_timestamp = _BOOLEANS[request.query_params.get("need_timestamp", "false").lower()]
        except KeyError:
            raise FeishuError(*answers.MINUTE_PARAM_INVALID) from None
        file_format = request.query_params.get("file_format", "txt")
        if file_format == "srt":
            text = as_srt(minute.transcript, need_speaker=need_speaker)
        elif file_format == "txt":
            text = as_txt(minute.transcript, need_speaker=need_speaker, need_timestamp=need_timestamp)
        else:
            raise FeishuError(*answers.MINUTE_PARAM_INVALID)
        headers = {
            "X-Tt-Logid": answers.log_id(self.state.clock()),
            "Content-Disposition": attachment(f"{minute.title}.{file_format}"),
        }
        return Response(text, 200, headers, "application/octet-stream")

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    async def meeting_recording(self, request: Request) -> Response:
        """Answer with the page of the recording's minute, not with a file; ``duration`` is milliseconds in a string."""
        self._authorize(request)
        meeting_id = request.path_params["meeting_id"]
        if not (meeting_id.isascii() and meeting_id.isdigit()):
            raise FeishuError(*answers.MEETING_PARAM_ERROR)
        meeting = self.state.company.feishu_meetings.get(meeting_id)
        if meeting is None:
            raise FeishuError(*answers.MEETING_UNKNOWN)
        if meeting.fate == "running":
            raise FeishuError(*answers.MEETING_RUNNING)
        if meeting.fate == "forbidden":
            raise FeishuError(*answers.MEETING_FORBIDDEN)
        if meeting.fate == "unrecorded":
            raise FeishuError(*answers.MEETING_NO_RECORDING)
        if meeting.fate == "processing" and self.state.count_poll("meeting", meeting_id) < self.state.not_ready_polls:
            raise FeishuError(*answers.MEETING_PROCESSING)
        minute = self.state.company.feishu_minutes[meeting.minute_token]
        recording = {"url": f"https://meetings.feishu.cn/minutes/{minute.token}", "duration": str(minute.duration)}
        return answers.success({"recording": recording}, self.state.clock())

    # https://open.feishu.cn/document/moments-v1/post/get
    async def post(self, request: Request) -> Response:
        """Answer with a post; ``create_time`` is RFC 3339, and the author is named only where the post is."""
        self._authorize(request)
        post_id = request.path_params["post_id"]
        if not (post_id.isascii() and post_id.isdigit()):
            raise FeishuError(*answers.POST_INVALID_ARGS)
        post = self.state.company.feishu_posts.get(post_id)
        user_id = _user_id(request, post.author if post else None, answers.POST_INVALID_ARGS)
        if post is None:
            raise FeishuError(*answers.POST_NOT_FOUND)
        if post.forbidden:
            raise FeishuError(*answers.POST_FORBIDDEN)
        return answers.success({"post": _described(post, user_id)}, self.state.clock())

    # https://open.feishu.cn/document/ukTMukTMukTM/ugjM14COyUjL4ITN
    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise FeishuError(*answers.TOKEN_MISSING)
        # Feishu has no code of its own for an expired tenant token.
        if self.state.token_standing("feishu", token) != "valid":
            raise FeishuError(*answers.TOKEN_INVALID)

    def _minute(self, request: Request, *, counted: bool) -> FeishuMinute:
        self._authorize(request)
        token = request.path_params["minute_token"]
        if len(token) != 24:
            raise FeishuError(*answers.MINUTE_PARAM_INVALID)
        minute = self.state.company.feishu_minutes.get(token)
        if minute is None:
            raise FeishuError(*answers.MINUTE_NOT_FOUND)
        if minute.fate == "deleted":
            raise FeishuError(*answers.MINUTE_DELETED)
        if minute.fate == "forbidden":
            raise FeishuError(*answers.MINUTE_FORBIDDEN)
        if minute.fate == "processing":
            polls = self.state.count_poll if counted else self.state.polls
            if polls("minute", token) < self.state.not_ready_polls:
                raise FeishuError(*answers.MINUTE_NOT_READY)
        return minute


def _user_id(request: Request, user: FeishuUser | None, invalid: tuple[int, int, str]) -> str:
    kind = request.query_params.get("user_id_type", "open_id")
    if kind not in _USER_ID_TYPES:
        raise FeishuError(*invalid)
    return str(getattr(user, kind)) if user else ""


def _described(post: FeishuPost, user_id: str) -> dict[str, Any]:
    return {
        "user_id": user_id if post.user_type == 1 else "",
        "content": json.dumps(post.content, ensure_ascii=False, separators=(",", ":"), default=dict),
        "image_key_list": list(post.image_keys),
        "media_file_token": "",
        "comment_count": post.comment_count,
        "reaction_set": {
            "reactions": [{"type": kind, "count": count} for kind, count in post.reactions],
            "total_count": sum(count for _, count in post.reactions),
        },
        "id": post.post_id,
        "create_time": post.create_time.isoformat(timespec="seconds"),
        "media_cover_image_key": "",
        "category_ids": list(post.category_ids),
        "link": f"https://applink.feishu.cn/client/moments/detail?postId={post.post_id}",
        "user_type": post.user_type,
        "dislike_count": post.dislike_count,
    }

"""The endpoints of Feishu and Lark, one method each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from math import ceil, floor
from typing import get_args

import requests
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest, NotReady, ServerError
from airflow_provider_meetings.api.http.oauth import TokenPair
from airflow_provider_meetings.api.http.pagination import Page
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.listing import list_windows
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.api.query import check_id, check_times, windows
from airflow_provider_meetings.api.windows import Report, ignore
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits, check_minute_token
from airflow_provider_meetings.platforms.feishu.api.models import (
    MeetingBrief,
    MeetingInfo,
    MeetingRecording,
    Minute,
    MinuteArtifacts,
    MinuteItem,
    MinuteStatistics,
    MomentsPost,
    T,
    TranscriptFormat,
    UserInfo,
    parse_download_url,
    parse_page,
)
from airflow_provider_meetings.platforms.feishu.api.session import FeishuSession
from airflow_provider_meetings.platforms.feishu.codes import CODES, NO_RECORDING
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM, decode

DEFAULT_BASE_URL = "https://open.feishu.cn"

LARGEST_PAGE = 30
LONGEST_SEARCH = timedelta(days=28)
"""The page names no limit; other sources report about a month."""
_MOST = 150
"""At most this many results: documented for the search of meetings, assumed for that of minutes."""
_EXPIRED, _TOO_MANY = 2094005, 2094007

LONGEST_REPORT = timedelta(days=365)
KNOWN_NUMBERS = timedelta(days=90)
"""How long the platform knows the meetings of a number."""
ONGOING, ENDED = 1, 2
"""The values of ``meeting_status`` whose meetings may have a recording."""
REPORT_PAGE = 100
BRIEFS_PAGE = 50


class FeishuEndpoints(FeishuSession):
    """Call Feishu or Lark as an app or as a user; the arguments are those of `FeishuSession`."""

    # https://open.feishu.cn/document/server-docs/minutes-v1/minute/get
    def get_minute(self, minute_token: str) -> Minute:
        """Return the basic information of a minute.

        :raises NotReady: 2091003, while it is being transcribed; `Gone` 2091004; `PermissionDenied` 2091005;
            `NotFound` 2091002; `InvalidRequest` for a token that is not 24 characters.
        """
        minute = Minute.parse(self._get(_path(minute_token), quotas.MINUTE, self._people()), "minute")
        if minute.token != minute_token:
            raise ServerError("the answer is about another minute than the requested one", platform=PLATFORM)
        return minute

    # https://open.feishu.cn/document/minutes-v1/minute-media/get
    def get_minute_media_url(self, minute_token: str) -> Download:
        """Return a link to the video or audio of a minute; it is valid for one day.

        :raises MeetingsApiError: as `get_minute`.
        """
        return Download(parse_download_url(self._get(_path(minute_token, "/media"), quotas.MINUTE_MEDIA)))

    # https://open.feishu.cn/document/minutes-v1/minute-transcript/get
    def get_minute_transcript(self, minute_token: str, *, file_format: TranscriptFormat = "txt") -> bytes:
        """Return the transcript with speakers and times as the platform's file; empty if the minute has none.

        :raises MeetingsApiError: as `get_minute`; `PermissionDenied` also if it can be read but not exported.
        """
        if file_format not in get_args(TranscriptFormat):
            raise InvalidRequest(f"file_format must be one of {get_args(TranscriptFormat)}, got {file_format!r:.60}")
        path = _path(minute_token, "/transcript")
        # The defaults are undocumented.
        params = {"need_speaker": "true", "need_timestamp": "true", "file_format": file_format}
        content: bytes = self.transport.call(
            "GET", path, _decode_file, quota=quotas.MINUTE_TRANSCRIPT, params=params, auth=self._auth
        )
        return content

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
    def get_minute_statistics(self, minute_token: str) -> MinuteStatistics:
        """Return how often a minute has been viewed until now, and by whom.

        :raises MeetingsApiError: as `get_minute`.
        """
        path = _path(minute_token, "/statistics")
        return MinuteStatistics.parse(self._get(path, quotas.MINUTE_STATISTICS, self._people()), "statistics")

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
    def get_minute_artifacts(self, minute_token: str) -> MinuteArtifacts:
        """Return the AI artifacts of a minute: summary, chapters, to-dos, keywords.

        Needs the scope ``minutes:minutes.artifacts:read``; self-built apps only. Not known to exist on Lark.

        :raises MeetingsApiError: as `get_minute`.
        """
        return MinuteArtifacts.parse(self._get(_path(minute_token, "/artifacts"), quotas.MINUTE_ARTIFACTS))

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/search
    def search_minutes(
        self, owner_id: str, start: DateTime, end: DateTime, *, report: Report = ignore
    ) -> Iterator[MinuteItem]:
        """Yield the minutes of an owner that the user may see, each once, from all pages.

        A window has at most 28 days, and is halved when it has too many results or a page token
        has expired. Self-built apps only; not known to exist on Lark.

        :param owner_id: of the type of the connection's ``user_id_type``.
        :param start: aware, start of the time of creation; `end` likewise. Both are inclusive.
        :param report: called after each window.
        :raises InvalidRequest: before the first request, for a connection that calls as the app, and for invalid
            arguments.
        """
        begin, until = check_times(start, end)
        owner_ids = [check_id(owner_id, "owner_id")]
        self._need_user("The search of minutes")

        def fetch(start: DateTime, end: DateTime, token: str | None) -> Page[MinuteItem]:
            # A page token in the body is ignored: the first page would repeat forever.
            params = self._people() | {"page_size": str(LARGEST_PAGE)} | ({"page_token": token} if token else {})
            created = {"start_time": start.isoformat(), "end_time": end.isoformat()}
            body = {"filter": {"owner_ids": owner_ids, "create_time": created}}
            answer = self._post("/open-apis/minutes/v1/minutes/search", quotas.MINUTES_SEARCH, params, body)
            return parse_page(answer, "items", MinuteItem)

        return list_windows(
            fetch,
            windows(begin, until, LONGEST_SEARCH),
            key=lambda item: item.token,
            endpoint="minutes_search",
            selector=owner_id,
            report=report,
            most=_MOST,
            too_large=(_EXPIRED, _TOO_MANY),
        )

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    def get_meeting_recording(self, meeting_id: str) -> MeetingRecording:
        """Return the recording of a meeting.

        :param meeting_id: the long id that a meeting gets when it starts, not the 9-digit number.
        :raises NotReady: 124002 while it is being created, 122001 while the meeting runs, 121004 or a success without
            a recording while there is none (a recording under 5 seconds never appears); `PermissionDenied` 121005;
            `NotFound` 122002.
        """
        path = f"/open-apis/vc/v1/meetings/{check_digits(meeting_id, 'meeting_id')}/recording"
        read = MeetingRecording.fields
        data = read.mapping(self._get(path, quotas.MEETING_RECORDING) or {}, "data")
        recording = read.mapping(data.get("recording") or {}, "recording")
        if not recording.get("url"):
            raise NotReady(
                f"The platform names no recording of the meeting {meeting_id}",
                platform=PLATFORM,
                next_step=CODES[NO_RECORDING].next_step,
            )
        return MeetingRecording.parse(recording)

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
    def list_meetings(
        self, start: DateTime, end: DateTime, *, meeting_status: int = ENDED, report: Report = ignore
    ) -> Iterator[MeetingInfo]:
        """Yield the meetings of a window, each once, from the administrator's report.

        Requests all pages of all windows; a window has at most a year. The scope of a new app
        (``vc:rooms.room.detailinfo:read``) works with a user's token only.

        :param start: aware, not in the future; `end` likewise aware. Both are widened to whole seconds.
        :param meeting_status: 1 ongoing, 2 ended.
        :param report: called after each window.
        :raises InvalidRequest: before the first request, for invalid arguments.
        """
        begin, until = check_times(start, end)
        if isinstance(meeting_status, bool) or meeting_status not in (ONGOING, ENDED):
            raise InvalidRequest(f"meeting_status must be 1 (ongoing) or 2 (ended), got {meeting_status!r:.60}")
        params = self._people() | {"meeting_status": str(meeting_status), "page_size": str(REPORT_PAGE)}
        return list_windows(
            self._fetch("/open-apis/vc/v1/meeting_list", quotas.MEETING_LIST, params, "meeting_list", MeetingInfo),
            windows(begin, until, LONGEST_REPORT),
            # In older tenants without instance ids, only equal rows are duplicates.
            key=lambda meeting: meeting.meeting_instance_id or json.dumps(meeting.raw, sort_keys=True),
            endpoint="meeting_list" if meeting_status == ENDED else f"meeting_list?meeting_status={meeting_status}",
            selector="",
            report=report,
        )

    # https://open.feishu.cn/document/server-docs/vc-v1/meeting/list_by_no
    def list_meetings_by_number(
        self, meeting_number: str, start: DateTime, end: DateTime, *, report: Report = ignore
    ) -> Iterator[MeetingBrief]:
        """Yield the meetings with a 9-digit number, each once, from all pages.

        A recurring meeting or a personal room has many meeting ids. The platform knows the last 90 days.

        :param start: aware; `end` likewise. Both are widened to whole seconds.
        :param report: called after each window.
        :raises InvalidRequest: before the first request, for an invalid number or window.
        """
        window = check_times(start, end)
        params = {"meeting_no": check_digits(meeting_number, "meeting_number"), "page_size": str(BRIEFS_PAGE)}
        path = "/open-apis/vc/v1/meetings/list_by_no"
        return list_windows(
            self._fetch(path, quotas.MEETINGS_BY_NUMBER, params, "meeting_briefs", MeetingBrief),
            [window],
            key=lambda meeting: meeting.id,
            endpoint="list_by_no",
            selector=meeting_number,
            report=report,
        )

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get
    def get_user_info(self, tokens: TokenPair | None = None) -> UserInfo:
        """Return the user of this connection's token, or of a token pair that is not stored yet.

        :raises InvalidRequest: before the request, for a connection that calls as the app.
        """
        self._need_user("The user info endpoint")
        return UserInfo.parse(self._get("/open-apis/authen/v1/user_info", quotas.USER_INFO, tokens=tokens))

    # https://open.feishu.cn/document/moments-v1/post/get
    def get_post(self, post_id: str) -> MomentsPost:
        """Return a Moments post.

        :raises NotFound: 1420004, unknown or deleted; `PermissionDenied` 1420002; `RateLimited` 1420003.
        :raises InvalidRequest: before the request, for a connection that calls as a user.
        """
        path = f"/open-apis/moments/v1/posts/{check_digits(post_id, 'post_id')}"
        self._need_app("The endpoint of posts")
        return MomentsPost.parse(self._get(path, quotas.POST, self._people()), "post")

    def _fetch(
        self, path: str, quota: Quota, params: dict[str, str], name: str, cls: type[T]
    ) -> Callable[[DateTime, DateTime, str | None], Page[T]]:
        def fetch(start: DateTime, end: DateTime, token: str | None) -> Page[T]:
            window = {"start_time": str(floor(start.timestamp())), "end_time": str(ceil(end.timestamp()))}
            page = params | window | ({"page_token": token} if token else {})
            return parse_page(self._get(path, quota, page), name, cls)

        return fetch


def _path(minute_token: str, part: str = "") -> str:
    return f"/open-apis/minutes/v1/minutes/{check_minute_token(minute_token)}{part}"


# https://open.feishu.cn/document/minutes-v1/minute-transcript/get
def _decode_file(response: requests.Response) -> bytes:
    # A successful answer is the file itself; an error is JSON with any status.
    content = response.content
    if response.status_code == 200 and not (content[:1] == b"{" and b'"code"' in content[:200]):
        return content
    decode(response)
    raise ServerError("feishu answered the request for a transcript with an empty envelope", platform="feishu")

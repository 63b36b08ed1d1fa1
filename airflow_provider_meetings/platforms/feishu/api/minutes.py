"""The endpoints of minutes."""

from __future__ import annotations

from typing import get_args

import requests

from airflow_provider_meetings.api.errors import InvalidRequest, ServerError
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.ids import check_minute_token
from airflow_provider_meetings.platforms.feishu.api.models import (
    Minute,
    MinuteArtifacts,
    MinuteStatistics,
    TranscriptFormat,
    parse_download_url,
)
from airflow_provider_meetings.platforms.feishu.api.session import FeishuSession
from airflow_provider_meetings.platforms.feishu.errors import PLATFORM, decode


class MinutesEndpoints(FeishuSession):
    """Read minutes: each endpoint allows five calls per second."""

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

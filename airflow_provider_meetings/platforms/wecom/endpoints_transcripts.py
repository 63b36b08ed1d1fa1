"""The endpoint of WeCom's transcripts."""

from __future__ import annotations

from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.pagination import Page, pages
from airflow_provider_meetings.platforms.wecom import quotas
from airflow_provider_meetings.platforms.wecom.arguments import check_id
from airflow_provider_meetings.platforms.wecom.auth import WeComSession
from airflow_provider_meetings.platforms.wecom.wire_transcripts import Transcripts


class TranscriptEndpoints(WeComSession):
    """Ask for what was said."""

    # https://developer.work.weixin.qq.com/document/path/98211
    def get_transcript(self, record_file_id: str, meetingid: str, *, limit: int | None = None) -> Transcripts:
        """Return a file's whole transcript, from all its pages.

        :param limit: paragraphs a page, 2 or more: each page begins with the last paragraph of the one before.
            None leaves it to the platform, which then gives everything at once.
        :raises ServerError: if a page does not lead on although more is said to follow.
        """
        asked: dict[str, Any] = {
            "record_file_id": check_id(record_file_id, "record_file_id"),
            "meetingid": check_id(meetingid, "meetingid"),
        }
        if limit is not None:
            if type(limit) is not int or limit < 2:
                raise InvalidRequest(f"limit must be a number from 2 on, got {limit!r:.60}")
            asked["limit"] = limit

        def fetch(pid: str | None) -> Page[Transcripts]:
            body = asked if pid is None else {**asked, "pid": pid}
            page = Transcripts.parse(
                self._post("/cgi-bin/meeting/record/transcript/get_detail", quotas.TRANSCRIPT, body)
            )
            # The last paragraph seen is the next cursor; one that comes again has not led on.
            return Page((page,), page.paragraphs[-1].pid if page.has_more else None)

        found = pages(fetch, what=f"wecom transcript of file {record_file_id}")
        return Transcripts.joined(item for page in found for item in page.items)

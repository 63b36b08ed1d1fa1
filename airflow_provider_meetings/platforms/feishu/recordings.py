"""Feishu and Lark in neutral terms: the state of each recording, its files, and how to open them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.client import MeetingsClient, Wanted, reason_of
from airflow_provider_meetings.api.costs import Requests, Volume, page_requests
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.media.shared_answers import SharedAnswers
from airflow_provider_meetings.api.models import Download, MediaFile, MediaKind, Post, Recording, RecordingState
from airflow_provider_meetings.api.query import WINDOW, RecordingQuery, RecordingRef
from airflow_provider_meetings.api.sanitize import json_file
from airflow_provider_meetings.api.windows import ListedWindow, Report, skipped
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api import client
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits, check_minute_token
from airflow_provider_meetings.platforms.feishu.api.models import MeetingInfo
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.neutral import (
    ARTIFACT_KINDS,
    STATISTICS_KIND,
    artifact_files,
    neutral_post,
    neutral_recording,
)

_RUNNING = "the meeting is still running"
_INFERRED = "the id is the meeting_instance_id of the meeting list, and no page says that recordings are found by it"


def _visible(readable: str) -> dict[str, str]:
    return {
        **dict.fromkeys(("meeting_ids", "recording_ids", "recordings"), f"{readable.capitalize()}."),
        "meeting_numbers": f"A number leads to its meetings of the last 90 days; {readable}.",
        WINDOW: "The administrator's report lists the meetings that started in the window, without uploaded minutes; "
        f"{readable}.",
    }


_QUOTAS: Mapping[str, Quota] = {
    MediaKind.VIDEO: quotas.MINUTE_MEDIA,
    MediaKind.TRANSCRIPT: quotas.MINUTE_TRANSCRIPT,
    MediaKind.STATISTICS: quotas.MINUTE_STATISTICS,
}


class FeishuClient(client.FeishuEndpoints, MeetingsClient):
    """Call Feishu or Lark as an app or as a user; the endpoints are those of `FeishuEndpoints`."""

    platform: ClassVar[str] = "feishu"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "meeting_numbers", "recording_ids", "recordings", WINDOW)
    windowed: ClassVar[tuple[str, ...]] = ("meeting_numbers", WINDOW)
    visible: ClassVar[Mapping[str, str]] = _visible(
        "an app reads recordings of all meetings of the tenant, and minutes of owners within its data range"
    )
    states: ClassVar[Mapping[int, RecordingState]] = {
        122001: RecordingState.RECORDING,
        **dict.fromkeys((124002, 2091003), RecordingState.PROCESSING),
        **dict.fromkeys((121005, 2091005), RecordingState.FORBIDDEN),
        99992402: RecordingState.UNKNOWN,
    }
    object_codes: ClassVar[range] = range(120_000, 99_000_000)  # 9999xxxx: the gateway's
    kinds: ClassVar[tuple[str, ...]] = (
        MediaKind.VIDEO,
        "transcript-txt",
        "transcript-srt",
        *ARTIFACT_KINDS,
        STATISTICS_KIND,
    )

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        media_session: MediaSession | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        tenant = credentials.tenant or credentials.app_id
        MeetingsClient.__init__(self, transport, tenant=tenant, media_session=media_session, clock=clock)
        client.FeishuEndpoints.__init__(self, transport, credentials, clock=clock)
        self._artifacts = SharedAnswers[dict[str, bytes]](clock)

    def read_post(self, post_id: str) -> Post:
        """Return a post in its neutral form."""
        return neutral_post(self.get_post(post_id), tenant=self.tenant)

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        questions = super()._questions(query)
        for ids in query.ids():
            if token := ids.get("recording_id"):
                check_minute_token(token)
            elif "owner_id" not in ids:
                name = "meeting_id" if ids.get("meeting_id") else "meeting_number"
                check_digits(ids[name], name)
        now = pendulum.from_timestamp(int(self.clock()))
        if query.meeting_numbers and query.start is not None and query.start < now - client.KNOWN_NUMBERS:
            raise InvalidRequest(
                f"feishu knows the meetings of a number for 90 days; the window starts at {query.start.isoformat()}",
                next_step="Start the window later, or list older meetings by a window alone or by their meeting_ids.",
            )
        return questions

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        if query.selectors == (WINDOW,):
            return self._list_window(query, report, wanted)
        ids = next(query.ids())
        if ids.get("recording_id") or ids.get("meeting_id"):
            return self._look_up(query, ids, report)
        return self._list_by_number(query, ids["meeting_number"], report, wanted)

    def _look_up(self, query: RecordingQuery, ids: Mapping[str, Any], report: Report) -> Iterator[Recording]:
        token, meeting_id = ids.get("recording_id"), ids.get("meeting_id")
        endpoint, selector = "minutes" if token else "meeting_recording", token or meeting_id or ""
        # The meeting's recording must become ready (before: 124002), then its minute (before: 2091003).
        try:
            if token is None:
                token = self.get_meeting_recording(meeting_id or "").minute_token
            recording = neutral_recording(self.get_minute(token), tenant=self.tenant, meeting_id=meeting_id)
            recording = replace(recording, meeting_number=ids.get("meeting_number"))
        except MeetingsApiError as error:
            if (state := self._state_of(error)) is None:
                raise
            recording = replace(self._unanswered(query, reason_of(error), state)[0], recording_id=token)
        items = int(recording.recording_id is not None)
        report(ListedWindow(endpoint=endpoint, selector=selector, start=None, end=None, pages=1, items=items))
        yield recording

    def _list_by_number(
        self, query: RecordingQuery, number: str, report: Report, wanted: Wanted
    ) -> Iterator[Recording]:
        if query.start is not None:
            start, end = _window(query)
        elif query.recordings and (started := query.recordings[0].started_at):
            start, end = started, started.add(seconds=1)
        else:
            end = pendulum.from_timestamp(int(self.clock()))
            start = end - client.KNOWN_NUMBERS
        empty = True

        def questions() -> Iterator[RecordingQuery]:
            nonlocal empty
            for one in self.list_meetings_by_number(number, start, end, report=report):
                empty = False
                ref = RecordingRef(recording_id=None, meeting_id=one.id, meeting_number=number)
                if known := wanted(ref):
                    yield RecordingQuery(recordings=(known,))

        yield from self._answers_of_listed(questions(), report)
        if empty:
            yield from self._unanswered(query, "no meeting of this number in the window")

    # https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/vc-v1/meeting_list/get
    # https://open.feishu.cn/document/server-docs/vc-v1/meeting-recording/get
    # Inferred, not documented: the meeting_instance_id of the first is the meeting_id of the second.
    def _list_window(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        # The ongoing meetings first: one that ends in between is listed twice, not missed.
        ongoing = set()
        try:
            for row in self._meetings(query, client.ONGOING, report):
                ongoing.add(row.meeting_instance_id)
                running = RecordingQuery(recordings=(_ref(row),))
                yield from self._unanswered(running, _RUNNING, RecordingState.RECORDING)
        except MeetingsApiError:
            report(skipped("meeting_list", "", *_window(query)))
            raise
        ended = (
            ref
            for row in self._meetings(query, client.ENDED, report)
            if row.recording is not False and (row.meeting_instance_id or "") not in ongoing
            if (ref := wanted(_ref(row)))
        )
        questions = (RecordingQuery(recordings=(ref,)) for ref in ended)
        for recording in self._answers_of_listed(questions, report):
            if recording.meeting_id and recording.recording_id is None and recording.state is RecordingState.UNKNOWN:
                recording = replace(recording, reason=f"{recording.reason}; {_INFERRED}")
            yield recording

    def _meetings(self, query: RecordingQuery, meeting_status: int, report: Report) -> Iterator[MeetingInfo]:
        start, end = _window(query)
        for row in self.list_meetings(start, end, meeting_status=meeting_status, report=report):
            # The platform includes `end`, but here a window does not: the next one starts with it.
            if row.meeting_start_time is None or row.meeting_start_time < end:
                yield row

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Return a file for each requested kind; all have the minute's token as id. Sends no request."""
        requested = [kind for kind in self.kinds if MediaKind.wanted(kind, kinds)]
        return (replace(file, kind=str(kind)) for file in recording.files[:1] for kind in requested)

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        if query.meeting_ids:
            yield quotas.MEETING_RECORDING, len(query.meeting_ids), ()
        elif query.meeting_numbers:
            yield page_requests(
                quotas.MEETINGS_BY_NUMBER, query, volume.items, client.BRIEFS_PAGE, client.KNOWN_NUMBERS
            )
            yield quotas.MEETING_RECORDING, volume.items, ()
        elif query.owner_ids:
            yield page_requests(quotas.MINUTES_SEARCH, query, volume.items, client.LARGEST_PAGE, client.LONGEST_SEARCH)
        elif query.selectors == (WINDOW,):
            quota, ended, lengths = page_requests(
                quotas.MEETING_LIST, query, volume.items, client.REPORT_PAGE, client.LONGEST_REPORT
            )
            yield quota, ended + len(lengths), lengths * 2  # the few ongoing meetings are a page of each window
            yield quotas.MEETING_RECORDING, volume.recordings, ()
        yield quotas.MINUTE, volume.recordings, ()
        families = (kind.partition("-")[0] for kind in self.kinds if MediaKind.wanted(kind, kinds))
        for quota, files in Counter(_QUOTAS.get(family, quotas.MINUTE_ARTIFACTS) for family in families).items():
            # One answer has all artifacts.
            yield quota, volume.files * (1 if quota is quotas.MINUTE_ARTIFACTS else files), ()

    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Return the current link of the video, or content that the API itself serves; None if there is none."""
        kind, _, file_format = media.kind.partition("-")
        if kind == MediaKind.VIDEO:
            return self.get_minute_media_url(media.file_id)
        content: bytes | None
        if media.kind in ARTIFACT_KINDS:
            token = media.file_id
            files = self._artifacts.get(token, media.kind, lambda: artifact_files(self.get_minute_artifacts(token)))
            content = files.pop(media.kind)
        elif media.kind == STATISTICS_KIND:
            content = json_file(self.get_minute_statistics(media.file_id).raw)  # also for a minute without views
        else:
            content = self.get_minute_transcript(media.file_id, file_format=file_format)  # type: ignore[arg-type]  # it checks the format
        return iter([content]) if content else None


class FeishuUserClient(FeishuClient):
    """Call Feishu or Lark as a user who has consented; the credentials hold the user's tokens."""

    selectors: ClassVar[tuple[str, ...]] = (*FeishuClient.selectors, "owner_ids")
    windowed: ClassVar[tuple[str, ...]] = (*FeishuClient.windowed, "owner_ids")
    visible: ClassVar[Mapping[str, str]] = {
        **_visible(
            "a user reads recordings of their own meetings, and minutes that they own or that are shared with them"
        ),
        "owner_ids": "The search finds those minutes of an owner that this user may see: their own and shared ones.",
    }

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        if query.owner_ids and query.start is None:
            raise InvalidRequest("feishu lists by owner_ids only within a window: set start and end")
        return super()._questions(query)

    def _list(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        return (self._list_by_owner if query.owner_ids else super()._list)(query, report, wanted)

    def _list_by_owner(self, query: RecordingQuery, report: Report, wanted: Wanted) -> Iterator[Recording]:
        start, end = _window(query)
        minutes = self.search_minutes(query.owner_ids[0], start, end, report=report)
        questions = (
            RecordingQuery(recording_ids=(one.token,))
            for one in minutes
            if wanted(RecordingRef(recording_id=one.token, meeting_id=None))
        )
        for recording in self._answers_of_listed(questions, report):
            # The platform includes `end`, but here a window does not: the next one starts with it.
            if recording.started_at is None or recording.started_at < end:
                yield recording


def _window(query: RecordingQuery) -> tuple[DateTime, DateTime]:
    if query.start is None or query.end is None:
        raise InvalidRequest("feishu lists meetings and minutes only within a window: set start and end")
    return query.start, query.end


def _ref(row: MeetingInfo) -> RecordingRef:
    """Return the ids of a meeting of the report; one without an id is found by its number and start."""
    return RecordingRef(
        recording_id=None,
        meeting_id=row.meeting_instance_id,
        meeting_number=row.meeting_id,
        started_at=row.meeting_start_time,
    )

"""Feishu and Lark in neutral terms: the state of each recording, its files, and how to open them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar, get_args

from airflow_provider_meetings.api.client import ListedWindow, MeetingsClient, Report
from airflow_provider_meetings.api.errors import (
    Gone,
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    NotReady,
    PermissionDenied,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, MediaKind, Post, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.sanitize import without_links
from airflow_provider_meetings.platforms.feishu.api.client import FeishuEndpoints
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits, check_minute_token
from airflow_provider_meetings.platforms.feishu.api.models import Minute, TranscriptFormat
from airflow_provider_meetings.platforms.feishu.api.models_posts import MomentsPost
from airflow_provider_meetings.platforms.feishu.artifacts import (
    ARTIFACT_KINDS,
    STATISTICS_KIND,
    ArtifactFiles,
    statistics_file,
)
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials

_STATE_OF_ERROR: dict[type[MeetingsApiError], RecordingState] = {
    Gone: RecordingState.GONE,
    PermissionDenied: RecordingState.FORBIDDEN,
    NotFound: RecordingState.UNKNOWN,
    NotReady: RecordingState.ABSENT,  # without a code: a success without a recording
}
_STATE_OF_CODE = {
    121004: RecordingState.ABSENT,
    122001: RecordingState.RECORDING,
    124002: RecordingState.PROCESSING,
    2091003: RecordingState.PROCESSING,
}


class FeishuClient(FeishuEndpoints, MeetingsClient):
    """Call Feishu or Lark as an app or as a user; the endpoints are those of `FeishuEndpoints`."""

    platform: ClassVar[str] = "feishu"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "recording_ids", "recordings")
    takes_window: ClassVar[bool] = False
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
        MeetingsClient.__init__(self, transport, tenant=tenant, media_session=media_session)
        FeishuEndpoints.__init__(self, transport, credentials, clock=clock)
        self._artifacts = ArtifactFiles(self.get_minute_artifacts, clock)

    def read_post(self, post_id: str) -> Post:
        """Return a post in its neutral form."""
        return neutral_post(self.get_post(post_id), tenant=self.tenant)

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        tokens: list[tuple[str, str | None]] = [(token, None) for token in query.recording_ids]
        tokens += [(ref.recording_id, ref.meeting_id) for ref in query.recordings if ref.recording_id]
        meetings = [*query.meeting_ids]
        meetings += [ref.meeting_id or "" for ref in query.recordings if not ref.recording_id]
        # Before the first request: an invalid id must not stop a listing halfway.
        for meeting_id in meetings:
            check_digits(meeting_id, "meeting_id")
        for token, _ in tokens:
            check_minute_token(token)
        for token, known_meeting in tokens:
            recording = self._minute_recording(token, known_meeting)
            report(_listed_by_id("minutes", token, recording))
            yield recording
        for meeting_id in meetings:
            recording = self._meeting_recording(meeting_id)
            report(_listed_by_id("meeting_recording", meeting_id, recording))
            yield recording

    def _meeting_recording(self, meeting_id: str) -> Recording:
        # The meeting's recording must become ready (before: 124002), then its minute (before: 2091003).
        try:
            token = self.get_meeting_recording(meeting_id).minute_token
        except (NotReady, Gone, PermissionDenied, NotFound) as error:
            return self._without_minute(error, recording_id=None, meeting_id=meeting_id)
        return self._minute_recording(token, meeting_id)

    def _minute_recording(self, token: str, meeting_id: str | None) -> Recording:
        try:
            minute = self.get_minute(token)
        except (NotReady, Gone, PermissionDenied, NotFound) as error:
            return self._without_minute(error, recording_id=token, meeting_id=meeting_id)
        return neutral_recording(minute, tenant=self.tenant, meeting_id=meeting_id)

    def _without_minute(
        self, error: MeetingsApiError, *, recording_id: str | None, meeting_id: str | None
    ) -> Recording:
        state = _STATE_OF_CODE.get(error.code or 0) or _STATE_OF_ERROR.get(type(error))
        if state is None:
            raise error
        return Recording(
            platform=self.platform,
            tenant=self.tenant,
            recording_id=recording_id,
            meeting_id=meeting_id,
            state=state,
            reason=error.what if error.code is None else f"{error.vendor_message} (code {error.code})",
        )

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Return a file for each requested kind; all have the minute's token as id. Sends no request."""
        requested = [kind for kind in self.kinds if MediaKind.wanted(kind, kinds)]
        return (replace(file, kind=str(kind)) for file in recording.files[:1] for kind in requested)

    def open(self, media: MediaFile) -> Download | Iterator[bytes] | None:
        """Return the current link of the video, or content that the API itself serves; None if there is none."""
        kind, _, file_format = media.kind.partition("-")
        if kind == MediaKind.VIDEO:
            return self.get_minute_media_url(media.file_id)
        content: bytes | None
        if media.kind in ARTIFACT_KINDS:
            content = self._artifacts.take(media.file_id, media.kind)
        elif media.kind == STATISTICS_KIND:
            content = statistics_file(self.get_minute_statistics(media.file_id))
        else:
            content = self.get_minute_transcript(media.file_id, file_format=file_format)  # type: ignore[arg-type]  # it checks the format
        return iter([content]) if content else None


def _listed_by_id(endpoint: str, selector: str, recording: Recording) -> ListedWindow:
    found = int(recording.recording_id is not None)
    return ListedWindow(endpoint=endpoint, selector=selector, start=None, end=None, pages=1, items=found)


class FeishuUserClient(FeishuClient):
    """Call Feishu or Lark as a user who has consented; the credentials hold the user's tokens."""

    selectors: ClassVar[tuple[str, ...]] = (*FeishuClient.selectors, "owner_ids")
    takes_window: ClassVar[bool] = True

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        if query.owner_ids and query.start is None:
            raise InvalidRequest("feishu lists by owner_ids only within a window: set start and end")
        if query.start is not None and not query.owner_ids:
            raise InvalidRequest("feishu supports a window only with owner_ids: omit start and end")
        return chain(super()._list(query, report), self._list_by_owners(query, report))

    def _list_by_owners(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        for owner_id in query.owner_ids:
            for item in self.search_minutes(owner_ids=[owner_id], start=query.start, end=query.end, report=report):
                recording = self._minute_recording(item.token, None)
                # The platform includes `end`, but here a window does not: the next one starts with it.
                if recording.started_at is None or query.end is None or recording.started_at < query.end:
                    yield recording


def neutral_recording(minute: Minute, *, tenant: str, meeting_id: str | None) -> Recording:
    """Return a minute as a ready recording with its video and transcripts."""
    start = minute.create_time
    try:
        end = start.add(seconds=minute.duration / 1000) if start and minute.duration is not None else None
    except (OverflowError, ValueError):
        raise minute.fields.undocumented("duration", minute.duration) from None
    kinds = (MediaKind.VIDEO, *(f"{MediaKind.TRANSCRIPT}-{file_format}" for file_format in get_args(TranscriptFormat)))
    return Recording(
        platform="feishu",
        tenant=tenant,
        recording_id=minute.token,
        state=RecordingState.READY,
        meeting_id=meeting_id,
        owner_id=minute.owner_id,
        title=minute.title,
        started_at=start,
        ended_at=end,
        duration_ms=minute.duration,
        page_url=minute.url,
        files=tuple(
            MediaFile(
                platform="feishu",
                tenant=tenant,
                recording_id=minute.token,
                meeting_id=meeting_id,
                file_id=minute.token,
                kind=str(kind),
                started_at=start,
                ended_at=end,
            )
            for kind in kinds
        ),
        source=without_links(minute.raw),
    )


def neutral_post(post: MomentsPost, *, tenant: str) -> Post:
    """Return a post. Only a post under the real name keeps its author, in `source` as well."""
    named = post.author_kind == "named"
    source = without_links(post.raw if named else {k: v for k, v in post.raw.items() if k != "user_id"})
    return Post(
        platform="feishu",
        tenant=tenant,
        post_id=post.id,
        author_id=post.user_id if named else None,
        author_kind=post.author_kind,
        created_at=post.create_time,
        content_text=post.content_text,
        content=post.content,
        comment_count=post.comment_count,
        reaction_total=post.reaction_set.total_count,
        dislike_count=post.dislike_count,
        reactions=[{"type": r.type, "count": r.count or 0} for r in post.reaction_set.reactions],
        category_ids=list(post.category_ids),
        link=post.link,
        source=source,
    )

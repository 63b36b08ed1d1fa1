"""Feishu and Lark in neutral terms: the state of each recording, its files, and how to open them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, get_args

from airflow_provider_meetings.api.client import (
    ListedWindow,
    MeetingsClient,
    Report,
    Requests,
    Volume,
    page_requests,
    reason_of,
)
from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError
from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from airflow_provider_meetings.api.models import Download, MediaFile, MediaKind, Post, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.sanitize import without_links
from airflow_provider_meetings.platforms.feishu import quotas
from airflow_provider_meetings.platforms.feishu.api.client import FeishuEndpoints
from airflow_provider_meetings.platforms.feishu.api.ids import check_digits, check_minute_token
from airflow_provider_meetings.platforms.feishu.api.models import Minute, TranscriptFormat
from airflow_provider_meetings.platforms.feishu.api.models_posts import MomentsPost
from airflow_provider_meetings.platforms.feishu.api.search import LARGEST_PAGE
from airflow_provider_meetings.platforms.feishu.artifacts import (
    ARTIFACT_KINDS,
    STATISTICS_KIND,
    ArtifactFiles,
    statistics_file,
)
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials

_QUOTAS: Mapping[str, Quota] = {
    MediaKind.VIDEO: quotas.MINUTE_MEDIA,
    MediaKind.TRANSCRIPT: quotas.MINUTE_TRANSCRIPT,
    MediaKind.STATISTICS: quotas.MINUTE_STATISTICS,
}


class FeishuClient(FeishuEndpoints, MeetingsClient):
    """Call Feishu or Lark as an app or as a user; the endpoints are those of `FeishuEndpoints`."""

    platform: ClassVar[str] = "feishu"
    selectors: ClassVar[tuple[str, ...]] = ("meeting_ids", "recording_ids", "recordings")
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
        MeetingsClient.__init__(self, transport, tenant=tenant, media_session=media_session)
        FeishuEndpoints.__init__(self, transport, credentials, clock=clock)
        self._artifacts = ArtifactFiles(self.get_minute_artifacts, clock)

    def read_post(self, post_id: str) -> Post:
        """Return a post in its neutral form."""
        return neutral_post(self.get_post(post_id), tenant=self.tenant)

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        questions = super()._questions(query)
        for ids in query.ids():
            if token := ids.get("recording_id"):
                check_minute_token(token)
            elif "owner_id" not in ids:
                check_digits(ids.get("meeting_id") or "", "meeting_id")
        return questions

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        ids = next(query.ids())
        token, meeting_id = ids.get("recording_id"), ids.get("meeting_id")
        endpoint, selector = "minutes" if token else "meeting_recording", token or meeting_id or ""
        # The meeting's recording must become ready (before: 124002), then its minute (before: 2091003).
        try:
            if token is None:
                token = self.get_meeting_recording(meeting_id or "").minute_token
            recording = neutral_recording(self.get_minute(token), tenant=self.tenant, meeting_id=meeting_id)
        except MeetingsApiError as error:
            if (state := self._state_of(error)) is None:
                raise
            recording = replace(self._unanswered(query, reason_of(error), state)[0], recording_id=token)
        items = int(recording.recording_id is not None)
        report(ListedWindow(endpoint=endpoint, selector=selector, start=None, end=None, pages=1, items=items))
        yield recording

    def media(self, recording: Recording, kinds: Sequence[str]) -> Iterator[MediaFile]:
        """Return a file for each requested kind; all have the minute's token as id. Sends no request."""
        requested = [kind for kind in self.kinds if MediaKind.wanted(kind, kinds)]
        return (replace(file, kind=str(kind)) for file in recording.files[:1] for kind in requested)

    def requests_of(self, query: RecordingQuery, volume: Volume, kinds: Sequence[str]) -> Iterator[Requests]:
        """See `MeetingsClient`."""
        if query.meeting_ids:
            yield quotas.MEETING_RECORDING, len(query.meeting_ids), ()
        elif query.owner_ids and query.start and query.end:
            yield page_requests(
                quotas.MINUTES_SEARCH, query, volume.items, LARGEST_PAGE, (query.end - query.start).as_timedelta()
            )
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
            content = self._artifacts.take(media.file_id, media.kind)
        elif media.kind == STATISTICS_KIND:
            content = statistics_file(self.get_minute_statistics(media.file_id))
        else:
            content = self.get_minute_transcript(media.file_id, file_format=file_format)  # type: ignore[arg-type]  # it checks the format
        return iter([content]) if content else None


class FeishuUserClient(FeishuClient):
    """Call Feishu or Lark as a user who has consented; the credentials hold the user's tokens."""

    selectors: ClassVar[tuple[str, ...]] = (*FeishuClient.selectors, "owner_ids")
    windowed: ClassVar[tuple[str, ...]] = ("owner_ids",)

    def _questions(self, query: RecordingQuery) -> tuple[RecordingQuery, ...]:
        if query.owner_ids and query.start is None:
            raise InvalidRequest("feishu lists by owner_ids only within a window: set start and end")
        return super()._questions(query)

    def _list(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        return (self._list_by_owner if query.owner_ids else super()._list)(query, report)

    def _list_by_owner(self, query: RecordingQuery, report: Report) -> Iterator[Recording]:
        items = self.search_minutes(owner_ids=query.owner_ids, start=query.start, end=query.end, report=report)
        tokens = tuple(item.token for item in items)
        for recording in self.list(RecordingQuery(recording_ids=tokens)) if tokens else ():
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

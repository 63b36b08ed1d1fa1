"""Feishu's minutes, their artifacts and statistics, and posts in neutral terms."""

from __future__ import annotations

from typing import get_args

from airflow_provider_meetings.api.models import MediaFile, MediaKind, Post, Recording, RecordingState
from airflow_provider_meetings.api.sanitize import json_file, without_links
from airflow_provider_meetings.platforms.feishu.api.models import (
    Minute,
    MinuteArtifacts,
    MomentsPost,
    TranscriptFormat,
)

ARTIFACT_KINDS = ("summary-txt", "chapters-json", "todos-json", "keywords-json", "ai_transcript-txt")
STATISTICS_KIND = "statistics-json"


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


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def artifact_files(artifacts: MinuteArtifacts) -> dict[str, bytes]:
    """Return each part as a file, by kind; chapters and to-dos as the platform sent them; empty if there is none."""
    chapters = [chapter.raw for chapter in artifacts.minute_chapters]
    todos = [todo.raw for todo in artifacts.minute_todos]
    lists = [json_file(entries) if entries else b"" for entries in (chapters, todos, artifacts.keywords)]
    summary, transcript = (t.encode() if t and t.strip() else b"" for t in (artifacts.summary, artifacts.transcript))
    return dict(zip(ARTIFACT_KINDS, (summary, *lists, transcript), strict=True))


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

"""A record of WeCom's listing in neutral terms."""

from __future__ import annotations

from airflow_provider_meetings.api.models import MediaFile, MediaKind, Recording, RecordingState
from airflow_provider_meetings.api.sanitize import without_links
from airflow_provider_meetings.platforms.wecom.api.models import FILE_LISTS, STATE_TRANSCODED, Record


def neutral_recording(record: Record, state: RecordingState, *, tenant: str) -> Recording:
    """Return a record as a recording, which starts with its first file, or with the meeting if it has no file."""
    files = tuple(
        MediaFile(
            platform="wecom",
            tenant=tenant,
            recording_id=record.meeting_record_id,
            meeting_id=record.meetingid,
            file_id=file.record_file_id,
            kind=str(MediaKind.VIDEO),
            declared_size=file.record_size,
            started_at=file.record_start_time,
            ended_at=file.record_end_time,
            source=without_links(file.raw),
        )
        for file in record.record_file_list
    )
    reason = None if state is RecordingState.READY else f"state {record.state}"
    if record.state == STATE_TRANSCODED and not files:
        reason = "transcoded, but no file is listed"
    spans = [(f.ended_at - f.started_at).total_seconds() for f in files if f.started_at and f.ended_at]
    return Recording(
        platform="wecom",
        tenant=tenant,
        recording_id=record.meeting_record_id,
        state=state,
        meeting_id=record.meetingid,
        meeting_number=record.meeting_code,
        owner_id=record.host_user_id,
        title=record.title,
        started_at=min((f.started_at for f in files if f.started_at), default=record.meeting_start_time),
        ended_at=max((f.ended_at for f in files if f.ended_at), default=None),
        duration_ms=round(sum(spans) * 1000) if spans else None,
        reason=reason,
        files=files,
        source=without_links({k: v for k, v in record.raw.items() if k not in FILE_LISTS}),
    )

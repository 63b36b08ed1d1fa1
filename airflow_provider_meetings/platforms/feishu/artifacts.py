"""A minute's AI artifacts and statistics as files."""

from __future__ import annotations

from airflow_provider_meetings.api.sanitize import json_file
from airflow_provider_meetings.platforms.feishu.api.models import MinuteArtifacts, MinuteStatistics

ARTIFACT_KINDS = ("summary-txt", "chapters-json", "todos-json", "keywords-json", "ai_transcript-txt")
STATISTICS_KIND = "statistics-json"


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def artifact_files(artifacts: MinuteArtifacts) -> dict[str, bytes]:
    """Return each part as a file, by kind; chapters and to-dos as the platform sent them; empty if there is none."""
    chapters = [chapter.raw for chapter in artifacts.minute_chapters]
    todos = [todo.raw for todo in artifacts.minute_todos]
    lists = [json_file(entries) if entries else b"" for entries in (chapters, todos, artifacts.keywords)]
    summary, transcript = (t.encode() if t and t.strip() else b"" for t in (artifacts.summary, artifacts.transcript))
    return dict(zip(ARTIFACT_KINDS, (summary, *lists, transcript), strict=True))


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
def statistics_file(statistics: MinuteStatistics) -> bytes:
    """Return the statistics as a file, with the platform's own fields; also for a minute without views."""
    return json_file(statistics.raw)

"""A minute's AI artifacts and statistics as files."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_meetings.api.sanitize import json_file
from airflow_provider_meetings.platforms.feishu.api.models import MinuteArtifacts, MinuteStatistics

ARTIFACT_KINDS = ("summary-txt", "chapters-json", "todos-json", "keywords-json", "ai_transcript-txt")
STATISTICS_KIND = "statistics-json"
FRESH_SECONDS = 60.0
"""How long the other parts of an answer are kept."""


class ArtifactFiles:
    """Serve the parts of one answer with one call. Each part is served once; then it is requested again.

    :param fetch: requests the artifacts of a minute.
    :param clock: seconds, as `time.time`.
    """

    def __init__(self, fetch: Callable[[str], MinuteArtifacts], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._unserved: tuple[str, float, dict[str, bytes]] = ("", 0.0, {})

    def take(self, minute_token: str, kind: str) -> bytes | None:
        """Return the file of one of `ARTIFACT_KINDS`; None if the minute has no such part, or not yet.

        :raises MeetingsApiError: as `fetch`.
        """
        token, requested_at, files = self._unserved
        fresh = token == minute_token and 0 <= self._clock() - requested_at < FRESH_SECONDS
        content = files.pop(kind, None) if fresh else None
        if content is None:
            requested_at = self._clock()
            files = artifact_files(self._fetch(minute_token))
            content = files.pop(kind)
            self._unserved = (minute_token, requested_at, files)
        return content or None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def artifact_files(artifacts: MinuteArtifacts) -> dict[str, bytes]:
    """Return each part as a file, by kind; chapters and to-dos as the platform sent them. Empty if there is none."""
    chapters = [chapter.raw for chapter in artifacts.minute_chapters]
    todos = [todo.raw for todo in artifacts.minute_todos]
    lists = [json_file(entries) if entries else b"" for entries in (chapters, todos, artifacts.keywords)]
    summary, transcript = (t.encode() if t and t.strip() else b"" for t in (artifacts.summary, artifacts.transcript))
    return dict(zip(ARTIFACT_KINDS, (summary, *lists, transcript), strict=True))


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
def statistics_file(statistics: MinuteStatistics) -> bytes:
    """Return the statistics as a file, with the platform's own fields; also for a minute without views."""
    return json_file(statistics.raw)

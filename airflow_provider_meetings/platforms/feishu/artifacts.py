"""What the platform wrote and counted about a minute, as files: summary, chapters, todos, statistics."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_meetings.api.sanitize import json_file
from airflow_provider_meetings.platforms.feishu.wire_minutes import MinuteArtifacts, MinuteStatistics

ARTIFACT_KINDS = ("summary-txt", "chapters-json", "todos-json")
STATISTICS_KIND = "statistics-json"
FRESH_SECONDS = 60.0
"""How long the other parts of an answer may be waited with."""


class ArtifactFiles:
    """Serve the three parts of one answer, each once: one call for three files, and a new one for the same file again.

    :param fetch: asks the platform for a minute's artifacts.
    :param clock: seconds, as `time.time`.
    """

    def __init__(self, fetch: Callable[[str], MinuteArtifacts], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._unread: tuple[str, float, dict[str, bytes]] = ("", 0.0, {})

    def take(self, minute_token: str, kind: str) -> bytes | None:
        """Return the file of one of `ARTIFACT_KINDS`; None where the minute has no such part, or not yet.

        :raises MeetingsApiError: as `fetch`.
        """
        token, asked, files = self._unread
        fresh = token == minute_token and 0 <= self._clock() - asked < FRESH_SECONDS
        content = files.pop(kind, None) if fresh else None
        if content is None:
            asked = self._clock()
            files = artifact_files(self._fetch(minute_token))
            content = files.pop(kind)
            self._unread = (minute_token, asked, files)
        return content or None


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute/artifacts
def artifact_files(artifacts: MinuteArtifacts) -> dict[str, bytes]:
    """Write each part as a file, by kind; chapters and todos with the platform's own fields. Empty: there is none."""
    chapters = [chapter.raw for chapter in artifacts.minute_chapters]
    todos = [todo.raw for todo in artifacts.minute_todos]
    summary = artifacts.summary if artifacts.summary and artifacts.summary.strip() else ""
    contents = (summary.encode(), json_file(chapters) if chapters else b"", json_file(todos) if todos else b"")
    return dict(zip(ARTIFACT_KINDS, contents, strict=True))


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/minutes-v1/minute-statistics/get
def statistics_file(statistics: MinuteStatistics) -> bytes:
    """Write the statistics as a file, with the platform's own fields; a minute that nobody looked at has them, too."""
    return json_file(statistics.raw)

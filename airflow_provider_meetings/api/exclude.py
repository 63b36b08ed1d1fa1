"""What keeps a recording out before its links are asked for: rules of the user, and marks of what was forgotten."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.ledger.marks import FORGOTTEN, Marks
from airflow_provider_meetings.api.models import Recording, RecordingState
from airflow_provider_meetings.api.query import check_ids

MAX_TITLE = 500
"""A pattern is searched in so many characters: titles come from outside, and a search may take long."""
_KEPT = ("platform", "tenant", "recording_id", "meeting_id", "meeting_number", "started_at", "asked_at")


class Exclude:
    """Decide on one recording after the other, and count in `counts` why they are excluded.

    :param rules: ``owner_ids``, a list; ``title``, a regular expression that is searched; ``sharing``, a list of
        sharing states, of which a file of the recording has one.
    :param sharing_field: see `MeetingsClient`.
    :raises InvalidRequest: for what the platform does not tell, and for an invalid value.
    """

    def __init__(
        self, rules: Mapping[str, Any], marks: Marks | None = None, *, platform: str = "", sharing_field: str = ""
    ) -> None:
        tells = ("owner_ids", "title", "sharing")[: 3 if sharing_field else 2]
        if unknown := [name for name in rules if name not in tells]:
            raise InvalidRequest(
                f"exclude: {platform} does not tell {unknown[0]!r:.60} of a recording",
                next_step=f"It tells {', '.join(tells)}.",
            )
        self.counts: Counter[str] = Counter()
        self._marks = marks
        self._owners, self._sharing = (check_ids(rules.get(n), f"exclude: {n}") for n in ("owner_ids", "sharing"))
        self._sharing_field = sharing_field
        self._title = None if rules.get("title") is None else _pattern(rules["title"])
        values = (sorted(self._owners), sorted(self._sharing), self._title and self._title.pattern)
        self._digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]

    def apply(self, recording: Recording) -> tuple[Recording, str | None]:
        """Return a recording and None; or of an excluded one only ids and start, and what excludes it."""
        by = self._marks and self._marks.mark_of(recording)
        if (reason := FORGOTTEN if by else self._rule(recording)) is None:
            return recording, None
        self.counts[reason] += 1
        kept = {name: getattr(recording, name) for name in _KEPT}
        return Recording(state=RecordingState.EXCLUDED, reason=reason, **kept), by or self._digest

    def __contains__(self, by: str) -> bool:
        """Return whether what has excluded a recording still does."""
        return by == self._digest or (self._marks is not None and by in self._marks)

    def _rule(self, recording: Recording) -> str | None:
        has_id = recording.recording_id or recording.meeting_id or recording.meeting_number
        if has_id and recording.owner_id in self._owners:  # else an owner that was refused
            return "excluded by owner_ids"
        if self._title and recording.title and self._title.search(recording.title[:MAX_TITLE]):
            return "excluded by title"
        is_shared = any(str(file.source.get(self._sharing_field)) in self._sharing for file in recording.files)
        return "excluded by sharing" if is_shared else None


def _pattern(value: Any) -> re.Pattern[str]:
    problem = "is found in every title"
    try:
        if not (pattern := re.compile(value)).search(""):
            return pattern
    except (re.error, TypeError) as error:
        problem = f"is not a regular expression: {error}"
    raise InvalidRequest(f"exclude: title {value!r:.60} {problem}", next_step="Write for example '(?i)interview|面试'.")

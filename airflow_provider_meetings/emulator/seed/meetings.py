"""When the default company's Feishu meetings were held, under which number and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from airflow_provider_meetings.emulator.model.company import SHANGHAI, FeishuMeeting, FeishuUser
from airflow_provider_meetings.emulator.seed.feishu import (
    AUDIO_ONLY_MEETING,
    CHEN_YU,
    DELETED_MINUTE_MEETING,
    ENGLISH_MEETING,
    FORBIDDEN_MEETING,
    FORBIDDEN_MINUTE_MEETING,
    MEETINGS,
    MIA_WANG,
    PROCESSING_MEETING,
    READY_MEETING,
    RUNNING_MEETING,
    UNRECORDED_MEETING,
    ZHAO_MIN,
)

# The sprint review is a series: one number, three meetings. The earlier two were not recorded.
RECURRING_NUMBER: Final = "520131402"
SPRINT_40_MEETING: Final = "7571000000000000110"
SPRINT_41_MEETING: Final = "7571000000000000111"
READY_NUMBER: Final = "520131401"

# Meeting id, number, organizer, start in Shanghai, minutes (none: it still runs), people, devices.
_HELD: Final[tuple[tuple[str, str, FeishuUser, str, int | None, int, int], ...]] = (
    (READY_MEETING, READY_NUMBER, CHEN_YU, "2026-11-10T10:00", 47, 5, 6),
    (ENGLISH_MEETING, RECURRING_NUMBER, MIA_WANG, "2026-11-11T15:00", 32, 8, 9),
    (SPRINT_40_MEETING, RECURRING_NUMBER, MIA_WANG, "2026-10-14T15:00", 30, 7, 7),
    (SPRINT_41_MEETING, RECURRING_NUMBER, MIA_WANG, "2026-10-28T15:00", 41, 8, 8),
    (AUDIO_ONLY_MEETING, "520131403", ZHAO_MIN, "2026-10-21T09:30", 11, 2, 2),
    (PROCESSING_MEETING, "520131404", CHEN_YU, "2026-11-13T16:00", 52, 12, 15),
    (RUNNING_MEETING, "520131405", ZHAO_MIN, "2026-11-13T17:30", None, 3, 3),
    (UNRECORDED_MEETING, "520131406", MIA_WANG, "2026-11-12T11:00", 25, 2, 2),
    (FORBIDDEN_MEETING, "520131407", CHEN_YU, "2026-11-05T09:00", 90, 4, 4),
    (DELETED_MINUTE_MEETING, "520131408", ZHAO_MIN, "2026-10-14T13:58", 33, 3, 3),
    (FORBIDDEN_MINUTE_MEETING, "520131409", CHEN_YU, "2026-11-06T16:58", 95, 6, 7),
)
_EARLIER: Final = (
    FeishuMeeting(SPRINT_40_MEETING, "Sprint 40 review", fate="unrecorded"),
    FeishuMeeting(SPRINT_41_MEETING, "Sprint 41 review", fate="unrecorded"),
)


def dated_meetings() -> Iterator[FeishuMeeting]:
    """Yield the meetings of :data:`~airflow_provider_meetings.emulator.seed.feishu.MEETINGS`, dated, and two more."""
    known = {meeting.meeting_id: meeting for meeting in (*MEETINGS, *_EARLIER)}
    for meeting in known.values():
        _, number, organizer, clock, minutes, participants, devices = next(
            row for row in _HELD if row[0] == meeting.meeting_id
        )
        start = datetime.fromisoformat(clock).replace(tzinfo=SHANGHAI)
        yield replace(
            meeting,
            meeting_no=number,
            organizer=organizer,
            start=start,
            end=None if minutes is None else start + timedelta(minutes=minutes),
            participants=participants,
            devices=devices,
        )

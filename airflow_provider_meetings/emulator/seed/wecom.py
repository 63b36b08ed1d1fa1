"""The default company's WeCom recordings: six weeks of meetings of four owners; special cases have names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording, WecomSharing
from airflow_provider_meetings.emulator.seed.transcripts import as_file, transcript

OWNERS: Final = ("zhangwei", "lina", "wangfang", "alex.chen")

# The day with a recording in every state, Asia/Shanghai; it has only these four recordings.
SPECIAL_DAY: Final = date(2026, 11, 12)
TWO_FILES_RECORD: Final = "mr-20261112-zhangwei-0930"
SHARED_RECORD: Final = "mr-20261112-lina-1100"
PROCESSING_RECORD: Final = "mr-20261112-wangfang-1400"
ENDLESS_RECORD: Final = "mr-20261112-alex.chen-1630"

# On other days.
ZERO_SIZE_RECORD: Final = "mr-20261028-lina-1500"
AUDIO_ONLY_RECORD: Final = "mr-20261021-wangfang-1000"

# zhangwei's daily stand-up is one recurring meeting: one meetingid and code, many recordings.
STANDUP_MEETINGID: Final = "hy-zhangwei-standup"
STANDUP_CODE: Final = "520013140"

_FIRST_DAY: Final = date(2026, 10, 5)
_LAST_DAY: Final = date(2026, 11, 13)
# The first working day after the National Day week, a Thursday.
_FIRST_STANDUP: Final = date(2026, 10, 8)
# Weekday (Monday is 0), owner, time, minutes, title, host.
_WEEKLY: Final = (
    (0, "alex.chen", "10:30", 45, "Weekly sync: EU customers", "alex.chen"),
    (1, "lina", "14:00", 60, "设计评审 / design review", "lina"),
    (2, "wangfang", "16:00", 30, "供应链周会", "lina"),
    (4, "alex.chen", "15:00", 50, "Sprint demo 🤖", "zhangwei"),
)


@cache
def recordings() -> tuple[WecomRecording, ...]:
    """Return all recordings of the company, in any order. They take some milliseconds to make, hence the cache."""
    return (*_standups(), *_weeklies(), *_special_records(), *_special_day())


def _special_records() -> Iterator[WecomRecording]:
    lina = _recording("lina", datetime(2026, 10, 28, 15, 0, tzinfo=SHANGHAI), 40, "焊接机器人 v2 需求澄清")
    yield replace(lina, files=(replace(lina.files[0], record_size=0),))
    wangfang = _recording("wangfang", datetime(2026, 10, 21, 10, 0, tzinfo=SHANGHAI), 20, "电话会：交期")
    yield replace(wangfang, files=(replace(wangfang.files[0], video=None),))


def _standups() -> Iterator[WecomRecording]:
    for day in _days(_FIRST_STANDUP):
        if day.weekday() < 5 and day != SPECIAL_DAY:
            standup = _recording("zhangwei", _at(day, "09:30"), 15, "每日站会", summarized=False, largest=100_000)
            yield replace(standup, meetingid=STANDUP_MEETINGID, meeting_code=STANDUP_CODE)


def _weeklies() -> Iterator[WecomRecording]:
    for day in _days(_FIRST_DAY):
        for weekday, owner, clock, minutes, title, host in _WEEKLY:
            if day.weekday() == weekday:
                yield replace(_recording(owner, _at(day, clock), minutes, title), host_user_id=host)


def _special_day() -> Iterator[WecomRecording]:
    review = _recording("zhangwei", _at(SPECIAL_DAY, "09:30"), 50, "Q4 路线图 / roadmap")
    first = review.files[0]
    pause = timedelta(minutes=10)
    second = _file(f"{review.meeting_record_id}-2", first.record_end_time + pause, 25, summarized=True, largest=700_000)
    yield replace(review, files=(first, second))

    shared = _recording("lina", _at(SPECIAL_DAY, "11:00"), 30, "客户演示：仓储机器人 📦")
    sharing = WecomSharing("https://share.example.invalid/bluewave/demo", "Bw-8731", expire=1_797_000_000_000)
    yield replace(shared, files=(replace(shared.files[0], sharing=sharing),))

    yield replace(_recording("wangfang", _at(SPECIAL_DAY, "14:00"), 45, "年度预算讨论"), status="processing")

    endless = _recording("alex.chen", _at(SPECIAL_DAY, "16:30"), 60, "Overnight soak test (live)")
    yield replace(endless, status="recording", files=())


def _recording(
    owner: str, start: datetime, minutes: int, title: str, *, summarized: bool = True, largest: int = 1_500_000
) -> WecomRecording:
    """Return a finished recording of one file, hosted by its owner."""
    identity = f"{start:%Y%m%d}-{owner}-{start:%H%M}"
    return WecomRecording(
        meeting_record_id=f"mr-{identity}",
        meetingid=f"hy-{identity}",
        meeting_code=f"{_number(identity, 100_000_000, 999_999_999)}",
        creator=owner,
        host_user_id=owner,
        meeting_start_time=start,
        title=title,
        files=(
            _file(f"mr-{identity}-1", start + timedelta(seconds=42), minutes, summarized=summarized, largest=largest),
        ),
    )


def _file(name: str, start: datetime, minutes: int, *, summarized: bool, largest: int) -> WecomFile:
    text = f"会议纪要 {name}\n1. 进展正常。\n2. Next steps: see the tracker.\n"
    summaries = (Media(2_000, "docx", name), Media.of(text.encode(), "txt"), Media(1_000, "pdf", name))
    record_file_id = name.replace("mr-", "rf-", 1)
    owner = name.split("-")[2]
    spoken = transcript(owner, external=name.startswith(SHARED_RECORD), detected=not name.startswith(PROCESSING_RECORD))
    return WecomFile(
        record_file_id=record_file_id,
        record_start_time=start,
        record_end_time=start + timedelta(minutes=minutes),
        video=Media(_number(name, 20_000, largest), "mp4", record_file_id),
        audio=Media(_number(name, 20_000, largest) // 8 + 20_000, "m4a", record_file_id),
        summaries=summaries if summarized else (),
        record_name=f"录制{name.rsplit('-', 1)[1]}",
        transcript=spoken if summarized else None,
        ai_transcript=Media.of(as_file(spoken).encode(), "txt") if summarized else None,
    )


def _number(name: str, lowest: int, highest: int) -> int:
    """Return a number from ``lowest`` to ``highest``, always the same for ``name``."""
    return lowest + int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % (highest - lowest + 1)


def _days(first: date) -> Iterator[date]:
    for offset in range((_LAST_DAY - first).days + 1):
        yield first + timedelta(days=offset)


def _at(day: date, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI)

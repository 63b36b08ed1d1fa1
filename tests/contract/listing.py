"""Companies with recordings of equal and of boundary times, queries for them, and what happens during a listing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import pendulum
from hypothesis import strategies as st
from pendulum import DateTime

from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.faults.pages import PageFaultKind
from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting, FeishuMinute, FeishuUser
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

T = TypeVar("T")
NOW = pendulum.datetime(2026, 11, 14, tz="UTC")
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata")
LENGTHS = tuple(timedelta(hours=hours) for hours in (1, 24, 24 * 31, 24 * 31 + 1, 24 * 93, 24 * 366))
NEAR = tuple(timedelta(milliseconds=ms) for ms in (-1000, -1, 0, 1, 999, 1000))
SECOND = timedelta(seconds=1)
ATTEMPTS = 4
"""How often the transport sends a call."""
MEDIA = Media(1000, "mp4")


@dataclass(frozen=True)
class Item:
    """A recording of the company, or a meeting without one: `number` is its index."""

    number: int
    start: DateTime
    owner: str
    meeting_number: str
    meeting: str
    recorded: bool = True

    @property
    def token(self) -> str:
        return f"obcn{self.number:020}"

    def matches(self, selector: str) -> bool:
        return selector in ("", self.owner, self.meeting_number, self.meeting)


@dataclass(frozen=True)
class Fault:
    """A fault of the requests to the listing after the first `skip`; `times` None: of all."""

    kind: str
    n: int
    times: int | None
    skip: int

    def inject(self, state: EmulatorState, endpoint: str) -> None:
        if self.kind == "cut":
            state.hang(endpoint, "cut", times=self.times, skip=self.skip)
        elif self.kind == "busy":
            state.fail(endpoint, -1 if endpoint.startswith("wecom") else 2095001, times=self.times, skip=self.skip,
                       status=None if endpoint.startswith("wecom") else 500, message="busy")  # fmt: skip
        elif self.kind == "gateway":
            state.fail(endpoint, 0, times=self.times, skip=self.skip, status=502, body="<html>Bad Gateway</html>")
        else:
            kind: PageFaultKind = self.kind  # type: ignore[assignment]
            state.page_fault(kind, endpoint, self.n, times=self.times, skip=self.skip)

    @property
    def failing_requests(self) -> float:
        if self.kind in ("short", "repeat"):
            return 0
        return float("inf") if self.kind == "stuck" or self.times is None else self.times


PAGE_FAULTS = st.builds(
    Fault,
    kind=st.sampled_from(("short", "repeat")),
    n=st.integers(0, 3),
    times=st.integers(1, 3),
    skip=st.integers(0, 2),
)
FAILURES = st.builds(
    Fault,
    kind=st.sampled_from(("stuck", "cut", "busy", "stuck", "gateway")),
    n=st.just(1),
    times=st.sampled_from((1, ATTEMPTS - 1, ATTEMPTS, 2 * ATTEMPTS, None)),
    skip=st.integers(0, 4),
)


@dataclass(frozen=True)
class Example:
    """A company, a query, and what happens during its listing."""

    items: tuple[Item, ...]
    query: RecordingQuery
    page_size: int
    faults: tuple[Fault, ...]
    late: dict[int, int]
    """In how many pages an item is not listed, by its number."""
    depth: int | None
    """How many results a search pages through before it is refused, if any number."""
    most: int | None
    """How many results a search has; the others are left out."""
    reliable: int | None
    """How many results the client believes to be all."""

    def of(self, selector: str, start: DateTime | None, end: DateTime | None) -> set[Item]:
        """Return what a window of the listing has."""
        assert start
        assert end
        return {one for one in self.items if one.recorded and one.matches(selector) and start <= one.start < end}

    @property
    def selectors(self) -> tuple[str, ...]:
        query = self.query
        return (*query.owner_ids, *query.meeting_numbers, *query.meeting_ids) or ("",)

    def of_query(self, before: timedelta = timedelta(0), after: timedelta = timedelta(0)) -> set[Item]:
        """Return what the listing has, and what begins this much before or after its window."""
        assert self.query.start
        assert self.query.end
        start, end = self.query.start - before, self.query.end + after
        return {item for one in self.selectors for item in self.of(one, start, end)}

    @property
    def may_fail(self) -> bool:
        if sum(fault.failing_requests for fault in self.faults) >= ATTEMPTS:
            return True
        limits = [limit for limit in (self.depth, self.most, self.reliable) if limit]
        # A window of two seconds can still be halved.
        crowds = [sum(one.start <= other.start <= one.start + 2 * SECOND for other in self.items) for one in self.items]
        return bool(limits and crowds) and max(crowds) >= min(limits)


@dataclass(frozen=True)
class Case:
    """One listing of a platform."""

    endpoint: str
    selectors: tuple[str, ...]
    company: Callable[[tuple[Item, ...]], Company]
    late_id: Callable[[Item], str]
    listed_id: Callable[[Recording], str | None]
    whole_seconds: bool = False
    timed: bool = True
    """Whether the listing shows when a meeting began."""
    reliable: int | None = None
    longest: timedelta = LENGTHS[-1]


def _token(item: Item) -> str:
    return item.token


def _meeting(item: Item) -> str:
    return item.meeting


def _wecom(items: tuple[Item, ...]) -> Company:
    recordings = {
        item.token: WecomRecording(
            meeting_record_id=item.token,
            meetingid=item.meeting,
            meeting_code=item.meeting_number,
            creator=item.owner,
            host_user_id="another",
            meeting_start_time=item.start,
            title="x",
            files=(WecomFile(f"f{item.token}", item.start, item.start.add(minutes=1), MEDIA),),
        )
        for item in items
        if item.recorded
    }
    return Company("x", wecom_recordings=recordings)


def _feishu(items: tuple[Item, ...]) -> Company:
    meetings, minutes = {}, {}
    for item in items:
        owner = FeishuUser(item.owner, f"on{item.owner}", f"u{item.owner}", "x")
        meetings[item.meeting] = FeishuMeeting(
            meeting_id=item.meeting,
            topic="x",
            minute_token=item.token,
            status="ready" if item.recorded else "unrecorded",
            meeting_no=item.meeting_number,
            organizer=owner,
            start=item.start,
            end=item.start.add(minutes=1),
        )
        if item.recorded:
            minutes[item.token] = FeishuMinute(item.token, owner, item.start, "x", 60_000, MEDIA)
    return Company("x", feishu_meetings=meetings, feishu_minutes=minutes)


CASES = {
    "wecom": Case(
        "wecom.record_list",
        ("owner_ids", "meeting_numbers", "meeting_ids"),
        _wecom,
        _token,
        lambda recording: recording.recording_id,
    ),
    "feishu window": Case(
        "feishu.meeting_list",
        (),
        _feishu,
        _meeting,
        lambda recording: recording.meeting_id,
        whole_seconds=True,
    ),
    "feishu numbers": Case(
        "feishu.meetings_by_number",
        ("meeting_numbers",),
        _feishu,
        _meeting,
        lambda recording: recording.meeting_id,
        whole_seconds=True,
        timed=False,
        longest=timedelta(days=90),
    ),
    "feishu owners": Case(
        "feishu.minutes_search",
        ("owner_ids",),
        _feishu,
        _token,
        lambda recording: recording.recording_id,
        reliable=4,
    ),
}


@st.composite
def examples(draw: st.DrawFn, case: Case) -> Example:
    def some(values: st.SearchStrategy[T], sizes: tuple[int, ...]) -> list[T]:
        # By default lists are short.
        size = draw(st.sampled_from(sizes))
        return draw(st.lists(values, min_size=size, max_size=size))

    length = draw(st.sampled_from([length for length in LENGTHS if length <= case.longest]))
    latest = int((NOW - length).timestamp())
    start = pendulum.from_timestamp(draw(st.integers(latest - 20 * 86400, latest)), draw(st.sampled_from(ZONES)))
    # Airflow's manual runs have windows in microseconds.
    start = start.add(microseconds=draw(st.sampled_from((0, 500_000))))
    end = start + length
    inner = [start + timedelta(days=31 * n) for n in range(1, length.days // 31 + 1)]
    near = st.builds(
        lambda time, by: time + by,
        st.sampled_from([start, end]) | st.sampled_from([end, *inner]),
        st.sampled_from(NEAR),
    )
    # Crowded days, so that windows have several pages.
    days = draw(st.lists(st.integers(-3600, int(length.total_seconds())), min_size=1, max_size=2))
    within = st.builds(lambda day, by: start.add(seconds=day + by), st.sampled_from(days), st.integers(0, 3600))
    times = some(near | within, (2, 12, 24))
    times += some(st.sampled_from(times), (0, 3, 6))
    items = tuple(
        Item(
            number,
            time.replace(microsecond=0 if case.whole_seconds else time.microsecond // 1000 * 1000).in_timezone("UTC"),
            owner=f"owner{draw(st.integers(0, 1))}",
            meeting_number=f"10000000{draw(st.integers(0, 1))}",
            # WeCom: several recordings of a meeting.
            meeting=f"{draw(st.integers(0, 2)) if case.company is _wecom else 7_000 + number}",
            recorded=bool(case.selectors) or draw(st.integers(0, 4)) > 0,
        )
        for number, time in enumerate(times)
    )
    values = {
        "owner_ids": ("owner0", "owner1"),
        "meeting_numbers": ("100000000", "100000001"),
        "meeting_ids": ("0", "1", "2"),
    }
    possible = [(name, value) for name in case.selectors for value in values[name]]
    chosen = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=2, unique=True)) if possible else []
    ids = {name: tuple(value for key, value in chosen if key == name) for name in case.selectors}
    return Example(
        items=items,
        query=RecordingQuery(start=start, end=end, **ids),  # type: ignore[arg-type]
        page_size=draw(st.sampled_from((1, 2, 3, 7))),
        faults=(*some(PAGE_FAULTS, (0, 1, 2)), *some(FAILURES, (0, 1, 1))),
        late=draw(st.dictionaries(st.integers(0, 30), st.integers(1, 4), max_size=3)),
        depth=draw(st.none() | st.integers(2, 20)) if case.reliable else None,
        most=draw(st.sampled_from((None, case.reliable))),
        reliable=case.reliable,
    )

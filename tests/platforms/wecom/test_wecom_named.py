"""Listed recordings that are asked for again: the requests that it takes, against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pendulum
import pytest
from pendulum import DateTime

from airflow_provider_meetings.api.errors import InvalidRequest, ServerError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.api.windows import ListedWindow
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.client import Clock

LIST = "/cgi-bin/meeting/record/list"
FIRST = pendulum.datetime(2026, 10, 16, 1, tz="UTC")
YEAR_AGO = FIRST.subtract(days=365)


def recorded(name: str, start: DateTime, creator: str = "lina", meeting: str = "") -> WecomRecording:
    file = WecomFile(f"f-{name}", start, start.add(hours=1), video=Media(10, "mp4"))
    return WecomRecording(f"r-{name}", meeting or f"m-{name}", name, creator, "wei", start, name, (file,))


class Platform:
    """The emulator with some recordings, a client, and counters."""

    def __init__(self, url: str, state: EmulatorState, clock: Clock) -> None:
        self.state, self.clock = state, clock
        self.transport = Transport(base_url=url, platform="wecom", sleep=lambda _: None)
        self.client = WeComClient(
            self.transport,
            corp_id=WECOM_CORP_ID,
            corp_secret=WECOM_CORP_SECRET,
            tokens=ProcessTokenStore(clock),
            clock=clock,
        )

    def add(self, *recordings: WecomRecording) -> list[RecordingRef]:
        known = {**self.state.company.wecom_recordings, **{one.meeting_record_id: one for one in recordings}}
        self.state.company = replace(self.state.company, wecom_recordings=known)
        return [
            RecordingRef(
                recording_id=one.meeting_record_id,
                meeting_id=one.meetingid,
                started_at=pendulum.instance(one.meeting_start_time),
                listed_by=f"owner_id:{one.creator}",
            )
            for one in recordings
        ]

    def remove(self, *names: str) -> None:
        left = {key: one for key, one in self.state.company.wecom_recordings.items() if key not in names}
        self.state.company = replace(self.state.company, wecom_recordings=left)

    def ask(
        self, refs: list[RecordingRef], start: DateTime | None = None, end: DateTime | None = None
    ) -> tuple[dict[str, str], int]:
        """Return the states by recording id, and the number of requests."""
        self.state.requests.clear()
        found: list[Recording] = []
        for question in self.client._questions(RecordingQuery(recordings=tuple(refs), start=start, end=end)):
            found += self.client.check(question)
        assert [one.recording_id for one in found if one.listed_by is None] == []
        return {str(one.recording_id): str(one.state) for one in found}, self.count()

    def count(self) -> int:
        return sum(request.path == LIST for request in self.state.requests)

    def selectors(self) -> set[str]:
        bodies = [request.body for request in self.state.requests if request.path == LIST]
        return {name for body in bodies for name in body if name in {"userid", "meetingid"}}


@pytest.fixture
def platform() -> Iterator[Platform]:
    clock = Clock()
    state = EmulatorState(clock=clock, company=Company("example"))
    with serve(state) as url:
        platform = Platform(url, state, clock)
        yield platform
        platform.transport.close()


def ready(refs: list[RecordingRef]) -> dict[str, str]:
    return {str(ref.recording_id): "ready" for ref in refs}


def many(platform: Platform, count: int, days: float = 28) -> list[RecordingRef]:
    step = timedelta(days=days) / count
    return platform.add(*(recorded(str(n), FIRST + step * n) for n in range(count)))


def test_owner_is_listed_instead_of_500_meetings(platform: Platform) -> None:
    refs = many(platform, 500)
    assert platform.ask(refs) == (ready(refs), 25)
    assert platform.selectors() == {"userid"}
    (old,) = platform.add(recorded("old", YEAR_AGO))
    assert platform.ask([*refs, old]) == (ready([*refs, old]), 26)
    # Those that still wait: few are asked for by meeting, many by owner.
    assert platform.ask(refs[::20])[1] == 25
    assert platform.selectors() == {"meetingid"}
    assert platform.ask(refs[:250])[1] == 13


def test_missing_recording_is_asked_for_by_its_meeting(platform: Platform) -> None:
    refs = many(platform, 60)
    platform.remove("r-7", "r-8", "r-9")
    platform.add(recorded("8", FIRST.add(days=2), creator="wei"), recorded("9", FIRST.subtract(days=2)))
    assert platform.ask(refs) == ({**ready(refs), "r-7": "unknown"}, 3 + 3)


def test_listing_with_more_pages_than_meetings_is_left(platform: Platform) -> None:
    many(platform, 400)
    refs = platform.add(*(recorded(f"late-{n}", FIRST.add(days=27, hours=n)) for n in range(4)))
    early = platform.add(recorded("early", FIRST))
    asked = [*early, *refs]
    assert platform.ask(asked) == (ready(asked), 5 + 4)
    # The next round knows that the owner's window is long.
    assert platform.ask(asked) == (ready(asked), 5)
    assert platform.selectors() == {"meetingid"}


def test_owner_that_is_refused_is_no_state_of_its_recordings(platform: Platform) -> None:
    refs = many(platform, 3)
    platform.state.fail("wecom.record_list", 60011)
    assert platform.ask(refs) == (ready(refs), 4)


def test_meeting_that_fails_leaves_the_others_found(platform: Platform) -> None:
    refs = many(platform, 30)
    platform.remove("r-7")
    platform.state.fail("wecom.record_list", -1, times=None, skip=2)
    found, _ = platform.ask(refs)
    assert found == {**ready(refs), "r-7": "absent"}
    with pytest.raises(ServerError):
        platform.ask(refs)


def test_recurring_meeting_is_asked_for_once_per_window(platform: Platform) -> None:
    refs = platform.add(*(recorded(f"w{n}", FIRST.subtract(weeks=n), meeting="standup") for n in range(10)))
    assert platform.ask(refs) == (ready(refs), 2)
    assert platform.selectors() == {"meetingid"}
    # Its own window takes precedence.
    assert platform.ask(refs, start=FIRST.subtract(weeks=10), end=FIRST.add(days=1)) == (ready(refs), 3)


def test_recordings_without_start_are_looked_for_in_31_days(platform: Platform) -> None:
    refs = [replace(ref, started_at=None) for ref in many(platform, 60)]
    assert platform.ask(refs) == (ready(refs), 3)
    (one,) = refs[:1]
    assert platform.ask([replace(one, recording_id="r-none")]) == ({"r-none": "unknown"}, 1)


def test_owner_is_enough_for_recordings_without_meeting(platform: Platform) -> None:
    refs = [replace(ref, meeting_id=None) for ref in many(platform, 2)]
    assert platform.ask(refs) == (ready(refs), 1)
    platform.remove("r-0")
    assert platform.ask(refs[:1]) == ({"r-0": "unknown"}, 1)
    with pytest.raises(InvalidRequest, match="both recording_id and meeting_id"):
        platform.ask([replace(refs[0], listed_by="meeting_id:m-0")])


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        (0, [("failed", 0, 31, 0, 0), ("skipped", 31, 62, 0, 0), ("skipped", 62, 93, 0, 0)]),
        (1, [("complete", 0, 31, 1, 1), ("failed", 31, 62, 0, 0), ("skipped", 62, 93, 0, 0)]),
        (3, [("complete", 0, 31, 1, 1), ("failed", 31, 62, 2, 40), ("skipped", 62, 93, 0, 0)]),
        (4, [("complete", 0, 31, 1, 1), ("complete", 31, 62, 3, 60), ("failed", 62, 93, 0, 0)]),
    ],
)
def test_window_that_fails_is_reported_with_the_rest(platform: Platform, requests: int, expected: object) -> None:
    many(platform, 60)
    platform.add(recorded("before", FIRST.subtract(days=20)))
    platform.state.fail("wecom.record_list", -1, times=None, skip=requests)
    start = FIRST.subtract(days=32)
    windows: list[ListedWindow] = []
    with pytest.raises(ServerError):
        list(
            platform.client.list(
                RecordingQuery(owner_ids=("lina",), start=start, end=start.add(days=93)), windows.append
            )
        )
    assert [
        (w.outcome, *((t - start).days for t in (w.start, w.end) if t), w.pages, w.items) for w in windows
    ] == expected
    for window in windows:
        assert bool(window.reason) == (window.outcome != "complete")

"""Listing by a window alone and by meeting numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pendulum
import pytest

from airflow_provider_meetings.api.errors import InvalidRequest, MeetingsApiError, PermissionDenied
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from tests.contract.client import Clock
from tests.contract.feishu_user import user_client
from tests.contract.media.origin import Origin, json_body, serve_origin

REPORT, BY_NUMBER = "/open-apis/vc/v1/meeting_list", "/open-apis/vc/v1/meetings/list_by_no"
START, END = pendulum.datetime(2026, 10, 5, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
ALL = RecordingQuery(start=START, end=END)
NUMBER = "705605196"


def client(url: str, clock: Clock) -> FeishuClient:
    transport = Transport(base_url=url, platform="feishu", sleep=lambda _: None, max_attempts=1)
    return FeishuClient(transport, Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, ProcessTokenStore(clock)), clock=clock)


@pytest.fixture(scope="module")
def state() -> EmulatorState:
    return EmulatorState(clock=Clock())


@pytest.fixture(scope="module")
def url(state: EmulatorState) -> Iterator[str]:
    with serve(state) as url:
        yield url


@pytest.fixture
def app(state: EmulatorState, url: str) -> Iterator[FeishuClient]:
    state.reset()
    feishu = client(url, Clock())
    yield feishu
    feishu.close()


class TestCompany:
    """Listings of the emulator's company."""

    def test_window_lists_what_was_recorded(self, app: FeishuClient, state: EmulatorState) -> None:
        windows: list[ListedWindow] = []
        found = list(app.list(ALL, windows.append))
        expected = {meeting.meeting_id for meeting in seed.MEETINGS if meeting.status != "unrecorded"}
        assert {recording.meeting_id for recording in found} == expected
        assert {(r.meeting_id, r.meeting_number, r.listed_by) for r in found} == {
            (m.meeting_id, m.meeting_no, "window") for m in seed.MEETINGS if m.meeting_id in expected
        }
        assert [(w.endpoint, w.selector, w.start, w.end, w.pages, w.items, str(w.outcome)) for w in windows] == [
            ("meeting_list?meeting_status=1", "", START, END, 1, 1, "complete"),
            ("meeting_list", "", START, END, 1, len(seed.MEETINGS) - 1, "complete"),
        ]
        running = found[0]
        assert (running.meeting_id, running.state, running.recording_id) == (seed.RUNNING_MEETING, "recording", None)
        assert running.reason == "the meeting is still running"
        # Neither the running meeting nor those that were not recorded cost a request.
        asked = {request.path.split("/")[-2] for request in state.requests if request.path.endswith("/recording")}
        assert asked == expected - {seed.RUNNING_MEETING}

    def test_window_excludes_its_end(self, app: FeishuClient, state: EmulatorState) -> None:
        started = pendulum.instance(state.company.feishu_meetings[seed.READY_MEETING].start or END)
        before, after = (
            RecordingQuery(start=started.add(days=days), end=started.add(days=days + 1)) for days in (-1, 0)
        )
        assert seed.READY_MEETING not in {recording.meeting_id for recording in app.list(before)}
        assert seed.READY_MEETING in {recording.meeting_id for recording in app.list(after)}

    def test_app_without_the_scope_is_told_what_to_do(
        self, app: FeishuClient, state: EmulatorState, url: str, tmp_path: Path
    ) -> None:
        state.meeting_list_tenant = False
        windows: list[ListedWindow] = []
        with pytest.raises(PermissionDenied, match=r"vc:rooms\.room\.detailinfo:read.*identity = user") as caught:
            list(app.list(ALL, windows.append))
        assert caught.value.code == 99991672
        assert [(str(w.outcome), w.start, w.end) for w in windows] == [("failed", START, END), ("skipped", START, END)]
        user = user_client(app.transport, Clock(), tmp_path / "state")
        assert seed.READY_MEETING in {recording.meeting_id for recording in user.list(ALL)}

    @pytest.mark.parametrize("code", [126003, 126005, 126006, 126009, 121004, 121005, 122002])
    def test_refused_report_is_an_error(self, app: FeishuClient, state: EmulatorState, code: int) -> None:
        state.fail("feishu.meeting_list", code, times=1)
        windows: list[ListedWindow] = []
        with pytest.raises(MeetingsApiError) as caught:
            list(app.list(ALL, windows.append))
        assert caught.value.code == code
        assert caught.value.next_step
        assert [str(window.outcome) for window in windows] == ["failed", "skipped"]
        assert f"code {code}" in (windows[0].reason or "")

    def test_number_leads_to_all_its_meetings(self, app: FeishuClient, state: EmulatorState) -> None:
        windows: list[ListedWindow] = []
        query = RecordingQuery(meeting_numbers=(seed.RECURRING_NUMBER, "999999999"))
        *found, unknown = app.list(query, windows.append)
        assert [(r.meeting_id, str(r.state)) for r in found] == [
            (seed.SPRINT_40_MEETING, "absent"),
            (seed.SPRINT_41_MEETING, "absent"),
            (seed.ENGLISH_MEETING, "ready"),
        ]
        assert {(r.meeting_number, r.listed_by) for r in found} == {
            (seed.RECURRING_NUMBER, f"meeting_number:{seed.RECURRING_NUMBER}")
        }
        assert (unknown.meeting_number, unknown.state) == ("999999999", "absent")
        assert unknown.reason == "no meeting of this number in the window"
        now = pendulum.from_timestamp(Clock().now)
        assert [(w.endpoint, w.selector, w.start, w.end, w.pages, w.items) for w in windows] == [
            ("list_by_no", seed.RECURRING_NUMBER, now.subtract(days=90), now, 1, 3),
            ("list_by_no", "999999999", now.subtract(days=90), now, 1, 0),
        ]

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ({"meeting_numbers": ("1",), "start": START.subtract(days=60), "end": END}, "for 90 days"),
            ({"meeting_numbers": ("1 2",)}, "meeting_number '1 2' does not consist of digits"),
        ],
    )
    def test_bad_queries_send_no_request(
        self, app: FeishuClient, state: EmulatorState, query: dict[str, Any], error: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=error):
            app.list(RecordingQuery(**query))
        assert state.requests == []


class Report:
    """A platform with scripted rows of the report."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.client = client(origin.url, Clock())
        token = {"code": 0, "tenant_access_token": "t", "expire": 7200}
        origin.on("/open-apis/auth/v3/tenant_access_token/internal", json_body(token))
        self.meetings()

    def rows(self, *ongoing: dict[str, Any], ended: list[dict[str, Any]]) -> None:
        self.origin.on(
            REPORT, *(json_body({"code": 0, "data": {"meeting_list": rows}}) for rows in (list(ongoing), ended))
        )

    def meetings(self, *ids: str) -> None:
        """Answer by number with these meetings, of which each has a recording."""
        briefs = [{"id": one, "meeting_no": NUMBER} for one in ids]
        self.origin.on(BY_NUMBER, json_body({"code": 0, "data": {"meeting_briefs": briefs}}))
        for one in ids:
            self.recorded(one)

    def recorded(self, meeting_id: str) -> None:
        token = meeting_id.rjust(24, "0")
        url = f"https://meetings.feishu.cn/minutes/{token}"
        recording = json_body({"code": 0, "data": {"recording": {"url": url}}})
        self.origin.on(f"/open-apis/vc/v1/meetings/{meeting_id}/recording", recording)
        minute = json_body({"code": 0, "data": {"minute": {"token": token}}})
        self.origin.on(f"/open-apis/minutes/v1/minutes/{token}", minute)

    def listed(self) -> list[Recording]:
        return list(self.client.list(ALL))


@pytest.fixture
def report() -> Iterator[Report]:
    with serve_origin() as origin:
        yield Report(origin)


def row(meeting_id: str | None = None, hour: int = 9, **fields: Any) -> dict[str, Any]:
    start, end = (f"2026.11.02 {hour:02}:{minute}:00 (GMT+00:00)" for minute in ("00", "30"))
    times = {"meeting_start_time": start, "meeting_end_time": end}
    return {"meeting_id": NUMBER, "meeting_instance_id": meeting_id, **times, **fields}


def test_meeting_that_ends_between_the_requests_is_listed_once(report: Report) -> None:
    report.recorded("8")
    report.rows(row("7"), ended=[row("7"), row("8"), row("8"), row("9", recording=False)])
    assert [(r.meeting_id, str(r.state)) for r in report.listed()] == [("7", "recording"), ("8", "ready")]
    assert report.origin.count("/open-apis/vc/v1/meetings/8/recording") == 1
    statuses = [parse_qs(r.query)["meeting_status"] for r in report.origin.requests if r.path == REPORT]
    assert statuses == [["1"], ["2"]]


def test_unknown_flag_counts_as_recorded(report: Report) -> None:
    report.recorded("7")
    report.rows(ended=[row("7", recording=None)])
    assert [str(recording.state) for recording in report.listed()] == ["ready"]


def test_unknown_id_is_said_to_be_inferred(report: Report) -> None:
    refused = json_body({"code": 122002, "msg": "no such meeting"}, 404)
    report.origin.on("/open-apis/vc/v1/meetings/7/recording", refused)
    report.rows(ended=[row("7")])
    (recording,) = report.listed()
    assert (recording.meeting_id, recording.state, recording.started_at) == (
        "7",
        "unknown",
        pendulum.datetime(2026, 11, 2, 9, tz="UTC"),
    )
    assert (recording.reason or "").startswith("no such meeting (code 122002); the id is the meeting_instance_id")


def test_row_without_instance_id_is_found_by_its_number(report: Report) -> None:
    report.meetings("8")
    report.rows(ended=[row(hour=9)])
    (recording,) = report.listed()
    assert (recording.meeting_id, recording.meeting_number, recording.state) == ("8", NUMBER, "ready")
    (request,) = (request for request in report.origin.requests if request.path == BY_NUMBER)
    start = pendulum.datetime(2026, 11, 2, 9, tz="UTC")
    assert parse_qs(request.query) == {
        "meeting_no": [NUMBER],
        "page_size": ["50"],
        "start_time": [str(start.int_timestamp)],
        "end_time": [str(start.add(seconds=1).int_timestamp)],
    }


@pytest.mark.parametrize(
    ("status", "body", "state", "reason"),
    [
        (200, {"code": 0, "data": {"meeting_briefs": []}}, "absent", "no meeting of this number in the window"),
        (403, {"code": 121005, "msg": "no permission"}, "forbidden", "no permission (code 121005)"),
        (502, {"code": 121001, "msg": "sick"}, "absent", "code 121001"),
    ],
)
def test_row_that_its_number_does_not_find_is_kept(
    report: Report, status: int, body: dict[str, Any], state: str, reason: str
) -> None:
    report.origin.on(BY_NUMBER, json_body(body, status))
    report.rows(row(hour=9), ended=[row(hour=11)])
    windows: list[ListedWindow] = []
    found = list(report.client.list(ALL, windows.append))
    assert [(r.meeting_number, str(r.state), r.started_at and r.started_at.hour) for r in found] == [
        (NUMBER, "recording", 9),
        (NUMBER, state, 11),
    ]
    assert reason in (found[1].reason or "")
    assert any(window.outcome.is_incomplete for window in windows) == (status == 502)


def test_meeting_that_fails_makes_the_listing_incomplete(report: Report) -> None:
    report.recorded("7")
    failing = json_body({"code": 121001, "msg": "sick"}, 502)
    report.origin.on("/open-apis/vc/v1/meetings/8/recording", failing)
    report.rows(ended=[row("7"), row("8")])
    windows: list[ListedWindow] = []
    assert [str(r.state) for r in report.client.list(ALL, windows.append)] == ["ready", "absent"]
    assert [(w.selector, "121001" in (w.reason or "")) for w in windows if w.outcome.is_incomplete] == [("8", True)]


def test_row_without_any_id_fails_the_listing(report: Report) -> None:
    report.rows(ended=[row(meeting_id=None) | {"meeting_id": ""}])
    with pytest.raises(InvalidRequest, match="without any id"):
        report.listed()


def test_failure_in_the_middle_names_the_rest(report: Report) -> None:
    empty = json_body({"code": 0, "data": {}})
    report.origin.on(REPORT, empty, json_body({"code": 126006, "msg": "too long"}, 400))
    windows: list[ListedWindow] = []
    with pytest.raises(InvalidRequest):
        list(report.client.list(RecordingQuery(start=START.subtract(days=900), end=START), windows.append))
    assert [(str(w.outcome), w.start and (START - w.start).days, w.reason) for w in windows] == [
        ("complete", 900, None),
        ("failed", 535, "too long (code 126006)"),
        ("skipped", 170, "an earlier window failed"),
        ("skipped", 900, "an earlier window failed"),
    ]


def test_what_can_be_listed_is_described() -> None:
    assert set(FeishuClient.visible) == set(FeishuClient.selectors)

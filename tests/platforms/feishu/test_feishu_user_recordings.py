"""The client that calls as a user: the client contract, and the minutes search."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pendulum
import pytest

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import AuthenticationError, InvalidRequest, ServerError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow, Report, ignore
from airflow_provider_meetings.emulator.model.endpoints import Platform
from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_SECRET, FEISHU_USER_REFRESH_TOKEN
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.api import client
from airflow_provider_meetings.platforms.feishu.recordings import FeishuUserClient
from tests.contract.client import ClientContract, Clock
from tests.contract.feishu_user import user_client
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin, json_body, serve_origin

SEARCH_PATH = "/open-apis/minutes/v1/minutes/search"
START, END = pendulum.datetime(2026, 11, 1, tz="UTC"), pendulum.datetime(2026, 11, 14, tz="UTC")
VISIBLE = {minute.token: minute for minute in seed.MINUTES if minute.status not in {"deleted", "forbidden"}}
OWNERS = tuple(dict.fromkeys(minute.owner.open_id for minute in VISIBLE.values()))


class TestFeishuUserContract(ClientContract):
    platform: ClassVar[Platform] = "feishu"
    secret: ClassVar[str] = FEISHU_APP_SECRET

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.folder = tmp_path_factory.mktemp("user") / "state"

    def make(self, transport: Transport, clock: Clock, *, secret: str) -> FeishuUserClient:
        return user_client(transport, clock, self.folder, secret)

    def queries(self) -> dict[str, RecordingQuery]:
        return {
            "meeting_ids": RecordingQuery(meeting_ids=tuple(meeting.meeting_id for meeting in seed.MEETINGS)),
            "meeting_numbers": RecordingQuery(meeting_numbers=tuple(meeting.meeting_no for meeting in seed.MEETINGS)),
            "recording_ids": RecordingQuery(recording_ids=tuple(minute.token for minute in seed.MINUTES)),
            "window": RecordingQuery(start=START, end=END),
            "owner_ids": RecordingQuery(owner_ids=OWNERS, start=START, end=END),
        }

    @pytest.fixture
    def user(self, client: MeetingsClient) -> FeishuUserClient:
        return cast(FeishuUserClient, client)

    # Overridden because a user's token exists before the first request; an app's token is fetched by it.

    def test_wrong_secret_is_permanent_and_hidden(
        self, transport: Transport, clock: Clock, state: EmulatorState
    ) -> None:
        client = self.make(transport, clock, secret="wr0ng-S3CRET")
        with pytest.raises(AuthenticationError, match="the app's secret was changed since the consent") as caught:
            client.whoami()
        assert caught.value.permanent
        assert "wr0ng-S3CRET" not in error_text(caught.value)
        assert state.requests == []

    def test_revoked_token_is_refreshed_once(self, client: MeetingsClient, state: EmulatorState) -> None:
        self.all_recordings(client)
        assert state.consents.presented == {}
        state.revoke_tokens()
        self.all_recordings(client)
        assert state.consents.presented == {FEISHU_USER_REFRESH_TOKEN: 1}
        assert state.token_requests["feishu"] == 1

    def test_token_is_renewed_before_expiry(self, client: MeetingsClient, state: EmulatorState, clock: Clock) -> None:
        clock.now += 7200 - 301
        client.whoami()
        assert state.token_requests["feishu"] == 0
        clock.now += 2
        client.whoami()
        client.whoami()
        assert state.token_requests["feishu"] == 1

    def test_unreachable_host_is_named(self, clock: Clock) -> None:
        transport = Transport(base_url="http://no-such-host.invalid", platform="feishu", sleep=lambda _: None)
        client = self.make(transport, clock, secret=self.secret)
        clock.now += 8000
        with pytest.raises(ServerError, match=r"http://no-such-host\.invalid") as caught:
            client.whoami()
        assert self.secret not in error_text(caught.value)
        assert FEISHU_USER_REFRESH_TOKEN not in error_text(caught.value)
        transport.close()

    def test_minutes_of_owner_are_reported(self, user: FeishuUserClient) -> None:
        windows: list[ListedWindow] = []
        found = list(user.list(RecordingQuery(owner_ids=OWNERS[:2], start=START, end=END), windows.append))
        expected = {
            token
            for token, minute in VISIBLE.items()
            if minute.owner.open_id in OWNERS[:2] and START <= pendulum.instance(minute.create_time) < END
        }
        assert {recording.recording_id for recording in found} == expected
        assert {recording.owner_id for recording in found if recording.owner_id} == set(OWNERS[:2])
        assert [(window.endpoint, window.selector, window.start, window.end) for window in windows] == [
            ("minutes_search", owner, START, END) for owner in OWNERS[:2]
        ]
        assert sum(window.items for window in windows) == len(expected)

    def test_window_end_belongs_to_next_window(self, user: FeishuUserClient) -> None:
        minute = VISIBLE[seed.READY_MINUTE]
        created = pendulum.instance(minute.create_time).in_timezone("UTC")
        query = RecordingQuery(owner_ids=(minute.owner.open_id,), start=START, end=created)
        assert seed.READY_MINUTE not in {recording.recording_id for recording in user.list(query)}
        query = replace(query, start=created, end=created.add(seconds=1))
        assert [recording.recording_id for recording in user.list(query)] == [seed.READY_MINUTE]

    def test_ids_and_owners_in_one_query(self, user: FeishuUserClient) -> None:
        query = RecordingQuery(recording_ids=(seed.READY_MINUTE,), owner_ids=OWNERS, start=START, end=END)
        found = [recording.recording_id for recording in user.list(query)]
        assert found[0] == seed.READY_MINUTE
        assert len(found) == len(set(found)) > 1

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            (RecordingQuery(owner_ids=("ou_1",)), "only within a window"),
            (
                RecordingQuery(recording_ids=("x" * 24,), start=START, end=END),
                "only with meeting_numbers, window, owner_ids: omit",
            ),
        ],
    )
    def test_window_requires_owners(
        self, user: FeishuUserClient, state: EmulatorState, query: RecordingQuery, error: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=error):
            user.list(query)
        assert state.requests == []

    def test_search_sends_page_token_in_query(
        self, user: FeishuUserClient, state: EmulatorState, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "LARGEST_PAGE", 1)
        owner = VISIBLE[seed.READY_MINUTE].owner.open_id
        found = [item.token for item in user.search_minutes(owner, START, END)]
        assert sorted(found) == sorted(
            token
            for token, minute in VISIBLE.items()
            if minute.owner.open_id == owner and START <= pendulum.instance(minute.create_time) <= END
        )
        requests = [request for request in state.requests if request.path == SEARCH_PATH]
        assert len(requests) == len(found) > 1
        assert all("page_token" in request.query for request in requests[1:])
        assert all(set(request.body) == {"filter"} for request in requests)
        assert requests[0].body["filter"]["create_time"]["start_time"] == "2026-11-01T00:00:00+00:00"


class Scripted:
    """A client and an origin with scripted answers to its searches."""

    def __init__(self, origin: Origin, folder: Path) -> None:
        self.origin = origin
        self.client = user_client(
            Transport(base_url=origin.url, platform="feishu", max_attempts=1), pendulum.now("UTC").timestamp, folder
        )

    def answers(self, *bodies: dict[str, Any]) -> None:
        self.origin.on(SEARCH_PATH, *(json_body(body, 200 if body["code"] == 0 else 400) for body in bodies))

    def found(self, report: Report = ignore) -> list[str]:
        return [item.token for item in self.client.search_minutes("ou_1", START, START.add(hours=2), report=report)]


def page(*tokens: str, following: str = "", total: int | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "items": [{"token": token} for token in tokens],
        "has_more": bool(following),
        "total": total,
    }
    return {"code": 0, "msg": "", "data": data | ({"page_token": following} if following else {})}


EXPIRED: dict[str, Any] = {"code": 2094005, "msg": "page token expired"}
TOO_MANY: dict[str, Any] = {"code": 2094007, "msg": "too deep"}


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Scripted]:
    with serve_origin() as origin:
        yield Scripted(origin, tmp_path / "state")


def hours(origin: Origin) -> list[str]:
    """Return the start and end of the windows of the searches."""
    windows = [json.loads(request.body)["filter"]["create_time"] for request in origin.requests]
    return [f"{window['start_time'][11:16]}-{window['end_time'][11:16]}" for window in windows]


@pytest.mark.parametrize(
    ("answers", "items", "reason"),
    [
        ((page("d", following="2"), TOO_MANY), 1, "too deep (code 2094007)"),
        ((page("d", following="2"), EXPIRED), 1, "page token expired (code 2094005)"),
        ((page("d", following="2"), page("e", total=3)), 2, "the platform lists only 2 items, of 3"),
        ((page("d", "d", total=2),), 1, "the platform lists only 1 items, of 2"),
        ((page(*map(str, range(150))),), 150, "the platform lists only 150 items, of more"),
    ],
)
def test_large_search_is_halved(
    scripted: Scripted, answers: tuple[dict[str, Any], ...], items: int, reason: str
) -> None:
    scripted.answers(*answers, page("a", "b", total=2), page("c", "d"))
    windows: list[ListedWindow] = []
    assert "".join(scripted.found(windows.append)[items:]) == ("abcd" if items == 150 else "abc")
    assert hours(scripted.origin) == ["00:00-02:00"] * len(answers) + ["00:00-01:00", "01:00-02:00"]
    middle, end = START.add(hours=1), START.add(hours=2)
    assert [(w.start, w.end, w.pages, w.items, str(w.outcome), w.reason) for w in windows] == [
        (START, end, sum(answer["code"] == 0 for answer in answers), items, "halved", reason),
        (START, middle, 1, 2, "complete", None),
        (middle, end, 1, 2, "complete", None),
    ]


def test_shortest_window_with_too_many_fails(scripted: Scripted) -> None:
    scripted.answers(TOO_MANY)
    windows: list[ListedWindow] = []
    query = RecordingQuery(owner_ids=("ou_1",), start=START, end=START.add(seconds=4))
    with pytest.raises(ServerError, match=r"minutes_search from .* cannot be listed whole: too deep \(code 2094007\)"):
        list(scripted.client.list(query, windows.append))
    assert [
        (str(w.outcome), w.start and (w.start - START).seconds, w.end and (w.end - START).seconds) for w in windows
    ] == [
        ("halved", 0, 4),
        ("halved", 0, 2),
        ("failed", 0, 1),
        ("skipped", 1, 2),
        ("skipped", 2, 4),
    ]
    assert "too deep" in (windows[2].reason or "")


def test_unknown_owner_is_refused_in_all_windows(scripted: Scripted) -> None:
    scripted.answers({"code": 99992351, "msg": "no such user"})
    windows: list[ListedWindow] = []
    query = RecordingQuery(owner_ids=("ou_1",), start=START.subtract(days=40), end=START)
    (owner,) = scripted.client.list(query, windows.append)
    assert (owner.owner_id, owner.state, owner.reason) == ("ou_1", "unknown", "no such user (code 99992351)")
    assert [str(window.outcome) for window in windows] == ["refused", "refused"]
    assert len(scripted.origin.requests) == 1


def test_minutes_are_yielded_as_their_pages_come(scripted: Scripted) -> None:
    tokens = [f"obcnowned{number:015}" for number in range(2)]
    scripted.answers(page(tokens[0], following="2"), page(tokens[1]))
    for token in tokens:
        path = f"/open-apis/minutes/v1/minutes/{token}"
        scripted.origin.on(path, json_body({"code": 0, "data": {"minute": {"token": token}}}))
    listed = scripted.client.list(RecordingQuery(owner_ids=("ou_1",), start=START, end=END))
    assert next(listed).recording_id == tokens[0]
    assert scripted.origin.count(SEARCH_PATH) == 1
    assert [recording.recording_id for recording in listed] == [tokens[1]]


def test_repeated_page_token_is_error(scripted: Scripted) -> None:
    scripted.answers(page("a", following="2"), page("b", following="2"))
    with pytest.raises(ServerError, match="the same cursor twice"):
        scripted.found()


def test_more_without_page_token_is_error(scripted: Scripted) -> None:
    scripted.answers({"code": 0, "data": {"items": [], "has_more": True}})
    with pytest.raises(ServerError, match="no page_token"):
        scripted.found()


def test_failing_minute_of_an_owner_leaves_the_others(scripted: Scripted) -> None:
    tokens = [f"obcnowned{number:015}" for number in range(3)]
    scripted.answers(page(*tokens))
    for token in (tokens[0], tokens[2]):
        path = f"/open-apis/minutes/v1/minutes/{token}"
        scripted.origin.on(path, json_body({"code": 0, "data": {"minute": {"token": token}}}))
    scripted.origin.on(f"/open-apis/minutes/v1/minutes/{tokens[1]}", json_body({"message": "bad gateway"}, 502))
    windows: list[ListedWindow] = []
    found = list(scripted.client.list(RecordingQuery(owner_ids=("ou_1",), start=START, end=END), windows.append))
    assert [(r.recording_id, str(r.state)) for r in found] == [
        (tokens[0], "ready"),
        (tokens[1], "absent"),
        (tokens[2], "ready"),
    ]
    # The minute is reported, so that the listing counts as incomplete.
    assert [(w.selector, w.items, str(w.outcome)) for w in windows] == [
        ("ou_1", 3, "complete"),
        (tokens[1], 0, "failed"),
    ]

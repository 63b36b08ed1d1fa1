"""Plans of backfills, against the requests that the emulator counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api import plan as plan_module
from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.costs import Volume
from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing.batch import Failed, files_of
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.plan import SAMPLED_IDS, plan_backfill
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.coordination.memory import MemoryBackend, ProcessTokenStore
from airflow_provider_meetings.coordination.rate_limiter import SharedRateLimiter
from airflow_provider_meetings.emulator.seed import feishu, wecom
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.feishu_user import user_client

ENDPOINTS = {
    "feishu.minute": "minutes.get",
    "feishu.minute_media": "minutes.media",
    "feishu.minute_transcript": "minutes.transcript",
    "feishu.minute_statistics": "minutes.statistics",
    "feishu.minute_artifacts": "minutes.artifacts",
    "feishu.minutes_search": "minutes.search",
    "feishu.meeting_recording": "meetings.recording",
    "feishu.meeting_list": "meeting_list",
    "feishu.meetings_by_number": "meetings.list_by_no",
    "wecom.record_list": "record.list",
    "wecom.get_file_list": "record.get_file_list",
    "wecom.get_file": "record.get_file",
    "wecom.get_detail": "record.transcript.get_detail",
}
WEEK = {"start": "2026-11-07T00:00:00+08:00", "end": "2026-11-14T00:00:00+08:00"}
END = pendulum.datetime(2026, 11, 14, tz="Asia/Shanghai")
MEETINGS = (
    feishu.READY_MEETING,
    feishu.ENGLISH_MEETING,
    feishu.UNRECORDED_MEETING,
    feishu.FORBIDDEN_MINUTE_MEETING,
    feishu.RUNNING_MEETING,
)


class Platforms:
    """Clients of both platforms, on one emulator."""

    def __init__(self, state: EmulatorState, url: str, folder: Path) -> None:
        self.state = state
        self.url = url
        self.folder = folder

    def client(self, name: str, limiter: SharedRateLimiter | None = None) -> MeetingsClient:
        transport = Transport(base_url=self.url, platform=name.removesuffix("-user"), rate_limiter=limiter)
        tokens = ProcessTokenStore(END.timestamp)
        if name == "wecom":
            return WeComClient(transport, corp_id=WECOM_CORP_ID, corp_secret=WECOM_CORP_SECRET, tokens=tokens)
        if name == "feishu":
            credentials = Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, tokens)
            return FeishuClient(transport, credentials, clock=END.timestamp)
        return user_client(transport, time.time, self.folder / "user")

    def counted(self) -> dict[str, int]:
        """Return the requests since `EmulatorState.forget_counters`, by the endpoint of their quota."""
        return {ENDPOINTS[name]: count for name, count in self.state.calls.items() if name in ENDPOINTS}


@pytest.fixture(scope="module")
def platforms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platforms]:
    state = EmulatorState()
    with serve(state) as url:
        yield Platforms(state, url, tmp_path_factory.mktemp("plan"))


def planned(client: MeetingsClient, query: RecordingQuery, *kinds: str, **options: Any) -> dict[str, Any]:
    return plan_backfill(client, query, kinds or ("video",), **{"per_day": None, "batch_size": 10, **options})


def requests_by_endpoint(plan: dict[str, Any]) -> dict[str, int]:
    endpoints: dict[str, int] = {}
    for row in plan["endpoints"]:
        endpoints[row["endpoint"]] = endpoints.get(row["endpoint"], 0) + row["requests"]
    return {name: requests for name, requests in endpoints.items() if requests}


QUERIES = {
    "wecom owners": ("wecom", {"owner_ids": wecom.OWNERS, **WEEK}),
    "wecom meetings": ("wecom", {"meeting_ids": (wecom.STANDUP_MEETINGID, "hy-20261103-lina-1000"), **WEEK}),
    "wecom numbers": ("wecom", {"meeting_numbers": (wecom.STANDUP_CODE,), **WEEK}),
    "feishu meetings": ("feishu", {"meeting_ids": MEETINGS}),
    "feishu numbers": ("feishu", {"meeting_numbers": (feishu.READY_NUMBER, feishu.RECURRING_NUMBER), **WEEK}),
    "feishu window": ("feishu", WEEK),
    "feishu owners": ("feishu-user", {"owner_ids": (feishu.CHEN_YU.open_id, feishu.MIA_WANG.open_id), **WEEK}),
}


@pytest.mark.parametrize(("platform", "selected"), QUERIES.values(), ids=QUERIES)
def test_plan_equals_listing_and_landing(
    platforms: Platforms, tmp_path: Path, platform: str, selected: dict[str, Any]
) -> None:
    client = platforms.client(platform)
    query = RecordingQuery(**selected)
    plan = planned(client, query, *client.kinds)
    assert "sample" in plan["basis"]
    platforms.state.forget_counters()
    found = list(client.list(query))
    listing = platforms.counted()
    ready = [recording for recording in found if recording.files]
    landing = Landing(client, LocalStore(tmp_path, "file:///lake"), layout=Layout())
    for file in files_of(client, ready, client.kinds):
        assert not isinstance(file, Failed)
        landing.land(*file)
    assert requests_by_endpoint(plan) == platforms.counted()
    assert listing.keys() < platforms.counted().keys()
    assert (plan["recordings"], plan["batches"]) == (len(ready), -(-len(ready) // 10))
    assert plan["bytes"] > 0


def test_pages_are_within_one_per_window(platforms: Platforms, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the recordings are in the last of three windows of one owner, and the plan knows their number only."""
    company = platforms.state.company
    standup = next(r for r in company.wecom_recordings.values() if r.creator == "zhangwei")
    many = [
        replace(standup, meeting_record_id=f"many-{number}", meeting_start_time=END - timedelta(hours=5 + number))
        for number in range(100)
    ]
    monkeypatch.setattr(
        platforms.state, "company", replace(company, wecom_recordings={r.meeting_record_id: r for r in many})
    )
    query = RecordingQuery(owner_ids=("zhangwei", "lina"), start=END.subtract(days=80), end=END)
    client = platforms.client("wecom")
    plan = planned(client, query, per_day=100 // 80)
    assert plan["endpoints"][0]["windows"] == {"31 d": 4, "18 d": 2}
    ((_, requests, windows), _) = client.requests_of(query, Volume(100, 100, 100, 100), ["video"])
    platforms.state.forget_counters()
    assert len(list(client.list(query))) == 100
    assert abs(requests - platforms.counted()["record.list"]) <= len(windows) == 6


def test_hours_follow_from_quota_and_share(platforms: Platforms) -> None:
    """A day of a thousand recordings: 5 calls a second of each of four endpoints, of which the share is a half."""
    limiter = SharedRateLimiter(MemoryBackend(), ("feishu",), 0.5)
    platforms.state.forget_counters()
    query = RecordingQuery(owner_ids=("ou_a",), start=END.subtract(days=36), end=END)
    kinds = ("video", "transcript", "todos", "summary")
    plan = planned(platforms.client("feishu-user", limiter), query, *kinds, per_day=1000, batch_size=1000)
    assert platforms.state.calls.total() == 0
    # 36,000 recordings, and twice as many transcripts: one for each format.
    hours = {row["endpoint"]: (row["requests"], row["hours"]) for row in plan["endpoints"]}
    seconds = 1 / (5 * 0.98 / 2)
    assert hours["minutes.transcript"] == (72_000, round(72_000 * seconds / 3600, 3))
    assert hours["minutes.artifacts"] == hours["minutes.media"] == (36_000, round(36_000 * seconds / 3600, 3))
    # 28 days, then 8.
    assert hours["minutes.search"] == (1201, round(1201 * 60 / (100 * 0.98 / 2) / 3600, 3))
    assert (plan["decides"], plan["hours"]) == ("minutes.transcript", hours["minutes.transcript"][1])
    assert (plan["recordings"], plan["batches"], plan["bytes"]) == (36_000, 36, None)
    assert plan["basis"] == "1000 recordings a day, as given"


def test_sample_is_scaled_to_all_ids_and_days(platforms: Platforms) -> None:
    ids = (*wecom.OWNERS, *(f"user-{number}" for number in range(6)))
    query = RecordingQuery(owner_ids=ids, start=END.subtract(days=70), end=END)
    platforms.state.forget_counters()
    plan = planned(platforms.client("wecom"), query)
    # Six days cost thirty requests.
    assert f"a sample of {SAMPLED_IDS} ids from 2026-11-07T16:00:00" in plan["basis"]
    ready = [
        recording
        for recording in platforms.state.company.wecom_recordings.values()
        if recording.creator in ids[::2]
        and recording.meeting_start_time >= END.subtract(days=6)
        and recording.status != "recording"
    ]
    assert plan["recordings"] == round(len(ready) * (10 / SAMPLED_IDS) * (70 / 6))
    assert plan["bytes_by"] == "declared sizes"


def test_long_sample_is_given_up(platforms: Platforms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "MOST_REQUESTS", 6)
    platforms.state.forget_counters()
    with pytest.raises(InvalidRequest, match="--per-day"):
        planned(platforms.client("feishu"), RecordingQuery(meeting_ids=MEETINGS))
    # The recording's endpoint, the minute's and that of the token.
    assert platforms.state.calls.total() in (7, 8)

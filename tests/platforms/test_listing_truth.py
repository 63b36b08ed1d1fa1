"""A listing yields what the platform has, each recording once, or names the windows that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import MeetingsApiError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.models import Recording
from airflow_provider_meetings.api.windows import ListedWindow, WindowOutcome
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.seed.credentials import (
    FEISHU_APP_ID,
    FEISHU_APP_SECRET,
    WECOM_CORP_ID,
    WECOM_CORP_SECRET,
)
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.api import client as feishu_client
from airflow_provider_meetings.platforms.feishu.api.client import ONGOING
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.feishu_user import user_client
from tests.contract.listing import CASES, NOW, SECOND, Case, Example, Item, examples


@dataclass
class Bench:
    """An emulator and the clients that list from it."""

    state: EmulatorState
    clients: dict[str, MeetingsClient]

    def run(self, case: Case, client: MeetingsClient, example: Example) -> None:
        """List with faults, then twice without."""
        self.state.company = case.company(example.items)
        faults = (self.state.pages, self.state.failures, self.state.hangs)
        try:
            for fault in example.faults:
                fault.inject(self.state, case.endpoint)
            self.state.pages.size = example.page_size
            late = {item for item in example.items if item.number in example.late}
            self.state.pages.late = {case.late_id(item): example.late[item.number] for item in late}
            self.state.minutes_search_depth, self.state.minutes_search_most = example.depth, example.most
            self.compare(case, client, example, late)
        finally:
            for one in faults:
                one.clear()
            self.state.pages.size, self.state.pages.late = None, {}
            self.state.minutes_search_depth = self.state.minutes_search_most = None
        clean = replace(example, faults=(), depth=None, most=None)
        assert self.compare(case, client, clean, set()) == self.compare(case, client, clean, set())

    def compare(self, case: Case, client: MeetingsClient, example: Example, late: set[Item]) -> list[Recording]:
        """List once, and compare with what the company has."""
        windows: list[ListedWindow] = []
        found: list[Recording] = []
        failed: MeetingsApiError | None = None
        try:
            for recording in client.list(example.query, windows.append):
                found.append(recording)
        except MeetingsApiError as error:
            failed = error
        ids = [name for recording in found if (name := case.listed_id(recording))]
        assert len(ids) == len(set(ids))
        by_id = {case.late_id(item): item for item in example.items}
        listed = {by_id[name] for name in ids}
        # The platforms take whole seconds and include the ends; the client drops only what shows its time.
        allowed = example.of_query(before=SECOND, after=timedelta(0) if case.timed else SECOND)
        assert listed <= allowed, (listed - allowed, windows)
        covered: set[Item] = set()
        # The report of ended meetings: no meeting of the company is ongoing.
        for window in (window for window in windows if window.endpoint != f"meeting_list?meeting_status={ONGOING}"):
            has = example.of(window.selector, window.start, window.end)
            if window.outcome is WindowOutcome.COMPLETE:
                assert has - late <= listed, (has - late - listed, failed, windows)
            if window.outcome is not WindowOutcome.HALVED:
                covered |= has
        incomplete = [window for window in windows if window.outcome.is_incomplete]
        if failed or incomplete:
            assert example.may_fail, (failed, windows)
            assert incomplete, (failed, windows)
            assert all(window.reason for window in incomplete)
        if not failed:
            assert example.of_query() <= covered, windows
        if not example.faults:
            assert sum(window.items for window in windows) >= len(listed)
        return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    def clock() -> float:
        return NOW.timestamp()

    state = EmulatorState(clock=clock)
    with serve(state) as url:
        feishu, wecom = (
            Transport(base_url=url, platform=platform, sleep=lambda _: None) for platform in ("feishu", "wecom")
        )
        app = FeishuClient(feishu, Credentials(FEISHU_APP_ID, FEISHU_APP_SECRET, ProcessTokenStore(clock)), clock=clock)
        yield Bench(
            state,
            {
                "feishu window": app,
                "feishu numbers": app,
                "feishu owners": user_client(feishu, clock, Path(tmp_path_factory.mktemp("user"))),
                "wecom": WeComClient(
                    wecom,
                    corp_id=WECOM_CORP_ID,
                    corp_secret=WECOM_CORP_SECRET,
                    tokens=ProcessTokenStore(clock),
                    clock=clock,
                ),
            },
        )
        feishu.close()
        wecom.close()


@pytest.mark.parametrize("name", CASES)
def test_listing_equals_truth_or_names_what_is_missing(
    name: str, bench: Bench, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, client = CASES[name], bench.clients[name]
    monkeypatch.setattr(feishu_client, "_MOST", CASES["feishu owners"].reliable)

    @settings(max_examples=pytestconfig.getoption("--sequences") // 2, deadline=None)
    @given(examples(case))
    def run(example: Example) -> None:
        bench.run(case, client, example)

    run()

"""The contract test of all clients: tests that every platform inherits."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pendulum
import pytest

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import AuthenticationError, InvalidRequest, ServerError
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.landing.landing import Landing
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.models import Download, MediaKind, Recording, RecordingState, StoredFile
from airflow_provider_meetings.api.query import SELECTORS, WINDOW, RecordingQuery
from airflow_provider_meetings.api.windows import ListedWindow
from airflow_provider_meetings.emulator.model.endpoints import Platform
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.storage.local.store import LocalStore
from tests.contract.leaks import error_text


class Clock:
    """The day after the company's last meeting, until the test moves it."""

    def __init__(self) -> None:
        self.now = pendulum.datetime(2026, 11, 14, tz="Asia/Shanghai").timestamp()

    def __call__(self) -> float:
        return self.now


class ClientContract(ABC):
    """Inherit it as ``TestXContract`` and implement the abstract methods."""

    platform: ClassVar[Platform]
    secret: ClassVar[str]

    @abstractmethod
    def make(self, transport: Transport, clock: Clock, *, secret: str) -> MeetingsClient:
        """Return a client of the emulator's company, with a new token store."""

    @abstractmethod
    def queries(self) -> dict[str, RecordingQuery]:
        """Return one query for each selector but ``recordings``; each finds recordings in several states."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def state(self, clock: Clock) -> EmulatorState:
        return EmulatorState(clock=clock)

    @pytest.fixture
    def base_url(self, state: EmulatorState) -> Iterator[str]:
        with serve(state) as base_url:
            yield base_url

    @pytest.fixture
    def reported_secrets(self) -> list[str]:
        return []

    @pytest.fixture
    def transport(self, base_url: str, reported_secrets: list[str]) -> Iterator[Transport]:
        with ExitStack() as stack:
            transport = Transport(
                base_url=base_url, platform=self.platform, sleep=lambda _: None, on_secret=reported_secrets.append
            )
            stack.callback(transport.close)
            yield transport

    @pytest.fixture
    def client(self, transport: Transport, clock: Clock) -> MeetingsClient:
        return self.make(transport, clock, secret=self.secret)

    def all_recordings(self, client: MeetingsClient) -> list[Recording]:
        return [recording for query in self.queries().values() for recording in client.list(query)]

    def ready(self, client: MeetingsClient) -> list[Recording]:
        return [recording for recording in self.all_recordings(client) if recording.state is RecordingState.READY]

    def test_every_selector_has_query(self, client: MeetingsClient) -> None:
        assert {*self.queries(), "recordings"} == set(client.selectors)
        assert client.platform == self.platform

    def test_unsupported_selector_sends_no_request(self, client: MeetingsClient, state: EmulatorState) -> None:
        for name in set(SELECTORS) - set(client.selectors):
            arguments: dict[str, Any] = {name: ("x",)}
            with pytest.raises(InvalidRequest) as caught:
                client.list(RecordingQuery(**arguments))
            assert name in str(caught.value)
            for works in client.selectors:
                assert works in str(caught.value)
        assert state.requests == []

    def test_listing_has_no_duplicates(self, client: MeetingsClient) -> None:
        for query in self.queries().values():
            names = [(r.recording_id, r.recording_id or r.meeting_id) for r in client.list(query)]
            assert names
            assert len(names) == len(set(names))

    def test_overlapping_selectors_have_no_duplicates(self, client: MeetingsClient) -> None:
        for query in self.queries().values():
            if query.selectors == (WINDOW,):
                continue  # it goes with no other selector
            found = tuple(client.list(query))
            both = replace(query, recordings=RecordingQuery.refs(r for r in found if r.recording_id))
            assert {r.recording_id for r in client.list(both)} == {r.recording_id for r in found}
            assert len(tuple(client.list(both))) == len(found)

    def test_check_equals_list(self, client: MeetingsClient) -> None:
        for query in self.queries().values():
            assert client.check(query) == tuple(client.list(query))

    def test_listed_recordings_can_be_queried(self, client: MeetingsClient) -> None:
        for query in self.queries().values():
            found = {r.recording_id: r for r in client.list(query) if r.recording_id}
            again = client.check(RecordingQuery(recordings=RecordingQuery.refs(found.values())))
            assert {r.recording_id: r for r in again} == found

    def test_recordings_round_trip_through_json(self, client: MeetingsClient) -> None:
        for recording in self.all_recordings(client):
            assert Recording.from_dict(json.loads(json.dumps(recording.to_dict()))) == recording
            assert (recording.platform, recording.tenant) == (self.platform, client.tenant)

    def test_recordings_say_when_the_platform_answered(self, client: MeetingsClient, clock: Clock) -> None:
        clock.now += 60
        assert {one.asked_at for one in self.all_recordings(client)} == {pendulum.from_timestamp(clock.now)}

    def test_only_ready_recordings_have_files(self, client: MeetingsClient) -> None:
        assert self.ready(client)
        for recording in self.all_recordings(client):
            assert bool(recording.files) == (recording.state is RecordingState.READY)
            assert (recording.reason is None) == (recording.state is RecordingState.READY)
            for file in recording.files:
                assert (file.platform, file.tenant) == (self.platform, client.tenant)
                assert (file.recording_id, file.meeting_id) == (recording.recording_id, recording.meeting_id)

    def test_media_of_given_kinds_only(self, client: MeetingsClient) -> None:
        offered = set()
        for recording in self.ready(client)[::5]:
            for kind in MediaKind:
                files = list(client.media(recording, [kind]))
                assert {file.kind.partition("-")[0] for file in files} <= {kind}
                assert len({(file.file_id, file.kind) for file in files}) == len(files)
                assert all(file.recording_id == recording.recording_id for file in files)
                offered |= {file.kind for file in files}
            everything = list(client.media(recording, list(MediaKind)))
            assert len(everything) == sum(len(list(client.media(recording, [kind]))) for kind in MediaKind)
        families = {kind.partition("-")[0] for kind in client.kinds}
        assert {kind.partition("-")[0] for kind in offered} == families

    def test_kinds_of_other_platforms_are_accepted(self, client: MeetingsClient) -> None:
        """A DAG may request the same kinds from all platforms."""
        assert MediaKind.check(client.kinds, client.kinds, client.platform) == client.kinds
        MediaKind.check(client.kinds, ["video"], "another")

    def test_media_without_kinds_is_empty(self, client: MeetingsClient, state: EmulatorState) -> None:
        recording = self.ready(client)[0]
        before = len(state.requests)
        assert list(client.media(recording, ())) == []
        assert len(state.requests) == before

    def test_open_twice_resolves_new_link(self, client: MeetingsClient) -> None:
        for media in client.media(self.ready(client)[0], client.kinds):
            first, second = client.open(media), client.open(media)
            if isinstance(first, Download):
                assert isinstance(second, Download)
                assert first.url != second.url  # a new link each time, not a cached one
            else:
                assert not isinstance(second, Download)
                assert first is None or b"".join(first) == b"".join(second or ())

    def test_opened_media_have_content(self, client: MeetingsClient, transport: Transport) -> None:
        opened = 0
        for recording in self.ready(client)[:4]:
            for media in client.media(recording, client.kinds):
                content = client.open(media)
                if isinstance(content, Download):
                    with client.media_session.stream(content.url) as stream:
                        assert sum(map(len, stream.chunks())) == stream.length
                    opened += 1
                elif content is not None:
                    assert b"".join(content)
                    opened += 1
        assert opened

    def test_ready_recordings_land(self, client: MeetingsClient, tmp_path: Path, state: EmulatorState) -> None:
        store = LocalStore(tmp_path, "file:///target")
        landing = Landing(client, store, layout=Layout(timezone="Asia/Shanghai"))
        offered = {kind.partition("-")[0] for kind in client.kinds}
        stored: list[StoredFile] = []
        for recording in self.ready(client):
            stored += [landing.land(recording, media) for media in client.media(recording, client.kinds)]
            landed = [file for file in stored if file.outcome == "landed"]
            if {file.kind.partition("-")[0] for file in landed} == offered:
                break
        else:
            pytest.fail("no recording of the company has files of all kinds of the platform")
        assert {file.outcome for file in stored} <= {"landed", "absent"}
        again = replace(recording, revisit=True)  # the same answers have the same bytes
        revisited = [landing.land(again, media) for media in client.media(again, client.kinds)]
        assert {file.outcome for file in revisited} <= {"skipped", "absent"}
        for file in landed:
            path = tmp_path / str(file.uri).removeprefix("file:///target/")
            assert path.stat().st_size == file.size
        # The media host never gets the token.
        for request in state.requests:
            if "media" in request.path.split("/")[1] or "/stream/" in request.path:
                assert request.withheld == ()

    def test_expired_link_fails_landing(self, client: MeetingsClient, tmp_path: Path, state: EmulatorState) -> None:
        recording = self.ready(client)[0]
        video = next(iter(client.media(recording, ["video"])))
        state.link_seconds = 0
        landing = Landing(client, LocalStore(tmp_path, "file:///target"), layout=Layout())
        with pytest.raises(Exception, match="status 403") as caught:
            landing.land(recording, video)
        assert type(caught.value).__name__ == "LinkExpired"
        assert not any(path.is_file() for path in tmp_path.rglob("*"))

    def test_values_and_identity_contain_no_secret(self, client: MeetingsClient, reported_secrets: list[str]) -> None:
        recordings = self.all_recordings(client)
        files = [media for r in recordings if r.files for media in client.media(r, client.kinds)]
        links = [content.url for media in files[:6] if isinstance(content := client.open(media), Download)]
        assert links
        assert reported_secrets
        signatures = [value for link in links for value in dict(parse_qsl(urlsplit(link).query)).values()]
        text = json.dumps([value.to_dict() for value in (*recordings, *files)]) + client.whoami()
        for secret in {self.secret, "Bw-8731", *reported_secrets, *links, *signatures}:
            assert secret not in text

    def test_wrong_secret_is_permanent_and_hidden(
        self, transport: Transport, clock: Clock, state: EmulatorState
    ) -> None:
        client = self.make(transport, clock, secret="wr0ng-S3CRET")
        for request in (client.whoami, lambda: [*client.list(next(iter(self.queries().values())))]):
            before = state.token_requests[self.platform]
            with pytest.raises(AuthenticationError) as caught:
                request()
            for name in ("login", "password", self.platform):
                assert name in str(caught.value)
            assert caught.value.permanent
            assert "wr0ng-S3CRET" not in error_text(caught.value)
            assert state.token_requests[self.platform] == before + 1

    def test_revoked_token_is_refreshed_once(self, client: MeetingsClient, state: EmulatorState) -> None:
        self.all_recordings(client)
        assert state.token_requests[self.platform] == 1
        state.revoke_tokens()
        self.all_recordings(client)
        assert state.token_requests[self.platform] == 2

    def test_token_is_renewed_before_expiry(self, client: MeetingsClient, state: EmulatorState, clock: Clock) -> None:
        client.whoami()
        clock.now += 7200 - 301
        client.whoami()
        assert state.token_requests[self.platform] == 1
        clock.now += 2
        client.whoami()
        assert state.token_requests[self.platform] == 2

    def test_unreachable_host_is_named(self, clock: Clock) -> None:
        transport = Transport(base_url="http://no-such-host.invalid", platform=self.platform, sleep=lambda _: None)
        client = self.make(transport, clock, secret=self.secret)
        with pytest.raises(ServerError, match=r"http://no-such-host\.invalid") as caught:
            client.whoami()
        assert self.secret not in error_text(caught.value)
        transport.close()

    def test_listings_are_reported(self, client: MeetingsClient) -> None:
        for query in self.queries().values():
            windows: list[ListedWindow] = []
            found = list(client.list(query, windows.append))
            assert sum(window.items for window in windows) >= len([r for r in found if r.recording_id])
            for window in windows:
                assert window.to_dict()["outcome"] == "complete"
                assert json.loads(json.dumps(window.to_dict())) == window.to_dict()
                assert (window.start is None) == (not set(query.selectors) & set(client.windowed))

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, cast

import pendulum
import pytest

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import (
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.models import Download, MediaFile, Recording, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.api.windows import ListedWindow
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.model.endpoints import Platform
from airflow_provider_meetings.emulator.seed import wecom as seed
from airflow_provider_meetings.emulator.seed.credentials import WECOM_CORP_ID, WECOM_CORP_SECRET
from airflow_provider_meetings.emulator.state.emulator import EmulatorState, WecomSpelling
from airflow_provider_meetings.platforms.wecom.recordings import WeComClient
from tests.contract.client import ClientContract, Clock
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin, json_body, serve_origin

LIST, FILES = "/cgi-bin/meeting/record/list", "/cgi-bin/meeting/record/get_file_list"
ONE_FILE, TRANSCRIPT = "/cgi-bin/meeting/record/get_file", "/cgi-bin/meeting/record/transcript/get_detail"
START = pendulum.datetime(2026, 10, 14, tz="Asia/Shanghai")
END = pendulum.datetime(2026, 11, 14, tz="Asia/Shanghai")
DAY = pendulum.datetime(2026, 11, 12, tz="Asia/Shanghai")
COMPANY = {recording.meeting_record_id: recording for recording in seed.recordings()}


class TestWeComContract(ClientContract):
    platform: ClassVar[Platform] = "wecom"
    secret: ClassVar[str] = WECOM_CORP_SECRET

    def make(self, transport: Transport, clock: Clock, *, secret: str) -> WeComClient:
        return WeComClient(
            transport, corp_id=WECOM_CORP_ID, corp_secret=secret, tokens=ProcessTokenStore(clock), clock=clock
        )

    def queries(self) -> dict[str, RecordingQuery]:
        return {
            "owner_ids": RecordingQuery(owner_ids=seed.OWNERS, start=START, end=END),
            "meeting_ids": RecordingQuery(
                meeting_ids=(seed.STANDUP_MEETINGID, COMPANY[seed.SHARED_RECORD].meetingid), start=START, end=END
            ),
            "meeting_numbers": RecordingQuery(meeting_numbers=(seed.STANDUP_CODE,), start=START, end=END),
        }

    @pytest.fixture
    def wecom(self, client: MeetingsClient) -> WeComClient:
        return cast(WeComClient, client)

    def special_day(self, client: MeetingsClient) -> dict[str, Recording]:
        found = client.list(RecordingQuery(owner_ids=seed.OWNERS, start=DAY, end=DAY.add(days=1)))
        return {str(recording.recording_id): recording for recording in found}

    @pytest.mark.parametrize("spelling", ["record_list", "record_meetings"])
    def test_states_in_both_spellings(
        self, client: MeetingsClient, state: EmulatorState, spelling: WecomSpelling
    ) -> None:
        state.wecom_spelling = spelling
        found = self.special_day(client)
        assert {name: (str(r.state), len(r.files)) for name, r in found.items()} == {
            seed.TWO_FILES_RECORD: ("ready", 2),
            seed.SHARED_RECORD: ("ready", 1),
            seed.PROCESSING_RECORD: ("ready", 1),
            seed.ENDLESS_RECORD: ("recording", 0),
        }
        shared = found[seed.SHARED_RECORD]
        expected = COMPANY[seed.SHARED_RECORD]
        assert shared.started_at == expected.files[0].record_start_time
        assert shared.ended_at == expected.files[0].record_end_time
        assert shared.duration_ms == 30 * 60 * 1000
        assert (shared.meeting_id, shared.meeting_number) == (expected.meetingid, expected.meeting_code)
        assert (shared.owner_id, shared.title, shared.tenant) == ("lina", expected.title, WECOM_CORP_ID)
        assert shared.files[0].source["has_password"] is True

    def test_states_before_ready(self, client: MeetingsClient, state: EmulatorState) -> None:
        state.not_ready_polls = 1
        ref = RecordingRef(recording_id=seed.PROCESSING_RECORD, meeting_id=COMPANY[seed.PROCESSING_RECORD].meetingid)
        query = RecordingQuery(recordings=(ref,))
        states = [client.check(query)[0] for _ in range(3)]
        assert [(str(r.state), r.reason) for r in states] == [
            ("recording", "state 1"),
            ("processing", "state 2"),
            ("ready", None),
        ]

    def test_window_over_31_days_is_split(self, client: MeetingsClient, state: EmulatorState) -> None:
        start = END.subtract(days=62)
        windows: list[ListedWindow] = []
        query = RecordingQuery(owner_ids=("zhangwei",), start=start, end=END)
        found = [recording.recording_id for recording in client.list(query, windows.append)]
        expected = {name for name, recording in COMPANY.items() if recording.creator == "zhangwei"}
        assert set(found) == expected
        assert len(found) == len(expected)
        bodies = [request.body for request in state.requests if request.path == LIST]
        middle = start.add(days=31)
        spans = {(body["start_time"], body["end_time"]) for body in bodies}
        assert spans == {(start.timestamp(), middle.timestamp()), (middle.timestamp(), END.timestamp())}
        assert {body["limit"] for body in bodies} == {20}
        assert all(type(body[name]) is int for body in bodies for name in ("start_time", "end_time", "limit"))
        assert {body["userid"] for body in bodies} == {"zhangwei"}
        assert not any({"meetingid", "meeting_code"} & set(body) for body in bodies)
        # one chain has more than one page, and differs in nothing but the cursor
        assert ["cursor" in body for body in bodies] == [False, False, True]
        assert {**bodies[2], "cursor": None} == {**bodies[1], "cursor": None}
        assert [(w.pages, w.start, w.end) for w in windows] == [(1, start, middle), (2, middle, END)]
        assert sum(w.items for w in windows) == len(expected)

    def test_last_second_of_window_is_listed(self, client: MeetingsClient, state: EmulatorState) -> None:
        """The platform takes whole seconds, a manual run has microseconds, and 31 days are the longest window."""
        last = COMPANY[seed.SHARED_RECORD]
        end = pendulum.instance(last.meeting_start_time).add(microseconds=600_000)
        changed = replace(last, meeting_start_time=end.subtract(microseconds=1000))
        state.company = replace(state.company, wecom_recordings={last.meeting_record_id: changed})
        query = RecordingQuery(meeting_ids=(last.meetingid,), start=end.subtract(days=31), end=end)
        assert [recording.recording_id for recording in client.list(query)] == [last.meeting_record_id]
        query = replace(query, end=end.subtract(microseconds=1000))
        assert [recording.recording_id for recording in client.list(query)] == [None]

    def test_window_of_31_days_is_one_request(self, client: MeetingsClient, state: EmulatorState) -> None:
        list(client.list(RecordingQuery(owner_ids=("nobody",), start=END.subtract(days=31), end=END)))
        assert sum(request.path == LIST for request in state.requests) == 1

    def test_check_without_window_looks_back_31_days(
        self, client: MeetingsClient, state: EmulatorState, clock: Clock
    ) -> None:
        client.check(RecordingQuery(meeting_ids=(seed.STANDUP_MEETINGID,)))
        (body,) = {(r.body["start_time"], r.body["end_time"]) for r in state.requests if r.path == LIST}
        ahead = 3600  # the platform's clock may be ahead
        assert body == (int(clock.now) + ahead - 31 * 24 * 3600, int(clock.now) + ahead)

    def test_recording_is_asked_for_around_its_start(
        self, client: MeetingsClient, state: EmulatorState, clock: Clock
    ) -> None:
        oldest = min(COMPANY.values(), key=lambda recording: recording.meeting_start_time)
        clock.now += 40 * 24 * 3600
        ref = RecordingRef(
            recording_id=oldest.meeting_record_id,
            meeting_id=oldest.meetingid,
            started_at=pendulum.instance(oldest.files[0].record_start_time),
        )
        (recording,) = client.check(RecordingQuery(recordings=(ref,)))
        assert (recording.recording_id, str(recording.state)) == (oldest.meeting_record_id, "ready")
        assert sum(request.path == LIST for request in state.requests) == 1

    def test_meeting_without_recording_is_absent(self, client: MeetingsClient) -> None:
        query = RecordingQuery(meeting_ids=("hy-none", "hy-nothing"), start=START, end=END)
        found = [(r.meeting_id, r.recording_id, str(r.state)) for r in client.list(query)]
        assert found == [("hy-none", None, "absent"), ("hy-nothing", None, "absent")]

    def test_meeting_number_without_recording_is_absent(self, client: MeetingsClient) -> None:
        query = RecordingQuery(meeting_numbers=("111", "222"), start=START, end=END)
        found = [(r.meeting_number, str(r.state)) for r in client.list(query)]
        assert found == [("111", "absent"), ("222", "absent")]

    def test_unlisted_recording_is_unknown(self, client: MeetingsClient) -> None:
        ref = RecordingRef(recording_id="mr-deleted", meeting_id=seed.STANDUP_MEETINGID)
        (recording,) = client.check(RecordingQuery(recordings=(ref,)))
        assert (recording.recording_id, recording.meeting_id) == ("mr-deleted", seed.STANDUP_MEETINGID)
        assert str(recording.state) == "unknown"

    def test_recording_is_listed_by_its_meeting(self, client: MeetingsClient, state: EmulatorState) -> None:
        ref = RecordingRef(recording_id="r", meeting_id=None)
        with pytest.raises(InvalidRequest, match="both recording_id and meeting_id"):
            client.check(RecordingQuery(recordings=(ref,)))
        assert state.requests == []

    def test_window_end_is_exclusive(self, client: MeetingsClient) -> None:
        begins = pendulum.instance(COMPANY[seed.SHARED_RECORD].meeting_start_time)
        before = RecordingQuery(owner_ids=("lina",), start=begins.subtract(hours=1), end=begins)
        after = RecordingQuery(owner_ids=("lina",), start=begins, end=begins.add(hours=1))
        assert [r.recording_id for r in client.list(after)] == [seed.SHARED_RECORD]
        assert [r.recording_id for r in client.list(before)] == []

    def test_exactly_one_selector(self, wecom: WeComClient, state: EmulatorState) -> None:
        wrong: tuple[dict[str, Any], ...] = ({}, {"meetingid": "a", "userid": "b"}, {"meetingid": ""})
        for selectors in wrong:
            with pytest.raises(InvalidRequest, match="exactly one"):
                list(wecom.list_recordings(START, END, **selectors))
        assert state.requests == []

    def test_media_of_two_files(self, client: MeetingsClient, transport: Transport) -> None:
        recording = self.special_day(client)[seed.TWO_FILES_RECORD]
        media = list(client.media(recording, ["video", "summary", "audio", "ai_transcript"]))
        # Files that need a request come last, grouped by file.
        rounds = (["video", "audio"], ["summary-docx", "summary-txt", "summary-pdf"], ["ai_transcript-txt"])
        assert [(m.file_id, m.kind) for m in media] == [
            (file.record_file_id, kind)
            for kinds in rounds
            for file in COMPANY[seed.TWO_FILES_RECORD].files
            for kind in kinds
        ]
        for m in media:
            file = next(f for f in COMPANY[seed.TWO_FILES_RECORD].files if f.record_file_id == m.file_id)
            summaries = {f"summary-{s.kind}": s for s in file.summaries}
            texts = {**summaries, "ai_transcript-txt": file.ai_transcript}
            expected = {"video": file.video, "audio": file.audio, **texts}[m.kind]
            assert expected is not None
            assert m.declared_size == (expected.size if m.kind == "video" else None)
            download = client.open(m)
            assert isinstance(download, Download)
            with client.media_session.stream(download.url) as stream:
                assert b"".join(stream.chunks()) == expected.read()

    def test_single_summary_format(self, client: MeetingsClient) -> None:
        recording = self.special_day(client)[seed.SHARED_RECORD]
        assert [m.kind for m in client.media(recording, ["summary-txt"])] == ["summary-txt"]

    def test_kind_requested_twice_is_returned_once(self, client: MeetingsClient) -> None:
        recording = self.special_day(client)[seed.SHARED_RECORD]
        kinds = [
            "summary-txt",
            "summary",
            "ai_transcript",
            "ai_transcript-txt",
            "video",
            "video",
            "transcript-json",
            "transcript",
        ]
        names = [m.kind for m in client.media(recording, kinds)]
        assert len(names) == len(set(names))
        assert set(names) == {
            "video",
            "transcript-json",
            "summary-txt",
            "summary-docx",
            "summary-pdf",
            "ai_transcript-txt",
        }

    def test_transcript_is_served_unchanged(self, client: MeetingsClient, state: EmulatorState) -> None:
        recording = self.special_day(client)[seed.SHARED_RECORD]
        (media,) = client.media(recording, ["transcript"])
        opened = client.open(media)
        assert opened is not None
        assert not isinstance(opened, Download)
        content = b"".join(opened)
        transcript = json.loads(content)
        expected = COMPANY[seed.SHARED_RECORD].files[0].transcript
        assert expected is not None
        assert sorted(transcript) == ["audio_detect", "keywords", "paragraphs"]
        assert (transcript["audio_detect"], transcript["keywords"]) == (expected.audio_detect, list(expected.keywords))
        assert [p["speaker_info"].get("userid", "") for p in transcript["paragraphs"]] == [
            p.userid for p in expected.paragraphs
        ]
        assert transcript["paragraphs"][0]["sentences"][0]["words"][0]["text"] == "大家好"
        assert "大家好" in content.decode()
        assert content.startswith(b'{"audio_detect": 1, "keywords": [')

    def test_file_without_summary(self, client: MeetingsClient) -> None:
        standup = RecordingQuery(meeting_ids=(seed.STANDUP_MEETINGID,), start=START, end=END)
        recording = next(iter(client.list(standup)))
        media = list(client.media(recording, ["transcript", "ai_transcript", "summary-pdf"]))
        assert [m.kind for m in media] == ["transcript-json", "summary-pdf", "ai_transcript"]
        assert [client.open(m) for m in media] == [None, None, None]

    def test_addresses_are_requested_only_if_needed(self, client: MeetingsClient, state: EmulatorState) -> None:
        recording = self.special_day(client)[seed.SHARED_RECORD]
        before = len(state.requests)
        kinds = ["video", "audio", "transcript-json"]
        assert [m.kind for m in client.media(recording, ["video", "audio", "transcript"])] == kinds
        assert len(state.requests) == before

    def test_recording_without_video(self, client: MeetingsClient) -> None:
        query = RecordingQuery(owner_ids=("wangfang",), start=START, end=END)
        recording = next(r for r in client.list(query) if r.recording_id == seed.AUDIO_ONLY_RECORD)
        opened = {m.kind: client.open(m) for m in client.media(recording, ["video", "audio"])}
        assert opened["video"] is None
        assert isinstance(opened["audio"], Download)
        assert opened["audio"].file_type == "m4a"

    def test_file_without_meeting_is_refused(self, client: MeetingsClient, state: EmulatorState) -> None:
        media = MediaFile(platform="wecom", tenant="t", recording_id="r", meeting_id=None, file_id="f", kind="video")
        recording = replace(recording_with(media), meeting_id=None)
        for kind in ("video", "summary-txt", "transcript-json", "ai_transcript-txt"):
            with pytest.raises(InvalidRequest, match="together"):
                client.open(replace(media, kind=kind))
        for kind in ("summary", "ai_transcript"):
            with pytest.raises(InvalidRequest, match="together"):
                list(client.media(recording, [kind]))
        assert state.requests == []

    def test_token_is_sent_in_api_query_only(self, client: MeetingsClient, state: EmulatorState) -> None:
        recording = self.special_day(client)[seed.SHARED_RECORD]
        client.open(next(iter(client.media(recording, ["video"]))))
        token, *others = state.requests
        assert (token.method, token.path) == ("GET", "/cgi-bin/gettoken")
        assert (token.query, token.withheld) == ({"corpid": WECOM_CORP_ID}, ("corpsecret",))
        assert [request.query for request in others] == [{}] * len(others)
        assert {request.withheld for request in others} == {("access_token",)}


# Against an origin with undocumented answers


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        token = {"errcode": 0, "errmsg": "ok", "access_token": "T0KEN", "expires_in": 7200}
        origin.on("/cgi-bin/gettoken", json_body(token))
        yield origin


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def client(origin: Origin, sleeps: list[float]) -> Iterator[WeComClient]:
    transport = Transport(base_url=origin.url, platform="wecom", sleep=sleeps.append)
    yield WeComClient(transport, corp_id="ww1", corp_secret="S3CRET", tokens=ProcessTokenStore())
    transport.close()


QUERY = RecordingQuery(owner_ids=("a",), start=DAY, end=DAY.add(days=1))


def page(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "ok", "record_list": list(records), **more}


@pytest.mark.parametrize(
    ("state", "neutral"),
    [(1, "recording"), (2, "processing"), (3, "ready"), (0, "processing"), (9, "processing"), (None, "processing")],
)
def test_only_state_3_is_ready(origin: Origin, client: WeComClient, state: int | None, neutral: str) -> None:
    files = [{"record_file_id": "f"}]
    record = {"meeting_record_id": "r", "meetingid": "m", "state": state, "record_file_list": files}
    origin.on(LIST, json_body(page(record)))
    (recording,) = client.list(QUERY)
    assert str(recording.state) == neutral


@pytest.mark.parametrize("files", [{}, {"record_file_list": []}, {"files": [{"record_file_id": "f"}]}])
def test_transcoded_without_file_is_not_ready(origin: Origin, client: WeComClient, files: dict[str, Any]) -> None:
    """Otherwise the task would succeed without landing a file."""
    origin.on(LIST, json_body(page({"meeting_record_id": "r", "meetingid": "m", "state": 3, **files})))
    (recording,) = client.list(QUERY)
    assert (str(recording.state), recording.reason) == ("processing", "transcoded, but no file is listed")


def test_nonempty_list_wins_over_empty_one(origin: Origin, client: WeComClient) -> None:
    record = {"meeting_record_id": "r", "state": 3, "record_file_list": [], "record_files": [{"record_file_id": "f"}]}
    origin.on(LIST, json_body(page(record)))
    assert [file.file_id for file in next(iter(client.list(QUERY))).files] == ["f"]


def test_shifting_pages_yield_recording_once(origin: Origin, client: WeComClient) -> None:
    one, two = ({"meeting_record_id": name, "meetingid": "m", "state": 3} for name in ("r1", "r2"))
    origin.on(LIST, json_body(page(one, two, has_more=True, next_cursor="c")), json_body(page(two)))
    assert [recording.recording_id for recording in client.list(QUERY)] == ["r1", "r2"]
    assert json.loads(origin.requests[-1].body)["cursor"] == "c"


def test_repeated_cursor_is_error(origin: Origin, client: WeComClient) -> None:
    origin.on(LIST, json_body(page(has_more=True, next_cursor="c")))
    with pytest.raises(ServerError, match="same cursor twice"):
        list(client.list(QUERY))
    assert origin.count(LIST) == 2


def test_more_without_cursor_is_error(origin: Origin, client: WeComClient) -> None:
    origin.on(LIST, json_body(page({"meeting_record_id": "r", "state": 3}, has_more=True, next_cursor="")))
    windows: list[ListedWindow] = []
    with pytest.raises(ServerError, match="no cursor"):
        list(client.list(QUERY, windows.append))
    assert [(w.outcome, w.start, w.end) for w in windows] == [("failed", QUERY.start, QUERY.end)]


def test_block_of_a_minute_is_waited_for(origin: Origin, client: WeComClient, sleeps: list[float]) -> None:
    origin.on(LIST, json_body({"errcode": 45009, "errmsg": "api freq out of limit"}), json_body(page()))
    assert list(client.list(QUERY)) == []
    assert sleeps == [60.0]


def test_lasting_block_is_raised(origin: Origin, client: WeComClient, sleeps: list[float]) -> None:
    origin.on(LIST, json_body({"errcode": 45009, "errmsg": "api freq out of limit"}))
    with pytest.raises(RateLimited) as caught:
        list(client.list(QUERY))
    assert (caught.value.retry_after, sleeps) == (60.0, [60.0] * 3)


@pytest.mark.parametrize("code", [40014, 42001])
def test_token_rejected_twice_fails(origin: Origin, client: WeComClient, sleeps: list[float], code: int) -> None:
    origin.on(LIST, json_body({"errcode": code, "errmsg": "invalid access_token"}))
    with pytest.raises(MeetingsApiError, match="refreshed and rejected again") as caught:
        list(client.list(QUERY))
    assert (origin.count(LIST), origin.count("/cgi-bin/gettoken"), sleeps) == (2, 2, [])
    for secret in ("T0KEN", "S3CRET"):
        assert secret not in error_text(caught.value)


@pytest.mark.parametrize("code", [48002, 60020, 301002, 40058, 4711])
def test_permanent_error_is_not_retried(origin: Origin, client: WeComClient, sleeps: list[float], code: int) -> None:
    origin.on(LIST, json_body({"errcode": code, "errmsg": "no"}))
    with pytest.raises(MeetingsApiError):
        list(client.list(QUERY))
    assert (origin.count(LIST), sleeps) == (1, [])


def test_token_endpoint_error_shows_no_secret(origin: Origin, client: WeComClient) -> None:
    origin.on("/cgi-bin/gettoken", origin.hang(b"nonsense\r\n\r\n"))
    with pytest.raises(ServerError) as caught:
        client.whoami()
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize("files", [{}, {"record_files": []}, {"record_files": [{"record_file_id": "other"}]}])
def test_listed_file_without_addresses_is_error(origin: Origin, client: WeComClient, files: dict[str, Any]) -> None:
    origin.on(FILES, json_body({"errcode": 0, "errmsg": "ok", **files}))
    media = MediaFile(platform="wecom", tenant="t", recording_id="r", meeting_id="m", file_id="f", kind="video")
    with pytest.raises(NotFound, match="list the recordings again"):
        client.open(media)
    with pytest.raises(NotFound):
        list(client.media(recording_with(media), ["summary"]))


def recording_with(media: MediaFile) -> Recording:
    return Recording(
        platform="wecom", tenant="t", recording_id="r", meeting_id="m", state=RecordingState.READY, files=(media,)
    )


def test_two_summaries_of_one_format(origin: Origin, client: WeComClient) -> None:
    summary = [{"download_address": f"https://example.invalid/{n}", "file_type": "txt"} for n in (1, 2)]
    origin.on(FILES, json_body({"errcode": 0, "record_files": [{"record_file_id": "f", "meeting_summary": summary}]}))
    file = {"record_file_id": "f"}
    origin.on(LIST, json_body(page({"meeting_record_id": "r", "meetingid": "m", "state": 3, "record_files": [file]})))
    (recording,) = client.list(QUERY)
    assert len(list(client.media(recording, ["summary"]))) == 2


FILE = MediaFile(platform="wecom", tenant="t", recording_id="r", meeting_id="m", file_id="f", kind="video")


def test_refused_request_affects_its_kinds_only(origin: Origin, client: WeComClient) -> None:
    origin.on(ONE_FILE, json_body({"errcode": 48002, "errmsg": "api forbidden"}))
    summary = [{"download_address": "https://example.invalid/s", "file_type": "txt"}]
    origin.on(FILES, json_body({"errcode": 0, "record_files": [{"record_file_id": "f", "meeting_summary": summary}]}))
    media = client.media(recording_with(FILE), ["ai_transcript", "summary", "video"])
    named = [next(media).kind, next(media).kind]
    with pytest.raises(PermissionDenied):
        next(media)
    assert named == ["video", "summary-txt"]
    with pytest.raises(PermissionDenied):
        client.open(replace(FILE, kind="ai_transcript-txt"))


def test_refused_transcript(origin: Origin, client: WeComClient) -> None:
    origin.on(TRANSCRIPT, json_body({"errcode": 48002, "errmsg": "api forbidden"}))
    with pytest.raises(PermissionDenied):
        client.open(replace(FILE, kind="transcript-json"))


def test_transcript_pages_become_one_file(origin: Origin, client: WeComClient) -> None:
    def page_of(*pids: str, more: bool, **fields: Any) -> Any:
        paragraphs = [{"new": pid, "pid": pid} for pid in pids]
        return json_body({"errcode": 0, "has_more": more, "transcripts": {"paragraphs": paragraphs, **fields}})

    origin.on(
        TRANSCRIPT,
        page_of("0", "1", more=True, audio_detect=1, language="zh"),
        page_of("1", "2", more=False, audio_detect=0, keywords=["样机", ""]),
    )
    opened = client.open(replace(FILE, kind="transcript-json"))
    assert opened is not None
    assert not isinstance(opened, Download)
    assert b"".join(opened).decode() == (
        '{"audio_detect": 0, "keywords": ["样机"], "language": "zh", '
        '"paragraphs": [{"new": "0", "pid": "0"}, {"new": "1", "pid": "1"}, {"new": "2", "pid": "2"}]}'
    )
    assert origin.count(TRANSCRIPT) == 2


def test_ai_transcript_address_is_resolved_on_open(origin: Origin, client: WeComClient) -> None:
    def file(*links: str) -> Any:
        entries = [{"download_address": link, "file_type": "TXT"} for link in links]
        return json_body({"errcode": 0, "record_file_id": "f", "ai_meeting_transcripts": entries})

    origin.on(
        ONE_FILE, file("https://example.invalid/1", "https://example.invalid/2"), file("", "https://example.invalid/3")
    )
    media = list(client.media(recording_with(FILE), ["ai_transcript"]))
    assert [m.kind for m in media] == ["ai_transcript-txt", "ai_transcript-txt-2"]
    opened = [client.open(media[0]), client.open(media[0])]
    assert [one.url for one in opened if isinstance(one, Download)] == [
        "https://example.invalid/1",
        "https://example.invalid/3",
    ]
    assert client.open(media[1]) is None


@pytest.mark.parametrize(
    "answer", [{}, {"access_token": ["t"], "expires_in": 1}, {"access_token": "t", "expires_in": "soon"}]
)
def test_invalid_token_answer_is_refused(origin: Origin, client: WeComClient, answer: dict[str, Any]) -> None:
    origin.on("/cgi-bin/gettoken", json_body({"errcode": 0, "errmsg": "ok", **answer}))
    with pytest.raises(ServerError):
        client.whoami()


def test_token_without_lifetime_is_used_once(origin: Origin, client: WeComClient) -> None:
    origin.on("/cgi-bin/gettoken", json_body({"errcode": 0, "errmsg": "ok", "access_token": "t"}))
    client.whoami()
    client.whoami()
    assert origin.count("/cgi-bin/gettoken") == 2


@pytest.mark.parametrize(
    ("state", "codes"),
    [
        ("gone", [730008]),
        ("unknown", [730001, 730002, 730003, 730004, 730006, 90602, 40003, 60111, 301021, 730099]),
        ("forbidden", [730005, 730007, 730010, 730011, 50002, 60011, 60021, 60030]),
    ],
)
def test_codes_about_one_meeting_are_its_state(
    origin: Origin, client: WeComClient, state: str, codes: list[int]
) -> None:
    meetings = [f"hy-{code}" for code in codes]
    refusals = [json_body({"errcode": code, "errmsg": "no, hint: [1]"}) for code in codes]
    origin.on(LIST, *refusals, json_body(page()))
    query = RecordingQuery(meeting_ids=(*meetings, "hy-last"), start=DAY, end=DAY.add(days=1))
    *refused, last = client.list(query)
    assert [(r.meeting_id, str(r.state)) for r in refused] == [(meeting, state) for meeting in meetings]
    assert [r.reason for r in refused] == [f"no, hint: [1] (code {code})" for code in codes]
    assert (last.meeting_id, str(last.state)) == ("hy-last", "absent")


@pytest.mark.parametrize("code", [48002, 48001, 48006, 400028, 680106, 60020, 301002, 40035, 41001])
def test_codes_about_the_app_end_the_listing(origin: Origin, client: WeComClient, code: int) -> None:
    origin.on(LIST, json_body({"errcode": code, "errmsg": "no"}))
    with pytest.raises(MeetingsApiError) as caught:
        list(client.list(RecordingQuery(meeting_ids=("a", "b"), start=DAY, end=DAY.add(days=1))))
    assert caught.value.code == code
    assert origin.count(LIST) == 1


def test_recording_in_two_windows_and_pages_is_yielded_once(origin: Origin, client: WeComClient) -> None:
    a, b, c = ({"meeting_record_id": name, "state": 3} for name in "abc")
    first = [page(a, b, a, has_more=True, next_cursor="2"), page(b, c)]
    origin.on(LIST, *map(json_body, [*first, page(c, a)]))
    windows: list[ListedWindow] = []
    listed = client.list_recordings(DAY, DAY.add(days=40), userid="u", report=windows.append)
    assert [record.meeting_record_id for record in listed] == ["a", "b", "c"]
    assert [(w.endpoint, w.pages, w.items) for w in windows] == [
        ("meeting/record/list?userid", 2, 3),
        ("meeting/record/list?userid", 1, 2),
    ]


def test_record_without_id_fails_its_meeting_only(origin: Origin, client: WeComClient) -> None:
    origin.on(LIST, json_body(page({"state": 3})), json_body(page({"meeting_record_id": "a", "state": 2})))
    found = list(client.list(RecordingQuery(meeting_ids=("hy-1", "hy-2"), start=DAY, end=DAY.add(days=1))))
    assert [(r.meeting_id or r.recording_id, str(r.state)) for r in found] == [("hy-1", "absent"), ("a", "processing")]
    assert "meeting_record_id" in (found[0].reason or "")

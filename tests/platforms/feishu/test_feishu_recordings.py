from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, cast

import pendulum
import pytest

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.errors import (
    Gone,
    InvalidRequest,
    MeetingsApiError,
    NotFound,
    NotReady,
    PermissionDenied,
    RateLimited,
    ServerError,
)
from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.models import Download, MediaFile, Post, RecordingState
from airflow_provider_meetings.api.query import RecordingQuery, RecordingRef
from airflow_provider_meetings.api.windows import ListedWindow
from airflow_provider_meetings.coordination.memory import ProcessTokenStore
from airflow_provider_meetings.emulator.model.endpoints import Platform
from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.credentials import FEISHU_APP_ID, FEISHU_APP_SECRET
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.platforms.feishu.auth.identity import Credentials
from airflow_provider_meetings.platforms.feishu.recordings import FeishuClient
from tests.contract.client import ClientContract, Clock
from tests.contract.leaks import error_text
from tests.contract.media.origin import Origin, json_body, raw_body, serve_origin

TOKEN_PATH = "/open-apis/auth/v3/tenant_access_token/internal"
START = pendulum.datetime(2026, 10, 5, tz="UTC")
MINUTE_PATH = f"/open-apis/minutes/v1/minutes/{seed.READY_MINUTE}"


class TestFeishuContract(ClientContract):
    platform: ClassVar[Platform] = "feishu"
    secret: ClassVar[str] = FEISHU_APP_SECRET

    def make(self, transport: Transport, clock: Clock, *, secret: str) -> FeishuClient:
        return FeishuClient(transport, Credentials(FEISHU_APP_ID, secret, ProcessTokenStore(clock)), clock=clock)

    def queries(self) -> dict[str, RecordingQuery]:
        return {
            "meeting_ids": RecordingQuery(meeting_ids=tuple(meeting.meeting_id for meeting in seed.MEETINGS)),
            "meeting_numbers": RecordingQuery(meeting_numbers=tuple(meeting.meeting_no for meeting in seed.MEETINGS)),
            "recording_ids": RecordingQuery(recording_ids=tuple(minute.token for minute in seed.MINUTES)),
            "window": RecordingQuery(start=START, end=START.add(days=40)),
        }

    @pytest.fixture
    def feishu(self, client: MeetingsClient) -> FeishuClient:
        return cast(FeishuClient, client)

    def test_states_of_meetings(self, client: MeetingsClient) -> None:
        found = {r.meeting_id: (r.state, r.recording_id) for r in client.list(self.queries()["meeting_ids"])}
        assert found == {
            seed.READY_MEETING: ("ready", seed.READY_MINUTE),
            seed.ENGLISH_MEETING: ("ready", seed.ENGLISH_MINUTE),
            seed.AUDIO_ONLY_MEETING: ("ready", seed.AUDIO_ONLY_MINUTE),
            seed.PROCESSING_MEETING: ("ready", seed.PROCESSING_MINUTE),
            seed.RUNNING_MEETING: ("recording", None),
            seed.UNRECORDED_MEETING: ("absent", None),
            seed.SPRINT_40_MEETING: ("absent", None),
            seed.SPRINT_41_MEETING: ("absent", None),
            seed.FORBIDDEN_MEETING: ("forbidden", None),
            seed.DELETED_MINUTE_MEETING: ("gone", seed.DELETED_MINUTE),
            seed.FORBIDDEN_MINUTE_MEETING: ("forbidden", seed.FORBIDDEN_MINUTE),
        }

    def test_unknown_ids_have_state_unknown(self, client: MeetingsClient) -> None:
        query = RecordingQuery(meeting_ids=("123",), recording_ids=("x" * 24,))
        found = {(r.meeting_id, r.recording_id): (r.state, r.reason) for r in client.list(query)}
        assert found == {
            ("123", None): ("unknown", "meeting not exist (code 122002)"),
            (None, "x" * 24): ("unknown", "resource not found (code 2091002)"),
        }

    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"data": None},
            {"data": {}},
            {"data": {"recording": None}},
            {"data": {"recording": {}}},
            {"data": {"recording": {"duration": "30000"}}},
            {"data": {"recording": {"url": ""}}},
            {"data": {"recording": {"url": None, "duration": "0"}}},
        ],
    )
    def test_success_without_a_recording_is_absent(
        self, feishu: FeishuClient, state: EmulatorState, answer: dict[str, Any]
    ) -> None:
        body = json.dumps({"code": 0, "msg": "ok", **answer})
        state.fail("feishu.meeting_recording", 0, times=2, status=200, body=body)
        with pytest.raises(NotReady, match="names no recording of the meeting") as caught:
            feishu.get_meeting_recording(seed.READY_MEETING)
        assert "never recorded" in caught.value.next_step
        absent, ready = feishu.list(RecordingQuery(meeting_ids=(seed.READY_MEETING, seed.AUDIO_ONLY_MEETING)))
        assert (absent.state, absent.meeting_id) == (RecordingState.ABSENT, seed.READY_MEETING)
        assert absent.reason == f"The platform names no recording of the meeting {seed.READY_MEETING}"
        assert ready.state is RecordingState.READY

    @pytest.mark.parametrize("data", [[1], "x", {"recording": [1]}, {"recording": "x"}, {"recording": {"url": 1}}])
    def test_undocumented_recording_is_a_server_error(
        self, feishu: FeishuClient, state: EmulatorState, data: object
    ) -> None:
        body = json.dumps({"code": 0, "msg": "ok", "data": data})
        state.fail("feishu.meeting_recording", 0, times=None, status=200, body=body)
        with pytest.raises(ServerError):
            _ = feishu.get_meeting_recording(seed.READY_MEETING).minute_token

    def test_two_states_before_ready(self, client: MeetingsClient, state: EmulatorState) -> None:
        state.not_ready_polls = 2
        query = RecordingQuery(meeting_ids=(seed.PROCESSING_MEETING,))
        states = []
        for _ in range(5):
            (recording,) = client.check(query)
            states.append((recording.state, recording.recording_id, recording.reason))
        processing, token = RecordingState.PROCESSING, seed.PROCESSING_MINUTE
        assert states == [
            (processing, None, "record processing (code 124002)"),
            (processing, None, "record processing (code 124002)"),
            (processing, token, "minute not ready , try later (code 2091003)"),
            (processing, token, "minute not ready , try later (code 2091003)"),
            (RecordingState.READY, token, None),
        ]

    def test_media_of_minute(self, feishu: FeishuClient, transport: Transport) -> None:
        (recording,) = feishu.list(RecordingQuery(meeting_ids=(seed.READY_MEETING,)))
        content = {media.kind: feishu.open(media) for media in feishu.media(recording, ["video", "transcript"])}
        assert set(content) == {"video", "transcript-txt", "transcript-srt"}
        download = content["video"]
        assert isinstance(download, Download)
        with feishu.media_session.stream(download.url) as stream:
            assert b"".join(stream.chunks()) == seed.MINUTES[0].media.read()
        text, cues = content["transcript-txt"], content["transcript-srt"]
        assert text is not None
        assert cues is not None
        assert not isinstance(text, Download)
        assert not isinstance(cues, Download)
        assert "\n\n陈宇 00:00:00.000\n大家好" in b"".join(text).decode()
        assert b"".join(cues).decode().startswith("1\n00:00:00,000 --> 00:00:05,400\n陈宇: 大家好")

    def test_minute_without_transcript(self, feishu: FeishuClient) -> None:
        (recording,) = feishu.list(RecordingQuery(recording_ids=(seed.AUDIO_ONLY_MINUTE,)))
        assert [feishu.open(media) for media in feishu.media(recording, ["transcript"])] == [None, None]

    def content(self, client: FeishuClient, token: str, kind: str) -> bytes | None:
        (recording,) = client.list(RecordingQuery(recording_ids=(token,)))
        (media,) = client.media(recording, [kind])
        opened = client.open(media)
        assert not isinstance(opened, Download)
        return None if opened is None else b"".join(opened)

    def test_minute_artifacts(self, feishu: FeishuClient, state: EmulatorState) -> None:
        expected = state.company.feishu_artifacts[seed.READY_MINUTE]
        summary, chapters, todos, keywords, transcript = (
            self.content(feishu, seed.READY_MINUTE, kind)
            for kind in ("summary", "chapters", "todos-json", "keywords", "ai_transcript")
        )
        assert keywords == json.dumps(expected.keywords, ensure_ascii=False).encode()
        assert transcript == feishu.get_minute_transcript(seed.READY_MINUTE)
        assert summary == expected.summary.encode()
        assert (
            chapters
            == json.dumps(
                [
                    {"start_ms": str(c.start), "stop_ms": str(c.stop), "summary_content": c.summary, "title": c.title}
                    for c in expected.chapters
                ],
                ensure_ascii=False,
            ).encode()
        )
        assert (
            todos
            == json.dumps(
                [{"assignees": list(names), "content": text} for text, names in expected.todos], ensure_ascii=False
            ).encode()
        )

    def test_missing_artifacts_are_absent(self, feishu: FeishuClient) -> None:
        # A minute with only a summary, and one without artifacts.
        kinds = ("summary-txt", "chapters-json", "todos-json", "keywords-json")
        found = [self.content(feishu, seed.PROCESSING_MINUTE, kind) is None for kind in kinds]
        assert found == [False, True, True, True]
        for kind in (*kinds, "ai_transcript-txt"):
            assert self.content(feishu, seed.AUDIO_ONLY_MINUTE, kind) is None

    def test_minute_statistics(self, feishu: FeishuClient, state: EmulatorState) -> None:
        content = self.content(feishu, seed.READY_MINUTE, "statistics")
        assert content is not None
        found = json.loads(content)
        expected = state.company.feishu_statistics[seed.READY_MINUTE]
        assert (found["page_view_count"], found["user_view_count"]) == (
            str(expected.page_views),
            str(len(expected.viewers)),
        )
        assert len(found["user_view_list"]) == len(expected.viewers)

    def test_one_request_serves_each_artifact_once(
        self, feishu: FeishuClient, state: EmulatorState, clock: Clock
    ) -> None:
        (recording,) = feishu.list(RecordingQuery(recording_ids=(seed.READY_MINUTE,)))
        summary, chapters, todos = feishu.media(recording, ["summary", "chapters", "todos"])

        def count_requests() -> int:
            return sum(request.path == f"{MINUTE_PATH}/artifacts" for request in state.requests)

        for media in (summary, chapters, todos):
            assert feishu.open(media) is not None
        assert count_requests() == 1
        assert feishu.open(todos) is not None
        assert count_requests() == 2  # opening a file again requests it again
        other = replace(chapters, file_id=seed.AUDIO_ONLY_MINUTE)
        assert feishu.open(other) is None
        assert feishu.open(chapters) is not None
        assert count_requests() == 2  # an answer is used for its own minute only
        clock.now += 60
        assert feishu.open(todos) is not None
        assert count_requests() == 3  # an old answer is not used

    def test_transcript_sends_all_parameters(self, feishu: FeishuClient, state: EmulatorState) -> None:
        feishu.get_minute_transcript(seed.READY_MINUTE, file_format="srt")
        assert state.requests[-1].query == {"need_speaker": "true", "need_timestamp": "true", "file_format": "srt"}

    def test_recording_known_by_meeting_only(self, client: MeetingsClient) -> None:
        ref = RecordingRef(recording_id=None, meeting_id=seed.READY_MEETING)
        (recording,) = client.check(RecordingQuery(recordings=(ref,)))
        assert (recording.state, recording.recording_id) == ("ready", seed.READY_MINUTE)

    def test_lookups_are_reported(self, client: MeetingsClient) -> None:
        windows: list[ListedWindow] = []
        query = RecordingQuery(recording_ids=(seed.READY_MINUTE,), meeting_ids=(seed.READY_MEETING,))
        list(client.list(query, windows.append))
        assert [(w.endpoint, w.selector, w.pages, w.items) for w in windows] == [
            ("minutes", seed.READY_MINUTE, 1, 1),
            ("meeting_recording", seed.READY_MEETING, 1, 1),
        ]

    @pytest.mark.parametrize("kind", ["open_id", "union_id", "user_id"])
    def test_user_id_type(self, transport: Transport, clock: Clock, kind: Any) -> None:
        tokens = ProcessTokenStore(clock)
        credentials = Credentials(FEISHU_APP_ID, self.secret, tokens, tenant="bluewave", user_id_type=kind)
        client = FeishuClient(transport, credentials)
        assert client.get_minute(seed.READY_MINUTE).owner_id == getattr(seed.CHEN_YU, kind)
        post = client.read_post(seed.NAMED_POST)
        assert (post.author_id, post.tenant) == (getattr(seed.CHEN_YU, kind), "bluewave")

    @pytest.mark.parametrize(
        ("post_id", "kind", "author"),
        [
            (seed.NAMED_POST, "named", seed.CHEN_YU.open_id),
            (seed.NICKNAME_POST, "nickname", None),
            (seed.ANONYMOUS_POST, "anonymous", None),
            (seed.OFFICIAL_POST, "official", None),
        ],
    )
    def test_posts_by_author_kind(self, feishu: FeishuClient, post_id: str, kind: str, author: str | None) -> None:
        post = feishu.read_post(post_id)
        expected = next(post for post in seed.POSTS if post.post_id == post_id)
        assert (post.post_id, post.author_kind, post.author_id) == (post_id, kind, author)
        assert post.created_at == expected.create_time
        assert (post.comment_count, post.dislike_count) == (expected.comment_count, expected.dislike_count)
        assert [(r["type"], r["count"]) for r in post.reactions] == list(expected.reactions)
        assert post.reaction_total == sum(count for _, count in expected.reactions)
        assert post.category_ids == expected.category_ids
        assert post.content == json.loads(json.dumps([list(p) for p in expected.content]))
        assert Post.from_dict(json.loads(json.dumps(post.to_dict()))) == post

    def test_post_text(self, feishu: FeishuClient) -> None:
        assert (
            feishu.read_post(seed.NAMED_POST).content_text == "#新品发布 周五见！感谢 @赵敏\n彩排安排在这里：查看原文"
        )

    @pytest.mark.parametrize(("post_id", "kind"), [(seed.FORBIDDEN_POST, PermissionDenied), (seed.GONE_POST, NotFound)])
    def test_unreadable_posts(self, feishu: FeishuClient, post_id: str, kind: type[MeetingsApiError]) -> None:
        with pytest.raises(kind) as caught:
            feishu.get_post(post_id)
        assert caught.value.log_id

    @pytest.mark.parametrize(
        ("token", "kind"),
        [(seed.DELETED_MINUTE, Gone), (seed.FORBIDDEN_MINUTE, PermissionDenied), ("x" * 24, NotFound)],
    )
    def test_unreadable_minutes(self, feishu: FeishuClient, token: str, kind: type[MeetingsApiError]) -> None:
        for get in (feishu.get_minute, feishu.get_minute_media_url, feishu.get_minute_transcript):
            with pytest.raises(kind):
                get(token)
        (ready,) = feishu.list(RecordingQuery(recording_ids=(seed.READY_MINUTE,)))
        for media in feishu.media(ready, feishu.kinds):
            with pytest.raises(kind):
                feishu.open(replace(media, file_id=token))

    def test_token_is_sent_in_header_only(self, client: MeetingsClient, state: EmulatorState) -> None:
        list(client.list(RecordingQuery(recording_ids=(seed.READY_MINUTE,))))
        token_request, api_request = state.requests
        assert (token_request.method, token_request.path, token_request.query) == ("POST", TOKEN_PATH, {})
        assert (token_request.body, token_request.withheld) == ({"app_id": FEISHU_APP_ID}, ("app_secret",))
        assert api_request.withheld == ("authorization",)
        assert api_request.query == {"user_id_type": "open_id"}


# Against an origin with undocumented answers


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        origin.on(TOKEN_PATH, json_body({"code": 0, "msg": "ok", "tenant_access_token": "t-S3CRET", "expire": 7200}))
        yield origin


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def client(origin: Origin, sleeps: list[float]) -> Iterator[FeishuClient]:
    transport = Transport(base_url=origin.url, platform="feishu", sleep=sleeps.append)
    yield FeishuClient(transport, Credentials("a", "b", ProcessTokenStore()))
    transport.close()


def test_rate_limit_is_waited_for(origin: Origin, client: FeishuClient, sleeps: list[float]) -> None:
    refused = json_body({"code": 99991400, "msg": "slow"}, 429, {"x-ogw-ratelimit-reset": "3"})
    good = json_body({"code": 0, "data": {"minute": {"token": seed.READY_MINUTE}}})
    origin.on(MINUTE_PATH, refused, refused, good)
    assert client.get_minute(seed.READY_MINUTE).token == seed.READY_MINUTE
    assert sleeps == [3.0, 3.0]


def test_long_rate_limit_is_raised(origin: Origin, client: FeishuClient, sleeps: list[float]) -> None:
    origin.on(MINUTE_PATH, json_body({"code": 99991400, "msg": "slow"}, 429, {"x-ogw-ratelimit-reset": "61"}))
    with pytest.raises(RateLimited) as caught:
        client.get_minute(seed.READY_MINUTE)
    assert (caught.value.retry_after, sleeps, origin.count(MINUTE_PATH)) == (61.0, [], 1)


def test_token_rejected_twice_fails(origin: Origin, client: FeishuClient, sleeps: list[float]) -> None:
    origin.on(MINUTE_PATH, json_body({"code": 99991663, "msg": "Invalid access token"}))
    with pytest.raises(MeetingsApiError, match="refreshed and rejected again") as caught:
        client.get_minute(seed.READY_MINUTE)
    assert (origin.count(MINUTE_PATH), origin.count(TOKEN_PATH), sleeps) == (2, 2, [])
    assert "S3CRET" not in error_text(caught.value)


@pytest.mark.parametrize(("status", "prefix"), [(200, b""), (400, b""), (500, b""), (400, b" \n")])
def test_error_is_not_a_transcript(origin: Origin, client: FeishuClient, status: int, prefix: bytes) -> None:
    origin.on(MINUTE_PATH + "/transcript", raw_body(prefix + b'{"code": 2091005, "msg": "deny"}', status=status))
    with pytest.raises(PermissionDenied):
        client.get_minute_transcript(seed.READY_MINUTE)


def test_empty_envelope_is_not_a_transcript(origin: Origin, client: FeishuClient) -> None:
    origin.on(MINUTE_PATH + "/transcript", json_body({"code": 0, "msg": "ok", "data": {}}))
    with pytest.raises(ServerError, match="empty envelope"):
        client.get_minute_transcript(seed.READY_MINUTE)


ARTIFACTS = MediaFile(
    platform="feishu",
    tenant="t",
    recording_id=seed.READY_MINUTE,
    meeting_id=None,
    file_id=seed.READY_MINUTE,
    kind="todos-json",
)


def test_same_answer_gives_same_bytes(origin: Origin, client: FeishuClient) -> None:
    one, two = {"content": "half \ud83d", "new": {"b": 1, "a": 2}}, {"new": {"a": 2, "b": 1}, "content": "half \ud83d"}
    answers = [json_body({"code": 0, "data": {"minute_todos": [todo]}}) for todo in (one, two)]
    origin.on(MINUTE_PATH + "/artifacts", *answers)
    first, second = (b"".join(cast(Iterator[bytes], client.open(ARTIFACTS))) for _ in range(2))
    assert origin.count(MINUTE_PATH + "/artifacts") == 2
    assert first == second == '[{"content": "half \ufffd", "new": {"a": 2, "b": 1}}]'.encode()


@pytest.mark.parametrize("data", [{}, {"summary": " \n", "minute_todos": None}, {"summary": "", "minute_todos": []}])
def test_artifacts_not_ready(origin: Origin, client: FeishuClient, data: dict[str, Any]) -> None:
    origin.on(MINUTE_PATH + "/artifacts", json_body({"code": 0, "data": data}))
    for kind in ("summary-txt", "chapters-json", "todos-json"):
        assert client.open(replace(ARTIFACTS, kind=kind)) is None


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [(99991672, 400, PermissionDenied), (2091005, 403, PermissionDenied), (2091003, 400, NotReady)],
)
def test_refused_artifacts(
    origin: Origin, client: FeishuClient, code: int, status: int, kind: type[MeetingsApiError]
) -> None:
    origin.on(MINUTE_PATH + "/artifacts", json_body({"code": code, "msg": "no"}, status))
    with pytest.raises(kind):
        client.open(ARTIFACTS)


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}, {"data": {"download_url": ""}}])
def test_answer_without_link_is_refused(origin: Origin, client: FeishuClient, data: dict[str, Any]) -> None:
    origin.on(MINUTE_PATH + "/media", json_body({"code": 0, "msg": "ok", **data}))
    with pytest.raises(ServerError):
        client.get_minute_media_url(seed.READY_MINUTE)


@pytest.mark.parametrize(
    "answer",
    [{}, {"tenant_access_token": ["t"], "expire": 1}, {"tenant_access_token": "t", "expire": "soon"}, {"expire": 7200}],
)
def test_invalid_token_answer_is_refused(origin: Origin, client: FeishuClient, answer: dict[str, Any]) -> None:
    origin.on(TOKEN_PATH, json_body({"code": 0, "msg": "ok", **answer}))
    with pytest.raises(ServerError):
        client.whoami()


def test_token_without_lifetime_is_used_once(origin: Origin, client: FeishuClient) -> None:
    origin.on(TOKEN_PATH, json_body({"code": 0, "msg": "ok", "tenant_access_token": "t"}))
    client.whoami()
    client.whoami()
    assert origin.count(TOKEN_PATH) == 2


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (400, 2091001, "unknown"),
        (400, 2091002, "unknown"),
        (404, 2091999, "unknown"),
        (404, 2091004, "gone"),
        (403, 2091005, "forbidden"),
        (400, 99992402, "unknown"),
        (500, 2091999, "absent"),
        (502, None, "absent"),
    ],
)
def test_answer_about_one_minute_is_its_state(
    origin: Origin, client: FeishuClient, status: int, code: int | None, state: str
) -> None:
    tokens = [f"obcnother{number:015}" for number in range(2)]
    for token in tokens:
        origin.on(
            f"/open-apis/minutes/v1/minutes/{token}", json_body({"code": 0, "data": {"minute": {"token": token}}})
        )
    refused = {"code": code, "msg": "no"} if code else {"message": "bad gateway"}
    origin.on(MINUTE_PATH, json_body(refused, status))
    found = list(client.list(RecordingQuery(recording_ids=(tokens[0], seed.READY_MINUTE, tokens[1]))))
    assert [str(r.state) for r in found] == ["ready", state, "ready"]
    assert (f"code {code}" if code else "status 502") in (found[1].reason or "")


@pytest.mark.parametrize("code", [99991672, 99991401, 99991662, 99991679, 99991403, 99999999])
def test_answer_about_the_app_ends_the_listing(origin: Origin, client: FeishuClient, code: int) -> None:
    origin.on(MINUTE_PATH, json_body({"code": code, "msg": "no"}, 400))
    with pytest.raises(MeetingsApiError) as caught:
        list(client.list(RecordingQuery(recording_ids=(seed.READY_MINUTE, "x" * 24))))
    assert caught.value.code == code
    assert origin.count(MINUTE_PATH) == 1


def test_failing_token_endpoint_ends_the_listing(origin: Origin, client: FeishuClient) -> None:
    origin.on(TOKEN_PATH, json_body({"message": "bad gateway"}, 502))
    with pytest.raises(ServerError, match="status 502") as caught:
        list(client.list(RecordingQuery(recording_ids=(seed.READY_MINUTE, "x" * 24))))
    assert caught.value.concerns_all


def test_ids_are_checked_before_the_first_request(origin: Origin, client: FeishuClient) -> None:
    with pytest.raises(InvalidRequest):
        list(client.list(RecordingQuery(recording_ids=(seed.READY_MINUTE, "short"))))
    assert origin.requests == []

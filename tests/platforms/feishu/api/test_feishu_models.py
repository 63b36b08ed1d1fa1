from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.api.errors import ServerError
from airflow_provider_meetings.api.models import Post, Recording, RecordingState
from airflow_provider_meetings.api.sanitize import storable, storable_text
from airflow_provider_meetings.platforms.feishu.api.models import (
    MeetingRecording,
    Minute,
    MomentsPost,
    Reaction,
    ReactionSet,
    is_minute_token,
    parse_download_url,
)
from airflow_provider_meetings.platforms.feishu.neutral import neutral_post, neutral_recording


def answer(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "answers" / f"{name}.json").read_text())["data"]


def test_minute_example() -> None:
    data = answer("minute")
    minute = Minute.parse(data, "minute")
    assert minute == Minute(
        token="obcnq3b9jl72l83w4f14xxxx",
        owner_id="ou_612b787ccd3259fb3c816b3f678dxxxx",
        create_time=pendulum.datetime(2022, 11, 22, 6, 26, 0, 477000, tz="UTC"),
        title="xxx的视频会议",
        duration=314_000,
        url="https://bytedance.feishu-pre.cn/minutes/obcnq3b9jl72l83w4f14xxxx",
        raw=data["minute"],
    )
    assert minute.create_time is not None
    assert minute.create_time.timezone_name == "UTC"


def test_minute_as_recording() -> None:
    recording = neutral_recording(Minute.parse(answer("minute"), "minute"), tenant="t", meeting_id="5")
    assert recording == Recording(
        platform="feishu",
        tenant="t",
        recording_id="obcnq3b9jl72l83w4f14xxxx",
        state=RecordingState.READY,
        meeting_id="5",
        owner_id="ou_612b787ccd3259fb3c816b3f678dxxxx",
        title="xxx的视频会议",
        started_at=pendulum.datetime(2022, 11, 22, 6, 26, 0, 477000, tz="UTC"),
        ended_at=pendulum.datetime(2022, 11, 22, 6, 31, 14, 477000, tz="UTC"),
        duration_ms=314_000,
        page_url="https://bytedance.feishu-pre.cn/minutes/obcnq3b9jl72l83w4f14xxxx",
        files=recording.files,
        source={
            "token": "obcnq3b9jl72l83w4f14xxxx",
            "owner_id": "ou_612b787ccd3259fb3c816b3f678dxxxx",
            "create_time": "1669098360477",
            "title": "xxx的视频会议",
            "duration": "314000",
        },
    )
    assert [file.kind for file in recording.files] == ["video", "transcript-txt", "transcript-srt"]
    assert {file.file_id for file in recording.files} == {recording.recording_id}


def test_media_link_example() -> None:
    assert parse_download_url(answer("minute_media")) == (
        "https://internal-api-drive-stream.feishu-boe.cn/space/api/box/stream/download/authcode/?code=xxx"
    )


def test_meeting_recording_example() -> None:
    recording = MeetingRecording.parse(answer("meeting_recording"), "recording")
    assert recording.url == "https://meetings.feishu.cn/minutes/obcn37dxcftoc3656rgyejm7"
    assert recording.raw["duration"] == "30000"
    assert recording.minute_token == "obcn37dxcftoc3656rgyejm7"


@pytest.mark.parametrize("end", ["", "/", "?from=x", "/?a=/minutes/b", "#t"])
def test_token_in_page_address(end: str) -> None:
    url = f"https://meetings.feishu.cn/minutes/obcn37dxcftoc3656rgyejm7{end}"
    assert MeetingRecording(url, raw={}).minute_token == "obcn37dxcftoc3656rgyejm7"


@pytest.mark.parametrize("path", ["", "minutes/short", "minutes/me/obcn37dxcftoc3656rgyejm7", "x/obcn37dxcftoc365"])
def test_address_without_token_is_refused(path: str) -> None:
    with pytest.raises(ServerError, match="24 characters"):
        _ = MeetingRecording(f"https://meetings.feishu.cn/{path}", raw={}).minute_token


@pytest.mark.parametrize(
    "value", ["obcnq3b9jl72l83w4f14xxx", "obcnq3b9jl72l83w4f14xxxxx", "obcn/3b9jl72l83w4f14xxxx", ""]
)
def test_minute_token_form(value: str) -> None:
    assert not is_minute_token(value)
    assert not is_minute_token("obcnq3b9jl72l83w4f14xxxx\n")
    assert is_minute_token("obcnq3b9jl72l83w4f14xxxx")


def test_post_example() -> None:
    data = answer("post")
    post = MomentsPost.parse(data, "post")
    assert post == MomentsPost(
        id="6934510454161014804",
        user_id="ou_xxxxx",
        user_type=1,
        content=[
            [
                {"tag": "text", "text": "豪华中型车…………"},
                {"tag": "a", "text": "查看原文", "href": "https://www.autohome.com.cn/advice/202204/1244455.html"},
            ]
        ],
        create_time=pendulum.datetime(2022, 5, 22, 16, tz="UTC"),
        comment_count=1,
        dislike_count=0,
        reaction_set=ReactionSet(
            (Reaction("OK", 12, raw={"type": "OK", "count": 12}),), 12, raw=data["post"]["reaction_set"]
        ),
        category_ids=("71123",),
        link="https://applink.feishu.cn/client/moments/detail?postId=6934510454161014804",
        raw=data["post"],
    )
    assert post.content_text == "豪华中型车…………查看原文"
    neutral = neutral_post(post, tenant="t")
    assert (neutral.author_id, neutral.author_kind, neutral.reaction_total) == ("ou_xxxxx", "named", 12)
    assert neutral.reactions == ({"type": "OK", "count": 12},)
    assert (neutral.created_at, neutral.category_ids, neutral.deleted) == (post.create_time, ("71123",), False)
    assert Post.from_dict(json.loads(json.dumps(neutral.to_dict()))) == neutral


@pytest.mark.parametrize(
    ("user_type", "kind"), [(1, "named"), (2, "nickname"), (3, "anonymous"), (4, "official"), (9, None), (None, None)]
)
def test_only_real_name_author_is_kept(user_type: int | None, kind: str | None) -> None:
    data = answer("post")
    data["post"]["user_type"] = user_type
    neutral = neutral_post(MomentsPost.parse(data, "post"), tenant="t")
    assert (neutral.author_kind, neutral.author_id) == (kind, "ou_xxxxx" if kind == "named" else None)
    # Documented to be empty for anonymous posts; if it is not, the id must not be stored.
    assert ("ou_xxxxx" in json.dumps(neutral.to_dict())) == (kind == "named")


@pytest.mark.parametrize(
    ("content", "nodes", "text"),
    [
        ("not rich text", None, "not rich text"),
        ('{"a": 1}', None, '{"a": 1}'),
        ("", None, ""),
        (None, None, None),
        ("[]", [], ""),
        (
            '[[{"tag":"a","href":"https://x.example"}]]',
            [[{"tag": "a", "href": "https://x.example"}]],
            "https://x.example",
        ),
        (
            '[[{"tag":"at","user_name":"赵敏"},{"tag":"new"}],[{"tag":"hashtag","text":"#x"}], 5, [7]]',
            [[{"tag": "at", "user_name": "赵敏"}, {"tag": "new"}], [{"tag": "hashtag", "text": "#x"}], 5, [7]],
            "@赵敏\n#x\n\n",
        ),
    ],
)
def test_rich_text(content: Any, nodes: Any, text: str | None) -> None:
    data = answer("post")
    data["post"]["content"] = content
    post = MomentsPost.parse(data, "post")
    assert (post.content, post.content_text) == (nodes, text)


nodes_of_text = st.fixed_dictionaries({"tag": st.sampled_from(["text", "a", "at", "new"]), "text": st.text()})


@given(st.lists(st.lists(nodes_of_text)))
def test_rich_text_is_complete(paragraphs: list[Any]) -> None:
    data = answer("post")
    data["post"]["content"] = json.dumps(paragraphs)
    post = MomentsPost.parse(data, "post")
    assert post.content_text == "\n".join(
        "".join("@" * (node["tag"] == "at") + storable_text(node["text"]) for node in nodes) for nodes in paragraphs
    )
    assert post.content == storable(paragraphs)


def test_deeply_nested_rich_text_is_plain_text() -> None:
    data = answer("post")
    data["post"]["content"] = "[" * 100_000
    assert MomentsPost.parse(data, "post").content is None


@pytest.mark.parametrize("name", ["note", "anything"])
def test_new_field_is_kept_in_source(name: str) -> None:
    data = answer("minute")
    data["minute"][name] = {"x": 1}
    assert neutral_recording(Minute.parse(data, "minute"), tenant="t", meeting_id=None).source[name] == {"x": 1}


def test_duration_beyond_calendar_is_read_or_refused() -> None:
    data = answer("minute")
    data["minute"]["duration"] = "9" * 18
    try:
        neutral_recording(Minute.parse(data, "minute"), tenant="t", meeting_id=None)
    except ServerError:
        return


@pytest.mark.parametrize(
    "url", ["http://[x/minutes/obcn37dxcftoc3656rgyejm7", "http://a\u2100b/minutes/", "", "x", "\x00"]
)
def test_invalid_address_is_typed_error(url: str) -> None:
    with pytest.raises(ServerError):
        _ = MeetingRecording(url, raw={}).minute_token

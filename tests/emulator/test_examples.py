"""Each example answer printed in the vendors' pages comes out for an object of that content."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.feishu import FeishuMeeting, FeishuMinute, FeishuPost, FeishuUser
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.model.wecom import WecomFile, WecomRecording, WecomSharing

EXAMPLES = Path(__file__).with_name("examples")


def example(name: str) -> Any:
    """Return an answer as the page prints it."""
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def shape(value: Any) -> Any:
    """Return keys and types alone."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def a_minute(token: str, duration: int) -> FeishuMinute:
    return FeishuMinute(
        token=token,
        owner=FeishuUser("ou_612b787ccd3259fb3c816b3f678dxxxx", "on_x", "x", "x"),
        create_time=moment(1669098360477),
        title="xxx的视频会议",
        duration=duration,
        media=Media(100, "mp4"),
        cover="https://internal-api-drive-stream.feishu-pre.cn/space/api/box/stream/download/all/boxcncsI4EIhCSA1RLDsXDpxxxx",
        url=f"https://bytedance.feishu-pre.cn/minutes/{token}",
    )


def test_minute(start: Any) -> None:
    minute = a_minute("obcnq3b9jl72l83w4f14xxxx", 314_000)
    emulator = start(company=Company("example", feishu_minutes={minute.token: minute}))
    assert emulator.feishu(f"/minutes/v1/minutes/{minute.token}").json() == example("minute")


def test_minute_media(start: Any) -> None:
    minute = a_minute("obcnq3b9jl72l83w4f149w9c", 314_000)
    emulator = start(company=Company("example", feishu_minutes={minute.token: minute}))
    answer = emulator.feishu(f"/minutes/v1/minutes/{minute.token}/media").json()
    printed = example("minute_media")
    assert shape(answer) == shape(printed)
    # The host and the code are each server's own; the rest of the address is not.
    path = "/space/api/box/stream/download/authcode/?code="
    assert path in answer["data"]["download_url"]
    assert path in printed["data"]["download_url"]


def test_meeting_recording(start: Any) -> None:
    minute = a_minute("obcn37dxcftoc3656rgyejm7", 30_000)
    meeting = FeishuMeeting("6911188411932033028", "example", minute.token)
    company = Company("example", feishu_meetings={meeting.meeting_id: meeting}, feishu_minutes={minute.token: minute})
    answer = start(company=company).feishu(f"/vc/v1/meetings/{meeting.meeting_id}/recording").json()
    assert answer == example("meeting_recording")


def test_post(start: Any) -> None:
    post = FeishuPost(
        post_id="6934510454161014804",
        user_type=1,
        author=FeishuUser("ou_xxxxx", "on_x", "x", "x"),
        create_time=datetime.fromisoformat("2022-05-23T00:00:00+08:00"),
        content=(
            (
                {"tag": "text", "text": "豪华中型车…………"},
                {
                    "tag": "a",
                    "text": "查看原文",
                    "href": "https://www.autohome.com.cn/advice/202204/1244455.html",
                },
            ),
        ),
        reactions=(("OK", 12),),
        comment_count=1,
        category_ids=("71123",),
        image_keys=("暂不支持下载图片",),
        media_file_token="该字段暂不支持使用",
        media_cover_image_key="该字段暂不支持使用",
    )
    emulator = start(company=Company("example", feishu_posts={post.post_id: post}))
    assert emulator.feishu(f"/moments/v1/posts/{post.post_id}").json() == example("post")


def test_record_list(start: Any) -> None:
    recording = WecomRecording(
        meeting_record_id="GEIGN",
        meetingid="GEMIGE",
        meeting_code="GEJIGNEO",
        creator="USERID",
        host_user_id="XGMEIG",
        meeting_start_time=moment(177777777),
        title="TJIE",
        # The example shows files in state 1, which the text below it rules out.
        status="recording",
        files_at_any_state=True,
        files=(
            WecomFile(
                record_file_id="FILEID",
                record_start_time=moment(15555),
                record_end_time=moment(1777777),
                record_size=323235325,
                sharing=WecomSharing(
                    "https://share.url", "fgjisnge", 3323, required_same_corp=True, required_attendee=True
                ),
            ),
        ),
    )
    emulator = start(company=Company("example", wecom_recordings={"GEIGN": recording}))
    emulator.state.wecom_spelling = "record_meetings"
    emulator.state.has_more = "when-true"
    answer = emulator.wecom("list", {"meetingid": "GEMIGE", "start_time": 0, "end_time": 2678400})
    assert answer == example("record_list")

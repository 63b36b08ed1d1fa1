"""The example answers of the vendor's pages, for objects of the same content."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.company import Company
from airflow_provider_meetings.emulator.model.feishu import (
    FeishuArtifacts,
    FeishuChapter,
    FeishuMeeting,
    FeishuMinute,
    FeishuPost,
    FeishuStatistics,
    FeishuUser,
)
from airflow_provider_meetings.emulator.model.media import Media

EXAMPLES = Path(__file__).parents[2] / "platforms" / "feishu" / "answers"
TOKEN = "obcnsynthetic00000000001"
OWNER = FeishuUser("ou_0001", "on_0001", "u1", "甲", "dev", "a@example.com", "1001")


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def shape(value: Any) -> Any:
    """Return only keys and types."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def printed_minute(token: str, duration: int) -> FeishuMinute:
    return FeishuMinute(
        token=token,
        owner=FeishuUser("ou_612b787ccd3259fb3c816b3f678dxxxx", "on_x", "x", "x"),
        create_time=datetime.fromtimestamp(1669098360.477, UTC),
        title="xxx的视频会议",
        duration=duration,
        media=Media(100, "mp4"),
        cover="https://internal-api-drive-stream.feishu-pre.cn/space/api/box/stream/download/all/boxcncsI4EIhCSA1RLDsXDpxxxx",
        url=f"https://bytedance.feishu-pre.cn/minutes/{token}",
    )


def test_minute(start: Any) -> None:
    minute = printed_minute("obcnq3b9jl72l83w4f14xxxx", 314_000)
    emulator = start(company=Company("example", feishu_minutes={minute.token: minute}))
    assert emulator.feishu(f"/minutes/v1/minutes/{minute.token}").json() == example("minute")


def test_minute_media(start: Any) -> None:
    minute = printed_minute("obcnq3b9jl72l83w4f149w9c", 314_000)
    emulator = start(company=Company("example", feishu_minutes={minute.token: minute}))
    answer = emulator.feishu(f"/minutes/v1/minutes/{minute.token}/media").json()
    printed = example("minute_media")
    assert shape(answer) == shape(printed)
    # The host and the code are each server's own; the rest of the address is not.
    path = "/space/api/box/stream/download/authcode/?code="
    assert path in answer["data"]["download_url"]
    assert path in printed["data"]["download_url"]


def test_meeting_recording(start: Any) -> None:
    minute = printed_minute("obcn37dxcftoc3656rgyejm7", 30_000)
    meeting = FeishuMeeting("6911188411932033028", "example", minute.token)
    company = Company("example", feishu_meetings={meeting.meeting_id: meeting}, feishu_minutes={minute.token: minute})
    answer = start(company=company).feishu(f"/vc/v1/meetings/{meeting.meeting_id}/recording").json()
    assert answer == example("meeting_recording")


def test_post(start: Any) -> None:
    link = "https://www.autohome.com.cn/advice/202204/1244455.html"
    post = FeishuPost(
        post_id="6934510454161014804",
        user_type=1,
        author=FeishuUser("ou_xxxxx", "on_x", "x", "x"),
        create_time=at("2022-05-23T00:00:00"),
        content=(({"tag": "text", "text": "豪华中型车…………"}, {"tag": "a", "text": "查看原文", "href": link}),),
        reactions=(("OK", 12),),
        comment_count=1,
        category_ids=("71123",),
        image_keys=("暂不支持下载图片",),
        media_file_token="该字段暂不支持使用",
        media_cover_image_key="该字段暂不支持使用",
    )
    emulator = start(company=Company("example", feishu_posts={post.post_id: post}))
    assert emulator.feishu(f"/moments/v1/posts/{post.post_id}").json() == example("post")


@pytest.fixture
def emulator(start: Any) -> Any:
    meeting = FeishuMeeting(
        "7000000000000000001", "讨论会", TOKEN, "ready", "705605196", OWNER,
        at("2026-01-01T09:00:00"), at("2026-01-01T09:30:00"), 3, 4, "000000",
    )  # fmt: skip
    views = FeishuStatistics(5, ((OWNER, at("2026-01-01T09:00:00")), (OWNER, at("2026-01-01T10:00:00"))))
    artifacts = FeishuArtifacts("summary text", (FeishuChapter("intro", 0, 31_000, "text"),), (("do it", ("甲",)),))
    company = Company(
        "example",
        feishu_minutes={
            TOKEN: FeishuMinute(TOKEN, OWNER, at("2026-01-01T08:00:00"), "周会", 314_000, Media(10, "mp4"))
        },
        feishu_meetings={meeting.meeting_id: meeting},
        feishu_statistics={TOKEN: views},
        feishu_artifacts={TOKEN: artifacts},
    )
    return start(company=company)


def test_statistics(emulator: Any) -> None:
    answer = emulator.feishu(f"/minutes/v1/minutes/{TOKEN}/statistics", user_id_type="open_id").json()
    viewers = [{"user_id": "ou_0001", "view_time": text} for text in ("1767229200000", "1767232800000")]
    statistics = {"user_view_count": "2", "page_view_count": "5", "user_view_list": viewers}
    assert answer == {"code": 0, "msg": "success", "data": {"statistics": statistics}}


def test_artifacts(emulator: Any) -> None:
    answer = emulator.feishu(f"/minutes/v1/minutes/{TOKEN}/artifacts").json()
    assert answer["data"] == {
        "summary": "summary text",
        "minute_chapters": [{"title": "intro", "start_ms": "0", "stop_ms": "31000", "summary_content": "text"}],
        "minute_todos": [{"content": "do it", "assignees": ["甲"]}],
    }


def test_minutes_search(emulator: Any) -> None:
    created = {"start_time": "2026-01-01T00:00:00+08:00", "end_time": "2026-01-02T00:00:00+08:00"}
    body = {"filter": {"create_time": created}}
    data = emulator.feishu_user("/minutes/v1/minutes/search", body, page_size="30").json()["data"]
    assert data | {"items": []} == {"items": [], "total": 1, "has_more": False}
    (item,) = data["items"]
    assert (item["token"], item["display_info"]) == (TOKEN, "周会")
    assert item["meta_data"].keys() == {"app_link", "avatar", "description"}


def test_list_by_no(emulator: Any) -> None:
    window = {"meeting_no": "705605196", "start_time": "1767225600", "end_time": "1767312000", "page_size": "50"}
    brief = {
        "id": "7000000000000000001",
        "meeting_no": "705605196",
        "password": "000000",
        "topic": "讨论会",
        "url": "https://vc.feishu.cn/j/705605196",
    }
    answer = emulator.feishu("/vc/v1/meetings/list_by_no", **window).json()
    assert answer == {"code": 0, "msg": "", "data": {"has_more": False, "meeting_briefs": [brief]}}


def test_meeting_list(emulator: Any) -> None:
    window = {"start_time": "1767225600", "end_time": "1767312000", "meeting_status": "2", "page_size": "20"}
    data = emulator.feishu("/vc/v1/meeting_list", **window).json()["data"]
    row = {
        "meeting_id": "705605196", "meeting_instance_id": "7000000000000000001", "meeting_topic": "讨论会",
        "meeting_type": 2, "organizer": "甲", "department": "dev", "user_id": "ou_0001",
        "employee_id": "1001", "email": "a@example.com", "mobile": "",
        "meeting_start_time": "2026.01.01 09:00:00 (GMT+08:00)",
        "meeting_end_time": "2026.01.01 09:30:00 (GMT+08:00)", "meeting_duration": "00:30:00",
        "number_of_participants": "3", "number_of_devices": "4", "audio": True, "video": True,
        "sharing": False, "recording": True, "telephone": False, "has_related_document": False,
        "ai_note": False, "is_external": False, "meeting_subtype": 0,
    }  # fmt: skip
    assert data == {"has_more": False, "page_token": "", "meeting_list": [row]}

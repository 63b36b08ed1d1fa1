"""The default company's Feishu users, minutes, meetings and Moments posts; special cases have names."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.model.feishu import (
    FeishuMeeting,
    FeishuMinute,
    FeishuPost,
    FeishuUser,
    TranscriptLine,
)
from airflow_provider_meetings.emulator.model.media import Media

# Meeting ids, by the status of the recording.
READY_MEETING: Final = "7571000000000000101"
ENGLISH_MEETING: Final = "7571000000000000102"
AUDIO_ONLY_MEETING: Final = "7571000000000000103"
PROCESSING_MEETING: Final = "7571000000000000104"
RUNNING_MEETING: Final = "7571000000000000105"
UNRECORDED_MEETING: Final = "7571000000000000106"
FORBIDDEN_MEETING: Final = "7571000000000000107"
DELETED_MINUTE_MEETING: Final = "7571000000000000108"
FORBIDDEN_MINUTE_MEETING: Final = "7571000000000000109"
# Two earlier meetings of the sprint review, without a recording.
SPRINT_40_MEETING: Final = "7571000000000000110"
SPRINT_41_MEETING: Final = "7571000000000000111"

# Meeting numbers. The meetings of a series share one.
READY_NUMBER: Final = "520131401"
RECURRING_NUMBER: Final = "520131402"

# Minute tokens: ids, not secrets.
READY_MINUTE: Final = "obcnroadmap0000000000001"
ENGLISH_MINUTE: Final = "obcnsprint00000000000002"
AUDIO_ONLY_MINUTE: Final = "obcnphonecall00000000003"
PROCESSING_MINUTE: Final = "obcnlaunch00000000000004"
DELETED_MINUTE: Final = "obcndeleted0000000000005"
FORBIDDEN_MINUTE: Final = "obcnboard000000000000006"

# Post ids.
NAMED_POST: Final = "7571000000000000201"
SECOND_NAMED_POST: Final = "7571000000000000202"
NICKNAME_POST: Final = "7571000000000000203"
ANONYMOUS_POST: Final = "7571000000000000204"
OFFICIAL_POST: Final = "7571000000000000205"
FORBIDDEN_POST: Final = "7571000000000000206"
GONE_POST: Final = "7571000000000000299"

CHEN_YU: Final = FeishuUser(
    "ou_bluewave0chenyu", "on_bluewave0chenyu", "chenyu", "陈宇", "研发部", "chenyu@bluewave.example", "1001"
)
ZHAO_MIN: Final = FeishuUser(
    "ou_bluewave0zhaomin", "on_bluewave0zhaomin", "zhaomin", "赵敏", "市场部", "zhaomin@bluewave.example", "1002"
)
MIA_WANG: Final = FeishuUser(
    "ou_bluewave0mia", "on_bluewave0mia", "mia.wang", "Mia Wang", "研发部", "mia.wang@bluewave.example", "1003"
)


def _transcript(*utterances: tuple[str, str]) -> tuple[TranscriptLine, ...]:
    """Return the utterances at intervals of 6 seconds."""
    return tuple(
        TranscriptLine(number * 6000, number * 6000 + 5400, speaker, text)
        for number, (speaker, text) in enumerate(utterances)
    )


MINUTES: Final = (
    FeishuMinute(
        token=READY_MINUTE,
        owner=CHEN_YU,
        create_time=datetime(2026, 11, 10, 10, 1, 12, 477000, tzinfo=SHANGHAI),
        # With a slash, because a title need not be a valid file name.
        title="Q4 路线图 / roadmap 评审",
        duration=2_714_000,
        media=Media(912_345, "mp4", READY_MINUTE),
        transcript=_transcript(
            ("陈宇", "大家好，我们先过一下第四季度的路线图。"),
            ("赵敏", "焊接机器人的样机下周二到，测试计划已经发群里了。"),
            ("陈宇", "好，那仓储线的联调放在十一月二十号之前。"),
            ("赵敏", "没问题，我来跟进供应商。"),
        ),
        note_id="7571000000000000901",
    ),
    FeishuMinute(
        token=ENGLISH_MINUTE,
        owner=MIA_WANG,
        create_time=datetime(2026, 11, 11, 15, 0, 3, tzinfo=SHANGHAI),
        title="Sprint 42 review 🚀",
        duration=1_865_500,
        media=Media(1_204_800, "mp4", ENGLISH_MINUTE),
        transcript=_transcript(
            ("Mia Wang", "Welcome, everyone. Let's start with the gripper demo."),
            ("Chen Yu", "The new firmware halves the calibration time."),
            ("Mia Wang", "Great. 中文字幕 works too, so we can ship it on Friday."),
        ),
    ),
    FeishuMinute(
        token=AUDIO_ONLY_MINUTE,
        owner=ZHAO_MIN,
        create_time=datetime(2026, 10, 21, 9, 30, tzinfo=SHANGHAI),
        title="客户电话会 “海风项目”",
        duration=605_000,
        media=Media(88_200, "m4a", AUDIO_ONLY_MINUTE),
    ),
    FeishuMinute(
        token=PROCESSING_MINUTE,
        owner=CHEN_YU,
        create_time=datetime(2026, 11, 13, 16, 0, 30, tzinfo=SHANGHAI),
        title="新品发布会彩排",
        duration=3_012_000,
        media=Media(1_432_100, "mp4", PROCESSING_MINUTE),
        transcript=_transcript(
            ("陈宇", "灯光好了，我们从第三页开始。"),
            ("Mia Wang", "Slides are ready, go ahead."),
        ),
        status="processing",
    ),
    FeishuMinute(
        token=DELETED_MINUTE,
        owner=ZHAO_MIN,
        create_time=datetime(2026, 10, 14, 14, 0, tzinfo=SHANGHAI),
        title="面试记录",
        duration=1_800_000,
        media=Media(0, "mp4", DELETED_MINUTE),
        status="deleted",
    ),
    FeishuMinute(
        token=FORBIDDEN_MINUTE,
        owner=CHEN_YU,
        create_time=datetime(2026, 11, 6, 17, 0, tzinfo=SHANGHAI),
        title="董事会",
        duration=5_400_000,
        media=Media(0, "mp4", FORBIDDEN_MINUTE),
        status="forbidden",
    ),
)


def _times(start: str, minutes: int) -> tuple[datetime, datetime]:
    """Return ``start`` (Asia/Shanghai) and the end after ``minutes``."""
    started_at = datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)
    return started_at, started_at + timedelta(minutes=minutes)


# Id, topic, minute and status; number, organizer, start and end, numbers of participants and devices.
# fmt: off
MEETINGS: Final = (
    FeishuMeeting(READY_MEETING, "Q4 路线图 / roadmap 评审", READY_MINUTE, "ready",
                  READY_NUMBER, CHEN_YU, *_times("2026-11-10T10:00", 47), 5, 6),
    FeishuMeeting(ENGLISH_MEETING, "Sprint 42 review 🚀", ENGLISH_MINUTE, "ready",
                  RECURRING_NUMBER, MIA_WANG, *_times("2026-11-11T15:00", 32), 8, 9),
    FeishuMeeting(AUDIO_ONLY_MEETING, "客户电话会 “海风项目”", AUDIO_ONLY_MINUTE, "ready",
                  "520131403", ZHAO_MIN, *_times("2026-10-21T09:30", 11), 2, 2),
    FeishuMeeting(PROCESSING_MEETING, "新品发布会彩排", PROCESSING_MINUTE, "processing",
                  "520131404", CHEN_YU, *_times("2026-11-13T16:00", 52), 12, 15),
    FeishuMeeting(RUNNING_MEETING, "产线巡检", "", "running",
                  "520131405", ZHAO_MIN, datetime(2026, 11, 13, 17, 30, tzinfo=SHANGHAI), None, 3, 3),
    FeishuMeeting(UNRECORDED_MEETING, "1:1 Mia / Chen Yu", "", "unrecorded",
                  "520131406", MIA_WANG, *_times("2026-11-12T11:00", 25), 2, 2),
    FeishuMeeting(FORBIDDEN_MEETING, "薪酬委员会", "", "forbidden",
                  "520131407", CHEN_YU, *_times("2026-11-05T09:00", 90), 4, 4),
    FeishuMeeting(DELETED_MINUTE_MEETING, "面试记录", DELETED_MINUTE, "ready",
                  "520131408", ZHAO_MIN, *_times("2026-10-14T13:58", 33), 3, 3),
    FeishuMeeting(FORBIDDEN_MINUTE_MEETING, "董事会", FORBIDDEN_MINUTE, "ready",
                  "520131409", CHEN_YU, *_times("2026-11-06T16:58", 95), 6, 7),
    FeishuMeeting(SPRINT_40_MEETING, "Sprint 40 review", "", "unrecorded",
                  RECURRING_NUMBER, MIA_WANG, *_times("2026-10-14T15:00", 30), 7, 7),
    FeishuMeeting(SPRINT_41_MEETING, "Sprint 41 review", "", "unrecorded",
                  RECURRING_NUMBER, MIA_WANG, *_times("2026-10-28T15:00", 41), 8, 8),
)
# fmt: on

POSTS: Final = (
    FeishuPost(
        post_id=NAMED_POST,
        user_type=1,
        author=CHEN_YU,
        create_time=datetime(2026, 11, 9, 18, 20, tzinfo=SHANGHAI),
        content=(
            (
                {"tag": "hashtag", "text": "#新品发布"},
                {"tag": "text", "text": " 周五见！感谢 "},
                {"tag": "at", "user_id": ZHAO_MIN.open_id, "user_name": ZHAO_MIN.name},
            ),
            (
                {"tag": "text", "text": "彩排安排在这里："},
                {"tag": "a", "text": "查看原文", "href": "https://example.com/launch?from=moments&week=46"},
            ),
        ),
        reactions=(("OK", 12), ("APPLAUSE", 5)),
        comment_count=3,
        category_ids=("71123",),
        image_keys=("img_v3_bluewave_0001",),
    ),
    FeishuPost(
        post_id=SECOND_NAMED_POST,
        user_type=1,
        author=MIA_WANG,
        create_time=datetime(2026, 10, 30, 12, 5, tzinfo=SHANGHAI),
        content=(({"tag": "text", "text": 'Two years at Bluewave today 🎉 "thank you", all!\nSee you at lunch.'},),),
        reactions=(("HEART", 31),),
        comment_count=8,
    ),
    FeishuPost(
        post_id=NICKNAME_POST,
        user_type=2,
        author=ZHAO_MIN,
        create_time=datetime(2026, 10, 16, 20, 40, tzinfo=SHANGHAI),
        content=(({"tag": "text", "text": "食堂的新菜单谁试过？"},),),
        reactions=(("THUMBSUP", 2),),
        comment_count=1,
        category_ids=("71124",),
    ),
    FeishuPost(
        post_id=ANONYMOUS_POST,
        user_type=3,
        create_time=datetime(2026, 10, 22, 9, 0, tzinfo=SHANGHAI),
        content=(({"tag": "text", "text": "建议会议室预订最多两小时。"},),),
        dislike_count=4,
        category_ids=("71124", "71125"),
    ),
    FeishuPost(
        post_id=OFFICIAL_POST,
        user_type=4,
        create_time=datetime(2026, 11, 2, 10, 0, tzinfo=SHANGHAI),
        content=(
            ({"tag": "text", "text": "公告 / Notice: 11 月 13 日下午系统维护。"},),
            ({"tag": "hashtag", "text": "#公告"},),
        ),
    ),
    FeishuPost(
        post_id=FORBIDDEN_POST,
        user_type=1,
        author=CHEN_YU,
        create_time=datetime(2026, 11, 3, 8, 0, tzinfo=SHANGHAI),
        content=(({"tag": "text", "text": "仅管理层可见"},),),
        forbidden=True,
    ),
)

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.seed import feishu as seed

# The keys of the example answers in the vendor's pages.
MINUTE_KEYS = {"token", "owner_id", "create_time", "title", "cover", "duration", "url"}
POST_KEYS = {
    "user_id", "content", "image_key_list", "media_file_token", "comment_count", "reaction_set", "id", "create_time",
    "media_cover_image_key", "category_ids", "link", "user_type", "dislike_count",
}  # fmt: skip


def test_minute_has_the_keys_and_types_of_the_page(emulator: Any) -> None:
    answer = emulator.feishu(f"/minutes/v1/minutes/{seed.ENGLISH_MINUTE}").json()
    assert answer.keys() == {"code", "msg", "data"}
    assert (answer["code"], answer["msg"]) == (0, "success")
    minute = answer["data"]["minute"]
    assert minute.keys() == MINUTE_KEYS
    assert minute["token"] == seed.ENGLISH_MINUTE
    assert minute["create_time"] == "1794380403000"  # 2026-11-11 15:00:03 in Shanghai
    assert minute["duration"] == "1865500"
    assert all(isinstance(value, str) for value in minute.values())


def test_a_minute_may_carry_the_newer_note_id(emulator: Any) -> None:
    minute = emulator.feishu(f"/minutes/v1/minutes/{seed.READY_MINUTE}").json()["data"]["minute"]
    assert minute.keys() == MINUTE_KEYS | {"note_id"}
    assert minute["title"] == "Q4 路线图 / roadmap 评审"


@pytest.mark.parametrize("kind", ["open_id", "union_id", "user_id"])
def test_user_id_type_changes_the_owner_and_the_author(emulator: Any, kind: str) -> None:
    minute = emulator.feishu(f"/minutes/v1/minutes/{seed.READY_MINUTE}", user_id_type=kind).json()["data"]["minute"]
    assert minute["owner_id"] == getattr(seed.CHEN_YU, kind)
    post = emulator.feishu(f"/moments/v1/posts/{seed.NAMED_POST}", user_id_type=kind).json()["data"]["post"]
    assert post["user_id"] == getattr(seed.CHEN_YU, kind)


@pytest.mark.parametrize("part", ["", "/media", "/transcript"])
@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ("short", 400, 2091001),
        ("obcnunknown0000000000000", 404, 2091002),
        (seed.DELETED_MINUTE, 400, 2091004),
        (seed.FORBIDDEN_MINUTE, 403, 2091005),
    ],
)
def test_minute_refusals(emulator: Any, part: str, token: str, status: int, code: int) -> None:
    response = emulator.feishu(f"/minutes/v1/minutes/{token}{part}")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["error"]["log_id"] == response.headers["X-Tt-Logid"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/minutes/v1/minutes/{seed.READY_MINUTE}?user_id_type=email", 2091001),
        (f"/minutes/v1/minutes/{seed.READY_MINUTE}/transcript?file_format=docx", 2091001),
        (f"/minutes/v1/minutes/{seed.READY_MINUTE}/transcript?need_speaker=yes", 2091001),
        (f"/moments/v1/posts/{seed.NAMED_POST}?user_id_type=email", 1420001),
    ],
)
def test_bad_parameters(emulator: Any, path: str, code: int) -> None:
    response = emulator.feishu(path)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_media_answers_an_address_on_the_emulator(emulator: Any) -> None:
    answer = emulator.feishu(f"/minutes/v1/minutes/{seed.READY_MINUTE}/media").json()
    assert answer["data"].keys() == {"download_url"}
    assert answer["data"]["download_url"].startswith(f"{emulator.url}/space/api/box/stream/download/authcode/?code=")
    again = emulator.feishu(f"/minutes/v1/minutes/{seed.READY_MINUTE}/media").json()
    assert again != answer


def test_address_follows_the_host_that_was_asked(emulator: Any) -> None:
    headers = {"Authorization": f"Bearer {emulator.feishu_token()}", "Host": "emulator.test:99"}
    url = f"{emulator.url}/open-apis/minutes/v1/minutes/{seed.READY_MINUTE}/media"
    download_url = requests.get(url, headers=headers).json()["data"]["download_url"]
    assert download_url.startswith("http://emulator.test:99/space/")


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"need_speaker": "true", "need_timestamp": "true", "file_format": "srt"},
            "1\n00:00:00,000 --> 00:00:05,400\n陈宇: 大家好，我们先过一下第四季度的路线图。\n\n2\n00:00:06,000 --> ",
        ),
        (
            {"need_speaker": "false", "need_timestamp": "true", "file_format": "srt"},
            "1\n00:00:00,000 --> 00:00:05,400\n大家好，",
        ),
        (
            {"need_speaker": "true", "need_timestamp": "true", "file_format": "txt"},
            "陈宇 00:00:00.000\n大家好，我们先过一下第四季度的路线图。\n\n赵敏 00:00:06.000\n",
        ),
        ({"need_speaker": "true"}, "陈宇\n大家好，"),
        ({}, "大家好，我们先过一下第四季度的路线图。\n\n焊接"),
    ],
)
def test_transcript_is_the_file_itself(emulator: Any, params: dict[str, str], expected: str) -> None:
    response = emulator.feishu(f"/minutes/v1/minutes/{seed.READY_MINUTE}/transcript", **params)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Tt-Logid"]
    assert response.content.decode().startswith(expected)


def test_minute_without_transcript_answers_200_and_nothing(emulator: Any) -> None:
    response = emulator.feishu(f"/minutes/v1/minutes/{seed.AUDIO_ONLY_MINUTE}/transcript", file_format="srt")
    assert (response.status_code, response.content) == (200, b"")


def test_recording_is_the_page_of_its_minute(emulator: Any) -> None:
    answer = emulator.feishu(f"/vc/v1/meetings/{seed.READY_MEETING}/recording").json()
    recording = {"url": f"https://meetings.feishu.cn/minutes/{seed.READY_MINUTE}", "duration": "2714000"}
    assert answer == {"code": 0, "msg": "success", "data": {"recording": recording}}


@pytest.mark.parametrize(
    ("meeting_id", "status", "code"),
    [
        ("not-a-number", 400, 121003),
        ("１２３", 400, 121003),
        (seed.UNRECORDED_MEETING, 404, 121004),
        (seed.FORBIDDEN_MEETING, 403, 121005),
        (seed.RUNNING_MEETING, 400, 122001),
        ("7571000000000000999", 404, 122002),
        ("705605196", 404, 122002),
    ],
)
def test_recording_refusals(emulator: Any, meeting_id: str, status: int, code: int) -> None:
    response = emulator.feishu(f"/vc/v1/meetings/{meeting_id}/recording")
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_not_ready_is_counted_at_each_stage(start: Any) -> None:
    emulator = start(not_ready_polls=2)
    meeting = f"/vc/v1/meetings/{seed.PROCESSING_MEETING}/recording"
    minute = f"/minutes/v1/minutes/{seed.PROCESSING_MINUTE}"
    assert [emulator.feishu(meeting).json()["code"] for _ in range(4)] == [124002, 124002, 0, 0]
    assert emulator.feishu(f"{minute}/transcript").json()["code"] == 2091003
    assert emulator.feishu(minute).status_code == 400
    assert emulator.feishu(f"{minute}/media").json()["code"] == 2091003
    assert emulator.feishu(minute).json()["code"] == 0
    assert emulator.feishu(f"{minute}/media").json()["code"] == 0
    assert emulator.feishu(f"{minute}/transcript").text.startswith("灯光好了")
    assert emulator.feishu(f"/vc/v1/meetings/{seed.READY_MEETING}/recording").json()["code"] == 0


def test_everything_is_ready_at_once_with_no_polls(emulator: Any) -> None:
    assert emulator.feishu(f"/vc/v1/meetings/{seed.PROCESSING_MEETING}/recording").json()["code"] == 0
    assert emulator.feishu(f"/minutes/v1/minutes/{seed.PROCESSING_MINUTE}/media").json()["code"] == 0


def test_post_has_the_keys_and_types_of_the_page(emulator: Any) -> None:
    post = emulator.feishu(f"/moments/v1/posts/{seed.NAMED_POST}").json()["data"]["post"]
    assert post.keys() == POST_KEYS
    assert post["reaction_set"] == {
        "reactions": [{"type": "OK", "count": 12}, {"type": "APPLAUSE", "count": 5}],
        "total_count": 17,
    }
    assert post["create_time"] == "2026-11-09T18:20:00+08:00"
    assert post["link"] == f"https://applink.feishu.cn/client/moments/detail?postId={seed.NAMED_POST}"
    nodes = [node for paragraph in json.loads(post["content"]) for node in paragraph]
    assert [node["tag"] for node in nodes] == ["hashtag", "text", "at", "text", "a"]


@pytest.mark.parametrize(
    ("post_id", "user_type", "named"),
    [
        (seed.SECOND_NAMED_POST, 1, True),
        (seed.NICKNAME_POST, 2, False),
        (seed.ANONYMOUS_POST, 3, False),
        (seed.OFFICIAL_POST, 4, False),
    ],
)
def test_only_a_named_post_names_its_author(emulator: Any, post_id: str, user_type: int, named: bool) -> None:
    post = emulator.feishu(f"/moments/v1/posts/{post_id}").json()["data"]["post"]
    assert (post["user_type"], bool(post["user_id"])) == (user_type, named)


@pytest.mark.parametrize(
    ("post_id", "status", "code"),
    [("abc", 400, 1420001), (seed.FORBIDDEN_POST, 403, 1420002), (seed.GONE_POST, 404, 1420004)],
)
def test_post_refusals(emulator: Any, post_id: str, status: int, code: int) -> None:
    response = emulator.feishu(f"/moments/v1/posts/{post_id}")
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_unknown_path_is_json_with_a_log_id(emulator: Any) -> None:
    response = requests.get(f"{emulator.url}/open-apis/nowhere")
    assert response.status_code == 404
    assert response.json()["error"]["log_id"] == response.headers["X-Tt-Logid"]


def test_log_id_begins_with_the_second_of_the_clock(emulator: Any) -> None:
    assert re.fullmatch(r"20261114234640[0-9A-F]{18}", emulator.feishu("/nowhere").headers["X-Tt-Logid"])

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed

HEADER = "2026-11-10 10:01:12 CST|45分钟 14秒\n\n关键词:\n路线图、样机、仓储线\n\n"
READY = f"/minutes/v1/minutes/{seed.READY_MINUTE}"


def test_minute_with_note_id(emulator: Any) -> None:
    minute = emulator.feishu(READY).json()["data"]["minute"]
    assert minute["note_id"] == "7571000000000000901"
    assert minute["create_time"] == "1794276072477"  # 2026-11-10 10:01:12.477 in Shanghai
    assert "note_id" not in emulator.feishu(f"/minutes/v1/minutes/{seed.ENGLISH_MINUTE}").json()["data"]["minute"]


@pytest.mark.parametrize("user_id_type", ["open_id", "union_id", "user_id"])
def test_user_id_type(emulator: Any, user_id_type: str) -> None:
    minute = emulator.feishu(READY, user_id_type=user_id_type).json()["data"]["minute"]
    assert minute["owner_id"] == getattr(seed.CHEN_YU, user_id_type)
    post = emulator.feishu(f"/moments/v1/posts/{seed.NAMED_POST}", user_id_type=user_id_type).json()["data"]["post"]
    assert post["user_id"] == getattr(seed.CHEN_YU, user_id_type)


@pytest.mark.parametrize("part", ["", "/media", "/transcript", "/statistics", "/artifacts"])
def test_inaccessible_minutes(emulator: Any, part: str) -> None:
    for token, status, code in (
        ("short", 400, 2091001),
        ("obcnunknown0000000000000", 404, 2091002),
        (seed.DELETED_MINUTE, 400, 2091004),
        (seed.FORBIDDEN_MINUTE, 403, 2091005),
    ):
        response = emulator.feishu(f"/minutes/v1/minutes/{token}{part}")
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["error"]["log_id"] == response.headers["X-Tt-Logid"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{READY}?user_id_type=email", 2091001),
        (f"{READY}/statistics?user_id_type=email", 2091001),
        (f"{READY}/transcript?file_format=docx", 2091001),
        (f"{READY}/transcript?need_speaker=yes", 2091001),
        (f"/moments/v1/posts/{seed.NAMED_POST}?user_id_type=email", 1420001),
    ],
)
def test_bad_parameters(emulator: Any, path: str, code: int) -> None:
    response = emulator.feishu(path)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_media_links_differ_and_lead_to_the_requested_host(emulator: Any) -> None:
    first, second = emulator.media_link(seed.READY_MINUTE), emulator.media_link(seed.READY_MINUTE)
    assert first != second
    assert first.startswith(f"{emulator.url}/space/api/box/stream/download/authcode/?code=")
    headers = {"Authorization": f"Bearer {emulator.feishu_token()}", "Host": "emulator.test:99"}
    answer = emulator.get(f"/open-apis{READY}/media", headers=headers).json()
    assert answer["data"]["download_url"].startswith("http://emulator.test:99/space/")


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
            f"{HEADER}陈宇 00:00:00.000\n大家好，我们先过一下第四季度的路线图。\n\n赵敏 00:00:06.000\n",
        ),
        ({"need_speaker": "true"}, f"{HEADER}陈宇\n大家好，"),
        ({}, f"{HEADER}大家好，我们先过一下第四季度的路线图。\n\n焊接"),
    ],
    ids=["srt", "srt without speaker", "txt", "txt without time", "default"],
)
def test_transcript_is_a_file(emulator: Any, params: dict[str, str], expected: str) -> None:
    response = emulator.feishu(f"{READY}/transcript", **params)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Tt-Logid"]
    assert response.content.decode().startswith(expected)


def test_transcript_of_minute_without_one_is_empty(emulator: Any) -> None:
    response = emulator.feishu(f"/minutes/v1/minutes/{seed.AUDIO_ONLY_MINUTE}/transcript", file_format="srt")
    assert (response.status_code, response.content) == (200, b"")


def test_not_ready_polls_count_at_each_stage(start: Any) -> None:
    emulator = start(not_ready_polls=2)
    meeting = f"/vc/v1/meetings/{seed.PROCESSING_MEETING}/recording"
    minute = f"/minutes/v1/minutes/{seed.PROCESSING_MINUTE}"
    assert [emulator.feishu(meeting).json()["code"] for _ in range(4)] == [124002, 124002, 0, 0]
    assert emulator.feishu(f"{minute}/transcript").json()["code"] == 2091003
    assert emulator.feishu(minute).status_code == 400
    assert emulator.feishu(f"{minute}/media").json()["code"] == 2091003
    assert emulator.feishu(minute).json()["code"] == 0
    assert emulator.feishu(f"{minute}/media").json()["code"] == 0
    assert "\n\n灯光好了" in emulator.feishu(f"{minute}/transcript").text
    assert emulator.feishu(f"/vc/v1/meetings/{seed.READY_MEETING}/recording").json()["code"] == 0


def test_everything_is_ready_without_not_ready_polls(emulator: Any) -> None:
    assert emulator.feishu(f"/vc/v1/meetings/{seed.PROCESSING_MEETING}/recording").json()["code"] == 0
    assert emulator.feishu(f"/minutes/v1/minutes/{seed.PROCESSING_MINUTE}/media").json()["code"] == 0


def test_statistics(emulator: Any) -> None:
    statistics = emulator.feishu(f"{READY}/statistics", user_id_type="user_id").json()["data"]["statistics"]
    assert (statistics["user_view_count"], statistics["page_view_count"]) == ("3", "20")
    assert [viewer["user_id"] for viewer in statistics["user_view_list"]] == ["chenyu", "zhaomin", "mia.wang"]


def test_minute_without_statistics_and_artifacts(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed.AUDIO_ONLY_MINUTE}"
    assert emulator.feishu(f"{path}/statistics").json()["data"]["statistics"] == {
        "user_view_count": "0", "page_view_count": "0", "user_view_list": [],
    }  # fmt: skip
    empty = {"summary": "", "minute_chapters": [], "minute_todos": []}
    assert emulator.feishu(f"{path}/artifacts").json()["data"] == empty


def test_artifacts_with_keywords_and_transcript(emulator: Any) -> None:
    data = emulator.feishu(f"{READY}/artifacts").json()["data"]
    assert data["keywords"] == ["路线图", "样机", "仓储线"]
    params = {"need_speaker": "true", "need_timestamp": "true"}
    assert data["transcript"] == emulator.feishu(f"{READY}/transcript", **params).text

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.model.company import SHANGHAI, Company
from airflow_provider_meetings.emulator.model.feishu import FeishuMinute
from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed.feishu import MIA_WANG, READY_MINUTE
from airflow_provider_meetings.emulator.seed.wecom import SHARED_RECORD

LONG = Media(700_001, "mp4", "long")
CONTENT = LONG.read()


@pytest.fixture
def link(start: Any) -> str:
    created = datetime(2026, 11, 12, 9, tzinfo=SHANGHAI)
    minute = FeishuMinute(READY_MINUTE, MIA_WANG, created, '长会 / "long"', 1000, LONG)
    return str(start(company=Company("test", feishu_minutes={minute.token: minute})).media_link(minute.token))


def test_media_is_served_without_token(link: str) -> None:
    response = requests.get(link)
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["Content-Length"] == str(LONG.size)
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == LONG.etag
    assert response.headers["X-Tt-Logid"]
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"__ _ _long_.mp4\"; filename*=UTF-8''%E9%95%BF%E4%BC%9A%20%2F%20%22long%22.mp4"
    )


@pytest.mark.parametrize(
    ("requested", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=300000-599999", 300_000, 600_000),
        ("bytes=700000-", 700_000, 700_001),
        ("bytes=5-9999999", 5, 700_001),
        ("bytes=-10", 699_991, 700_001),
        ("bytes=-9999999", 0, 700_001),
    ],
)
def test_range(link: str, requested: str, first: int, end: int) -> None:
    response = requests.get(link, headers={"Range": requested})
    assert (response.status_code, response.content) == (206, CONTENT[first:end])
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/700001"
    assert response.headers["Content-Length"] == str(end - first)
    assert response.headers["ETag"] == LONG.etag


@pytest.mark.parametrize("requested", ["bytes=700001-", "bytes=700001-700009", "bytes=-0"])
def test_unsatisfiable_range(link: str, requested: str) -> None:
    response = requests.get(link, headers={"Range": requested})
    assert (response.status_code, response.content) == (416, b"")
    assert response.headers["Content-Range"] == "bytes */700001"


@pytest.mark.parametrize(
    "requested", ["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "bytes=a-b", "items=0-1", "0-1", "bytes=0-" + "9" * 5000]
)
def test_ignored_range(link: str, requested: str) -> None:
    assert requests.get(link, headers={"Range": requested}).status_code == 200


@pytest.mark.parametrize(("tag", "status"), [(LONG.etag, 206), ('"other"', 200), ("W/" + LONG.etag, 200)])
def test_if_range(link: str, tag: str, status: int) -> None:
    response = requests.get(link, headers={"Range": "bytes=5-", "If-Range": tag})
    assert (response.status_code, len(response.content)) == (status, 700_001 - (5 if status == 206 else 0))


def test_head_ignores_range(link: str) -> None:
    response = requests.head(link, headers={"Range": "bytes=0-1"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == "700001"
    assert response.headers["ETag"] == LONG.etag


def wecom_link(emulator: Any) -> str:
    ids = {"meeting_record_id": SHARED_RECORD, "meetingid": SHARED_RECORD.replace("mr", "hy")}
    return str(emulator.wecom("get_file_list", ids)["record_files"][0]["download_address"])


def test_feishu_link_expires_after_a_day(emulator: Any) -> None:
    url = emulator.media_link(READY_MINUTE)
    assert requests.get(url + "x").status_code == 403
    assert requests.get(url.split("?")[0]).status_code == 403
    emulator.clock.now += 24 * 3600 - 1
    assert requests.get(url).status_code == 200
    emulator.clock.now += 1
    assert requests.get(url).status_code == 403
    assert requests.get(emulator.media_link(READY_MINUTE)).status_code == 200


def test_wecom_link_is_for_one_file_and_expires_after_six_hours(emulator: Any) -> None:
    url = wecom_link(emulator)
    assert requests.get(url.replace(".mp4", ".m4a")).status_code == 403
    assert requests.get(url.split("?")[0]).status_code == 403
    emulator.clock.now += 6 * 3600 - 1
    assert requests.get(url).status_code == 200
    emulator.clock.now += 1
    assert requests.get(url).status_code == 403
    assert requests.get(wecom_link(emulator), headers={"Range": "bytes=10-"}).status_code == 206


def test_wecom_links_of_documents_expire_after_one_hour(emulator: Any) -> None:
    recording = emulator.state.company.wecom_recordings[SHARED_RECORD]
    body = {"record_file_id": recording.files[0].record_file_id, "meetingid": recording.meetingid}
    answer = emulator.wecom("get_file", body)
    documents = [answer["meeting_summary"], *answer["ai_meeting_transcripts"]]
    urls = [*(document["download_address"] for document in documents), answer["audio_address"]]
    emulator.clock.now += 3600 - 1
    assert [requests.get(url).status_code for url in urls] == [200, 200, 200]
    emulator.clock.now += 1
    assert [requests.get(url).status_code for url in urls] == [403, 403, 200]


def test_link_seconds_applies_to_both_vendors(start: Any) -> None:
    emulator = start(link_seconds=5)
    urls = [emulator.media_link(READY_MINUTE), wecom_link(emulator)]
    assert [requests.get(url).status_code for url in urls] == [200, 200]
    emulator.clock.now += 5
    assert [requests.get(url).status_code for url in urls] == [403, 403]

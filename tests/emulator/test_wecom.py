from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.seed import wecom as seed

# The keys of the page's table and of its example answer.
RECORD_KEYS = {"meeting_record_id", "meetingid", "meeting_code", "host_user_id", "meeting_start_time", "title", "state"}
FILE_KEYS = {
    "record_file_id", "record_start_time", "record_end_time", "record_size", "sharing_state", "sharing_url",
    "required_same_corp", "required_attendee", "password", "sharing_expire", "allow_download",
}  # fmt: skip
SHARED_ONLY = {"sharing_url", "required_same_corp", "required_attendee", "password", "allow_download"}

SPAN = 31 * 86400
END = int(datetime(2026, 11, 13, 23, 59, tzinfo=SHANGHAI).timestamp())
WINDOW = {"start_time": END - SPAN, "end_time": END}
MIDNIGHT = int(datetime(2026, 11, 12, tzinfo=SHANGHAI).timestamp())
SPECIAL_DAY = {"start_time": MIDNIGHT, "end_time": MIDNIGHT + 86399}


def records(emulator: Any, **body: Any) -> dict[str, Any]:
    """Return what lists on the special day hold, by id."""
    answers = [emulator.wecom("list", {**SPECIAL_DAY, "userid": owner, **body}) for owner in seed.OWNERS]
    return {record["meeting_record_id"]: record for answer in answers for record in answer["record_list"]}


def test_special_day_has_four_recordings_in_all_states(start: Any) -> None:
    found = records(start(not_ready_polls=1))
    states = {seed.TWO_FILES_RECORD: 3, seed.SHARED_RECORD: 3, seed.PROCESSING_RECORD: 1, seed.ENDLESS_RECORD: 1}
    assert {name: record["state"] for name, record in found.items()} == states


def test_record_and_files_have_the_keys_and_types_of_the_page(emulator: Any) -> None:
    found = records(emulator)
    assert found[seed.SHARED_RECORD].keys() == RECORD_KEYS | {"record_file_list"}
    (shared,) = found[seed.SHARED_RECORD]["record_file_list"]
    assert shared.keys() == FILE_KEYS
    assert shared["sharing_state"] == 1
    assert shared["sharing_expire"] > 0
    first, second = found[seed.TWO_FILES_RECORD]["record_file_list"]
    assert first.keys() == second.keys() == FILE_KEYS - SHARED_ONLY
    assert (first["sharing_state"], first["sharing_expire"]) == (0, 0)
    assert first["record_end_time"] < second["record_start_time"]
    # Milliseconds: 2026-11-12 09:30 in Shanghai.
    assert found[seed.TWO_FILES_RECORD]["meeting_start_time"] == 1794447000000


def test_files_are_listed_only_at_state_3(emulator: Any) -> None:
    assert records(emulator)[seed.ENDLESS_RECORD].keys() == RECORD_KEYS


def test_example_spelling(emulator: Any) -> None:
    emulator.state.wecom_spelling = "record_meetings"
    answer = emulator.wecom("list", {**SPECIAL_DAY, "userid": "lina"})
    assert answer.keys() == {"errcode", "errmsg", "has_more", "record_meetings"}
    assert answer["record_meetings"][0].keys() == RECORD_KEYS | {"record_files"}


def test_processing_passes_both_states(start: Any) -> None:
    emulator = start(not_ready_polls=2)
    body = {"meeting_record_id": seed.PROCESSING_RECORD, "meetingid": seed.PROCESSING_RECORD.replace("mr", "hy")}
    seen = []
    for _ in range(6):
        answer = emulator.wecom("list", {**SPECIAL_DAY, "userid": "wangfang"})
        files = emulator.wecom("get_file_list", body)["record_files"]
        seen.append((answer["record_list"][0]["state"], len(files)))
    assert seen == [(1, 0), (1, 0), (2, 0), (2, 0), (3, 1), (3, 1)]


def test_file_list_before_any_listing_is_not_ready(start: Any) -> None:
    body = {"meeting_record_id": seed.PROCESSING_RECORD, "meetingid": seed.PROCESSING_RECORD.replace("mr", "hy")}
    assert start(not_ready_polls=1).wecom("get_file_list", body)["record_files"] == []


@pytest.mark.parametrize(("limit", "sizes"), [(None, [10, 10]), (20, [20]), (7, [7, 7, 7])])
def test_pages_are_disjoint_and_complete(emulator: Any, limit: int | None, sizes: list[int]) -> None:
    body: dict[str, Any] = {**WINDOW, "userid": "zhangwei"} | ({} if limit is None else {"limit": limit})
    pages = []
    while True:
        answer = emulator.wecom("list", body)
        pages.append([record["meeting_record_id"] for record in answer["record_list"]])
        assert ("next_cursor" in answer) == answer["has_more"]
        if not answer["has_more"]:
            break
        body["cursor"] = answer["next_cursor"]
    ids = [name for page in pages for name in page]
    assert [len(page) for page in pages[:-1]] == sizes
    assert len(ids) == len(set(ids)) == 23
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": 6}, "limit differs"),
        ({"userid": "lina"}, "parameters differ"),
        ({"end_time": END - 1}, "parameters differ"),
        ({"meetingid": "hy-x"}, "parameters differ"),
        ({"cursor": "NGEING"}, "unknown cursor"),
        ({"cursor": "W10"}, "unknown cursor"),
        ({"cursor": "WzUsIFtdLCBbImEiLCAiYiJdXQ"}, "unknown cursor"),
    ],
)
def test_cursor_chain_repeats_its_parameters(emulator: Any, changes: dict[str, Any], reason: str) -> None:
    body = {**WINDOW, "userid": "zhangwei", "limit": 5}
    cursor = emulator.wecom("list", body)["next_cursor"]
    answer = emulator.wecom("list", body | {"cursor": cursor} | changes)
    assert answer["errcode"] == 40058
    assert reason in answer["errmsg"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": 0}, "limit must be 1 to 20"),
        ({"limit": 21}, "limit must be 1 to 20"),
        ({"limit": "10"}, "limit must be an integer"),
        ({"start_time": END - SPAN - 1}, "31 days"),
        ({"start_time": END + 1}, "before start_time"),
        ({"start_time": None}, "start_time is required"),
        ({"end_time": None}, "end_time is required"),
        ({"end_time": True}, "end_time must be an integer"),
        ({"end_time": END * 1000}, "in seconds"),
        ({"userid": ""}, "one of meetingid, meeting_code and userid"),
        ({"userid": 7}, "userid must be a string"),
    ],
)
def test_bad_list_parameters(emulator: Any, changes: dict[str, Any], reason: str) -> None:
    answer = emulator.wecom("list", {**WINDOW, "userid": "lina"} | changes)
    assert answer.keys() == {"errcode", "errmsg"}
    assert answer["errcode"] == 40058
    assert reason in answer["errmsg"]


def test_exactly_31_days_are_allowed(emulator: Any) -> None:
    assert emulator.wecom("list", {**WINDOW, "userid": "lina"})["errcode"] == 0


def test_both_ends_of_a_window_are_inside(emulator: Any) -> None:
    moment = int(datetime(2026, 11, 12, 9, 30, tzinfo=SHANGHAI).timestamp())

    def count(start_time: int, end_time: int) -> int:
        body = {"userid": "zhangwei", "start_time": start_time, "end_time": end_time}
        return len(emulator.wecom("list", body)["record_list"])

    assert count(moment, moment) == 1
    assert count(moment - 1, moment - 1) == 0
    assert count(moment + 1, moment + 1) == 0


def test_meetingid_goes_before_code_before_userid(emulator: Any) -> None:
    standup = {"meetingid": seed.STANDUP_MEETINGID}
    lina = {"userid": "lina"}

    def titles(**ids: str) -> set[str]:
        return {record["title"] for record in emulator.wecom("list", {**WINDOW, "limit": 20, **ids})["record_list"]}

    assert titles(**standup, meeting_code="1", **lina) == {"每日站会"}
    assert titles(meeting_code=seed.STANDUP_CODE, **lina) == {"每日站会"}
    assert "设计评审 / design review" in titles(**lina)
    assert titles(userid="nobody") == set()


def test_userid_finds_the_creator_not_the_host(emulator: Any) -> None:
    found = emulator.wecom("list", {**WINDOW, "userid": "wangfang", "limit": 20})["record_list"]
    assert "lina" in {record["host_user_id"] for record in found}


def test_bodies_that_are_no_json_object(emulator: Any) -> None:
    url = f"{emulator.url}/cgi-bin/meeting/record/list"
    for body in (b"", b"{", b"[1]"):
        answer = requests.post(url, params={"access_token": emulator.wecom_token()}, data=body).json()
        assert answer["errcode"] == 47001


def test_wrong_method_and_path_stay_http_200(emulator: Any) -> None:
    listing = requests.get(f"{emulator.url}/cgi-bin/meeting/record/list")
    token = requests.post(f"{emulator.url}/cgi-bin/gettoken")
    nowhere = requests.get(f"{emulator.url}/cgi-bin/nowhere")
    assert [answer.status_code for answer in (listing, token, nowhere)] == [200, 200, 200]
    assert [answer.json()["errcode"] for answer in (listing, token, nowhere)] == [43002, 43001, -1]


def test_file_list_has_the_fields_and_working_addresses(emulator: Any) -> None:
    meetingid = seed.TWO_FILES_RECORD.replace("mr", "hy")
    answer = emulator.wecom("get_file_list", {"meeting_record_id": seed.TWO_FILES_RECORD, "meetingid": meetingid})
    listed = records(emulator)[seed.TWO_FILES_RECORD]["record_file_list"]
    assert answer.keys() == {
        "errcode", "errmsg", "meeting_record_id", "meetingid", "meeting_code", "title", "record_files",
    }  # fmt: skip
    assert [file["record_file_id"] for file in answer["record_files"]] == [file["record_file_id"] for file in listed]
    file = answer["record_files"][0]
    assert file.keys() == {
        "record_file_id", "view_address", "download_address", "download_address_file_type", "audio_address",
        "audio_address_file_type", "meeting_summary",
    }  # fmt: skip
    assert (file["download_address_file_type"], file["audio_address_file_type"]) == ("mp4", "m4a")
    video = requests.get(file["download_address"])
    assert len(video.content) == listed[0]["record_size"]
    assert video.headers["Content-Type"] == "video/mp4"
    assert requests.get(file["audio_address"]).content[4:12] == b"ftypM4A "
    assert requests.get(file["view_address"]).headers["Content-Type"].startswith("text/html")
    starts = {part["file_type"]: requests.get(part["download_address"]).content for part in file["meeting_summary"]}
    assert starts.keys() == {"docx", "txt", "pdf"}
    assert starts["docx"].startswith(b"PK\x03\x04")
    assert starts["pdf"].startswith(b"%PDF-")
    assert starts["txt"].decode().startswith("会议纪要")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"meeting_record_id": "mr-x", "meetingid": "hy-x"},
        {"meeting_record_id": seed.SHARED_RECORD, "meetingid": seed.STANDUP_MEETINGID},
        {"meeting_record_id": [], "meetingid": {}},
    ],
)
def test_file_list_of_unknown_ids(emulator: Any, body: dict[str, Any]) -> None:
    assert emulator.wecom("get_file_list", body)["errcode"] == 40058


def test_addresses_that_do_not_exist_are_empty(emulator: Any) -> None:
    ids = {
        "meeting_record_id": seed.AUDIO_ONLY_RECORD,
        "meetingid": seed.AUDIO_ONLY_RECORD.replace("mr", "hy"),
    }
    (file,) = emulator.wecom("get_file_list", ids)["record_files"]
    assert (file["download_address"], file["download_address_file_type"]) == ("", "")
    assert file["audio_address"]


def test_declared_size_may_be_0_while_bytes_are_served(emulator: Any) -> None:
    ids = {"meeting_record_id": seed.ZERO_SIZE_RECORD, "meetingid": seed.ZERO_SIZE_RECORD.replace("mr", "hy")}
    start_time = int(datetime(2026, 10, 28, tzinfo=SHANGHAI).timestamp())
    body = {"meetingid": ids["meetingid"], "start_time": start_time, "end_time": start_time + 86400}
    (record,) = emulator.wecom("list", body)["record_list"]
    assert record["record_file_list"][0]["record_size"] == 0
    (file,) = emulator.wecom("get_file_list", ids)["record_files"]
    assert len(requests.get(file["download_address"]).content) > 20_000


def test_seed_covers_what_the_documentation_promises() -> None:
    recordings = list(seed.recordings())
    assert len({recording.meeting_record_id for recording in recordings}) == len(recordings) >= 45
    assert {recording.creator for recording in recordings} == set(seed.OWNERS)
    starts = [recording.meeting_start_time for recording in recordings]
    assert min(starts) >= datetime(2026, 10, 5, 9, tzinfo=SHANGHAI)
    assert max(starts) <= datetime(2026, 11, 13, 18, tzinfo=SHANGHAI)
    assert all(moment.utcoffset() == timedelta(hours=8) for moment in starts)
    sizes = [file.video.size for recording in recordings for file in recording.files if file.video]
    assert min(sizes) >= 20_000
    assert max(sizes) <= 1_500_000

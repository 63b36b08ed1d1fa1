from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from airflow_provider_meetings.emulator.model.company import SHANGHAI
from airflow_provider_meetings.emulator.seed import wecom as seed

# The keys of the page's table and of its example.
RECORD_KEYS = {"meeting_record_id", "meetingid", "meeting_code", "host_user_id", "meeting_start_time", "title", "state"}
FILE_KEYS = {"record_file_id", "record_start_time", "record_end_time", "record_size", "sharing_state", "sharing_expire"}
SHARING_KEYS = {"sharing_url", "required_same_corp", "required_attendee", "password", "allow_download"}

SPAN = 31 * 86400
END = int(datetime(2026, 11, 13, 23, 59, tzinfo=SHANGHAI).timestamp())
WINDOW = {"start_time": END - SPAN, "end_time": END}
MIDNIGHT = int(datetime(2026, 11, 12, tzinfo=SHANGHAI).timestamp())
SPECIAL_DAY = {"start_time": MIDNIGHT, "end_time": MIDNIGHT + 86399}


def listed(emulator: Any, **body: Any) -> Any:
    return emulator.wecom("list", {**WINDOW, "limit": 20, **body})["record_list"]


def special_day(emulator: Any) -> dict[str, Any]:
    """Return the records of the special day by id."""
    records = [record for owner in seed.OWNERS for record in listed(emulator, **SPECIAL_DAY, userid=owner)]
    return {record["meeting_record_id"]: record for record in records}


def test_special_day_has_all_states(start: Any) -> None:
    states = {seed.TWO_FILES_RECORD: 3, seed.SHARED_RECORD: 3, seed.PROCESSING_RECORD: 1, seed.ENDLESS_RECORD: 1}
    records = special_day(start(not_ready_polls=1))
    assert {record_id: record["state"] for record_id, record in records.items()} == states


def test_keys_of_records_and_files(emulator: Any) -> None:
    records = special_day(emulator)
    assert records[seed.SHARED_RECORD].keys() == RECORD_KEYS | {"record_file_list"}
    (shared,) = records[seed.SHARED_RECORD]["record_file_list"]
    assert shared.keys() == FILE_KEYS | SHARING_KEYS
    assert shared["sharing_state"] == 1
    assert shared["sharing_expire"] > 0
    first, second = records[seed.TWO_FILES_RECORD]["record_file_list"]
    assert first.keys() == second.keys() == FILE_KEYS
    assert (first["sharing_state"], first["sharing_expire"]) == (0, 0)
    assert first["record_end_time"] < second["record_start_time"]
    # Milliseconds: 2026-11-12 09:30 in Shanghai.
    assert records[seed.TWO_FILES_RECORD]["meeting_start_time"] == 1794447000000
    # Before state 3 there is no list of files.
    assert records[seed.ENDLESS_RECORD].keys() == RECORD_KEYS


def test_names_of_the_example(emulator: Any) -> None:
    emulator.state.wecom_spelling = "record_meetings"
    answer = emulator.wecom("list", {**SPECIAL_DAY, "userid": "lina"})
    assert answer.keys() == {"errcode", "errmsg", "has_more", "record_meetings"}
    assert answer["record_meetings"][0].keys() == RECORD_KEYS | {"record_files"}


def test_has_more_on_last_page_is_optional(emulator: Any) -> None:
    body = {**WINDOW, "userid": "lina", "limit": 20}
    assert emulator.wecom("list", body)["has_more"] is False
    emulator.state.has_more = "when-true"
    assert "has_more" not in emulator.wecom("list", body)
    assert emulator.wecom("list", body | {"limit": 1})["has_more"] is True


def test_processing_passes_states_1_and_2(start: Any) -> None:
    emulator = start(not_ready_polls=2)
    ids = {"meeting_record_id": seed.PROCESSING_RECORD, "meetingid": seed.PROCESSING_RECORD.replace("mr", "hy")}
    assert emulator.wecom("get_file_list", ids)["record_files"] == []
    states = []
    for _ in range(6):
        (record,) = listed(emulator, **SPECIAL_DAY, userid="wangfang")
        states.append((record["state"], len(emulator.wecom("get_file_list", ids)["record_files"])))
    assert states == [(1, 0), (1, 0), (2, 0), (2, 0), (3, 1), (3, 1)]


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
    ids = [record_id for page in pages for record_id in page]
    assert [len(page) for page in pages[:-1]] == sizes
    assert len(ids) == len(set(ids)) == 23
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "changes",
    [{"limit": 6}, {"userid": "lina"}, {"end_time": END - 1}, {"meetingid": "hy-x"}, {"cursor": "NGEING"}],
)
def test_cursor_requires_the_same_parameters(emulator: Any, changes: dict[str, Any]) -> None:
    body = {**WINDOW, "userid": "zhangwei", "limit": 5}
    cursor = emulator.wecom("list", body)["next_cursor"]
    answer = emulator.wecom("list", body | {"cursor": cursor} | changes)
    assert answer["errcode"] == 40058
    assert "unknown cursor, or one of a call with another limit or other parameters" in answer["errmsg"]


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


def test_window_includes_both_ends(emulator: Any) -> None:
    start = int(datetime(2026, 11, 12, 9, 30, tzinfo=SHANGHAI).timestamp())
    counts = [
        len(listed(emulator, userid="zhangwei", start_time=time, end_time=time))
        for time in (start - 1, start, start + 1)
    ]
    assert counts == [0, 1, 0]


def test_precedence_of_ids(emulator: Any) -> None:
    def titles(**ids: str) -> set[str]:
        return {record["title"] for record in listed(emulator, **ids)}

    assert titles(meetingid=seed.STANDUP_MEETINGID, meeting_code="1", userid="lina") == {"每日站会"}
    assert titles(meeting_code=seed.STANDUP_CODE, userid="lina") == {"每日站会"}
    assert "设计评审 / design review" in titles(userid="lina")
    assert titles(userid="nobody") == set()


def test_userid_is_the_creator_not_the_host(emulator: Any) -> None:
    assert "lina" in {record["host_user_id"] for record in listed(emulator, userid="wangfang")}


@pytest.mark.parametrize("body", [b"", b"{", b"[1]"])
def test_body_is_not_a_json_object(emulator: Any, body: bytes) -> None:
    url, params = f"{emulator.url}/cgi-bin/meeting/record/list", {"access_token": emulator.wecom_token()}
    assert emulator.session.post(url, params=params, data=body).json()["errcode"] == 47001

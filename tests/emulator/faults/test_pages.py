from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_meetings.emulator.seed import feishu as seed
from airflow_provider_meetings.emulator.seed.wecom import OWNERS

WINDOW = {"start_time": "1790000000", "end_time": "1810000000"}


def wecom(emulator: Any) -> Iterator[list[str]]:
    body = {"userid": OWNERS[0], "start_time": 1_792_600_000, "end_time": 1_795_200_000, "limit": 20}
    more = True
    while more:
        answer = emulator.wecom("list", body)
        yield [record["meeting_record_id"] for record in answer["record_list"]]
        more, body["cursor"] = answer["has_more"], answer.get("next_cursor", "")


def feishu(emulator: Any, path: str, name: str, key: str, **params: str) -> Iterator[list[str]]:
    data: dict[str, Any] = {"has_more": True}
    while data["has_more"]:
        data = emulator.feishu(path, **WINDOW, **params, page_token=data.get("page_token", "")).json()["data"]
        yield [row[key] for row in data[name]]


def report(emulator: Any) -> Iterator[list[str]]:
    return feishu(emulator, "/vc/v1/meeting_list", "meeting_list", "meeting_instance_id")


def numbers(emulator: Any) -> Iterator[list[str]]:
    number = next(m.meeting_no for m in seed.MEETINGS if m.meeting_id == seed.SPRINT_40_MEETING)
    return feishu(emulator, "/vc/v1/meetings/list_by_no", "meeting_briefs", "id", meeting_no=number)


def search(emulator: Any) -> Iterator[list[str]]:
    data: dict[str, Any] = {"has_more": True}
    while data["has_more"]:
        params = {"page_token": token} if (token := data.get("page_token")) else {}
        data = emulator.feishu_user("/minutes/v1/minutes/search", {}, **params).json()["data"]
        yield [item["token"] for item in data["items"]]


LISTINGS = {
    "wecom.record_list": wecom,
    "feishu.meeting_list": report,
    "feishu.meetings_by_number": numbers,
    "feishu.minutes_search": search,
}


@pytest.mark.parametrize("endpoint", LISTINGS)
def test_pages(emulator: Any, endpoint: str) -> None:
    state, pages = emulator.state, LISTINGS[endpoint]
    emulator.clock.now += 30 * 86400
    everything = [name for page in pages(emulator) for name in page]
    first, second, *_, last = everything
    state.page_fault("short", endpoint, 1)
    state.page_fault("short", endpoint, 0, times=2)
    state.page_fault("repeat", endpoint)
    found = list(pages(emulator))
    assert found[:3] == [[first], [], []]
    assert found[3][:2] == [first, second]
    assert found[3][-1] == found[3][-2]
    assert list(dict.fromkeys(name for page in found for name in page)) == everything

    state.page_fault("short", endpoint, 1, times=2)
    state.pages.late[first] = 1
    found = list(pages(emulator))
    assert found[:2] == [[second], [second]]
    assert [name for page in found[1:] for name in page] == everything[1:]

    state.page_fault("stuck", endpoint, times=None)
    listing = pages(emulator)
    assert next(listing) == next(listing)
    state.pages.late[last] = 99
    state.pages.size = 1
    state.pages.clear()
    assert [page for page in pages(emulator) if page] == [[name] for name in everything[:-1]]
    state.pages.late[last] = 5
    state.reset()
    assert [name for page in pages(emulator) for name in page] == everything


def test_limits_of_search(emulator: Any) -> None:
    emulator.state.minutes_search_depth = 3
    answer = emulator.feishu_user("/minutes/v1/minutes/search", {}, page_size="2").json()["data"]
    token = answer["page_token"]
    answer = emulator.feishu_user("/minutes/v1/minutes/search", {}, page_size="2", page_token=token).json()
    assert answer["code"] == 2094007
    emulator.state.minutes_search_depth, emulator.state.minutes_search_most = 4, 3
    answer = emulator.feishu_user("/minutes/v1/minutes/search", {}).json()["data"]
    assert (len(answer["items"]), answer["total"], answer["has_more"]) == (3, 3, False)
    emulator.state.minutes_search_most = None
    answer = emulator.feishu_user("/minutes/v1/minutes/search", {}, page_size="2", page_token=token).json()
    assert len(answer["data"]["items"]) == 2

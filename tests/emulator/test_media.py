from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.emulator.model.company import SHANGHAI, Company
from airflow_provider_meetings.emulator.model.documents import docx, pdf
from airflow_provider_meetings.emulator.model.feishu import FeishuMinute
from airflow_provider_meetings.emulator.model.media import CONTENT_TYPES, Kind, Media
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu
from airflow_provider_meetings.emulator.seed import wecom as seed_wecom

LONG = Media(700_001, "mp4", "long")
WHOLE = LONG.read()


@given(start=st.integers(0, 700_100), length=st.integers(0, 600_000))
def test_a_part_is_the_same_as_that_part_of_the_whole(start: int, length: int) -> None:
    assert LONG.read(start, start + length) == WHOLE[start : start + length]


@pytest.mark.parametrize("kind", list(CONTENT_TYPES))
@pytest.mark.parametrize("size", [0, 1, 30, 5000])
def test_size_is_kept(kind: Kind, size: int) -> None:
    assert len(Media(size, kind).read()) == size


def test_blocks_differ_from_each_other() -> None:
    block = 256 * 1024
    gigabyte = Media(1 << 30, "mp4", "big")
    blocks = {gigabyte.read(number * block, number * block + 64) for number in range(1, 4096)}
    assert len(blocks) == 4095


def test_names_differ_and_repeat() -> None:
    assert Media(100, "mp4", "a").read() == Media(100, "mp4", "a").read()
    assert Media(100, "mp4", "a").read() != Media(100, "mp4", "b").read()
    assert len({Media(100, "mp4", "a").etag, Media(100, "mp4", "b").etag, Media(101, "mp4", "a").etag}) == 3


@pytest.mark.parametrize(("kind", "brand"), [("mp4", b"isom"), ("m4a", b"M4A ")])
def test_boxes_of_a_recording_span_it(kind: Kind, brand: bytes) -> None:
    content = Media(50_000, kind).read()
    file_type = int.from_bytes(content[:4], "big")
    assert content[4:12] == b"ftyp" + brand
    assert content[file_type : file_type + 8] == b"\0\0\0\1mdat"
    assert file_type + int.from_bytes(content[file_type + 8 : file_type + 16], "big") == 50_000


@pytest.mark.parametrize("kind", ["txt", "srt", "html"])
def test_computed_text_is_text(kind: Kind) -> None:
    assert Media(9000, kind).read().decode("ascii").replace("\n", "").isprintable()


def test_documents_open() -> None:
    with zipfile.ZipFile(io.BytesIO(docx(["第一 <段>", "two & more"]).read())) as archive:
        assert archive.testzip() is None
        assert "第一 &lt;段&gt;" in archive.read("word/document.xml").decode()
    content = pdf("Minutes (draft)").read()
    table = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert content[table:].startswith(b"xref\n0 6\n")
    offsets = [int(line[:10]) for line in content[table:].splitlines()[3:8]]
    assert [content[offset:].split(b" ")[0] for offset in offsets] == [b"1", b"2", b"3", b"4", b"5"]


@pytest.fixture
def address(start: Any) -> str:
    minute = FeishuMinute(
        token=seed_feishu.READY_MINUTE,
        owner=seed_feishu.MIA_WANG,
        create_time=datetime(2026, 11, 12, 9, tzinfo=SHANGHAI),
        title='长会 / "long"',
        duration=1000,
        media=LONG,
    )
    emulator = start(company=Company("test", feishu_minutes={minute.token: minute}))
    return str(emulator.feishu(f"/minutes/v1/minutes/{minute.token}/media").json()["data"]["download_url"])


def test_whole_body_without_any_token(address: str) -> None:
    response = requests.get(address)
    assert (response.status_code, response.content) == (200, WHOLE)
    assert response.headers["Content-Length"] == str(LONG.size)
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == LONG.etag
    assert response.headers["X-Tt-Logid"]
    assert response.headers["Content-Disposition"] == (
        "attachment; filename=\"__ _ _long_.mp4\"; filename*=UTF-8''%E9%95%BF%E4%BC%9A%20%2F%20%22long%22.mp4"
    )


@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=300000-599999", 300_000, 600_000),
        ("bytes=700000-", 700_000, 700_001),
        ("bytes=5-9999999", 5, 700_001),
        ("bytes=-10", 699_991, 700_001),
        ("bytes=-9999999", 0, 700_001),
    ],
)
def test_one_range(address: str, wanted: str, first: int, end: int) -> None:
    response = requests.get(address, headers={"Range": wanted})
    assert (response.status_code, response.content) == (206, WHOLE[first:end])
    assert response.headers["Content-Range"] == f"bytes {first}-{end - 1}/700001"
    assert response.headers["Content-Length"] == str(end - first)
    assert response.headers["ETag"] == LONG.etag


@pytest.mark.parametrize("wanted", ["bytes=700001-", "bytes=700001-700009", "bytes=-0"])
def test_range_beyond_the_end(address: str, wanted: str) -> None:
    response = requests.get(address, headers={"Range": wanted})
    assert (response.status_code, response.content) == (416, b"")
    assert response.headers["Content-Range"] == "bytes */700001"


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "bytes=a-b", "items=0-1", "0-1", "bytes=0-" + "9" * 5000]
)
def test_ranges_that_are_ignored(address: str, wanted: str) -> None:
    assert requests.get(address, headers={"Range": wanted}).status_code == 200


@pytest.mark.parametrize(("tag", "status"), [(LONG.etag, 206), ('"other"', 200), ("W/" + LONG.etag, 200)])
def test_if_range(address: str, tag: str, status: int) -> None:
    response = requests.get(address, headers={"Range": "bytes=5-", "If-Range": tag})
    assert (response.status_code, len(response.content)) == (status, 700_001 - (5 if status == 206 else 0))


def test_head_describes_the_whole(address: str) -> None:
    response = requests.head(address, headers={"Range": "bytes=0-1"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == "700001"
    assert response.headers["ETag"] == LONG.etag


def test_feishu_code_unknown_and_expired(emulator: Any) -> None:
    path = f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}/media"
    url = emulator.feishu(path).json()["data"]["download_url"]
    assert requests.get(url + "x").status_code == 403
    assert requests.get(url.split("?")[0]).status_code == 403
    emulator.clock.now += 24 * 3600 - 1
    assert requests.get(url).status_code == 200
    emulator.clock.now += 1
    assert requests.get(url).status_code == 403
    assert requests.get(emulator.feishu(path).json()["data"]["download_url"]).status_code == 200


def wecom_address(emulator: Any) -> str:
    ids = {
        "meeting_record_id": seed_wecom.SHARED_RECORD,
        "meetingid": seed_wecom.SHARED_RECORD.replace("mr", "hy"),
    }
    return str(emulator.wecom("get_file_list", ids)["record_files"][0]["download_address"])


def test_wecom_sign_fits_one_file_for_six_hours(emulator: Any) -> None:
    url = wecom_address(emulator)
    assert requests.get(url.replace(".mp4", ".m4a")).status_code == 403
    assert requests.get(url.split("?")[0]).status_code == 403
    emulator.clock.now += 6 * 3600 - 1
    assert requests.get(url).status_code == 200
    emulator.clock.now += 1
    assert requests.get(url).status_code == 403
    fresh = requests.get(wecom_address(emulator), headers={"Range": "bytes=10-"})
    assert fresh.status_code == 206


def test_link_seconds_overrides_both_vendors(start: Any) -> None:
    emulator = start(link_seconds=5)
    urls = [
        emulator.feishu(f"/minutes/v1/minutes/{seed_feishu.READY_MINUTE}/media").json()["data"]["download_url"],
        wecom_address(emulator),
    ]
    assert [requests.get(url).status_code for url in urls] == [200, 200]
    emulator.clock.now += 5
    assert [requests.get(url).status_code for url in urls] == [403, 403]

from __future__ import annotations

from typing import Any

import pytest
import requests
from urllib3.exceptions import IncompleteRead, ProtocolError

from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed import feishu as seed_feishu
from airflow_provider_meetings.emulator.seed import wecom as seed_wecom
from airflow_provider_meetings.emulator.seed.company import default_company

MEDIA = default_company().feishu_minutes[seed_feishu.AUDIO_ONLY_MINUTE].media
WHOLE = MEDIA.read()


@pytest.fixture
def url(emulator: Any) -> str:
    path = f"/minutes/v1/minutes/{seed_feishu.AUDIO_ONLY_MINUTE}/media"
    return str(emulator.feishu(path).json()["data"]["download_url"])


def received(url: str, **headers: str) -> tuple[bytes, bool]:
    """Return the bytes that came and whether the body ended as its headers promised."""
    content = b""
    with requests.get(url, headers=headers, stream=True, timeout=10) as response:
        try:
            for chunk in response.raw.stream(4096):
                content += chunk
        except IncompleteRead:
            return content, False
        except ProtocolError as error:
            return content, not isinstance(error.args[-1], IncompleteRead)
    return content, True


@pytest.mark.parametrize(
    ("shape", "status", "kind"),
    [
        ("403", 403, "text/plain; charset=utf-8"),
        ("html", 200, "text/html; charset=utf-8"),
        ("json", 200, "application/json"),
    ],
)
def test_expired(emulator: Any, url: str, shape: Any, status: int, kind: str) -> None:
    emulator.state.expired_link = shape
    emulator.state.fault("expired", request=2)
    assert received(url) == (WHOLE, True)
    response = requests.get(url)
    assert (response.status_code, response.headers["Content-Type"]) == (status, kind)
    assert received(url) == (WHOLE, True)
    # One whose time has come answers likewise.
    emulator.clock.now += 24 * 3600
    assert requests.get(url).content == response.content


@pytest.mark.parametrize(("kind", "first"), [("html", b"<"), ("json", b"{")])
def test_something_else_instead_of_media(emulator: Any, url: str, kind: Any, first: bytes) -> None:
    emulator.state.fault(kind, seed_feishu.AUDIO_ONLY_MINUTE)
    response = requests.get(url)
    assert response.status_code == 200
    assert response.content[:1] == first


@pytest.mark.parametrize("n", [0, 1, 50_000])
def test_cut(emulator: Any, url: str, n: int, capfd: pytest.CaptureFixture[str]) -> None:
    emulator.state.fault("cut", n=n, request=1)
    assert received(url) == (WHOLE[:n], False)
    assert received(url) == (WHOLE, True)
    assert capfd.readouterr().err == ""


def test_a_range_is_cut_after_its_own_bytes(emulator: Any, url: str) -> None:
    emulator.state.fault("cut", n=100)
    assert received(url, Range="bytes=500-") == (WHOLE[500:600], False)
    assert received(url, Range="bytes=500-599") == (WHOLE[500:600], True)


def test_stall(emulator: Any, url: str) -> None:
    emulator.state.fault("stall", n=1000)
    with requests.get(url, stream=True, timeout=0.2) as response:
        assert response.raw.read(1000) == WHOLE[:1000]
        with pytest.raises(Exception, match="timed out"):
            response.raw.read(1)


def test_trickle_is_whole(emulator: Any, url: str) -> None:
    emulator.state.fault("trickle", n=5000)
    assert received(url) == (WHOLE, True)


def test_no_range(emulator: Any, url: str) -> None:
    emulator.state.fault("no-range")
    response = requests.get(url, headers={"Range": "bytes=5-"})
    assert (response.status_code, response.content) == (200, WHOLE)
    assert "Accept-Ranges" not in response.headers


def test_no_etag_and_weak_etag(emulator: Any, url: str) -> None:
    fault = emulator.state.fault("no-etag")
    response = requests.get(url, headers={"Range": "bytes=5-"})
    assert (response.status_code, "ETag" in response.headers) == (206, False)
    assert requests.get(url, headers={"Range": "bytes=5-", "If-Range": MEDIA.etag}).status_code == 200
    emulator.state.clear_faults(fault.file)
    emulator.state.fault("weak-etag")
    weak = requests.head(url).headers["ETag"]
    assert weak == f"W/{MEDIA.etag}"
    assert requests.get(url, headers={"Range": "bytes=5-", "If-Range": weak}).status_code == 200


def test_no_length(emulator: Any, url: str) -> None:
    emulator.state.fault("no-length")
    response = requests.get(url)
    assert "Content-Length" not in response.headers
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.content == WHOLE


def test_more_declared_than_sent(emulator: Any, url: str) -> None:
    emulator.state.fault("wrong-length", n=7)
    assert requests.head(url).headers["Content-Length"] == str(MEDIA.size + 7)
    assert received(url) == (WHOLE, False)


def test_fewer_declared_and_sent(emulator: Any, url: str) -> None:
    emulator.state.fault("wrong-length", n=-7)
    assert received(url) == (WHOLE[:-7], True)


def test_changed_from_the_second_request_on(emulator: Any, url: str) -> None:
    emulator.state.fault("changed", first=2)
    first, second, third = (requests.get(url) for _ in range(3))
    assert first.content == WHOLE
    assert second.content == third.content != WHOLE
    assert first.headers["ETag"] != second.headers["ETag"]
    resumed = requests.get(url, headers={"Range": "bytes=5-", "If-Range": first.headers["ETag"]})
    assert (resumed.status_code, resumed.content) == (200, second.content)


def test_changed_text_is_longer() -> None:
    small = Media.of(b"minutes", "txt")
    assert small.etag != Media.of(b"minutes\n", "txt").etag


def test_redirects_keep_their_number(emulator: Any, url: str) -> None:
    emulator.state.fault("redirect", n=3)
    emulator.state.fault("cut", n=10, request=1)
    response = requests.get(url, allow_redirects=False)
    assert response.status_code == 302
    assert received(url) == (WHOLE, True)
    emulator.state.clear_faults()
    emulator.state.fault("redirect", n=3)
    emulator.state.fault("cut", n=10, request=1)
    assert received(url) == (WHOLE[:10], False)
    followed = requests.get(url)
    assert (len(followed.history), followed.content) == (3, WHOLE)


def test_redirect_elsewhere(emulator: Any, url: str) -> None:
    emulator.state.fault("redirect", location="http://169.254.169.254/latest")
    response = requests.get(url, allow_redirects=False)
    assert response.headers["Location"] == "http://169.254.169.254/latest"


def test_a_fault_concerns_its_file_alone_and_counts_each(emulator: Any, url: str) -> None:
    ids = {"meeting_record_id": seed_wecom.SHARED_RECORD, "meetingid": seed_wecom.SHARED_RECORD.replace("mr", "hy")}
    (file,) = emulator.wecom("get_file_list", ids)["record_files"]
    emulator.state.fault("html", file["record_file_id"])
    assert requests.get(file["download_address"]).content[:1] == b"<"
    assert requests.get(file["audio_address"]).content[:1] == b"<"
    assert received(url) == (WHOLE, True)
    emulator.state.clear_faults(file["record_file_id"])
    emulator.state.fault("html", f"{file['record_file_id']}.m4a")
    assert requests.get(file["download_address"]).content[4:8] == b"ftyp"
    assert requests.get(file["audio_address"]).content[:1] == b"<"
    emulator.state.clear_faults()
    emulator.state.fault("html", request=1)
    # HEAD shows what the first GET will get, and counts for none.
    assert requests.head(url).headers["Content-Type"].startswith("text/html")
    for address in (url, file["download_address"], file["audio_address"]):
        assert requests.get(address).content[:1] == b"<"
        assert requests.get(address).content[:1] != b"<"


@pytest.mark.parametrize(
    ("kind", "changes", "text"),
    [
        ("nothing", {}, "kind must be one of expired, html"),
        ("html", {"n": 1}, "html takes no n"),
        ("cut", {"n": -1}, "n of cut must be 0 or more"),
        ("trickle", {"n": 0}, "n of trickle must be 1 or more"),
        ("html", {"location": "http://x"}, "html takes no location"),
        ("html", {"request": 0}, "counted from 1"),
        ("html", {"first": 3, "last": 2}, "last must not be before first"),
    ],
)
def test_bad_orders(emulator: Any, kind: Any, changes: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        emulator.state.fault(kind, **changes)

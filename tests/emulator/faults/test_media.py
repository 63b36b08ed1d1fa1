from __future__ import annotations

from typing import Any

import pytest
import requests
from urllib3.exceptions import IncompleteRead, ProtocolError

from airflow_provider_meetings.emulator.model.media import Media
from airflow_provider_meetings.emulator.seed.company import default_company
from airflow_provider_meetings.emulator.seed.feishu import AUDIO_ONLY_MINUTE
from airflow_provider_meetings.emulator.seed.wecom import SHARED_RECORD

MEDIA = default_company().feishu_minutes[AUDIO_ONLY_MINUTE].media
CONTENT = MEDIA.read()


@pytest.fixture
def url(emulator: Any) -> str:
    return str(emulator.media_link(AUDIO_ONLY_MINUTE))


def read(url: str, **headers: str) -> tuple[bytes, bool]:
    """Return the received bytes, and whether the body was as long as its headers declared."""
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
    ("expired_link", "status", "content_type"),
    [
        ("403", 403, "text/plain; charset=utf-8"),
        ("html", 200, "text/html; charset=utf-8"),
        ("json", 200, "application/json"),
    ],
)
def test_expired(emulator: Any, url: str, expired_link: Any, status: int, content_type: str) -> None:
    emulator.state.expired_link = expired_link
    emulator.state.fault("expired", request=2)
    assert read(url) == (CONTENT, True)
    response = requests.get(url)
    assert (response.status_code, response.headers["Content-Type"]) == (status, content_type)
    assert read(url) == (CONTENT, True)
    # A link that is really expired is answered in the same way.
    emulator.clock.now += 24 * 3600
    assert requests.get(url).content == response.content


@pytest.mark.parametrize(("kind", "first"), [("html", b"<"), ("json", b"{")])
def test_html_or_json_instead_of_media(emulator: Any, url: str, kind: Any, first: bytes) -> None:
    emulator.state.fault(kind, AUDIO_ONLY_MINUTE)
    response = requests.get(url)
    assert response.status_code == 200
    assert response.content[:1] == first


@pytest.mark.parametrize("n", [0, 1, 50_000])
def test_cut(emulator: Any, url: str, n: int, capfd: pytest.CaptureFixture[str]) -> None:
    emulator.state.fault("cut", n=n, request=1)
    assert read(url) == (CONTENT[:n], False)
    assert read(url) == (CONTENT, True)
    assert capfd.readouterr().err == ""


def test_cut_of_range_counts_its_own_bytes(emulator: Any, url: str) -> None:
    emulator.state.fault("cut", n=100)
    assert read(url, Range="bytes=500-") == (CONTENT[500:600], False)
    assert read(url, Range="bytes=500-599") == (CONTENT[500:600], True)


def test_stall(emulator: Any, url: str) -> None:
    emulator.state.fault("stall", n=1000)
    with requests.get(url, stream=True, timeout=0.2) as response:
        assert response.raw.read(1000) == CONTENT[:1000]
        with pytest.raises(Exception, match="timed out"):
            response.raw.read(1)


def test_trickle(emulator: Any, url: str) -> None:
    emulator.state.fault("trickle", n=5000)
    assert read(url) == (CONTENT, True)


def test_no_range(emulator: Any, url: str) -> None:
    emulator.state.fault("no-range")
    response = requests.get(url, headers={"Range": "bytes=5-"})
    assert (response.status_code, response.content) == (200, CONTENT)
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
    assert response.content == CONTENT


def test_wrong_length(emulator: Any, url: str) -> None:
    emulator.state.fault("wrong-length", n=7)
    assert requests.head(url).headers["Content-Length"] == str(MEDIA.size + 7)
    assert read(url) == (CONTENT, False)
    emulator.state.clear_faults()
    emulator.state.fault("wrong-length", n=-7)
    assert read(url) == (CONTENT[:-7], True)


def test_changed_from_second_request(emulator: Any, url: str) -> None:
    emulator.state.fault("changed", first=2)
    first, second, third = (requests.get(url) for _ in range(3))
    assert first.content == CONTENT
    assert second.content == third.content != CONTENT
    assert first.headers["ETag"] != second.headers["ETag"]
    resumed = requests.get(url, headers={"Range": "bytes=5-", "If-Range": first.headers["ETag"]})
    assert (resumed.status_code, resumed.content) == (200, second.content)


def test_changed_document_is_longer(emulator: Any) -> None:
    emulator.state.fault("changed")
    code = emulator.state.issue_link("feishu", Media.of(b"minutes", "txt"), "minutes.txt")
    address = f"/space/api/box/stream/download/authcode/?code={code}"
    assert emulator.get(address).content == b"minutes\n"


def test_redirects_count_as_one_request(emulator: Any, url: str) -> None:
    emulator.state.fault("redirect", n=3)
    emulator.state.fault("cut", n=10, request=1)
    assert requests.get(url, allow_redirects=False).status_code == 302
    assert read(url) == (CONTENT, True)
    emulator.state.clear_faults()
    emulator.state.fault("redirect", n=3)
    emulator.state.fault("cut", n=10, request=1)
    assert read(url) == (CONTENT[:10], False)
    response = requests.get(url)
    assert (len(response.history), response.content) == (3, CONTENT)


def test_redirect_to_other_host(emulator: Any, url: str) -> None:
    emulator.state.fault("redirect", location="http://169.254.169.254/latest")
    response = requests.get(url, allow_redirects=False)
    assert response.headers["Location"] == "http://169.254.169.254/latest"


def test_file_of_fault_and_its_counter(emulator: Any, url: str) -> None:
    ids = {"meeting_record_id": SHARED_RECORD, "meetingid": SHARED_RECORD.replace("mr", "hy")}
    (file,) = emulator.wecom("get_file_list", ids)["record_files"]
    emulator.state.fault("html", file["record_file_id"])
    assert requests.get(file["download_address"]).content[:1] == b"<"
    assert requests.get(file["audio_address"]).content[:1] == b"<"
    assert read(url) == (CONTENT, True)
    emulator.state.clear_faults(file["record_file_id"])
    emulator.state.fault("html", f"{file['record_file_id']}.m4a")
    assert requests.get(file["download_address"]).content[4:8] == b"ftyp"
    assert requests.get(file["audio_address"]).content[:1] == b"<"
    emulator.state.clear_faults()
    emulator.state.fault("html", request=1)
    # A HEAD request is answered as the next GET and does not count.
    assert requests.head(url).headers["Content-Type"].startswith("text/html")
    for address in (url, file["download_address"], file["audio_address"]):
        assert requests.get(address).content[:1] == b"<"
        assert requests.get(address).content[:1] != b"<"


@pytest.mark.parametrize(
    ("kind", "options", "message"),
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
def test_order_rejects_bad_arguments(emulator: Any, kind: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emulator.state.fault(kind, **options)

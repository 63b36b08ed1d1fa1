from __future__ import annotations

from typing import Any

import pytest
import requests
from urllib3.exceptions import IncompleteRead, ProtocolError

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


def test_expired(emulator: Any, url: str) -> None:
    emulator.state.fault("expired", request=2)
    assert read(url) == (CONTENT, True)
    response = requests.get(url)
    assert (response.status_code, response.headers["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert read(url) == (CONTENT, True)
    # A link that is really expired is answered in the same way.
    emulator.clock.now += 24 * 3600
    assert requests.get(url).content == response.content


def test_html_instead_of_media(emulator: Any, url: str) -> None:
    emulator.state.fault("html", AUDIO_ONLY_MINUTE)
    response = requests.get(url)
    assert response.status_code == 200
    assert response.content[:1] == b"<"


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
        ("html", {"request": 0}, "counted from 1"),
        ("html", {"first": 3, "last": 2}, "last must not be before first"),
    ],
)
def test_order_rejects_bad_arguments(emulator: Any, kind: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emulator.state.fault(kind, **options)

from __future__ import annotations

import pytest

from airflow_provider_meetings.api.media.sniffing import CONTAINERS, container, extension_of, media_type_of

SOUND = ["wav", "mp3", "m4a", "aac", "ogg", "wma", "amr"]
FEISHU_TAKES = [*SOUND, "avi", "mp4", "mkv", "mov", "wmv", "m4v", "mpeg", "flv"]


@pytest.mark.parametrize("ext", FEISHU_TAKES)
def test_whatever_feishu_takes_has_a_media_type_and_back(ext: str) -> None:
    assert media_type_of(ext).partition("/")[0] in {"video", "audio"}
    assert extension_of(f"{media_type_of(ext).upper()}; codecs=x") == ext


def test_every_container_has_a_media_type() -> None:
    assert [ext for _, ext in CONTAINERS if media_type_of(ext) == "application/octet-stream"] == []


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/pdf", "application/octet-stream", "video", "video/x"]
)
def test_other_types_name_no_extension(content_type: str) -> None:
    assert extension_of(content_type) is None


@pytest.mark.parametrize(
    ("head", "ext"),
    [
        # The size of the first box of a text would be a row of letters.
        (b"feelfree to sign in", None),
        (b"\0\0\0\x08free", "mov"),
        # UTF-16's mark is no sound.
        ("text".encode("utf-16"), None),
        (b"\xff\xfb\x90\x64", "mp3"),
        # One packet is no stream of packets.
        (b"G" + bytes(300), None),
        ((b"G" + bytes(187)) * 2, "ts"),
        (b"RIFF\0\0\0\0WEBP", None),
        (b"", None),
    ],
)
def test_the_container(head: bytes, ext: str | None) -> None:
    assert container(head) == ext

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_meetings.emulator.model.media import CONTENT_TYPES, Kind, Media

LONG = Media(700_001, "mp4", "long")
CONTENT = LONG.read()


@given(start=st.integers(0, 700_100), length=st.integers(0, 600_000))
def test_part_equals_slice_of_content(start: int, length: int) -> None:
    assert LONG.read(start, start + length) == CONTENT[start : start + length]


@pytest.mark.parametrize("kind", list(CONTENT_TYPES))
@pytest.mark.parametrize("size", [0, 1, 30, 5000])
def test_size(kind: Kind, size: int) -> None:
    assert len(Media(size, kind).read()) == size


def test_blocks_are_unique() -> None:
    block = 256 * 1024
    gigabyte = Media(1 << 30, "mp4", "big")
    blocks = {gigabyte.read(number * block, number * block + 64) for number in range(1, 4096)}
    assert len(blocks) == 4095


def test_content_depends_on_name() -> None:
    assert Media(100, "mp4", "a").read() == Media(100, "mp4", "a").read()
    assert Media(100, "mp4", "a").read() != Media(100, "mp4", "b").read()
    assert len({Media(100, "mp4", "a").etag, Media(100, "mp4", "b").etag, Media(101, "mp4", "a").etag}) == 3


@pytest.mark.parametrize(("kind", "brand"), [("mp4", b"isom"), ("m4a", b"M4A ")])
def test_boxes_span_the_file(kind: Kind, brand: bytes) -> None:
    content = Media(50_000, kind).read()
    file_type = int.from_bytes(content[:4], "big")
    assert content[4:12] == b"ftyp" + brand
    assert content[file_type : file_type + 8] == b"\0\0\0\1mdat"
    assert file_type + int.from_bytes(content[file_type + 8 : file_type + 16], "big") == 50_000


@pytest.mark.parametrize("kind", ["txt", "srt", "html"])
def test_text_is_printable(kind: Kind) -> None:
    assert Media(9000, kind).read().decode("ascii").replace("\n", "").isprintable()

"""Cues of SubRip files and of paragraphs with headings, and text encodings."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_meetings.api.subtitles import Cue, decoded, headed_cues, subrip_cues

_PIECES = st.sampled_from(
    ["\n", "\r\n", "\r", "\n\n", " ", "1", "17", "00:00:01,000", "00:00:02.500", "0:61", "12:34", " --> ", "-->", ":"]
)
TEXTS = st.lists(_PIECES | st.text(max_size=6), max_size=30).map("".join)


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def test_subrip() -> None:
    text = "1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n2\r\n01:00:00.5 --> 01:00:01.25\r\n42\r\n"
    assert list(subrip_cues(text)) == [
        Cue("Hello\nthere", start_ms=1000, end_ms=2500),
        Cue("42", start_ms=3_600_500, end_ms=3_601_250),
    ]


def test_empty_cue_is_omitted() -> None:
    assert list(subrip_cues("1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:02,000 --> 00:00:03,000")) == []


def test_subrip_without_numbers() -> None:
    assert list(subrip_cues("00:01 --> 00:02\nHello\n")) == [Cue("Hello", start_ms=1000, end_ms=2000)]


@pytest.mark.parametrize(
    "block",
    [
        "1\n00:00:xx,000 --> 00:00:02,000\nHello",
        "1\n00:00:05,000 --> 00:00:02,000\nHello",
        "1\n00:75:00,000 --> 00:76:02,000\nHello",
        "1\n00:00:75 --> 00:00:76\nHello",
        "1\n00:00:01,000 --> 00:00:02,000\nHello\n2\n00:00:02,000 --> 00:00:03,000\nthere",
        "Hello",
        "7\n8",
    ],
)
def test_broken_cue_keeps_text(block: str) -> None:
    good = "3\n00:00:03,000 --> 00:00:04,000\nafter\n"
    assert list(subrip_cues(f"{block}\n\n{good}")) == [
        Cue(block, broken=True),
        Cue("after", start_ms=3000, end_ms=4000),
    ]


def test_paragraphs_with_headings() -> None:
    text = "Zhao Min 00:01:02.345\nHello\nthere\n\n  李 娜 75:10 \n好\n\n00:03\nnobody's\n"
    assert list(headed_cues(text)) == [
        Cue("Hello\nthere", speaker="Zhao Min", start_ms=62_345),
        Cue("好", speaker="李 娜", start_ms=4_510_000),
        Cue("nobody's", start_ms=3000),
    ]


@pytest.mark.parametrize(
    "block", ["See you at 10:30", "No heading\nat all", "Lina 10:99\nHello", "1:00:00:01\nHello", "12:34"]
)
def test_paragraph_without_heading_is_broken(block: str) -> None:
    assert list(headed_cues(f"\n{block}\n\n")) == [Cue(block, broken=True)]


def test_time_within_paragraph_is_no_heading() -> None:
    (cue,) = headed_cues("Lina 00:01\nWe meet\nat 10:30\nfor an hour")
    assert cue.text == "We meet\nat 10:30\nfor an hour"


def test_merged_paragraphs_are_broken() -> None:
    text = "Anna 00:01\nI agree\nBen 00:05\nI do not\nAnna 00:09\nok"
    assert list(headed_cues(text)) == [Cue(text, broken=True)]


@pytest.mark.parametrize("prefix", ["", "a", "00:01", "a 00:01"])
@pytest.mark.parametrize("repeated", [" ", "\t", "\u3000", "a ", "0", ":", "0:", "00:01 "])
def test_long_first_line_is_parsed_quickly(prefix: str, repeated: str) -> None:
    """Quadratic time in the length of the line would not end."""
    line = prefix + repeated * 200_000
    for block in (f"{line}x\nHello", f"{line}\n{line}x"):
        (heading,) = headed_cues(block)
        assert heading.broken or heading.start_ms == 1000
        (timing,) = subrip_cues(block)
        assert timing.broken
    (cue,) = headed_cues(f"{prefix}{' ' * 200_000}x 00:01\nHello")
    assert cue == Cue("Hello", speaker=f"{prefix}{' ' * 200_000}x".strip(), start_ms=1000)


@given(TEXTS)
def test_subrip_keeps_every_character(text: str) -> None:
    cues = list(subrip_cues(text))
    assert letters("".join(cue.text for cue in cues)) == letters(text)
    assert all(cue.broken == (cue.start_ms is None) for cue in cues)
    assert all(cue.broken or 0 <= (cue.start_ms or 0) <= (cue.end_ms or 0) for cue in cues)


@given(TEXTS)
def test_paragraphs_keep_every_character(text: str) -> None:
    cues = list(headed_cues(text))
    assert letters("".join((cue.speaker or "") + cue.text for cue in cues)) == letters(text)
    assert all(cue.broken == (cue.start_ms is None) for cue in cues)


@given(st.lists(st.text("abc好 ,", min_size=1, max_size=9).filter(str.strip), max_size=9))
def test_subrip_round_trip(texts: list[str]) -> None:
    written = "\n".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n + 1:02},000\n{text}\n" for n, text in enumerate(texts))
    assert [cue.text for cue in subrip_cues(written)] == texts
    written = "\n".join(f"Lina 00:00:{n:02}\n{text}\n" for n, text in enumerate(texts))
    assert [(cue.speaker, cue.text) for cue in headed_cues(written)] == [("Lina", text) for text in texts]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings(encoding: str) -> None:
    assert decoded("大家好 😀".encode(encoding)) == "大家好 😀"


@pytest.mark.parametrize("at", range(0, 54, 5))
@pytest.mark.parametrize("damage", [b"", b"\xff", b"A"])
def test_damaged_utf_8_is_not_decoded_as_gb18030(at: int, damage: bytes) -> None:
    """GB18030 would decode some of these to other characters without an error."""
    text = "大家好我们今天讨论第四季度的路线图"
    content = text.encode()
    found = decoded(content[:at] + damage + content[at + 1 :])
    assert "\ufffd" in found
    assert len(set(text) & set(found)) >= len(text) - 1


def test_utf_8_byte_order_mark() -> None:
    assert decoded(b"\xef\xbb\xbfLina \xb4\xf3") == "Lina \ufffd\ufffd"


# The two-byte characters of GB 2312.
@given(st.lists(st.sampled_from([bytes([a, b]) for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]), min_size=4))
def test_gb18030_is_not_decoded_as_utf_8(characters: list[bytes]) -> None:
    content = b"".join(characters)
    try:
        content.decode()
    except UnicodeDecodeError:
        assert decoded(content) == content.decode("gb18030")


@given(st.binary())
@example(b"\xff\xfe\x00")
@example(b"\xff\xff\xff")
@example(b"a\x00\xed\xa0\x80")
def test_any_bytes_decode_to_storable_text(content: bytes) -> None:
    text = decoded(content)
    assert "\x00" not in text
    text.encode()

"""Cues of SubRip files and of paragraphs with headings, and text encodings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_meetings.api.subtitles import Cue, decoded, headed_cues, subrip_cues

_MARKS = "\n|\r\n|\r|\n\n|\r\r\n| |1|17|00:00:01,000|00:00:02.500|0:61|12:34| --> |-->|:|、|[a]|Lina|Lina: |关键词:\n"
_LINES = "文字记录:|\nLina 00:07\n|说话人 1\n|2026-07-21 20:58:04 CST｜1小时 3秒\n|1\n00:00:01,000 --> 00:00:02,000\n"
_PIECES = st.sampled_from(f"{_MARKS}|{_LINES}".split("|"))
TEXTS = st.lists(_PIECES | st.text(max_size=6), max_size=30).map("".join)


_TIME = r"(?:[0-9]{1,4}:)?[0-9]{1,2}:[0-9]{2}(?:[.,][0-9]{1,3})?"
_CUE_WITHOUT_TEXT = rf"\s*(?:\d+\s*\n)?\s*{_TIME}\s*-->\s*{_TIME}"
DATES = ["2026-07-21 20:58:04 CST|1小时 3秒", "2026年6月2日 下午 5:51|14分钟 43秒", "Jun 2, 2026, 5:51 PM | 14m 43s"]


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def assert_complete(text: str, rows: Iterable[tuple[str | None, ...]], left_out: str) -> None:
    """Check that the parts of all rows are the whole text, in order, except what matches `left_out` around them."""
    text = re.sub("\r{0,2}\n|\r", "\n", text)
    parts = [re.escape(part) for row in rows for part in row if part]
    assert re.fullmatch(f"(?:{left_out})".join(["", *parts, ""]), text), (text, parts)


def header_of(cue: Cue) -> str | None:
    return cue.source["header"] if cue.source else None


def test_subrip() -> None:
    text = "1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n2\r\n01:00:00.5 --> 01:00:01.25\r\n42\r\n"
    assert list(subrip_cues(text)) == [
        Cue("Hello\nthere", start_ms=1000, end_ms=2500),
        Cue("42", start_ms=3_600_500, end_ms=3_601_250),
    ]


def test_empty_cue_is_omitted() -> None:
    assert list(subrip_cues("1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:02,000 --> 00:00:03,000")) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_blank_line_between_times_and_text(end: str) -> None:
    text = "1\n0:01 --> 0:02\n\nHello\nthere\n\n2\n0:02 --> 0:03\n\n3\n0:03 --> 0:04\nyes\n\nmore\n\n"
    text += "4\n0:04 --> 0:05\n\n0:xx --> 0:06\nno"
    assert list(subrip_cues(text.replace("\n", end))) == [
        Cue("Hello\nthere", start_ms=1000, end_ms=2000),
        Cue("yes", start_ms=3000, end_ms=4000),
        Cue("more", broken=True),
        Cue("0:xx --> 0:06\nno", broken=True),
    ]


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


@pytest.mark.parametrize("date", ["", *DATES])
@pytest.mark.parametrize("label", ["", "关键词:", "关键词：", "Keywords:"])
@pytest.mark.parametrize("title", ["", "文字记录:", "Transcript:"])
def test_header_is_no_paragraph(date: str, label: str, title: str) -> None:
    """With and without blank lines, for headings with names, times or both."""
    bodies = {
        "说话人 1 00:03\n你好，我们 10:30 见\n\n李 娜 1:02:03.456 \n好的\n": [("说话人 1", 3000), ("李 娜", 3_723_456)],
        "张三\t0:03\n你好\n10:30\n\nLee 00:00:05,1\nyes": [("张三", 3000), ("Lee", 5100)],
        "说话人 1\n你好。\n\n李 娜\n好的\n": [("说话人 1", None), ("李 娜", None)],
        "00:00:03.120\n你好\n\n00:01:00.000\n好的": [(None, 3120), (None, 60_000)],
    }
    keywords = (
        [
            "",
            "\n缓存",
            "\n\n缓存",
            "\n缓存\n家乡话\n脏话",
            "\n缓存、家乡话",
            "\n\n缓存、家乡话，脏\n话、微服务",
            " cache, dialect",
        ]
        if label
        else [""]
    )
    for words, gap, end, (body, expected) in product(keywords, ("\n", "\n\n"), ("\n", "\r\n"), bodies.items()):
        header = gap.join(filter(None, [date, label and label + words, title]))
        cues = list(headed_cues((header + gap + body).replace("\n", end)))
        assert [(cue.speaker, cue.start_ms) for cue in cues] == expected, header
        assert not any(cue.broken for cue in cues)
        assert [header_of(cue) for cue in cues] == [header or None, None]


def test_file_with_nothing_but_header_has_no_paragraphs() -> None:
    for keywords in ("关键词:\n\n文字记录:\n", "关键词:\n缓存、家乡话\n"):
        assert list(headed_cues(f"{DATES[0]}\n\n{keywords}")) == []
    assert list(headed_cues("关键词:\nHello")) == [Cue("Hello", source={"header": "关键词:"})]


def test_header_is_above_paragraphs_only() -> None:
    text = f"Lina 00:01\nHello\n\n{DATES[0]}\n\n关键词:\nyes"
    assert list(headed_cues(text))[1:] == [Cue(DATES[0], broken=True), Cue("关键词:\nyes", broken=True)]


@pytest.mark.parametrize("header", ["", DATES[0] + "\n\n"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Speaker 1\nyes\n\nAnna Lee Jr.\nI, too\n\nwithout a name", ["Speaker 1", "Anna Lee Jr.", None]),
        ("Lina\nfirst\n\nsecond\n\nthird\n\nfourth\n\nLina\nfifth\n10:30", ["Lina", None, None, None, "Lina"]),
    ],
)
def test_speakers_without_times(header: str, text: str, expected: list[str | None]) -> None:
    cues = list(headed_cues(header + text))
    assert [cue.speaker for cue in cues] == expected
    assert {(cue.start_ms, cue.broken) for cue in cues} == {(None, False)}


def test_paragraphs_without_times_and_speakers() -> None:
    text = "This is said.\nAnd this.\n\nOne line, at 10:30\n\nWho knows?\nNobody"
    assert [cue.broken for cue in headed_cues(text)] == [True, True, True]
    found = list(headed_cues(f"{DATES[0]}\n{text}"))
    assert [(cue.text, cue.speaker, cue.broken) for cue in found] == [(one, None, False) for one in text.split("\n\n")]


@pytest.mark.parametrize("text", ["We meet\nat 10:30\nfor an hour", "At\n10:30\n11:30\nand\n12:30\nor so"])
def test_time_within_paragraph_is_no_heading(text: str) -> None:
    (cue,) = headed_cues(f"Lina 00:01\n{text}")
    assert (cue.text, cue.speaker) == (text, "Lina")


def test_merged_paragraphs_are_broken() -> None:
    text = "Anna 00:01\nI agree\nBen 00:05\nI do not\nAnna 00:09\nok"
    assert list(headed_cues(text)) == [Cue(text, broken=True)]
    cues = list(headed_cues(f"{DATES[0]}\n文字记录:\n{text}"))
    assert [(cue.speaker, cue.text) for cue in cues] == [("Anna", "I agree"), ("Ben", "I do not"), ("Anna", "ok")]


@pytest.mark.parametrize("prefix", ["", "a", "00:01", "a 00:01", "关键词:", "关键词:\n", "2026 0:00|1\n", "文字记录:"])
@pytest.mark.parametrize("repeated", [" ", "\t", "\n", " \n", "1:00 ", "、", "\u3000", "a ", "0", ":", "0:", "00:01 "])
def test_long_first_line_is_parsed_quickly(prefix: str, repeated: str) -> None:
    """Quadratic time in the length of the line would not end."""
    line = prefix + repeated * 200_000
    for block in (f"{line}x\nHello", f"{line}\n{line}x", line):
        assert all(cue.broken or cue.start_ms in (None, 1000, 60_000) for cue in headed_cues(block))
        assert all(cue.broken for cue in subrip_cues(block))
    if not prefix or prefix[-1].isalnum():
        (cue,) = headed_cues(f"{prefix}{' ' * 200_000}x 00:01\nHello")
        assert cue == Cue("Hello", speaker=f"{prefix}{' ' * 200_000}x".strip(), start_ms=1000)


@settings(deadline=None)
@given(TEXTS)
def test_subrip_keeps_every_character(text: str) -> None:
    cues = list(subrip_cues(text))
    assert_complete(text, ((cue.text,) for cue in cues), rf"(?:{_CUE_WITHOUT_TEXT})*\s*")
    assert all(cue.broken == (cue.start_ms is None) for cue in cues)
    assert all(cue.broken or 0 <= (cue.start_ms or 0) <= (cue.end_ms or 0) for cue in cues)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["End 00:01\nend", "Speaker 1\nend", "end"]))
def test_paragraphs_keep_every_character(text: str, last: str) -> None:
    """The last paragraph: a file that has only a header has no rows."""
    text = f"{text}\n\n{last}"
    cues = list(headed_cues(text))
    assert_complete(text, ((header_of(cue), cue.speaker, cue.text) for cue in cues), rf"\s*(?:{_TIME})?\s*")
    assert all(cue.start_ms is None and cue.speaker is None for cue in cues if cue.broken)
    assert not any(cue.source for cue in cues[1:])


@given(st.lists(st.text("abc好 ,", min_size=1, max_size=9).filter(str.strip), max_size=9))
def test_subrip_round_trip(texts: list[str]) -> None:
    written = "\n".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n + 1:02},000\n{text}\n" for n, text in enumerate(texts))
    assert [cue.text for cue in subrip_cues(written)] == texts
    written = "\n".join(f"Lina 00:00:{n:02}\n{text}\n" for n, text in enumerate(texts))
    assert [(cue.speaker, cue.text) for cue in headed_cues(written)] == [("Lina", text) for text in texts]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings(encoding: str) -> None:
    assert decoded("大家好 😀".encode(encoding)) == "大家好 😀"


def test_replacement_character_in_valid_utf_8() -> None:
    """It is no damage: a speech recognition may write it."""
    assert decoded("Lina \ufffd@".encode()) == "Lina \ufffd@"


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

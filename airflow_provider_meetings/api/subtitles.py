"""Parse transcripts in two formats: SubRip, and paragraphs with headings.

Both parsers accept any text: a block that cannot be parsed is kept as text and marked as broken.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from airflow_provider_meetings.api.sanitize import storable_text

_LINES = re.compile(r"\r\n|\r|\n")
_CLOCK = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2})(?:[.,]([0-9]{1,3}))?"
# https://www.matroska.org/technical/subtitles.html#srt-subtitles
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}\s*")
# Matches only the clock; a pattern for the speaker before it would backtrack for minutes on a run of blanks.
_CLOCK_AT_END = re.compile(rf"(?<![0-9:.,]){_CLOCK}\Z")
_REPLACED = "\ufffd"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Cue:
    """A piece of speech; `start_ms` and `end_ms` count from the start of the file, None if unknown.

    A broken cue has no times and no speaker: `text` is the raw block.
    """

    text: str
    speaker: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    broken: bool = False


def decoded(content: bytes) -> str:
    """Decode a text file: UTF-16 with a byte order mark, UTF-8, else GB18030; invalid bytes become U+FFFD.

    GB18030 is not tried for a file that is mostly UTF-8 or has its byte order mark: it would decode the valid parts
    to other characters.
    """
    if content.startswith(_UTF_16):
        return storable_text(content.decode("utf-16", "replace"))
    text = content.decode("utf-8-sig", "replace")
    if _REPLACED in text and not content.startswith(BOM_UTF8) and not _is_mostly_utf_8(text):
        with suppress(UnicodeDecodeError):
            text = content.decode("gb18030")
    return storable_text(text)


def _is_mostly_utf_8(text: str) -> bool:
    """Return whether far more three-byte sequences are valid than invalid; in GB18030 text, few are valid."""
    wide = sum(map("\u07ff".__lt__, text))
    replaced = text.count(_REPLACED)  # counted in `wide` as well
    return wide - replaced > 2 * replaced


def subrip_cues(text: str) -> Iterator[Cue]:
    """Yield the cues of a SubRip file: a number, start and end, lines of text, and a blank line."""
    for block in _blocks(text):
        numbered = len(block) > 1 and block[0].strip().isdecimal() and _TIMING.fullmatch(block[1])
        timing, lines = (block[1], block[2:]) if numbered else (block[0], block[1:])
        found = _TIMING.fullmatch(timing)
        start, end = (_milliseconds(found.groups()[:4]), _milliseconds(found.groups()[4:])) if found else (None, None)
        merged = any(_TIMING.fullmatch(line) for line in lines)  # the blank line between two cues is missing
        if start is None or end is None or end < start or merged:
            yield Cue("\n".join(block), broken=True)
        elif lines:
            yield Cue("\n".join(lines), start_ms=start, end_ms=end)


def headed_cues(text: str) -> Iterator[Cue]:
    """Yield the paragraphs of a text file with headings such as ``speaker 00:01:02.345`` or ``speaker 01:02``.

    Only the first line of a paragraph is a heading: speech may contain such a line. A paragraph with several of them is
    broken: the blank lines between paragraphs are missing.
    """
    for block in _blocks(text):
        heading = block[0].strip()
        found = _CLOCK_AT_END.search(heading) if len(block) > 1 else None
        start = _milliseconds(found.groups()) if found else None
        if found is None or start is None or sum(map(_looks_like_a_heading, block[1:-1])) > 1:
            yield Cue("\n".join(block), broken=True)
        else:
            yield Cue("\n".join(block[1:]), speaker=heading[: found.start()].rstrip() or None, start_ms=start)


def _looks_like_a_heading(line: str) -> bool:
    found = _CLOCK_AT_END.search(line.strip())
    return found is not None and line.strip()[: found.start()].endswith((" ", "\t"))


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the blocks of lines between blank lines."""
    block: list[str] = []
    for line in _LINES.split(text):
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _milliseconds(clock: Sequence[str | None]) -> int | None:
    """Return hours, minutes, seconds and fraction in milliseconds; None for an invalid time."""
    hours, minutes, seconds = (int(part or 0) for part in clock[:3])
    if seconds > 59 or (clock[0] is not None and minutes > 59):
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((clock[3] or "").ljust(3, "0"))

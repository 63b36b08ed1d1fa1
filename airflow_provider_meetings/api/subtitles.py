"""What was said, from the two layouts of text that transcripts are written in: SubRip, and paragraphs with headings.

Both readers are pure and take any text: what cannot be read is kept as text, marked as broken, and nothing is lost.
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
# The speaker is what stands before: a pattern for it would try every division of a run of blanks, and hang.
_CLOCK_AT_END = re.compile(rf"(?<![0-9:.,]){_CLOCK}\Z")
_REPLACED = "\ufffd"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Cue:
    """What was said at a stretch; `start_ms` and `end_ms` from the file's beginning, None where it does not tell.

    A broken one has neither times nor speaker: `text` holds all that stood there.
    """

    text: str
    speaker: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    broken: bool = False


def decoded(content: bytes) -> str:
    """Read a text file: UTF-16 with its mark, UTF-8, else GB18030; bytes that are none of them become U+FFFD.

    So do the damaged bytes of what is UTF-8 for the most part, or has its mark: GB18030 would make other words of it.
    """
    if content.startswith(_UTF_16):
        return storable_text(content.decode("utf-16", "replace"))
    text = content.decode("utf-8-sig", "replace")
    if _REPLACED in text and not content.startswith(BOM_UTF8) and not _is_mostly_utf_8(text):
        with suppress(UnicodeDecodeError):
            text = content.decode("gb18030")
    return storable_text(text)


def _is_mostly_utf_8(text: str) -> bool:
    """Tell whether many more sequences of three bytes and more were read than not: of GB18030 few happen to be one."""
    wide = sum(map("\u07ff".__lt__, text))
    replaced = text.count(_REPLACED)  # which is wide itself
    return wide - replaced > 2 * replaced


def subrip_cues(text: str) -> Iterator[Cue]:
    """Yield the cues of a SubRip file: a number, begin and end, lines of text; a blank line ends it."""
    for block in _blocks(text):
        numbered = len(block) > 1 and block[0].strip().isdecimal() and _TIMING.fullmatch(block[1])
        timing, said = (block[1], block[2:]) if numbered else (block[0], block[1:])
        found = _TIMING.fullmatch(timing)
        start, end = (_milliseconds(found.groups()[:4]), _milliseconds(found.groups()[4:])) if found else (None, None)
        # A second timing among the lines: the blank line between two cues is missing.
        told_twice = any(_TIMING.fullmatch(line) for line in said)
        if start is None or end is None or end < start or told_twice:
            yield Cue("\n".join(block), broken=True)
        elif said:
            yield Cue("\n".join(said), start_ms=start, end_ms=end)


def headed_cues(text: str) -> Iterator[Cue]:
    """Yield the paragraphs of a text file: ``speaker 00:01:02.345`` or ``speaker 01:02`` above each, with its begin.

    A line that looks so is a heading only where a paragraph begins and something follows: somebody may well say so.
    Several within a paragraph are broken: the blank lines between paragraphs are missing, and others speak there, too.
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
    """Yield the runs of lines between blank ones."""
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
    """Read hours, minutes, seconds and their fraction; None for a clock that no clock shows."""
    hours, minutes, seconds = (int(part or 0) for part in clock[:3])
    if seconds > 59 or (clock[0] is not None and minutes > 59):
        return None
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((clock[3] or "").ljust(3, "0"))

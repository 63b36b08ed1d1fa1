"""Parse transcripts in two formats: SubRip, and paragraphs with headings.

Both parsers accept any text: a block that cannot be parsed is kept as text and marked as broken.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from airflow_provider_meetings.api.models import StoredFile, TranscriptSegment
from airflow_provider_meetings.api.sanitize import storable_text

_LINES = re.compile(r"\r{0,2}\n|\r")  # two: a text file that was converted twice
_CLOCK = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2})(?:[.,]([0-9]{1,3}))?"
# https://www.matroska.org/technical/subtitles.html#srt-subtitles
_TIMING = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}\s*")
# Matches only the clock; a pattern for the speaker before it would backtrack for minutes on a run of blanks.
_CLOCK_AT_END = re.compile(rf"(?<![0-9:.,]){_CLOCK}\Z")
_TITLE = r"(?:文字记录|文字記錄|Transcript)[ ]?[:：]"
_NUMBERED_SPEAKER = r"(?:说话人|說話人|Speaker)[ ]?[0-9]+"
_HEADING = rf"[^\S\n]*{_NUMBERED_SPEAKER}[^\S\n]*\n | (?:.*[^\S\n])?{_CLOCK}[^\S\n]*\n"
# Date and duration, keywords, a title, and blank lines anywhere. Seen in files of Feishu; in those of Lark with
# "1h 21min 31s" and "Keywords:", while the English title is assumed. Possessive, since a run of blanks may be long.
_HEADER = re.compile(
    rf"""(?ix)
    (?P<date> \s*+ (?=.{{0,40}}[0-9]{{4}}) .{{0,60}}[0-9]:[0-9]{{2}} [^|｜\n]{{0,20}} [|｜] [^|｜\n]{{0,60}} \n )?
    (?: \s*+ (?:关键词|關鍵詞|Keywords)[ ]?[:：]
        (?: [^\S\n]*+ \S.*\n
          | (?>\s*\n) (?: [^\S\n]*+ \S.*\n ){{0,99}}? (?=\s*+ (?: {_TITLE} | {_HEADING} ) )
          | (?>\s*\n) .+\n (?=\s*+ (?: \S | (?(date)\Z|(?!)) ) ) (?: (?!{_HEADING}) .*[、,，;；].*\n )* )?
    )?
    (?: \s*+ {_TITLE} [^\S\n]*\n )?"""
)
# A name does not end like a sentence; "Anna Lee Jr." does not either.
_NAME = re.compile(r"(?=.{1,64}\Z)(?!.*\w{4}\.\Z).*[^。！？!?；;，,…]")
_REPLACED = "\ufffd"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Cue:
    """A piece of speech; `start_ms` and `end_ms` count from the start of the file, None if unknown.

    A broken cue has no times and no speaker: `text` is the raw block. The first one has the header of the file, if any,
    in `source`.
    """

    text: str
    speaker: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    broken: bool = False
    source: Mapping[str, str] | None = None


def decoded(content: bytes) -> str:
    """Decode a text file: UTF-16 with a byte order mark, UTF-8, else GB18030; invalid bytes become U+FFFD.

    GB18030 is not tried for a file that is mostly UTF-8 or has its byte order mark: it would decode the valid parts
    to other characters.
    """
    if content.startswith(_UTF_16):
        return storable_text(content.decode("utf-16", "replace"))
    text = content.decode("utf-8-sig", "replace")
    if text.encode() != content and not content.startswith(BOM_UTF8) and not _is_mostly_utf_8(text):
        with suppress(UnicodeDecodeError):
            text = content.decode("gb18030")
    return storable_text(text)


def _is_mostly_utf_8(text: str) -> bool:
    """Return whether far more three-byte sequences are valid than invalid; in GB18030 text, few are valid."""
    wide = sum(map("\u07ff".__lt__, text))
    replaced = text.count(_REPLACED)  # counted in `wide` as well
    return wide - replaced > 2 * replaced


def as_segments(file: StoredFile, cues: Iterable[Cue]) -> Iterator[TranscriptSegment]:
    """Yield the cues of a file as rows."""
    ids = {name: getattr(file, name) for name in ("platform", "tenant", "recording_id", "file_id", "kind")}
    for number, cue in enumerate(cues):
        fields = {name: getattr(cue, name) for name in ("text", "start_ms", "end_ms", "broken", "source")}
        yield TranscriptSegment(**ids, **fields, segment_no=number, paragraph_no=number, speaker_name=cue.speaker)


def subrip_cues(text: str) -> Iterator[Cue]:
    """Yield the cues of a SubRip file: a number, start and end, lines of text, and a blank line."""
    waiting: tuple[int, int] | None = None  # times without text: a blank line may stand between them
    for block in _blocks(text):
        numbered = len(block) > 1 and block[0].strip().isdecimal() and _TIMING.fullmatch(block[1])
        timing, lines = (block[1], block[2:]) if numbered else (block[0], block[1:])
        found = _TIMING.fullmatch(timing)
        start, end = (_milliseconds(found.groups()[:4]), _milliseconds(found.groups()[4:])) if found else (None, None)
        if waiting and not any("-->" in line for line in block):
            (start, end), lines = waiting, block
        waiting = None
        merged = any(_TIMING.fullmatch(line) for line in lines)  # the blank line between two cues is missing
        if start is None or end is None or end < start or merged:
            yield Cue("\n".join(block), broken=True)
        elif lines:
            yield Cue("\n".join(lines), start_ms=start, end_ms=end)
        else:
            waiting = start, end


def headed_cues(text: str) -> Iterator[Cue]:
    """Yield the paragraphs of a text file with headings such as ``speaker 00:01:02.345`` or ``speaker 01:02``.

    Only the first line of a paragraph is a heading: speech may contain such a line. A paragraph with several of them is
    broken: the blank lines between paragraphs are missing; if they all are, below a header, each begins a paragraph.
    If no heading has a time, the first lines are the speakers.
    """
    text = _LINES.sub("\n", text) + "\n"
    paragraphs = _HEADER.sub("", text, count=1)
    header = text[: len(text) - len(paragraphs)].strip()
    blocks = list(_blocks(paragraphs))
    if header and len(blocks) == 1:  # a file without blank lines
        *lines, last = blocks[0]
        blocks = list(_blocks("\n".join(["\n" * _looks_like_a_heading(line) + line for line in lines] + [last])))
    timed = any(len(block) > 1 and _CLOCK_AT_END.search(block[0].rstrip()) for block in blocks)
    cues = map(_timed_cue, blocks) if timed else _untimed_cues(blocks, bool(header))
    for number, cue in enumerate(cues):
        yield replace(cue, source={"header": header}) if header and number == 0 else cue


def _timed_cue(block: list[str]) -> Cue:
    heading = block[0].strip()
    found = _CLOCK_AT_END.search(heading) if len(block) > 1 else None
    start = _milliseconds(found.groups()) if found else None
    if found is None or start is None or sum(map(_looks_like_a_heading, block[1:-1])) > 1:
        return Cue("\n".join(block), broken=True)
    return Cue("\n".join(block[1:]), speaker=heading[: found.start()].rstrip() or None, start_ms=start)


def _untimed_cues(blocks: list[list[str]], has_header: bool) -> Iterator[Cue]:
    """Yield paragraphs without times; without a header or speakers who repeat, they may be anything and are broken."""
    names = Counter(name for block in blocks if len(block) > 1 and _NAME.fullmatch(name := block[0].strip()))
    repeated = any(count > 1 or re.fullmatch(_NUMBERED_SPEAKER, name) for name, count in names.items())
    named = repeated or (has_header and 2 * names.total() > len(blocks))
    for block in blocks:
        has_name = named and len(block) > 1 and block[0].strip() in names
        speaker, lines = (block[0].strip(), block[1:]) if has_name else (None, block)
        yield Cue("\n".join(lines), speaker, broken=not (has_header or repeated))


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

"""A minute's transcript as a text file and as SubRip."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_meetings.emulator.model.feishu import TranscriptLine


def as_txt(lines: Iterable[TranscriptLine], *, need_speaker: bool, need_timestamp: bool) -> str:
    """Return one paragraph per utterance: the text below its speaker and time.

    The vendor's page shows no layout: assumed.
    """
    paragraphs = []
    for line in lines:
        heading = [line.speaker] if need_speaker else []
        heading += [_clock(line.start, ".")] if need_timestamp else []
        paragraphs.append("\n".join(filter(None, [" ".join(heading), line.text])) + "\n")
    return "\n".join(paragraphs)


def as_srt(lines: Iterable[TranscriptLine], *, need_speaker: bool) -> str:
    """Return SubRip cues. They always have times: SubRip requires them."""
    cues = []
    for number, line in enumerate(lines, start=1):
        text = f"{line.speaker}: {line.text}" if need_speaker else line.text
        cues.append(f"{number}\n{_clock(line.start, ',')} --> {_clock(line.end, ',')}\n{text}\n")
    return "\n".join(cues)


def _clock(milliseconds: int, separator: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{thousandths:03}"

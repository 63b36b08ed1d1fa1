"""A minute's transcript as a text file and as SubRip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_meetings.emulator.model.feishu import FeishuMinute, TranscriptLine


def as_txt(minute: FeishuMinute, keywords: Sequence[str], *, need_speaker: bool, need_timestamp: bool) -> str:
    """Return a header and one paragraph per utterance: the text below its speaker and time; empty without utterances.

    The vendor's page shows no layout: this is the one of files in public clients.
    """
    seconds = minute.duration // 1000
    units = zip((seconds // 3600, seconds // 60 % 60, seconds % 60), ("小时", "分钟", "秒"), strict=True)
    duration = " ".join(f"{number}{unit}" for number, unit in units if number)
    paragraphs = [f"{minute.create_time:%Y-%m-%d %H:%M:%S} CST|{duration}\n"]
    paragraphs += [f"关键词:\n{'、'.join(keywords)}\n"] if keywords else []
    for line in minute.transcript:
        heading = [line.speaker] if need_speaker else []
        heading += [_clock(line.start, ".")] if need_timestamp else []
        paragraphs.append("\n".join(filter(None, [" ".join(heading), line.text])) + "\n")
    return "\n".join(paragraphs) if minute.transcript else ""


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

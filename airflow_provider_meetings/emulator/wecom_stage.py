"""How far WeCom is with a recording."""

from __future__ import annotations

from typing import Final

from airflow_provider_meetings.emulator.model.company import WecomRecording
from airflow_provider_meetings.emulator.state.state import EmulatorState

RECORDING: Final = 1
# The page lists 1 and 3 only; 2 is Tencent Meeting's "transcoding", from the twin of this API.
TRANSCODING: Final = 2
DONE: Final = 3


# https://developer.work.weixin.qq.com/document/path/98192
def listed_state(state: EmulatorState, recording: WecomRecording) -> int:
    """Return the state that a listing shows now; the listing is a poll."""
    return _stage(state, recording, state.count_poll("recording", recording.meeting_record_id))


def is_done(state: EmulatorState, recording: WecomRecording) -> bool:
    """Tell whether the latest listing showed the last state; that listing is among the polls."""
    polls = state.polls("recording", recording.meeting_record_id)
    return _stage(state, recording, max(0, polls - 1)) == DONE


def _stage(state: EmulatorState, recording: WecomRecording, polls: int) -> int:
    if recording.fate == "recording":
        return RECORDING
    waits = state.waits(recording.meeting_record_id, processing=recording.fate == "processing")
    if polls < waits:
        return RECORDING
    return TRANSCODING if polls < 2 * waits else DONE

"""WeCom's list of recordings: the query, its pages, and the state of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_meetings.emulator.answers.wecom import integer, invalid_parameter, text
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.wecom import WecomRecording
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_MAX_SPAN: Final = 31 * 24 * 3600
_DEFAULT_LIMIT: Final = 10
_MAX_LIMIT: Final = 20
_RECORDING: Final = 1
# The page lists only 1 and 3; 2 is "transcoding" in Tencent Meeting's API, which is nearly the same.
_TRANSCODING: Final = 2
DONE: Final = 3


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A valid request; ``start_time`` and ``end_time`` are UNIX times in seconds, an absent id is empty."""

    meetingid: str
    meeting_code: str
    userid: str
    start_time: int
    end_time: int
    limit: int
    cursor: str

    # https://developer.work.weixin.qq.com/document/path/98192
    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> ListQuery:
        """Read the parameters of the page's table.

        :raises WecomError: a parameter is invalid (40058).
        """
        query = cls(
            meetingid=text(body, "meetingid"),
            meeting_code=text(body, "meeting_code"),
            userid=text(body, "userid"),
            start_time=integer(body, "start_time"),
            end_time=integer(body, "end_time"),
            limit=integer(body, "limit", _DEFAULT_LIMIT),
            cursor=text(body, "cursor"),
        )
        if not 1 <= query.limit <= _MAX_LIMIT:
            raise invalid_parameter(f"limit must be 1 to {_MAX_LIMIT}")
        if query.end_time < query.start_time:
            raise invalid_parameter("end_time is before start_time")
        if query.end_time - query.start_time > _MAX_SPAN:
            raise invalid_parameter("start_time and end_time are more than 31 days apart")
        if not (query.meetingid or query.meeting_code or query.userid):
            raise invalid_parameter("one of meetingid, meeting_code and userid is required")
        return query

    def matches(self, recording: WecomRecording) -> bool:
        """Return whether ``recording`` is a result: by meetingid, else by meeting_code, else by the creator's userid.

        Assumed: the meeting_start_time decides, and both ends of the window are included.
        """
        if not self.start_time * 1000 <= milliseconds(recording.meeting_start_time) <= self.end_time * 1000:
            return False
        if self.meetingid:
            return recording.meetingid == self.meetingid
        if self.meeting_code:
            return recording.meeting_code == self.meeting_code
        return recording.creator == self.userid

    def found(self, recordings: Mapping[str, WecomRecording]) -> dict[str, WecomRecording]:
        """Return the results by id, the oldest first (assumed)."""
        names = [name for name, recording in recordings.items() if self.matches(recording)]
        names.sort(key=lambda name: (milliseconds(recordings[name].meeting_start_time), name))
        return {name: recordings[name] for name in names}

    def parameters(self) -> list[Any]:
        """Return what a cursor requires; the page names only the limit, the others are assumed."""
        return [self.limit, self.meetingid, self.meeting_code, self.userid, self.start_time, self.end_time]


# https://developer.work.weixin.qq.com/document/path/98192
def listed_state(state: EmulatorState, recording: WecomRecording) -> int:
    """Return the state of ``recording`` in a list; each list is a poll."""
    return _state_after(state, recording, state.count_poll("recording", recording.meeting_record_id))


def is_done(state: EmulatorState, recording: WecomRecording) -> bool:
    """Return whether the latest list showed state 3."""
    polls = state.polls("recording", recording.meeting_record_id)
    return _state_after(state, recording, max(0, polls - 1)) == DONE


def _state_after(state: EmulatorState, recording: WecomRecording, polls: int) -> int:
    if recording.status == "recording":
        return _RECORDING
    needed = state.polls_needed(recording.meeting_record_id, processing=recording.status == "processing")
    if polls < needed:
        return _RECORDING
    return _TRANSCODING if polls < 2 * needed else DONE

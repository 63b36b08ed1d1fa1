"""The rules of WeCom's recording list: what may be asked, which recordings answer, and how pages follow each other."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_meetings.emulator.answers.wecom import integer, invalid, text
from airflow_provider_meetings.emulator.model.company import milliseconds
from airflow_provider_meetings.emulator.model.wecom import WecomRecording
from airflow_provider_meetings.emulator.state.emulator import EmulatorState

_LONGEST_SPAN: Final = 31 * 24 * 3600
_INT32: Final = 2**31 - 1
_DEFAULT_LIMIT: Final = 10
_HIGHEST_LIMIT: Final = 20


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A checked request; ``start_time`` and ``end_time`` are UNIX times in seconds, empty ids were not given."""

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
        """Check ``body`` as the page's table asks; raise WecomError 40058 saying what is wrong."""
        query = cls(
            meetingid=text(body, "meetingid"),
            meeting_code=text(body, "meeting_code"),
            userid=text(body, "userid"),
            start_time=integer(body, "start_time"),
            end_time=integer(body, "end_time"),
            limit=integer(body, "limit", _DEFAULT_LIMIT),
            cursor=text(body, "cursor"),
        )
        if not 1 <= query.limit <= _HIGHEST_LIMIT:
            raise invalid(f"limit must be 1 to {_HIGHEST_LIMIT}")
        if query.end_time < query.start_time:
            raise invalid("end_time is before start_time")
        if query.end_time - query.start_time > _LONGEST_SPAN:
            raise invalid("start_time and end_time are more than 31 days apart")
        if not (query.meetingid or query.meeting_code or query.userid):
            raise invalid("one of meetingid, meeting_code and userid is required")
        return query

    def matches(self, recording: WecomRecording) -> bool:
        """Tell whether ``recording`` is asked for: meetingid goes before meeting_code before the creator's userid.

        Assumed, for the page does not say: a recording belongs to a window by its meeting_start_time, and both ends
        of the window are inside.
        """
        if not self.start_time * 1000 <= milliseconds(recording.meeting_start_time) <= self.end_time * 1000:
            return False
        if self.meetingid:
            return recording.meetingid == self.meetingid
        if self.meeting_code:
            return recording.meeting_code == self.meeting_code
        return recording.creator == self.userid

    def page(self, recordings: Iterable[WecomRecording]) -> tuple[list[WecomRecording], str]:
        """Return one page, oldest meeting first (assumed), and the cursor of the next, empty if there is none."""
        found = sorted(filter(self.matches, recordings), key=_key)
        if self.cursor:
            last = self._after()
            found = [recording for recording in found if _key(recording) > last]
        page = found[: self.limit]
        return page, self._next_cursor(page[-1]) if len(found) > self.limit else ""

    def _parameters(self) -> list[Any]:
        return [self.meetingid, self.meeting_code, self.userid, self.start_time, self.end_time]

    def _next_cursor(self, last: WecomRecording) -> str:
        content = [self.limit, self._parameters(), _key(last)]
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    def _after(self) -> tuple[int, str]:
        try:
            padded = self.cursor + "=" * (-len(self.cursor) % 4)
            limit, parameters, (moment, record_id) = json.loads(base64.urlsafe_b64decode(padded))
            last = int(moment), str(record_id)
        except (ValueError, TypeError):
            raise invalid("unknown cursor") from None
        # The page asks this of limit alone; that the rest must not change either is assumed.
        if limit != self.limit:
            raise invalid("limit differs from the call that returned the cursor")
        if parameters != self._parameters():
            raise invalid("parameters differ from the call that returned the cursor")
        return last


def _key(recording: WecomRecording) -> tuple[int, str]:
    return milliseconds(recording.meeting_start_time), recording.meeting_record_id


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
    if recording.status == "recording":
        return RECORDING
    waits = state.waits(recording.meeting_record_id, processing=recording.status == "processing")
    if polls < waits:
        return RECORDING
    return TRANSCODING if polls < 2 * waits else DONE

"""List recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.api.client import ListedWindow
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.hooks.metrics import CallingTask, tracked
from airflow_provider_meetings.hooks.retry_policy import set_retry_policy


class ListRecordingsOperator(CallingTask, BaseOperator):
    """List the recordings of a window or of meetings, in any state.

    Pushes a second XCom, ``summary``: each window that was listed completely, with its numbers of pages and items.
    `RecordingsToSqlOperator` stores it.

    :param meetings_conn_id: a connection of a meeting platform; its type selects the platform. (templated)
    :param start: start of the window, aware; required for WeCom and for Feishu's `owner_ids`. (templated)
    :param end: end of the window, aware, exclusive. (templated)
    :param meeting_ids: the platform's meeting ids; a list or a JSON list in a string. (templated)
    :param meeting_numbers: WeCom's meeting codes; a list or a JSON list in a string. (templated)
    :param owner_ids: WeCom's userids: meetings that these users created. Feishu's user ids: minutes that these users
        own; requires a connection with the identity ``user``. A list or a JSON list in a string. (templated)
    :param batch_size: return lists of at most this many recordings, to map a task over; None for one list.
    :returns: list of recordings as dicts; with `batch_size`, a list of such lists.
    """

    template_fields: Sequence[str] = (
        "meetings_conn_id",
        "start",
        "end",
        "meeting_ids",
        "meeting_numbers",
        "owner_ids",
    )

    def __init__(
        self,
        *,
        meetings_conn_id: str,
        start: Any = None,
        end: Any = None,
        meeting_ids: Any = None,
        meeting_numbers: Any = None,
        owner_ids: Any = None,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        set_retry_policy(self)
        self.meetings_conn_id = meetings_conn_id
        self.start = start
        self.end = end
        self.meeting_ids = meeting_ids
        self.meeting_numbers = meeting_numbers
        self.owner_ids = owner_ids
        self.batch_size = None if batch_size is None else arguments.positive(self, "batch_size", batch_size)

    def execute(self, context: Context) -> list[Any]:
        """List the recordings, and push the summary of the windows."""
        windows: list[ListedWindow] = []
        hook = MeetingsHook.for_connection(self.meetings_conn_id)
        with tracked(hook, self), hook.error_mapping():
            client = hook.get_conn()
            names = ("meeting_ids", "meeting_numbers", "owner_ids")
            ids = {name: arguments.ids(getattr(self, name), name) for name in names}
            query = RecordingQuery(start=self.start, end=self.end, **ids)
            found = [recording.to_dict() for recording in client.list(query, windows.append)]
        summary = {
            "platform": client.platform,
            "tenant": client.tenant,
            "windows": [window.to_dict() for window in windows],
        }
        context["ti"].xcom_push(key="summary", value=summary)
        self.log.info("Listed %d recordings in %d windows", len(found), len(windows))
        if self.batch_size is None:
            return found
        return [found[i : i + self.batch_size] for i in range(0, len(found), self.batch_size)]

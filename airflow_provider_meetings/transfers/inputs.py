"""What the tasks before handed over, as a load takes it: redacted, and from its beginning whenever it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from airflow.providers.common.compat.sdk import Context

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Post, Recording, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.transfers import ndjson as batches
from airflow_provider_meetings.transfers.redaction import redaction
from airflow_provider_meetings.transfers.transcript_files import read_back
from airflow_provider_meetings.warehouse.load.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.privacy import rules as written

Value = TypeVar("Value", Recording, StoredFile, Post)
Read = Callable[[Any, str, Any], Iterator[Value]]


class RecordingsGiven:
    """The arguments of a load of recordings; each method may be called again, and then reads anew.

    :param redact: what shall not be stored as it is.
    :raises InvalidRequest: for hashes without a key; each method, for what no task before returns.
    """

    def __init__(
        self, recordings: Any, stored_files: Any, summary: Any, *, redact: Mapping[str, str], context: Context
    ) -> None:
        self._recordings = recordings
        self._stored_files = stored_files
        self._summary = summary
        self._context = context
        self._hidden = redaction(redact, written.RECORDINGS)

    def recordings(self) -> Iterator[Neutral]:
        """Yield the recordings."""
        return self._hidden.recordings(_plain(arguments.recordings, self._recordings, "recordings", self._context))

    def stored_files(self) -> Iterator[Neutral]:
        """Yield the stored files; none where nothing was landed."""
        return self._hidden.stored_files(file.to_dict() for file in self._files())

    def contents(self) -> Iterator[Content] | None:
        """Yield what stands in those that are rows, read back one at a time; None where nothing was landed."""
        return None if self._stored_files is None else self._hidden.contents(self._contents())

    def summaries(self) -> Iterator[Neutral]:
        """Yield the summaries of listings."""
        return self._hidden.summaries(_summaries(self._summary, "summary", self._context))

    def _files(self) -> Iterator[StoredFile]:
        given = () if self._stored_files is None else self._stored_files
        return _given(arguments.stored_files, given, "stored_files", self._context)

    def _contents(self) -> Iterator[Content]:
        for one in read_back(self._files()):
            yield Content(one.item, one.file.to_dict(), (item.to_dict() for item in one.items))


class PostsGiven:
    """The argument of a load of posts, as `RecordingsGiven`."""

    def __init__(self, posts: Any, *, redact: Mapping[str, str], context: Context) -> None:
        self._posts = posts
        self._context = context
        self._hidden = redaction(redact, written.POSTS)

    def posts(self) -> Iterator[Neutral]:
        """Yield the posts."""
        return self._hidden.posts(_plain(arguments.posts, self._posts, "posts", self._context))


def run_key(context: Context) -> RunKey:
    """Return which try of which task this is."""
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
    )


def _given(read: Read[Value], value: Any, name: str, context: Context) -> Iterator[Value]:
    """Yield what an argument holds, also in files of JSON lines."""
    return read(batches.opened(value, name, context), name, context)


def _plain(read: Read[Value], value: Any, name: str, context: Context) -> Iterator[Neutral]:
    """Yield the same as neutral dicts."""
    return (found.to_dict() for found in _given(read, value, name, context))


def _summaries(value: Any, name: str, context: Context) -> Iterator[Neutral]:
    for summary in () if value is None else arguments.items(value, name, context):
        windows = summary.get("windows")
        if not isinstance(windows, list) or not all(isinstance(window, Mapping) for window in windows):
            raise InvalidRequest(f'{name} is not that of a listing: hand over XComArg(listing, key="summary")')
        yield summary

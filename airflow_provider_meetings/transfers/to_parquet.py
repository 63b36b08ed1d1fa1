"""Write metadata to a lake: the rows of a warehouse as Parquet, a partition for each day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.inputs import PostsGiven, RecordingsGiven, run_key
from airflow_provider_meetings.transfers.redaction import checked
from airflow_provider_meetings.warehouse.lake.landing import Told, land_posts, land_recordings
from airflow_provider_meetings.warehouse.privacy import rules as written
from airflow_provider_meetings.warehouse.privacy.rules import Action as Redact


class RecordingsToParquetOperator(BaseOperator):
    """Merge recordings, their files and transcripts into the lake's partitions, and write the journals, as Parquet.

    The rows are those that `RecordingsToSqlOperator` writes, at ``{table}/dt={day}/rows.parquet``: the day of the
    recording's start in UTC, ``__HIVE_DEFAULT_PARTITION__`` for what has none. Rows of recordings that are not handed
    over stay as they are. Each partition is one object and is replaced at once; any run may be repeated.

    :param recordings: recordings as `ListRecordingsOperator` or `RecordingReadySensor` return them, or URIs of files
        that hold them as JSON lines. Resolved from XComs, never rendered.
    :param stored_files: what `RecordingsToObjectStorageOperator` returned; the same.
        Transcripts, chapters, to-dos and statistics among them are read back and become rows:
        ``transcript_segments``, ``minute_chapters``, ``minute_todos``, ``minute_statistics``.
    :param summary: the XCom ``summary`` of the listing; the same.
    :param target: where to: a URL that ObjectStoragePath takes, such as ``s3://conn_id@bucket/meetings``, for this
        lake alone. (templated)
    :param redact: what shall not be stored as it is: ``hash`` or ``drop`` by the column's name, in whichever table.
        Hashes need the option ``redact_key`` of section ``[meetings]``. Without ``started_at`` no row has a day.
    :returns: for each table how many ``files`` were written, and how many ``rows`` these have.
    """

    template_fields: Sequence[str] = ("recordings", "stored_files", "summary", "target")

    def __init__(
        self,
        *,
        recordings: Any,
        stored_files: Any = None,
        summary: Any = None,
        target: str,
        redact: Mapping[str, Redact] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.recordings = arguments.as_literal(recordings)
        self.stored_files = arguments.as_literal(stored_files)
        self.summary = arguments.as_literal(summary)
        self.target = target
        self.redact = checked(self, redact, written.RECORDINGS)

    def execute(self, context: Context) -> Told:
        """Merge into the partitions concerned."""
        with error_mapping():
            given = RecordingsGiven(
                self.recordings, self.stored_files, self.summary, redact=self.redact, context=context
            )
            return land_recordings(
                store_at(self.target),
                recordings=given.recordings,
                stored_files=given.stored_files,
                contents=given.contents,
                summaries=given.summaries,
                run=run_key(context),
                now=pendulum.now("UTC"),
            )


class PostsToParquetOperator(BaseOperator):
    """Merge Moments posts and their reactions into the lake's partitions, as `RecordingsToParquetOperator` does.

    :param posts: posts as `FeishuPostsOperator` returns them, or URIs of files that hold them as JSON lines. Resolved
        from XComs, never rendered.
    :param target: where to: a URL that ObjectStoragePath takes, for this lake alone. (templated)
    :param redact: what shall not be stored as it is: ``hash`` or ``drop`` by the column's name, in both tables.
        Hashes need the option ``redact_key`` of section ``[meetings]``. Without ``created_at`` no row has a day.
    :returns: for each table how many ``files`` were written, and how many ``rows`` these have.
    """

    template_fields: Sequence[str] = ("posts", "target")

    def __init__(
        self,
        *,
        posts: Any,
        target: str,
        redact: Mapping[str, Redact] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.posts = arguments.as_literal(posts)
        self.target = target
        self.redact = checked(self, redact, written.POSTS)

    def execute(self, context: Context) -> Told:
        """Merge into the partitions concerned."""
        with error_mapping():
            given = PostsGiven(self.posts, redact=self.redact, context=context)
            return land_posts(store_at(self.target), posts=given.posts, now=pendulum.now("UTC"))

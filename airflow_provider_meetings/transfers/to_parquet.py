"""Write metadata to a lake: the warehouse's rows as Parquet, partitioned by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import BaseOperator, Context

from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.inputs import RecordingInputs, check_redact, post_input, run_key
from airflow_provider_meetings.warehouse.erase.rows import forgotten_in_lake
from airflow_provider_meetings.warehouse.lake.landing import Counts, land_posts, land_recordings
from airflow_provider_meetings.warehouse.privacy import rules
from airflow_provider_meetings.warehouse.privacy.rules import Action


class RecordingsToParquetOperator(BaseOperator):
    """Merge recordings, their files, transcripts and journals into the lake's Parquet partitions.

    The rows are the same as those of `RecordingsToSqlOperator`, in ``{table}/dt={day}/rows.parquet``: the day of the
    recording's start in UTC, or ``__HIVE_DEFAULT_PARTITION__`` without a start. Rows of other recordings do not change.
    Each partition is one object and is replaced atomically, so any run can be repeated.

    :param recordings: the output of `ListRecordingsOperator` or `RecordingReadySensor`, or URIs of NDJSON files with
        the same. Resolved from XComs, never rendered.
    :param stored_files: the output of `RecordingsToObjectStorageOperator`, in the same forms. Transcripts, chapters,
        to-dos and statistics are read from the store and loaded into ``transcript_segments``, ``minute_chapters``,
        ``minute_todos`` and ``minute_statistics``.
    :param summary: the XCom ``summary`` of the listing, in the same forms.
    :param ledger: URL of the ledger, that of the listing, whose `summary` it needs. After the rows are committed, the
        items of the run are closed; ``pending_items`` and ``sync_clocks`` show the ledger as it is then, and are not
        written without one. Exactly one task of a DAG closes items: this one, or `SettleOperator`. (templated)
    :param target: URL of a folder for this lake alone, as ObjectStoragePath takes it, such as
        ``s3://conn_id@bucket/meetings``. (templated)
    :param redact: values to redact: ``hash`` or ``drop`` by column name, for all tables. Hashes need the option
        ``redact_key`` of section ``[meetings]``. Redacting ``started_at`` leaves all rows without a day.
    :returns: by table, the number of ``files`` written and of ``rows`` in them.
    """

    template_fields: Sequence[str] = ("recordings", "stored_files", "summary", "ledger", "target")

    def __init__(
        self,
        *,
        recordings: Any,
        stored_files: Any = None,
        summary: Any = None,
        ledger: str | None = None,
        target: str,
        redact: Mapping[str, Action] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.recordings = arguments.as_literal(recordings)
        self.stored_files = arguments.as_literal(stored_files)
        self.summary = arguments.as_literal(summary)
        self.ledger = ledger
        self.lands_files = stored_files is not None
        self.target = target
        self.redact = check_redact(self, redact, rules.RECORDINGS)

    def execute(self, context: Context) -> Counts:
        """Merge into the affected partitions."""
        with error_mapping():
            store = store_at(self.target)
            inputs = RecordingInputs(self, context, partial(forgotten_in_lake, store))
            counts = land_recordings(store, inputs, run=run_key(context), now=pendulum.now("UTC"))
            inputs.close(self.log)
            return counts


class PostsToParquetOperator(BaseOperator):
    """Merge Moments posts and their reactions into the lake's partitions, as `RecordingsToParquetOperator` does.

    :param posts: the output of `FeishuPostsOperator`, or URIs of NDJSON files with the same. Resolved from XComs,
        never rendered.
    :param target: URL of a folder for this lake alone, as ObjectStoragePath takes it. (templated)
    :param redact: values to redact: ``hash`` or ``drop`` by column name, for both tables. Hashes need the option
        ``redact_key`` of section ``[meetings]``. Redacting ``created_at`` leaves all rows without a day.
    :returns: by table, the number of ``files`` written and of ``rows`` in them.
    """

    template_fields: Sequence[str] = ("posts", "target")

    def __init__(
        self,
        *,
        posts: Any,
        target: str,
        redact: Mapping[str, Action] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.posts = arguments.as_literal(posts)
        self.target = target
        self.redact = check_redact(self, redact, rules.POSTS)

    def execute(self, context: Context) -> Counts:
        """Merge into the affected partitions."""
        with error_mapping():
            store = store_at(self.target)
            forgotten = partial(forgotten_in_lake, store)
            posts = post_input(self.posts, redact=self.redact, context=context, forgotten=forgotten)
            return land_posts(store, posts, now=pendulum.now("UTC"))

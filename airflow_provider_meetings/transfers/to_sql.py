"""Load metadata into a warehouse, through any Airflow connection that has an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook, BaseOperator, Context
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.warehouse.loader import load_posts, load_recordings
from airflow_provider_meetings.warehouse.rows import RunKey
from airflow_provider_meetings.warehouse.schema import SchemaChanges


class RecordingsToSqlOperator(BaseOperator):
    """Upsert recordings and their files, and write the journals of what was listed, landed and still waits.

    Missing tables are made, missing columns added; nothing is dropped. A second load of the same changes no row but in
    the journals. Recordings without an id yet stand in ``pending_items`` until they have one.

    :param sql_conn_id: a connection of type ``duckdb`` or ``sqlite``. (templated)
    :param recordings: recordings as `ListRecordingsOperator` or `RecordingReadySensor` return them. Resolved from
        XComs, never rendered.
    :param stored_files: what `RecordingsToObjectStorageOperator` returned; the same.
    :param summary: the XCom ``summary`` of the listing; the same.
    :param schema: the tables' schema; None for the connection's own. (templated)
    :param table_prefix: in front of every table's name. (templated)
    :param schema_changes: ``add`` adds columns that a table lacks, ``fail`` fails then.
    :returns: rows inserted or changed, per table.
    """

    template_fields: Sequence[str] = (
        "sql_conn_id",
        "recordings",
        "stored_files",
        "summary",
        "schema",
        "table_prefix",
    )

    def __init__(
        self,
        *,
        sql_conn_id: str,
        recordings: Any,
        stored_files: Any = None,
        summary: Any = None,
        schema: str | None = None,
        table_prefix: str = "",
        schema_changes: SchemaChanges = "add",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.recordings = arguments.verbatim(recordings)
        self.stored_files = arguments.verbatim(stored_files)
        self.summary = arguments.verbatim(summary)
        self.schema = schema
        self.table_prefix = table_prefix
        self.schema_changes: SchemaChanges = arguments.choice(
            self, "schema_changes", schema_changes, get_args(SchemaChanges)
        )

    def execute(self, context: Context) -> dict[str, int]:
        """Load in one transaction."""
        stored = () if self.stored_files is None else arguments.items(self.stored_files, "stored_files", context)
        summaries = () if self.summary is None else self._summaries(context)
        return _load(
            lambda: load_recordings(
                _sql_hook(self.sql_conn_id),
                recordings=arguments.items(self.recordings, "recordings", context),
                stored_files=stored,
                summaries=summaries,
                run=_run_key(context),
                schema=self.schema,
                table_prefix=self.table_prefix,
                schema_changes=self.schema_changes,
                now=pendulum.now("UTC"),
            ),
        )

    def _summaries(self, context: Context) -> Iterator[Mapping[str, Any]]:
        for summary in arguments.items(self.summary, "summary", context):
            if "windows" not in summary:
                raise InvalidRequest('summary is not that of a listing: hand over XComArg(listing, key="summary")')
            yield summary


class PostsToSqlOperator(BaseOperator):
    """Upsert Moments posts and their reactions; a post that is gone is marked and keeps what was known of it.

    :param sql_conn_id: a connection of type ``duckdb`` or ``sqlite``. (templated)
    :param posts: posts as `FeishuPostsOperator` returns them. Resolved from XComs, never rendered.
    :param schema: the tables' schema; None for the connection's own. (templated)
    :param table_prefix: in front of every table's name. (templated)
    :param schema_changes: ``add`` adds columns that a table lacks, ``fail`` fails then.
    :returns: rows inserted or changed, per table.
    """

    template_fields: Sequence[str] = ("sql_conn_id", "posts", "schema", "table_prefix")

    def __init__(
        self,
        *,
        sql_conn_id: str,
        posts: Any,
        schema: str | None = None,
        table_prefix: str = "",
        schema_changes: SchemaChanges = "add",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.posts = arguments.verbatim(posts)
        self.schema = schema
        self.table_prefix = table_prefix
        self.schema_changes: SchemaChanges = arguments.choice(
            self, "schema_changes", schema_changes, get_args(SchemaChanges)
        )

    def execute(self, context: Context) -> dict[str, int]:
        """Load in one transaction."""
        return _load(
            lambda: load_posts(
                _sql_hook(self.sql_conn_id),
                posts=arguments.items(self.posts, "posts", context),
                schema=self.schema,
                table_prefix=self.table_prefix,
                schema_changes=self.schema_changes,
                now=pendulum.now("UTC"),
            ),
        )


def _sql_hook(conn_id: str) -> DbApiHook:
    hook = BaseHook.get_hook(conn_id)
    if not isinstance(hook, DbApiHook):
        raise AirflowFailException(f"sql_conn_id: connection {conn_id!r} ({type(hook).__name__}) is no SQL database")
    return hook


def _run_key(context: Context) -> RunKey:
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
    )


def _load(load: Callable[[], dict[str, int]]) -> dict[str, int]:
    try:
        return load()
    except InvalidRequest as error:
        raise AirflowFailException(str(error)) from error

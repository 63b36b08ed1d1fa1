"""Load metadata into a warehouse, through any Airflow connection that has an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.models import Post, Recording, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.connections import hook_of
from airflow_provider_meetings.warehouse.engine import Engine
from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.loader import load_posts, load_recordings
from airflow_provider_meetings.warehouse.rows import RunKey
from airflow_provider_meetings.warehouse.schema import SchemaChanges
from airflow_provider_meetings.warehouse.tables import tables


class RecordingsToSqlOperator(BaseOperator):
    """Upsert recordings and their files, and write the journals of what was listed, landed and still waits.

    Missing tables are made, missing columns added; nothing is dropped. A second load of the same changes no row but in
    the journals. Recordings without an id yet stand in ``pending_items`` until they have one.

    :param sql_conn_id: a connection of type ``postgres``, ``mysql``, ``duckdb`` or ``sqlite``. (templated)
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
        stored = () if self.stored_files is None else arguments.stored_files(self.stored_files, "stored_files", context)
        summaries = () if self.summary is None else self._summaries(context)
        return _load(
            self,
            lambda engine: load_recordings(
                engine.hook,
                engine=engine,
                recordings=_plain(arguments.recordings(self.recordings, "recordings", context)),
                stored_files=_plain(stored),
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
            windows = summary.get("windows")
            if not isinstance(windows, list) or not all(isinstance(window, Mapping) for window in windows):
                raise InvalidRequest('summary is not that of a listing: hand over XComArg(listing, key="summary")')
            yield summary


class PostsToSqlOperator(BaseOperator):
    """Upsert Moments posts and their reactions; a post that is gone is marked and keeps what was known of it.

    :param sql_conn_id: a connection of type ``postgres``, ``mysql``, ``duckdb`` or ``sqlite``. (templated)
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
            self,
            lambda engine: load_posts(
                engine.hook,
                engine=engine,
                posts=_plain(arguments.posts(self.posts, "posts", context)),
                schema=self.schema,
                table_prefix=self.table_prefix,
                schema_changes=self.schema_changes,
                now=pendulum.now("UTC"),
            ),
        )


def _plain(given: Iterable[Recording | StoredFile | Post]) -> Iterator[Mapping[str, Any]]:
    return (value.to_dict() for value in given)


def _engine(operator: RecordingsToSqlOperator | PostsToSqlOperator) -> Engine:
    """Return the engine for the operator's connection, before it is opened: opening may make a file."""
    conn_id, schema, prefix = operator.sql_conn_id, operator.schema, operator.table_prefix
    hook = hook_of(conn_id, "sql_conn_id")
    if not isinstance(hook, DbApiHook):
        raise AirflowFailException(
            f"sql_conn_id: connection {conn_id!r} ({type(hook).__name__}) is no SQL database: name one of a type that "
            "rows can be loaded through: postgres, mysql, duckdb or sqlite"
        )
    if schema is not None:
        arguments.text(schema, "schema", "meetings, or leave it None for the connection's own")
    if prefix != "":
        arguments.text(prefix, "table_prefix", "meetings_, or leave it out")
    try:
        engine = engine_for(hook)
        tables(prefix, schema)
    except LoadError as error:
        raise InvalidRequest(f"sql_conn_id: {error}") from None
    if schema is not None and not engine.takes_schema:
        raise InvalidRequest(f"schema: {engine.dialect.name} has no schemas; leave it None, or use table_prefix")
    return engine


def _run_key(context: Context) -> RunKey:
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
    )


def _load(
    operator: RecordingsToSqlOperator | PostsToSqlOperator, load: Callable[[Engine], dict[str, int]]
) -> dict[str, int]:
    try:
        return load(_engine(operator))
    except InvalidRequest as error:
        raise AirflowFailException(str(error)) from error

"""Load metadata into a warehouse, through any Airflow connection type with an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, get_args

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.connections import hook_of
from airflow_provider_meetings.hooks.meetings import error_mapping
from airflow_provider_meetings.transfers.inputs import RecordingInputs, check_redact, post_input, run_key
from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.erase.rows import forgotten_in_database
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.loader import load_posts, load_recordings
from airflow_provider_meetings.warehouse.load.migrate import SchemaChanges
from airflow_provider_meetings.warehouse.merge.engine import Engine
from airflow_provider_meetings.warehouse.privacy import rules
from airflow_provider_meetings.warehouse.privacy.rules import Action
from airflow_provider_meetings.warehouse.tables.tables import tables


class RecordingsToSqlOperator(BaseOperator):
    """Upsert recordings and their files, and record what was listed and landed; with a ledger, what is still pending.

    Creates missing tables and adds missing columns; never drops any. Loading the same values again changes rows only in
    the journals.

    :param sql_conn_id: a connection of type ``postgres``, ``mysql``, ``duckdb`` or ``sqlite``. (templated)
    :param recordings: the output of `ListRecordingsOperator` or `RecordingReadySensor`, or URIs of NDJSON files with
        the same. Resolved from XComs, never rendered.
    :param stored_files: the output of `RecordingsToObjectStorageOperator`, in the same forms. Transcripts, chapters,
        to-dos and statistics are read from the store and loaded into ``transcript_segments``, ``minute_chapters``,
        ``minute_todos`` and ``minute_statistics``.
    :param summary: the XCom ``summary`` of the listing, in the same forms.
    :param ledger: URL of the ledger, that of the listing, whose `summary` it needs. After the rows are committed, the
        items of the run are closed; ``pending_items`` and ``sync_clocks`` show the ledger as it is then, and are not
        written without one. Exactly one task of a DAG closes items: this one, or `SettleOperator`. (templated)
    :param schema: the tables' schema; None for the connection's default. (templated)
    :param table_prefix: prefix of all table names. (templated)
    :param redact: values to redact: ``hash`` or ``drop`` by column name, for all tables. Hashes need the option
        ``redact_key`` of section ``[meetings]``.
    :param schema_changes: for a table without a column: ``add`` adds the column, ``fail`` fails.
    :returns: number of rows inserted or changed, by table.
    """

    template_fields: Sequence[str] = (
        "sql_conn_id",
        "recordings",
        "stored_files",
        "summary",
        "ledger",
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
        ledger: str | None = None,
        schema: str | None = None,
        table_prefix: str = "",
        redact: Mapping[str, Action] | None = None,
        schema_changes: SchemaChanges = "add",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.recordings = arguments.as_literal(recordings)
        self.stored_files = arguments.as_literal(stored_files)
        self.summary = arguments.as_literal(summary)
        self.ledger = ledger
        self.lands_files = stored_files is not None
        self.schema = schema
        self.table_prefix = table_prefix
        self.redact = check_redact(self, redact, rules.RECORDINGS)
        self.schema_changes: SchemaChanges = arguments.choice(
            self, "schema_changes", schema_changes, get_args(SchemaChanges)
        )

    def execute(self, context: Context) -> dict[str, int]:
        """Load in one transaction."""
        with error_mapping():
            engine = engine_at(self.sql_conn_id, self.schema, self.table_prefix)
            forgotten = partial(forgotten_in_database, engine, tables(self.table_prefix, self.schema).erasures)
            inputs = RecordingInputs(self, context, forgotten)
            counts = load_recordings(
                engine,
                inputs,
                run=run_key(context),
                now=pendulum.now("UTC"),
                schema=self.schema,
                table_prefix=self.table_prefix,
                schema_changes=self.schema_changes,
            )
            inputs.close(self.log)
            return counts


class PostsToSqlOperator(BaseOperator):
    """Upsert Moments posts and their reactions; a deleted post keeps its last values and is marked as deleted.

    :param sql_conn_id: a connection of type ``postgres``, ``mysql``, ``duckdb`` or ``sqlite``. (templated)
    :param posts: the output of `FeishuPostsOperator`, or URIs of NDJSON files with the same. Resolved from XComs,
        never rendered.
    :param schema: the tables' schema; None for the connection's default. (templated)
    :param table_prefix: prefix of all table names. (templated)
    :param redact: values to redact: ``hash`` or ``drop`` by column name, for both tables. Hashes need the option
        ``redact_key`` of section ``[meetings]``.
    :param schema_changes: for a table without a column: ``add`` adds the column, ``fail`` fails.
    :returns: number of rows inserted or changed, by table.
    """

    template_fields: Sequence[str] = ("sql_conn_id", "posts", "schema", "table_prefix")

    def __init__(
        self,
        *,
        sql_conn_id: str,
        posts: Any,
        schema: str | None = None,
        table_prefix: str = "",
        redact: Mapping[str, Action] | None = None,
        schema_changes: SchemaChanges = "add",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql_conn_id = sql_conn_id
        self.posts = arguments.as_literal(posts)
        self.schema = schema
        self.table_prefix = table_prefix
        self.redact = check_redact(self, redact, rules.POSTS)
        self.schema_changes: SchemaChanges = arguments.choice(
            self, "schema_changes", schema_changes, get_args(SchemaChanges)
        )

    def execute(self, context: Context) -> dict[str, int]:
        """Load in one transaction."""
        with error_mapping():
            engine = engine_at(self.sql_conn_id, self.schema, self.table_prefix)
            forgotten = partial(forgotten_in_database, engine, tables(self.table_prefix, self.schema).erasures)
            posts = post_input(self.posts, redact=self.redact, context=context, forgotten=forgotten)
            return load_posts(
                engine,
                posts(),
                now=pendulum.now("UTC"),
                schema=self.schema,
                table_prefix=self.table_prefix,
                schema_changes=self.schema_changes,
            )


def engine_at(conn_id: str, schema: str | None = None, prefix: str = "") -> Engine:
    """Return the engine of a connection; checks come first, because opening may create a file."""
    hook = hook_of(conn_id, "sql_conn_id")
    if not isinstance(hook, DbApiHook):
        raise AirflowFailException(
            f"sql_conn_id: connection {conn_id!r} ({type(hook).__name__}) is not an SQL database: use a connection of "
            "type postgres, mysql, duckdb or sqlite"
        )
    if schema is not None:
        next_step = "Set it to a name such as meetings, or leave it None for the connection's default."
        check_text(schema, "schema", next_step=next_step)
    if prefix != "":
        check_text(prefix, "table_prefix", next_step="Set it to a prefix such as meetings_, or omit it.")
    try:
        engine = engine_for(hook)
        tables(prefix, schema)
    except LoadError as error:
        raise InvalidRequest(f"sql_conn_id: {error}") from None
    if schema is not None and not engine.schema_query:
        raise InvalidRequest(f"schema: {engine.dialect.name} has no schemas; leave it None, or use table_prefix")
    return engine

"""The inputs of a load: the output of previous tasks, redacted, read from the start on each call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, Context
from sqlalchemy import Table

from airflow_provider_meetings.api.errors import InvalidRequest, NotReady
from airflow_provider_meetings.api.ledger.marks import MarkKind, check_key, subject_hash
from airflow_provider_meetings.api.models import Post, Recording, StoredFile
from airflow_provider_meetings.hooks import arguments
from airflow_provider_meetings.hooks.batches import is_uri
from airflow_provider_meetings.hooks.redact_key import redact_key
from airflow_provider_meetings.transfers.settlement import Settlement
from airflow_provider_meetings.transfers.transcript_files import read_artifacts
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load.loader import Inputs
from airflow_provider_meetings.warehouse.load.rows import Neutral, RunKey
from airflow_provider_meetings.warehouse.load.transcripts import Content
from airflow_provider_meetings.warehouse.privacy import rules
from airflow_provider_meetings.warehouse.privacy.redaction import Redaction

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_provider_meetings.transfers.to_parquet import RecordingsToParquetOperator
    from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator

log = logging.getLogger(__name__)
_IDS = ("recording_id", "meeting_id", "meeting_number")


def check_redact(operator: BaseOperator, redact: Any, tables: Iterable[Table]) -> dict[str, str]:
    """Return the argument as a dict; fail at DAG parsing for an unknown column or action."""
    if redact is None:
        return {}
    if not isinstance(redact, Mapping):
        raise ValueError(f'{operator.task_id}: redact must be a dict such as {{"owner_id": "hash"}}, or None')
    try:
        rules.check(redact, tables)
    except LoadError as error:
        raise ValueError(f"{operator.task_id}: {error}") from None
    return dict(redact)


def redaction(redact: Mapping[str, str], tables: Iterable[Table]) -> Redaction:
    """Create the redaction, with the key from Airflow's configuration.

    :raises InvalidRequest: for hashes without a key, or with a key that is too short.
    """
    try:
        return Redaction(redact, redact_key() if "hash" in redact.values() else b"", tables)
    except LoadError as error:
        raise InvalidRequest(str(error)) from None


class Forgotten:
    """What was forgotten when a load began.

    :param read: returns the hashes of the table `erasures`; empty if nothing was forgotten.
    """

    def __init__(self, read: Callable[[], Collection[str]]) -> None:
        self._read = read
        self.hashes = frozenset(read())

    def check(self) -> None:
        """Raise NotReady if something was forgotten since: it may be among the rows, which are not written yet."""
        if not self.hashes.issuperset(self._read()):
            raise NotReady("Something was forgotten while this was loaded", next_step="Nothing was written: try again.")


def remembered(rows: Iterable[Neutral], what: Forgotten) -> Iterator[Neutral]:
    """Leave out recordings, files and posts that were forgotten; log how many.

    :raises InvalidRequest: without a key, and with another key than that of the hashes.
    :raises NotReady: at the end; see `Forgotten.check`.
    """
    if not (forgotten := what.hashes):
        yield from rows
        what.check()
        return
    check_key(key := redact_key(), forgotten, "The table erasures")

    def is_left_out(row: Neutral) -> bool:
        recording, family = row.get("recording_id"), str(row.get("kind")).partition("-")[0]
        ids: list[tuple[MarkKind, Any]] = [(kind, row.get(f"{kind}_id")) for kind in MarkKind if kind != MarkKind.FILE]
        ids += [(MarkKind.FILE, f"{recording}/{kind}") for kind in (family, row.get("kind"))]
        of = (str(row.get("platform")), str(row.get("tenant")))
        return any(id_ and subject_hash(key, kind, *of, id_) in forgotten for kind, id_ in ids)

    left_out = 0
    for row in rows:
        if is_left_out(row):
            left_out += 1
        elif files := row.get("files"):
            yield {**row, "files": [file for file in files if not is_left_out({**row, **file})]}
        else:
            yield row
    what.check()
    if left_out:
        log.info("Left out %s items that were forgotten", left_out)


class RecordingInputs(Inputs):
    """The inputs of a load of recordings, from the arguments of its operator.

    :raises InvalidRequest: for hashes without a key; with a ledger, see `Settlement`; from each method, for an argument
        that is not a task's output.
    """

    def __init__(
        self,
        operator: RecordingsToSqlOperator | RecordingsToParquetOperator,
        context: Context,
        forgotten: Callable[[], Collection[str]],
    ) -> None:
        self._recordings = operator.recordings
        # The output of a task that was killed is None.
        self._stored_files = arguments.of_tasks(operator.stored_files, context) if operator.lands_files else None
        self._summary = operator.summary
        self._context = context
        self._redaction = redaction(operator.redact, rules.RECORDINGS)
        self._settlement = None
        if operator.ledger is not None:
            self._settlement = Settlement(
                operator.ledger,
                recordings=self._recordings,
                stored_files=self._stored_files,
                summary=self._summary,
                context=context,
            )
        self._forgotten = Forgotten(forgotten)

    def recordings(self) -> Iterator[Neutral]:
        rows = arguments.rows(Recording, self._recordings, "recordings", self._context)
        # An owner whose recordings could not be listed is no recording.
        known = (row for row in rows if any(row.get(n) for n in _IDS) or not row.get("owner_id"))
        return self._redaction.recordings(remembered(known, self._forgotten))

    def stored_files(self) -> Iterator[Neutral]:
        return self._redaction.stored_files(self._files())

    def contents(self) -> Iterator[Content] | None:
        """Yield the rows of stored transcripts and other artifacts, file by file; None without `stored_files`."""
        if self._stored_files is None:
            return None
        return self._redaction.contents(read_artifacts(map(StoredFile.from_dict, self._files())))

    def summaries(self) -> Iterator[Neutral]:
        return self._redaction.summaries(self._listings())

    def ledger(self) -> Neutral | None:
        """Return what the ledger says after `close`; None without one."""
        return self._redaction.ledger(self._settlement.projection()) if self._settlement else None

    def close(self, log: Logger) -> None:
        """Close the items of the ledger, if there is one; after the rows are committed."""
        if self._settlement:
            self._settlement.write(log)

    def _listings(self) -> Iterator[Neutral]:
        for summary in () if self._summary is None else arguments.items(self._summary, "summary", self._context):
            windows = summary.get("windows")
            if not isinstance(windows, list) or not all(isinstance(one, Mapping) or is_uri(one) for one in windows):
                raise InvalidRequest('summary must be the summary of a listing: pass XComArg(listing, key="summary")')
            yield {**summary, "windows": list(arguments.items(windows, "summary: windows", self._context))}

    def _files(self) -> Iterator[Neutral]:
        files = () if self._stored_files is None else self._stored_files
        return remembered(arguments.rows(StoredFile, files, "stored_files", self._context), self._forgotten)


def post_input(
    posts: Any, *, redact: Mapping[str, str], context: Context, forgotten: Callable[[], Collection[str]]
) -> Callable[[], Iterator[Neutral]]:
    """Return the input of a load of posts; see `RecordingInputs`."""
    redacted = redaction(redact, rules.POSTS)
    return lambda: redacted.posts(remembered(arguments.rows(Post, posts, "posts", context), Forgotten(forgotten)))


def run_key(context: Context) -> RunKey:
    """Return the key of this try of the task."""
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        try_number=ti.try_number,
    )

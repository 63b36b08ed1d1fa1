"""Rows from the contents of files, such as transcripts; reading a file again replaces its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Table, exists, update

from airflow_provider_meetings.api.artifacts import ArtifactRow, Chapter, Keyword, Statistics, Todo
from airflow_provider_meetings.api.models import TranscriptSegment
from airflow_provider_meetings.warehouse.load.rounds import Rounds, StagedRows, batches
from airflow_provider_meetings.warehouse.load.rows import FILE_KEY, Neutral
from airflow_provider_meetings.warehouse.merge import statements as merge
from airflow_provider_meetings.warehouse.merge.row_builder import Builder
from airflow_provider_meetings.warehouse.merge.staging import Stage, stage
from airflow_provider_meetings.warehouse.merge.statements import DmlStep, Merge, Step
from airflow_provider_meetings.warehouse.tables.tables import Tables


@dataclass(frozen=True, slots=True)
class Content:
    """One file that was read back.

    :param item: the class of its rows.
    :param file: the stored file, neutral.
    :param rows: the rows, neutral; read once.
    """

    item: type[ArtifactRow]
    file: Neutral
    rows: Iterable[Neutral]


class _Part:
    """The rows of one table, and the files that they were read from."""

    def __init__(self, tables: Tables, into: Table, owner: Sequence[str], now: datetime) -> None:
        content = [column.name for column in into.c if not column.name.startswith("_")]
        self._build = Builder(into, content, hashed=True)
        self._key = Builder(tables.recording_files, FILE_KEY)
        self._now = now
        self._owner = owner
        self.into = into
        name = into.name.removeprefix(tables.prefix)
        self.rows = stage(name, into, (*content, "_source_hash", "_landed_at", "_deleted_at"))
        self.files = stage(f"{name}_files", tables.recording_files, FILE_KEY)
        self._rounds = Rounds()

    def add(self, content: Content, staged: StagedRows) -> None:
        file = self._key([content.file])
        number = self._rounds.number(file[0][: len(self._owner)])
        staged.add(self.files, file, number)
        for batch in batches(content.rows):
            staged.add(self.rows, self._build(batch, self._now, None), number)

    def steps(self) -> Iterable[Step]:
        """Replace the rows of these files; mark rows that they no longer contain as deleted."""
        existing, staged, read = self.into, self.rows.table, self.files.table
        yield Merge(self.rows, update_if=merge.changed_or_restored)
        again = exists().where(*merge.columns_equal(read, existing, self._owner))
        still = exists().where(*merge.columns_equal(staged, existing, self.rows.key))
        marked = update(existing).where(existing.c["_deleted_at"].is_(None), again, ~still)
        yield DmlStep(existing, marked.values({"_deleted_at": self._now, "_landed_at": self._now}))


class ContentPlan:
    """Merge the contents of files, each kind into its table.

    :param read_back: whether files are read back; otherwise the tables are not touched.
    """

    def __init__(self, tables: Tables, now: datetime, *, read_back: bool) -> None:
        self._parts: dict[type[ArtifactRow], _Part] = {}
        if read_back:
            self._parts = {
                TranscriptSegment: _Part(tables, tables.transcript_segments, FILE_KEY, now),
                Chapter: _Part(tables, tables.minute_chapters, FILE_KEY[:3], now),
                Todo: _Part(tables, tables.minute_todos, FILE_KEY[:3], now),
                Keyword: _Part(tables, tables.minute_keywords, FILE_KEY[:3], now),
                Statistics: _Part(tables, tables.minute_statistics, FILE_KEY[:3], now),
            }

    @property
    def stages(self) -> Sequence[Stage]:
        return tuple(one for part in self._parts.values() for one in (part.rows, part.files))

    @property
    def tables(self) -> Sequence[Table]:
        return tuple(part.into for part in self._parts.values())

    def add(self, content: Content, staged: StagedRows) -> None:
        self._parts[content.item].add(content, staged)

    def steps(self) -> Sequence[Step]:
        return tuple(step for part in self._parts.values() for step in part.steps())

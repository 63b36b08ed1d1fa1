"""Stage the rows of one call; a key that the call observes several times is merged in as many rounds.

The first observation of each key is merged in round 0, the second in round 1, and so on. All rows are staged before the
first round, and all rounds are one transaction: target tables are locked for as long as it takes to merge, a retry
needs no input, and a call that fails leaves nothing half-loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from sqlalchemy import BigInteger, Column, MetaData, Table, delete, insert, literal_column, select

from airflow_provider_meetings.warehouse.load.session import Session
from airflow_provider_meetings.warehouse.merge.row_builder import Row
from airflow_provider_meetings.warehouse.merge.staging import Stage
from airflow_provider_meetings.warehouse.merge.statements import DmlStep, Step

BATCH = 5000
"""How many input values are held in memory at a time."""

_ROUND = "_round"

Value = TypeVar("Value")


class Rounds:
    """Count the observations of each key.

    It holds a hash per key, about 100 bytes, and no row. Two keys with the same hash only cost one more round.
    """

    def __init__(self) -> None:
        self._next: dict[int, int] = {}

    def number(self, key: Hashable) -> int:
        number = self._next.get(hash(key), 0)
        self._next[hash(key)] = number + 1
        return number

    def split(self, values: Iterable[Value], key: Callable[[Value], Hashable]) -> list[tuple[int, list[Value]]]:
        """Return observations by their rounds, in the order of the rounds."""
        found: dict[int, list[Value]] = {}
        for value in values:
            found.setdefault(self.number(key(value)), []).append(value)
        return sorted(found.items())


class StagedRows:
    """Stages whose rows are merged together.

    Rows of round 0 are in the stages. Rows of later rounds wait in a second temporary table per stage, which is created
    with its first row.
    """

    def __init__(self, session: Session, stages: Sequence[Stage]) -> None:
        self._session = session
        self._stages = stages
        self._later: dict[Stage, Stage] = {}
        self.last_round = 0
        for stage in stages:
            session.create_stage(stage)

    def add(self, stage: Stage, rows: Sequence[Row], number: int = 0) -> None:
        """Stage rows for the round `number`; of rows with the same key the last one counts."""
        key = itemgetter(*(stage.names.index(name) for name in stage.key))
        rows = list({key(row): row for row in rows}.values())
        if number and rows:
            if stage not in self._later:
                self._later[stage] = _later(stage)
                self._session.create_stage(self._later[stage])
            stage = self._later[stage]
            rows = [(number, *row) for row in rows]
            self.last_round = max(self.last_round, number)
        self._session.append(stage, rows)

    def rounds(self, steps: Sequence[Step]) -> list[Step]:
        """Repeat `steps` for each round; in between, replace the rows of all stages by those of the next round."""
        found = list(steps)
        for number in range(1, self.last_round + 1):
            found += [DmlStep(stage.target, delete(stage.table), counted=False) for stage in self._stages]
            for stage, later in self._later.items():
                of_round = later.table.c[_ROUND] == literal_column(f"{number}")
                rows = select(*(later.table.c[name] for name in stage.names)).where(of_round)
                filled = insert(stage.table).from_select(list(stage.names), rows)
                found.append(DmlStep(stage.target, filled, counted=False))
            found += steps
        return found


def _later(stage: Stage) -> Stage:
    columns = [Column(_ROUND, BigInteger()), *(Column(column.name, column.type) for column in stage.table.c)]
    table = Table(f"{stage.table.name}_later", MetaData(), *columns, prefixes=["TEMPORARY"])
    return Stage(stage.target, table, (_ROUND, *stage.names))


def batches(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Yield lists of at most `BATCH` values."""
    source = iter(values)
    while batch := list(islice(source, BATCH)):
        yield batch

"""What several words on one recording in one call come to: what they would, if each came in a call of its own.

They wait in one stage. Only where a recording came more than once they are united, in the database: to its last
answer, filled from its other answers, and to what it waited as before the first of them. These two stay apart, since a
recording that has had an answer in the table does not take the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    Subquery,
    Table,
    Update,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from airflow_provider_meetings.warehouse.load import rows
from airflow_provider_meetings.warehouse.merge import statements as merge
from airflow_provider_meetings.warehouse.merge.staging import SEQ, Stage
from airflow_provider_meetings.warehouse.merge.statements import Columns, DmlStep

WORD = "_word_no"
"""The number, in the call, of the word that declares a file."""
LISTED = "_listed_no"
"""The number of a word after which files that it does not declare are gone; of other words NULL."""
FILLED = "_filled"
"""1 where earlier words told what the last one does not."""
OVERTAKEN: ColumnElement[int] = literal_column("-1")
"""The `WORD` of a file that a later word no longer declares."""

_HASH = "_source_hash"
_KEY = ("platform", "tenant", "recording_id")
_KNOWN = sorted(rows.KNOWN_OF_A_RECORDING.difference(_KEY))
# Written into the statement, not bound: they are ours.
_ONE: ColumnElement[int] = literal_column("1")
_NONE: ColumnElement[int] = literal_column("0")


def unite(words: Stage, earlier: Stage, declared: Stage) -> Sequence[Insert | Delete | Update]:
    """Return what to do where a recording has more than one word. No statement names a stage twice, for MySQL.

    :param words: all words; afterwards one of each recording, its last.
    :param earlier: empty; afterwards what `waited` and `renewed` need, of recordings that had more than one.
    :param declared: the files that the words declare.
    """
    told, united, files = words.table, earlier.table, declared.table
    twice = exists().where(*merge.agree(united, told, _KEY))
    last = select(*(united.c[name] for name in words.names)).where(united.c[_HASH].is_not(None))
    later = exists().where(*merge.agree(united, files, _KEY), united.c[LISTED] > files.c[WORD])
    return (
        insert(united).from_select(list(earlier.names), _united(words)),
        told.delete().where(twice),
        insert(told).from_select(list(words.names), last),
        update(files).where(later).values({WORD: OVERTAKEN}),
    )


def waited(earlier: Stage) -> ColumnElement[bool]:
    """Tell which rows are what a recording waited as that has its answer in the same call: they have no hash.

    So they differ from any row that is there, and so does the answer that comes next.
    """
    return earlier.table.c[_HASH].is_(None)


def renewed(there: Table, earlier: Stage) -> DmlStep:
    """Have the last word merged where it is the one that is there already, if those before it told more."""
    told = earlier.table
    same = merge.agree(told, there, (*_KEY, _HASH))
    return DmlStep(there, update(there).where(*same, told.c[FILLED] == _ONE).values({_HASH: None}), counted=False)


def _united(words: Stage) -> Select[Any]:
    """Return the rows of `earlier`: of each recording with more than one word the last ones, filled."""
    told = _counted(words).c
    alike = [told[name] for name in (*_KEY, "_answered")]
    believed = or_(told["_answered"] == _ONE, told["_first_answer"].is_(None), told[SEQ] < told["_first_answer"])

    def latest(name: str) -> ColumnElement[Any]:
        order = (told[name].is_(None), told[SEQ].desc())
        return func.first_value(told[name]).over(partition_by=alike, order_by=order).label(name)

    filled = select(
        *(latest(name) if name in (*_KNOWN, LISTED) else told[name] for name in words.names),
        func.row_number().over(partition_by=alike, order_by=told[SEQ].desc()).label("_age"),
        case((or_(told["_answered"] == _ONE, told["_first_answer"].is_(None)), _ONE), else_=_NONE).label("_last"),
        _gaps(told).label("_gaps"),
    )
    found = filled.where(told["_words"] > _ONE, believed).subquery().c
    hashed = case((found["_last"] == _ONE, found[_HASH]))
    more = case((found["_gaps"] > _gaps(found), _ONE), else_=_NONE)
    *names, seq = (hashed if name == _HASH else found[name] for name in words.names)
    return select(*names, more, seq).where(found["_age"] == _ONE)


def _counted(words: Stage) -> Subquery:
    """Return all words, each with how many its recording has, and the number of the first that is an answer."""
    told = words.table
    key = [told.c[name] for name in _KEY]
    answered = merge.answered(told.c)
    return select(
        *told.c,
        case((answered, _ONE), else_=_NONE).label("_answered"),
        func.count().over(partition_by=key).label("_words"),
        func.min(case((answered, told.c[SEQ]))).over(partition_by=key).label("_first_answer"),
    ).subquery()


def _gaps(told: Columns) -> ColumnElement[int]:
    """Count what a row does not tell of its recording."""
    return sum((case((told[name].is_(None), _ONE), else_=_NONE) for name in _KNOWN), start=_NONE)

"""The daily runs of a pipeline: the provider's operators, one after the other, as a scheduler runs them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator

from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.operators.ledger import SettleOperator
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator
from tests.conftest import TaskInstance
from tests.month.faults import KILLED, Kill, in_child
from tests.month.lives import OWNERS, START, Platform

KINDS = {"feishu": ("video", "transcript-txt"), "wecom": ("video", "summary", "transcript")}
TRIES = 3


class Clock:
    """The time source: a file that emulator and provider read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.move(START)

    def __call__(self) -> float:
        return self.now

    def move(self, now: float) -> None:
        self.now = now
        new = self._path.with_suffix(".new")
        new.write_text(str(now))
        new.replace(self._path)


@dataclass
class Ended:
    """A task that has ended: its XComs, and whether it succeeded."""

    ok: bool
    result: Any = None
    xcoms: dict[str, Any] = field(default_factory=dict)


@dataclass
class Pipeline:
    """One pipeline of one platform.

    :param lake: URL of lake and ledger.
    :param sql_conn_id: None for a pipeline without a warehouse.
    """

    platform: Platform
    lake: str
    sql_conn_id: str | None
    landed_at: dict[str, float] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    red: list[str] = field(default_factory=list)

    def state(self) -> State:
        """Return what the ledger holds."""
        return Ledger(store_at(self.lake)).read()

    def list(self, run_id: str, kill: Kill | None = None, window: tuple[float, float] | None = None) -> Ended:
        """List by the ledger; with a window, that of a backfill."""
        start, end = window or (START, None)
        return self._task(
            run_id,
            ListRecordingsOperator(
                task_id="list",
                meetings_conn_id=f"{self.platform}_default",
                ledger=self.lake,
                start=pendulum.from_timestamp(start),
                end=end and pendulum.from_timestamp(end),
                owner_ids=[*OWNERS] if self.platform == "wecom" else None,
            ),
            kill,
        )

    def land(self, run_id: str, listed: Ended, now: float, kill: Kill | None = None) -> Ended:
        ended = self._task(
            run_id,
            RecordingsToObjectStorageOperator(
                task_id="land",
                meetings_conn_id=f"{self.platform}_default",
                recordings=listed.result,
                target=self.lake,
                kinds=KINDS[self.platform],
            ),
            kill,
        )
        for file in ended.result or ():
            self.outcomes[file["outcome"]] += 1
            if file["outcome"] in {"landed", "resumed", "skipped"}:
                self.landed_at.setdefault(file["recording_id"], now)
        return ended

    def load(self, run_id: str, listed: Ended, landed: Ended, kill: Kill | None = None) -> None:
        """Load, and close the items; also after a landing that failed."""
        inputs = {
            "recordings": listed.result,
            "stored_files": landed.result or [],
            "summary": listed.xcoms["summary"],
            "ledger": self.lake,
        }
        closer: BaseOperator = SettleOperator(task_id="settle", **inputs)
        if self.sql_conn_id is not None:
            closer = RecordingsToSqlOperator(task_id="load", sql_conn_id=self.sql_conn_id, **inputs)
        self._task(run_id, closer, kill)

    def run(self, run_id: str, now: float, kill: Kill | None = None) -> None:
        """Run all tasks once."""
        listed = self.list(run_id, kill)
        if listed.ok:
            landed = self.land(run_id, listed, now, kill)
            self.load(run_id, listed, landed, kill)

    def _task(self, run_id: str, operator: BaseOperator, kill: Kill | None) -> Ended:
        ended = Ended(False)
        for number in range(1, TRIES + 1):
            ti = TaskInstance(dag_id=self.platform, run_id=run_id, task_id=operator.task_id, try_number=number)
            if number == 1 and kill and kill.task == operator.task_id:
                work = _armed(kill, operator, ti)
                assert in_child(work) == KILLED, f"{run_id}: {kill.step}"
                if not kill.retried:
                    break
                continue
            try:
                result = _json(operator.execute({"ti": ti}))  # type: ignore[typeddict-item]  # the part that is used
                return Ended(True, result, ti.pushed)
            except AirflowException as error:
                ended = Ended(False, ti.pushed.get("return_value"), ti.pushed)
                if isinstance(error, AirflowFailException):
                    break
        self.red.append(f"{run_id} {operator.task_id}")
        return ended


def _armed(kill: Kill, operator: BaseOperator, ti: TaskInstance) -> Callable[[], object]:
    def work() -> None:
        kill.arm()
        operator.execute({"ti": ti})  # type: ignore[typeddict-item]

    return work


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def interleaved(first: Iterable[Callable[[], Any]], second: Iterable[Callable[[], Any]]) -> None:
    """Call the steps of two runs in turn."""
    for steps in zip(first, second, strict=True):
        for step in steps:
            step()

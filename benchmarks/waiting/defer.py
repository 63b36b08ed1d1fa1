"""Defer the mapped tasks of a run of the DAG ``waits`` in Airflow's database, as 1,000 workers would.

Reads ``{"task_id": ..., "run_id": ...}`` from the standard input. Each task is executed here until it defers: its first
poll reaches the platform, and the trigger and its arguments are those of the task. Only the rate limits do not hold
here, so that this takes seconds. The first order creates the run; the last line printed is the number of tasks.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any, cast

from airflow.models.dagbag import DBDagBag
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.sdk import DAG, timezone
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.serde import serialize
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from benchmarks.waiting.dags import waits
from benchmarks.waiting.quotas import lift_rate_limits


def main() -> None:
    """Defer the tasks of one order."""
    order: dict[str, str] = json.load(sys.stdin)
    lift_rate_limits()
    dag: DAG = waits.dag
    with create_session() as session:
        _create_run(order["run_id"], session)
        tasks = session.scalars(
            select(TaskInstance)
            .where(TaskInstance.run_id == order["run_id"], TaskInstance.task_id == order["task_id"])
            .order_by(TaskInstance.map_index)
        ).all()
        for task in tasks:
            task.start_date = timezone.utcnow()
            _defer(task, _deferred(dag.get_task(order["task_id"]), task), session)
    sys.stdout.write(f"\n{json.dumps(len(tasks))}\n")


def _create_run(run_id: str, session: Any) -> None:
    dag = DBDagBag().get_latest_version_of_dag("waits", session=session)
    from airflow.models.dagrun import DagRun

    if session.scalar(select(DagRun).where(DagRun.run_id == run_id)):
        return
    assert dag is not None
    run = dag.create_dagrun(
        run_id=run_id,
        run_after=timezone.utcnow(),
        run_type=DagRunType.MANUAL,
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        start_date=timezone.utcnow(),
        session=session,
    )
    run.dag = dag
    run.task_instance_scheduling_decisions(session=session)  # expands the mapped tasks
    session.flush()


def _deferred(task: Any, instance: TaskInstance) -> TaskDeferred:
    if isinstance(task, MappedOperator):
        literal = task.expand_input.value
        mapped = {name: values[instance.map_index] for name, values in cast("dict[str, Any]", literal).items()}
        task = task.unmap(mapped)
    names = ("dag_id", "run_id", "task_id", "map_index", "start_date")
    context: Any = {"ti": SimpleNamespace(**{name: getattr(instance, name) for name in names})}
    try:
        task.execute(context)
    except TaskDeferred as deferred:
        return deferred
    raise RuntimeError(f"{task.task_id} did not defer")


def _defer(task: TaskInstance, deferred: TaskDeferred, session: Any) -> None:
    trigger = Trigger.from_object(deferred.trigger)
    session.add(trigger)
    session.flush()
    task.state = TaskInstanceState.DEFERRED
    task.trigger_id = trigger.id
    task.next_method = deferred.method_name
    task.next_kwargs = serialize(deferred.kwargs or {})
    task.trigger_timeout = timezone.utcnow() + deferred.timeout if deferred.timeout else None
    task.try_number = 1


if __name__ == "__main__":
    main()

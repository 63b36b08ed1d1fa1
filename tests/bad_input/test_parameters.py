"""Every parameter of every public class refuses what it cannot use, before anything is sent or written."""

from __future__ import annotations

import copy
import datetime
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowNotFoundException,
    BaseOperator,
    BaseSensorOperator,
)
from airflow.sdk.exceptions import AirflowRescheduleException

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.ledger.ledger import Ledger
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.emulator.seed.feishu import NAMED_POST, READY_MEETING, RUNNING_MEETING
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.emulator.state.emulator import EmulatorState
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.operators.ledger import LedgerCheckOperator
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuPostsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from tests.bad_input.rows import SECRET, Row
from tests.bad_input.tables import TABLES
from tests.conftest import Emulated

AT_INIT = [pytest.param(cls, row, id=f"{cls.__name__}-{row}") for cls, table in TABLES.items() for row in table.at_init]
AT_RUN = [pytest.param(cls, row, id=f"{cls.__name__}-{row}") for cls, table in TABLES.items() for row in table.at_run]
RUN = [cls for cls, table in TABLES.items() if table.at_run]


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    """One emulator for all tests; no request may reach it."""
    with pytest.MonkeyPatch.context() as patch, serve(state := EmulatorState()) as url:
        running = Emulated(url, state, patch)
        running.connect("feishu")
        running.connect("wecom")
        yield running


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for a lake and a warehouse, which do not exist yet, and define unusable connections."""
    others = {
        "WAREHOUSE": {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.sqlite")},
        "OF_NO_TYPE": {"conn_type": "carrier_pigeon", "password": SECRET},
        "UNREADABLE": {"conn_type": "feishu", "port": "abc", "password": SECRET},
    }
    for name, value in others.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(value))
    monkeypatch.setenv("AIRFLOW__MEETINGS__REDACT_KEY", "a key of the tests, long enough")
    return tmp_path


def make(cls: type, row: Row | None, place: Path = Path("/nowhere")) -> Any:
    arguments = {**TABLES[cls].valid, **(row.also if row else {}), **({row.parameter: row.value} if row else {})}
    for name in ("target", "ledger", "plan"):
        if arguments.get(name) == "file://{lake}":
            arguments[name] = f"file://{place}/lake"
    return cls(**copy.copy(arguments))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def check_error(error: BaseException, row: Row, *types: type[Exception]) -> None:
    text = str(error)
    assert type(error) in types, f"{type(error).__name__}: {text[:300]}"
    assert (row.label or row.parameter) in text
    assert row.kind in text
    assert row.remedy in text
    assert len(text) < 1000
    assert not any(SECRET in f"{one!s} {one!r}" for one in chain(error))


@pytest.mark.parametrize(("cls", "row"), AT_INIT)
def test_invalid_value_is_refused_at_parse_time(cls: type, row: Row) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # check_error checks the type
        make(cls, row)
    check_error(caught.value, row, ValueError, InvalidRequest, AirflowFailException)


@pytest.mark.parametrize(("cls", "row"), AT_RUN)
def test_invalid_value_is_refused_before_first_request(
    shared: Emulated, context: Any, place: Path, cls: type, row: Row
) -> None:
    shared.state.requests.clear()
    operator = make(cls, row, place)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        operator.execute(context)
    # An undefined connection may be temporarily unreachable, so this error may be retried.
    undefined = "is not defined" in str(caught.value)
    check_error(caught.value, row, AirflowNotFoundException if undefined else AirflowFailException)
    assert shared.state.requests == []
    assert context["ti"].pushed.keys() <= {"summary"}  # of a listing, also if it fails
    assert [path for path in place.iterdir() if path.stat().st_size] == []


@pytest.mark.parametrize("cls", TABLES)
def test_other_arguments_of_rows_are_valid(emulated: Any, context: Any, place: Path, cls: type) -> None:
    """Otherwise each row would be refused because of them."""
    made = make(cls, None, place)
    if cls is LedgerCheckOperator:  # there must be one
        Ledger(store_at(made.ledger)).write(State(since={"window": 0.0}))
    if cls in RUN:
        assert made.execute(context)


@pytest.mark.parametrize("cls", TABLES)
def test_every_parameter_has_a_row(cls: type) -> None:
    assert own_parameters(cls) == TABLES[cls].parameters


def test_parameter_without_row_is_found() -> None:
    class New(ListRecordingsOperator):
        def __init__(self, *, meetings_conn_id: str, colour: str, **kwargs: Any) -> None: ...

    assert own_parameters(New) - TABLES[ListRecordingsOperator].parameters == {"colour"}


@pytest.mark.parametrize("cls", RUN)
def test_arguments_do_not_shadow_airflows(cls: type) -> None:
    taken = own_parameters(BaseOperator) | own_parameters(BaseSensorOperator)
    assert {"owner", "timeout", "poke_interval"} <= taken
    assert own_parameters(cls) & taken == set()


def own_parameters(cls: type) -> set[str]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
    return {p.name for p in parameters if p.kind not in kinds} - {"self"}


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (ListRecordingsOperator, "meeting_ids", READY_MEETING),
        (RecordingReadySensor, "meeting_ids", READY_MEETING),
        (FeishuPostsOperator, "post_ids", NAMED_POST),
    ],
)
@pytest.mark.parametrize("template", ["{{ id }}", ["{{ id }}"]])
def test_ids_that_native_rendering_makes_numbers(
    emulated: Emulated, context: Any, cls: type, name: str, value: str, template: Any
) -> None:
    arguments = {"task_id": "t", "meetings_conn_id": "feishu_default", name: template}
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    with DAG("native", schedule=None, start_date=start, render_template_as_native_obj=True):
        task: Any = cls(**arguments)
    task.render_template_fields({"id": value})
    assert getattr(task, name) in (int(value), [int(value)])
    assert task.execute(context)


def test_iterator_can_be_read_again(emulated: Any, context: Any) -> None:
    """An exhausted iterator would look like a listing without recordings, and the task would succeed."""
    waiting = {"platform": "feishu", "tenant": "t", "recording_id": None, "meeting_id": RUNNING_MEETING}
    sensor = RecordingReadySensor(
        task_id="wait",
        meetings_conn_id="feishu_default",
        recordings=iter([{**waiting, "state": "recording"}]),
        mode="reschedule",
    )
    for _ in range(2):
        with pytest.raises(AirflowRescheduleException):
            sensor.execute(context)

"""Which operators have the retry policy, and which policy wins."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator
from airflow.sdk import DAG, ExceptionRetryPolicy

import airflow_provider_meetings
from airflow_provider_meetings.hooks.retry_policy import MeetingsRetryPolicy, set_retry_policy
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator

ARGUMENTS: dict[str, Any] = {
    "meetings_conn_id": "feishu_default",
    "recordings": [],
    "target": "file:///tmp/lake",
    "post_ids": ["1"],
}
NOT_CHOSEN: list[dict[str, Any]] = [{}, {"retry_policy": None}]


def askers() -> list[type[BaseOperator]]:
    """Find every operator of the package that takes a connection to a platform."""
    found = {}
    for module in pkgutil.walk_packages(airflow_provider_meetings.__path__, "airflow_provider_meetings."):
        if any(part in module.name for part in ("operators", "sensors", "transfers")):
            for cls in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(cls) and issubclass(cls, BaseOperator) and cls.__module__ == module.name:
                    found[cls.__name__] = cls
    return [cls for _, cls in sorted(found.items()) if "meetings_conn_id" in inspect.signature(cls).parameters]


def arguments_of(cls: type[BaseOperator]) -> dict[str, Any]:
    taken = inspect.signature(cls).parameters
    return {"task_id": "task", **{name: value for name, value in ARGUMENTS.items() if name in taken}}


def test_those_that_ask_are_known() -> None:
    names = {cls.__name__ for cls in askers()}
    assert {
        "FeishuPostsOperator",
        "ListRecordingsOperator",
        "RecordingReadySensor",
        "RecordingsToObjectStorageOperator",
    } <= names


@pytest.mark.parametrize("cls", askers())
class TestEach:
    def test_has_the_policy(self, cls: type[BaseOperator]) -> None:
        for given in NOT_CHOSEN:
            assert isinstance(cls(**arguments_of(cls), **given).retry_policy, MeetingsRetryPolicy)

    def test_has_it_also_when_it_is_mapped(self, cls: type[BaseOperator]) -> None:
        with DAG("mapped", schedule=None):
            mapped = cls.partial(**arguments_of(cls), retries=2).expand(doc=["a", "b"])
        for given in NOT_CHOSEN:
            mapped.partial_kwargs.update(given)
            task = mapped.unmap({"doc": "a"})
            assert isinstance(task.retry_policy, MeetingsRetryPolicy)
            assert task.retries == 2

    def test_leaves_a_policy_of_the_users(self, cls: type[BaseOperator]) -> None:
        theirs = ExceptionRetryPolicy(rules=[])
        assert cls(**arguments_of(cls), retry_policy=theirs).retry_policy is theirs
        with DAG("theirs", schedule=None, default_args={"retry_policy": theirs, "retries": 0}):
            task = cls(**arguments_of(cls))
        assert task.retry_policy is theirs
        assert task.retries == 0
        with DAG("mapped_theirs", schedule=None):
            mapped = cls.partial(**arguments_of(cls), retry_policy=theirs).expand(doc=["a"])
        assert mapped.unmap({"doc": "a"}).retry_policy is theirs


def test_who_asks_no_platform_has_none() -> None:
    load = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[])
    assert load.retry_policy is None


def test_an_airflow_without_policies_is_left_as_it_is() -> None:
    task = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default")
    del task.__dict__["retry_policy"]
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr(BaseOperator, "retry_policy", raising=False)
        set_retry_policy(task)
    assert "retry_policy" not in vars(task)

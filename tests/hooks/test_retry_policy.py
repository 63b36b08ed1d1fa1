"""The retry policy: its delays, and which operators have it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from datetime import timedelta
from typing import Any

import airflow.sdk
import pytest
from airflow.providers.common.compat.sdk import AirflowException, BaseOperator
from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction

import airflow_provider_meetings
from airflow_provider_meetings.api.errors import MeetingsApiError, QuotaExhausted, RateLimited, ServerError
from airflow_provider_meetings.hooks.retry_policy import MeetingsRetryPolicy, set_retry_policy
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.transfers.to_sql import RecordingsToSqlOperator


def evaluate(exception: BaseException) -> tuple[RetryAction, timedelta | None]:
    decision = MeetingsRetryPolicy().evaluate(exception, 1, 3, None)
    return decision.action, decision.retry_delay


def caused_by(error: BaseException, *chain: type[Exception]) -> BaseException:
    for kind in chain:
        try:
            raise kind("see the cause") from error
        except kind as raised:
            error = raised
    return error


@pytest.mark.parametrize("chain", [(), (AirflowException,), (AirflowException, RuntimeError, AirflowException)])
def test_delay_is_at_least_retry_after_of_any_cause(chain: tuple[type[Exception], ...]) -> None:
    for retry_after, most in ((0.0, 10.0), (3.0, 13.0), (90.0, 100.0), (3600.0, 3960.0)):
        action, delay = evaluate(caused_by(RateLimited("slow down", retry_after=retry_after), *chain))
        assert action is RetryAction.RETRY
        assert delay is not None
        assert retry_after <= delay.total_seconds() <= most


def test_delay_has_jitter() -> None:
    error = RateLimited("slow down", retry_after=60.0)
    assert len({evaluate(error)[1] for _ in range(500)}) > 400


@pytest.mark.parametrize(
    "exception",
    [
        ValueError("not an API error"),
        AirflowException("no cause"),
        caused_by(ServerError("no retry_after"), AirflowException),
        caused_by(QuotaExhausted("permanent", retry_after=5.0), AirflowException),
    ],
    ids=str,
)
def test_airflow_decides_without_retry_after(exception: BaseException) -> None:
    assert evaluate(exception) == (RetryAction.DEFAULT, None)


def test_delay_is_limited_to_a_day() -> None:
    for retry_after in (1e12, float("inf")):
        _, delay = evaluate(RateLimited("slow down", retry_after=retry_after))
        assert delay is not None
        assert timedelta(days=1) <= delay <= timedelta(days=1.1)


def test_reason_names_platform_without_error_text() -> None:
    error = RateLimited("what", platform="feishu", vendor_message="with-a-secret", retry_after=300.0)
    reason = MeetingsRetryPolicy().evaluate(error, 1, 3).reason or ""
    assert "feishu requested a wait of 300 s" in reason
    assert "secret" not in reason


def test_serialization() -> None:
    copy = MeetingsRetryPolicy.deserialize(MeetingsRetryPolicy().serialize())
    assert copy.evaluate(MeetingsApiError("no"), 1, 3).action is RetryAction.DEFAULT


ARGUMENTS: dict[str, Any] = {
    "meetings_conn_id": "feishu_default",
    "recordings": [],
    "target": "file:///tmp/lake",
    "post_ids": ["1"],
}
DEFAULTS: list[dict[str, Any]] = [{}, {"retry_policy": None}]


def api_operators() -> list[type[BaseOperator]]:
    """Find all operators of the package that take a connection of a platform."""
    found = {}
    for module in pkgutil.walk_packages(airflow_provider_meetings.__path__, "airflow_provider_meetings."):
        if any(part in module.name for part in ("operators", "sensors", "transfers")):
            for cls in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(cls) and issubclass(cls, BaseOperator) and cls.__module__ == module.name:
                    found[cls.__name__] = cls
    return [cls for _, cls in sorted(found.items()) if "meetings_conn_id" in inspect.signature(cls).parameters]


def arguments_of(cls: type[BaseOperator]) -> dict[str, Any]:
    parameters = inspect.signature(cls).parameters
    return {"task_id": "task", **{name: value for name, value in ARGUMENTS.items() if name in parameters}}


def test_api_operators_are_found() -> None:
    assert {
        "FeishuPostsOperator",
        "ListRecordingsOperator",
        "RecordingReadySensor",
        "RecordingsToObjectStorageOperator",
    } <= {cls.__name__ for cls in api_operators()}


@pytest.mark.parametrize("cls", api_operators())
class TestOperators:
    def test_default(self, cls: type[BaseOperator]) -> None:
        for arguments in DEFAULTS:
            assert isinstance(cls(**arguments_of(cls), **arguments).retry_policy, MeetingsRetryPolicy)

    def test_default_of_mapped_task(self, cls: type[BaseOperator]) -> None:
        with DAG("mapped", schedule=None):
            mapped = cls.partial(**arguments_of(cls), retries=2).expand(doc=["a", "b"])
        for arguments in DEFAULTS:
            mapped.partial_kwargs.update(arguments)
            task = mapped.unmap({"doc": "a"})
            assert isinstance(task.retry_policy, MeetingsRetryPolicy)
            assert task.retries == 2

    def test_user_policy_is_kept(self, cls: type[BaseOperator]) -> None:
        policy = ExceptionRetryPolicy(rules=[])
        assert cls(**arguments_of(cls), retry_policy=policy).retry_policy is policy
        with DAG("default_args", schedule=None, default_args={"retry_policy": policy, "retries": 0}):
            task = cls(**arguments_of(cls))
        assert task.retry_policy is policy
        assert task.retries == 0
        with DAG("mapped_policy", schedule=None):
            mapped = cls.partial(**arguments_of(cls), retry_policy=policy).expand(doc=["a"])
        assert mapped.unmap({"doc": "a"}).retry_policy is policy


def test_load_has_no_policy() -> None:
    load = RecordingsToSqlOperator(task_id="load", sql_conn_id="warehouse", recordings=[])
    assert load.retry_policy is None


def test_airflow_without_retry_policies() -> None:
    task = ListRecordingsOperator(task_id="list", meetings_conn_id="feishu_default")
    del task.__dict__["retry_policy"]
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr(BaseOperator, "retry_policy", raising=False)
        set_retry_policy(task)
    assert "retry_policy" not in vars(task)


def test_import_without_retry_policies() -> None:
    module = importlib.import_module("airflow_provider_meetings.hooks.retry_policy")
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr("airflow.sdk.RetryPolicy")
        patched.delitem(vars(airflow.sdk)["__lazy_imports"], "RetryPolicy")
        source = inspect.getsource(module)
        namespace: dict[str, Any] = {"__name__": "retry_policy"}
        exec(compile(source, str(module.__file__), "exec"), namespace)
    assert namespace["RetryPolicy"] is object

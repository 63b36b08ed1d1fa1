"""Run a sensor to its end in each mode, through Airflow's serialisation, with a clock that only sleeping moves on."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.models.trigger import Trigger, _decode_next_kwargs
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk.exceptions import AirflowRescheduleException
from airflow.sdk.serde import deserialize, serialize
from airflow.serialization.decoders import smart_decode_trigger_kwargs
from airflow.serialization.serialized_objects import _decode_start_trigger_args, _encode_start_trigger_args

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.hooks import meetings
from airflow_provider_meetings.sensors import recordings as sensors
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.triggers import recordings as triggers
from tests.conftest import TaskInstance

MODES = ("poke", "reschedule", "reschedule before 3.3", "deferrable", "start_from_trigger")


class Clock:
    """The time of workers and triggerers."""

    def __init__(self) -> None:
        self.start = self.seconds = 1_800_000_000.0
        self.at: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.seconds

    @property
    def elapsed(self) -> float:
        return self.seconds - self.start

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        due = [action for when, action in self.at if when <= self.elapsed]
        self.at = [(when, action) for when, action in self.at if when > self.elapsed]
        for action in due:
            action()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = self

        class Interrupted(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                clock.sleep(timeout or 0.0)
                return self.is_set()

        monkeypatch.setattr(sensors, "time", SimpleNamespace(time=self.time))
        monkeypatch.setattr(triggers, "time", SimpleNamespace(time=self.time))
        monkeypatch.setattr(
            triggers, "asyncio", SimpleNamespace(sleep=self.sleep_async, timeout=lambda seconds: asyncio.timeout(60))
        )
        monkeypatch.setattr(meetings, "threading", SimpleNamespace(Event=Interrupted))
        # The quotas and the pauses between attempts are not what is tested here.
        monkeypatch.setattr(Transport, "acquire", lambda self, quota: None)
        monkeypatch.setattr(Transport, "_wait_seconds", lambda self, state: 0.0)


@dataclass
class Store:
    """A task state store; it keeps JSON, and is not cleared between the tries."""

    values: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        return json.loads(self.values.get(key, "null"))

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)


@dataclass
class RescheduledInstance(TaskInstance):
    first: datetime | None = None

    def get_first_reschedule_date(self, context: Any) -> datetime | None:  # type: ignore[override]
        return self.first


@dataclass
class Waiting:
    """Run sensors in one mode."""

    mode: str
    clock: Clock
    store: Store = field(default_factory=Store)
    payloads: list[int] = field(default_factory=list)
    """The sizes of what was stored by Airflow, in bytes."""
    events: list[dict[str, Any]] = field(default_factory=list)
    try_number: int = 1

    @property
    def in_triggerer(self) -> bool:
        return self.mode in {"deferrable", "start_from_trigger"}

    def sensor(self, **arguments: Any) -> RecordingReadySensor:
        by_mode: dict[str, dict[str, Any]] = {
            "deferrable": {"deferrable": True},
            "start_from_trigger": {"start_from_trigger": True},
            "poke": {},
        }
        defaults = {"task_id": "wait", "meetings_conn_id": "feishu_default", "poke_interval": 60, "timeout": 600}
        return RecordingReadySensor(**{**defaults, **by_mode.get(self.mode, {"mode": "reschedule"}), **arguments})

    def run(self, **arguments: Any) -> Any:
        """Return what the task returns, or raise its error."""
        now = pendulum.from_timestamp(self.clock.time())
        instance = RescheduledInstance(start_date=now, try_number=self.try_number)
        context: Any = {"ti": instance}
        if self.mode == "reschedule":
            context["task_state_store"] = self.store
        if self.mode == "start_from_trigger":
            # As the scheduler: `TaskInstance.defer_task`.
            made = self.sensor(**arguments).start_trigger_args
            assert made is not None
            args = _decode_start_trigger_args(json.loads(json.dumps(_encode_start_trigger_args(made))))
            assert args.timeout is not None
            after = min(args.timeout, arguments.get("execution_timeout", args.timeout))
            event = self.trigger(args.trigger_cls, args.trigger_kwargs, now + after)
            call = self.resume(args.next_method, args.next_kwargs or {}, event)
        else:
            call = RecordingReadySensor.execute
        while True:
            try:
                return call(self.sensor(**arguments), context)
            except AirflowRescheduleException as again:
                instance.first = instance.first or pendulum.from_timestamp(self.clock.time())
                self.payloads.extend(map(len, self.store.values.values()))
                self.clock.sleep((again.reschedule_date - pendulum.from_timestamp(self.clock.time())).total_seconds())
                instance.start_date = again.reschedule_date
                call = RecordingReadySensor.execute
            except TaskDeferred as deferred:
                path, kwargs = deferred.trigger.serialize()
                stored = serialize(kwargs)
                timeout = deferred.timeout
                assert isinstance(timeout, timedelta)
                event = self.trigger(path, stored, pendulum.from_timestamp(self.clock.time()) + timeout)
                call = self.resume(deferred.method_name, deferred.kwargs or {}, event)

    def trigger(self, path: str, kwargs: Any, timeout_after: datetime) -> dict[str, Any]:
        """Run a trigger as the triggerer does, and return the event's payload."""
        encrypted = Trigger.encrypt_kwargs(kwargs)
        self.payloads.append(len(json.dumps(kwargs)))
        module, _, name = path.rpartition(".")
        decode: Any = smart_decode_trigger_kwargs
        arguments = {k: decode(v) for k, v in Trigger._decrypt_kwargs(encrypted).items()}
        trigger = getattr(importlib.import_module(module), name)(**arguments)
        trigger.timeout_after = timeout_after

        async def only() -> list[Any]:
            return [event.payload async for event in trigger.run()]

        (payload,) = asyncio.run(only())
        self.payloads.append(len(json.dumps(payload)))
        self.events.append(payload)
        return dict(payload)

    @staticmethod
    def resume(method: str, kwargs: Any, event: dict[str, Any]) -> Any:
        """Return the call of the resumed task, with the arguments after the way through Airflow's database."""
        stored = json.loads(json.dumps(serialize(kwargs)))
        resumed: Any = deserialize(json.loads(json.dumps(serialize({**_decode_next_kwargs(stored), "event": event}))))
        return lambda sensor, context: sensor.resume_execution(method, resumed, context)

"""Each task that calls a platform ends when it is killed or times out, whatever the platform does."""

from __future__ import annotations

import copy
import pickle
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout

from airflow_provider_meetings.api.landing.transfer import Stopped
from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING
from airflow_provider_meetings.operators.recordings import ListRecordingsOperator
from airflow_provider_meetings.platforms.feishu.operators import FeishuAuthorizeOperator, FeishuPostsOperator
from airflow_provider_meetings.sensors.recordings import RecordingReadySensor
from airflow_provider_meetings.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from tests.conftest import Emulated
from tests.contract.media.endless import Endless
from tests.contract.media.origin import Answer, Origin, serve_origin
from tests.platforms.feishu.browser import USER, browse


def list_feishu(context: Any, _: Path) -> ListRecordingsOperator:
    return ListRecordingsOperator(task_id="t", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING])


def list_wecom(context: Any, _: Path) -> ListRecordingsOperator:
    return ListRecordingsOperator(
        task_id="t",
        meetings_conn_id="wecom_default",
        owner_ids=["zhang"],
        start="2026-11-01T00:00:00Z",
        end="2026-11-02T00:00:00Z",
    )


def wait(context: Any, _: Path) -> RecordingReadySensor:
    return RecordingReadySensor(task_id="t", meetings_conn_id="feishu_default", meeting_ids=[READY_MEETING])


def read_posts(context: Any, _: Path) -> FeishuPostsOperator:
    return FeishuPostsOperator(task_id="t", post_ids=["7000000000000000001"])


def land(context: Any, target: Path) -> RecordingsToObjectStorageOperator:
    recordings = list_feishu(context, target).execute(context)
    return RecordingsToObjectStorageOperator(
        task_id="t", meetings_conn_id="feishu_default", target=f"file://{target}", recordings=recordings
    )


Make = Callable[[Any, Path], Any]
TASKS: list[Make] = [list_feishu, list_wecom, wait, read_posts, land]


class _EveryPath(dict[str, Any]):
    """The same answer to every path."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def get(self, *_: Any) -> list[Answer]:
        return [self._answer]


@pytest.fixture
def host() -> Endless:
    return Endless(b"HTTP/1.1 200 OK\r\nX: ", b"x")


@pytest.fixture
def origin(host: Endless) -> Iterator[Origin]:
    with serve_origin() as origin:
        origin._answers = _EveryPath(host)
        yield origin


@pytest.mark.parametrize("end", ["on_kill", "execution_timeout"])
@pytest.mark.parametrize("make", TASKS)
def test_task_ends_during_a_dripping_answer(
    emulated: Emulated, context: Any, tmp_path: Path, origin: Origin, host: Endless, make: Make, end: str
) -> None:
    """Both come through a signal handler in the thread that waits, as in Airflow's task runner."""
    task = make(context, tmp_path)
    for platform in ("feishu", "wecom"):
        emulated.connect(platform, origin.url)
    if end == "on_kill":
        task.on_kill()  # without a run it does nothing
        with signalled(host.started, signal.SIGTERM, task.on_kill), pytest.raises((AirflowException, Stopped)):
            task.execute(context)
    else:
        limit: Any = timeout(300)  # type: ignore[no-untyped-call]  # Airflow's own
        with pytest.raises(AirflowTaskTimeout), limit, signalled(host.started, signal.SIGALRM):
            task.execute(context)
    assert host.disconnected.wait(20)
    assert len(origin.requests) == 1
    pickle.dumps(copy.deepcopy(task))


def test_consent_is_interrupted(user: Emulated, context: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AirflowFailException):
        FeishuAuthorizeOperator(task_id="t").execute(context)
    (address,) = re.findall(r"https?://\S*/authorize\?\S+", capsys.readouterr().out)
    task = FeishuAuthorizeOperator(task_id="t", redirected_to=browse(address))
    user.state.hang("feishu.user_access_token", "hang")
    asked = threading.Event()

    def watch() -> None:
        if user.state.hangs.wait(1, timeout=20):
            asked.set()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with (
            signalled(asked, signal.SIGTERM, task.on_kill),
            pytest.raises(AirflowException, match="the task is being stopped"),
        ):
            task.execute(context)
    finally:
        user.state.release()
        watching.join()


@pytest.fixture
def user(emulated: Emulated) -> Emulated:
    emulated.connect("feishu", extra=USER)
    return emulated


@contextmanager
def signalled(
    event: threading.Event, number: signal.Signals, handle: Callable[[], object] | None = None
) -> Iterator[None]:
    """Send a signal to this thread when `event` is set.

    :param handle: called by the handler; None leaves the handler that is set.
    """
    before = signal.getsignal(number)
    if handle is not None:
        signal.signal(number, lambda *_: handle())
    waiting = threading.get_ident()

    def send() -> None:
        assert event.wait(60)
        signal.pthread_kill(waiting, number)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        sender.join()
        signal.signal(number, before)

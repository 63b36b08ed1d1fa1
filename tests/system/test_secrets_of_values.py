"""Search for secrets in `repr`, `str` and pickle of all living objects of the package, in its errors and logs."""

from __future__ import annotations

import gc
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pendulum
import pytest

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.models import Download
from airflow_provider_meetings.api.query import RecordingQuery
from airflow_provider_meetings.emulator.seed import credentials
from airflow_provider_meetings.emulator.seed.feishu import READY_MEETING
from airflow_provider_meetings.emulator.seed.wecom import OWNERS, SPECIAL_DAY
from airflow_provider_meetings.emulator.server import serve
from airflow_provider_meetings.hooks.meetings import MeetingsHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook
from tests.conftest import Emulated, run_emulator
from tests.contract.leaks import error_text
from tests.system.planted import Planted, PlantedState, detect, plant_app_secrets

START = pendulum.datetime(SPECIAL_DAY.year, SPECIAL_DAY.month, SPECIAL_DAY.day, tz="Asia/Shanghai")
END = START.add(days=1)


class Usage:
    """Objects that the hooks of both platforms returned, kept alive; the errors they raised; what they logged."""

    def __init__(self, emulated: Emulated, planted: Planted, logged: list[str]) -> None:
        self.planted = planted
        self.logged = logged
        self.values: list[Any] = []
        self.errors: list[Exception] = []
        with serve(PlantedState(planted)) as url:
            emulated.connect("feishu", url, password=credentials.FEISHU_APP_SECRET)
            emulated.connect("wecom", url, password=credentials.WECOM_CORP_SECRET)
            self._use("feishu_default", RecordingQuery(meeting_ids=(READY_MEETING,)))
            self._use("wecom_default", RecordingQuery(owner_ids=OWNERS, start=START, end=END))
            wecom = WeComHook().get_conn()
            for record in wecom.list_recordings(START, END, userid="lina"):
                self.values += [record, wecom.get_recording_files(record.meeting_record_id, record.meetingid or "")]
            for conn_type in ("feishu", "wecom"):
                emulated.connect(conn_type, url, password=planted.invent("refused secret"))
                self._fail(MeetingsHook.for_connection(f"{conn_type}_default").get_conn().whoami)
        # The server has stopped.
        self._fail(MeetingsHook.for_connection("wecom_default", retry=False).get_conn().whoami)
        for link in [value for value in self.values if isinstance(value, Download)]:
            self._fail(partial(wecom.media_session.stream, link.url))

    def _use(self, conn_id: str, query: RecordingQuery) -> None:
        hook = MeetingsHook.for_connection(conn_id)
        client: MeetingsClient = hook.get_conn()
        recordings = client.check(query)
        media = [file for recording in recordings for file in client.media(recording, client.kinds)]
        opened = [client.open(file) for file in media]
        self.values += [hook, client, recordings, media, opened, *opened]
        for link in opened:
            if isinstance(link, Download):
                # The first link of each file is dead.
                self._fail(partial(client.media_session.stream, link.url))

    def _fail(self, call: Callable[[], object]) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011  # of any class: the text counts
            call()
        self.errors.append(caught.value)

    def objects(self) -> Iterator[Any]:
        """Yield all living objects of the package's classes, also those that no test has a reference to."""
        gc.collect()
        for thing in gc.get_objects():
            module = str(type(thing).__module__)
            if module.startswith("airflow_provider_meetings.") and ".emulator." not in module:
                yield thing


class _Records(logging.Handler):
    def __init__(self, records: list[str]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(f"{record.getMessage()} {record.args!r} {record.exc_info!r}")


@pytest.fixture(scope="module")
def usage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Usage]:
    planted = Planted()
    logged: list[str] = []
    handler, root = _Records(logged), logging.getLogger()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(root, "handlers", [*root.handlers, handler])
        monkeypatch.setattr(root, "level", logging.DEBUG)
        plant_app_secrets(planted, monkeypatch)
        with run_emulator(monkeypatch, tmp_path_factory.mktemp("meetings") / "state") as emulated:
            yield Usage(emulated, planted, logged)


def pickled(thing: object) -> bytes:
    """Return the pickle, or the error if the object cannot be pickled."""
    try:
        return pickle.dumps(thing)
    except Exception as error:
        return error_text(error).encode()


def test_repr_str_and_logs_show_no_secret(usage: Usage) -> None:
    secrets = usage.planted.secrets()
    things = list(usage.objects())
    assert {"FeishuClient", "WeComClient", "Download", "Token", "Transport"} <= {
        type(thing).__name__ for thing in things
    }
    showing = {type(thing).__name__ for thing in things if detect(secrets, f"{thing!r} {thing!s}".encode())}
    assert showing == set()
    assert detect(secrets, f"{usage.values!r}".encode()) == set()
    logged = "\n".join(usage.logged)
    assert "?***" in logged
    assert detect(secrets, logged.encode()) == set()


def test_errors_show_no_secret(usage: Usage) -> None:
    secrets = usage.planted.secrets()
    assert len(usage.errors) > 10
    for error in usage.errors:
        text = error_text(error) + "".join(traceback.format_exception(error))
        assert detect(secrets, text.encode() + pickled(error)) == set(), type(error)


def test_pickles_hold_no_secret(usage: Usage) -> None:
    secrets = usage.planted.secrets()
    assert {type(thing).__name__ for thing in usage.objects() if detect(secrets, pickled(thing))} == set()


def test_detector_finds_unmasked_secrets(usage: Usage) -> None:
    secrets = usage.planted.secrets()
    values = {name: secret.value for name, secret in secrets.items()}
    for text in (repr(values).encode(), pickle.dumps(values), error_text(ValueError(values)).encode()):
        assert detect(secrets, text) == set(secrets)

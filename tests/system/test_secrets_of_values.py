"""What the package's objects tell while they are in use: by `repr`, `str` and pickle; and its errors, told in full."""

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
from tests.conftest import Emulated
from tests.contract.leaks import told
from tests.system.planted import Planted, PlantedState, detect, plant_app_secrets

START = pendulum.datetime(SPECIAL_DAY.year, SPECIAL_DAY.month, SPECIAL_DAY.day, tz="Asia/Shanghai")
END = START.add(days=1)


class Used:
    """What the hooks of both platforms gave, held so that nothing of it is forgotten, and the errors they raised."""

    def __init__(self, emulated: Emulated, planted: Planted) -> None:
        self.planted = planted
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
        # Nobody listens any more.
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
                # Dead, as the first of each file is.
                self._fail(partial(client.media_session.stream, link.url))

    def _fail(self, call: Callable[[], object]) -> None:
        with pytest.raises(Exception) as caught:  # noqa: PT011  # whichever: it is what they say that counts
            call()
        self.errors.append(caught.value)

    def objects(self) -> Iterator[Any]:
        """Yield every living object of a class of ours: also those that nobody handed out."""
        gc.collect()
        for thing in gc.get_objects():
            module = str(type(thing).__module__)
            if module.startswith("airflow_provider_meetings.") and ".emulator." not in module:
                yield thing


@pytest.fixture
def used(emulated: Emulated, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Used:
    caplog.set_level(logging.DEBUG)
    planted = Planted()
    plant_app_secrets(planted, monkeypatch)
    return Used(emulated, planted)


def pickled(thing: object) -> bytes:
    """Return the pickle; one that refuses, or holds what no pickle can, tells nothing."""
    try:
        return pickle.dumps(thing)
    except Exception as error:
        return told(error).encode()


def test_nothing_shows_a_secret(used: Used, caplog: pytest.LogCaptureFixture) -> None:
    secrets = used.planted.secrets()
    things = list(used.objects())
    assert {"FeishuClient", "WeComClient", "Download", "Token", "Transport"} <= {
        type(thing).__name__ for thing in things
    }
    telling = {type(thing).__name__ for thing in things if detect(secrets, f"{thing!r} {thing!s}".encode())}
    assert telling == set()
    assert detect(secrets, f"{used.values!r}".encode()) == set()
    logged = "\n".join(
        f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.get_records("setup")
    )
    assert "?***" in logged
    assert detect(secrets, logged.encode()) == set()


def test_no_error_tells_a_secret(used: Used) -> None:
    secrets = used.planted.secrets()
    assert len(used.errors) > 10
    for error in used.errors:
        text = told(error) + "".join(traceback.format_exception(error))
        assert detect(secrets, text.encode() + pickled(error)) == set(), type(error)


def test_nothing_is_pickled_with_a_secret(used: Used) -> None:
    secrets = used.planted.secrets()
    assert {type(thing).__name__ for thing in used.objects() if detect(secrets, pickled(thing))} == set()


def test_the_detector_finds_all_that_is_shown_unmasked(used: Used) -> None:
    secrets = used.planted.secrets()
    values = {name: secret.value for name, secret in secrets.items()}
    for text in (repr(values).encode(), pickle.dumps(values), told(ValueError(values)).encode()):
        assert detect(secrets, text) == set(secrets)

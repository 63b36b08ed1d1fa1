"""Session settings: timeouts, read-only transactions, client encoding."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_meetings.warehouse.engines import engine_for
from airflow_provider_meetings.warehouse.errors import LoadError
from airflow_provider_meetings.warehouse.load import session
from airflow_provider_meetings.warehouse.merge.engine import Hook
from tests.warehouse.interrupt import after
from tests.warehouse.servers import run_sql, server_hook

Make = Callable[..., dict[str, Any]]
Run = Callable[..., dict[str, int]]

pytestmark = pytest.mark.parametrize("opened", ["postgres", "psycopg2"], indirect=True)


def with_setting(place: str, setting: str) -> Hook:
    """Return a hook whose sessions start with `setting`."""
    return server_hook("postgres", place, extra={"options": f"-c search_path={place} -c {setting}"})


def test_lock_timeout_is_retried(
    place: str, other: Any, loaded: Run, recording: Make, caplog: pytest.LogCaptureFixture
) -> None:
    hook = with_setting(place, "lock_timeout=100")
    engine = engine_for(hook)
    after("restore_stages", engine, other.commit)
    with caplog.at_level("INFO"):
        assert loaded(hook, [recording(title="after", files=[])], engine=engine)["recordings"] == 1
    assert "retrying merge (attempt 2 of" in caplog.text
    assert run_sql(hook, "SELECT title FROM recordings") == [{"title": "after"}]


def test_lock_that_is_never_released_is_reported(
    place: str, other: Any, loaded: Run, recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ATTEMPTS", 2)
    hook = with_setting(place, "lock_timeout=100")
    with pytest.raises(LoadError, match=r"'recordings'.* 55P03: another transaction held .* raise lock_timeout"):
        loaded(hook, [recording(title="after", files=[])])
    other.rollback()
    assert run_sql(hook, "SELECT title FROM recordings") == [{"title": "before"}]


def test_statement_timeout_is_reported(place: str, other: Any, loaded: Run, recording: Make) -> None:
    hook = with_setting(place, "statement_timeout=2000")
    with pytest.raises(LoadError, match=r"'recordings'.* 57014: a statement took longer .*: raise statement_timeout"):
        loaded(hook, [recording(title="after", files=[])])


def test_read_only_server_is_reported(place: str, loaded: Run, recording: Make) -> None:
    hook = with_setting(place, "default_transaction_read_only=on")
    with pytest.raises(LoadError, match=r" 25006: the server or the login is read-only: connect to the primary"):
        loaded(hook, [recording()])


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "UTF8"])
def test_session_with_other_encoding_stores_unicode(
    place: str, loaded: Run, recording: Make, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook = with_setting(place, f"client_encoding={encoding}")
    engine = engine_for(hook)
    with closing(engine.open()) as connection:
        connection.rollback()
        assert engine.run(connection, "SELECT '周会', current_setting('client_encoding')") == [("周会", "UTF8")]
    assert loaded(hook, [recording(title="Über 周会 \U0001f600", files=[])])["recordings"] == 1
    assert "Failed to create view" not in caplog.text
    plain = with_setting(place, "client_encoding=UTF8")
    assert run_sql(plain, "SELECT title FROM recordings") == [{"title": "Über 周会 \U0001f600"}]

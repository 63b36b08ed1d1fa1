"""The state folder: the option, the default, and the fallback to memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_meetings.coordination.memory import PROCESS_TOKENS, ProcessTokenStore
from airflow_provider_meetings.get_provider_info import get_provider_info
from airflow_provider_meetings.hooks import shared_state
from airflow_provider_meetings.platforms.feishu.hook import FeishuHook
from airflow_provider_meetings.platforms.wecom.hook import WeComHook

OPTION = "AIRFLOW__MEETINGS__STATE_DIR"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what this process shares, as a new process would."""
    for name, value in vars(ProcessTokenStore()).items():
        monkeypatch.setattr(PROCESS_TOKENS, name, value)
    shared_state._host_backend.cache_clear()
    for backends in shared_state._BACKENDS.values():
        backends.durable.close()
    shared_state._BACKENDS.clear()


def test_option_is_registered() -> None:
    assert dict(ProvidersManager().provider_configs)["airflow-provider-meetings"] == get_provider_info()["config"]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("hook", "platform"), [(FeishuHook, "feishu"), (WeComHook, "wecom")])
def test_next_process_finds_token_in_named_folder(
    emulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: Any, platform: str
) -> None:
    monkeypatch.setenv(OPTION, str(tmp_path / "here"))
    for _ in range(2):
        forget(monkeypatch)
        hook().get_conn().whoami()
    assert emulated.state.token_requests == {platform: 1}
    assert stat.S_IMODE((tmp_path / "here").stat().st_mode) == 0o700


def test_tilde_is_expanded(emulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(OPTION, "~/here")
    forget(monkeypatch)
    FeishuHook().get_conn().whoami()
    assert list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("option", ["here", "~nobody-of-this-name/here", "/proc/here"])
def test_unusable_folder_is_one_warning(
    emulated: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, option: str
) -> None:
    monkeypatch.setenv(OPTION, option)
    forget(monkeypatch)
    for hook in (FeishuHook, FeishuHook, WeComHook):
        hook().get_conn().whoami()
    (warning,) = [
        record.getMessage()
        for record in caplog.records
        if "sharing them within this process only" in record.getMessage()
    ]
    assert f"state folder {option} cannot be used" in warning
    assert emulated.state.token_requests == {"feishu": 1, "wecom": 1}


def test_default_is_in_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert shared_state.default_state_dir() == tmp_path / "home" / ".cache" / "airflow_provider_meetings"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert shared_state.default_state_dir() == tmp_path / "cache" / "airflow_provider_meetings"


@pytest.mark.parametrize("cache", ["/proc/nothing-can-be-made-here", "not/from/the/root", "a file"])
def test_default_falls_back_to_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cache: str
) -> None:
    if cache == "a file":
        (tmp_path / "file").touch()
        cache = str(tmp_path / "file")
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert shared_state.default_state_dir() == tmp_path / f"airflow_provider_meetings-{os.geteuid()}"
    assert caplog.messages == []


@pytest.mark.parametrize("kind", ["others can read it", "a file"])
def test_unusable_default_is_one_warning(
    emulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    default = tmp_path / "cache" / "airflow_provider_meetings"
    default.parent.mkdir()
    if kind == "a file":
        default.touch()
    else:
        default.mkdir()
        default.chmod(0o755)
    monkeypatch.setenv(OPTION, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(default.parent))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    forget(monkeypatch)
    for hook in (FeishuHook, FeishuHook, WeComHook):
        hook().get_conn().whoami()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"The default state folder {default} cannot be used" in warning
    assert ("others may read or write it): run chmod 700" in warning) == (kind != "a file")
    instead = tmp_path / f"airflow_provider_meetings-{os.geteuid()}"
    assert str(instead) in warning
    assert list(instead.iterdir())


def test_user_without_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert shared_state.default_state_dir() == tmp_path / f"airflow_provider_meetings-{os.geteuid()}"
    assert caplog.messages == []


def test_option_is_read_by_each_hook(emulated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        monkeypatch.setenv(OPTION, str(tmp_path / name))
        forget(monkeypatch)
        FeishuHook().get_conn().whoami()
        assert list((tmp_path / name).iterdir())

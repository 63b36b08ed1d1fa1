"""With whom this process shares, as Airflow's configuration says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from airflow.providers.common.compat.sdk import conf

from airflow_provider_meetings.api.auth import TokenStore
from airflow_provider_meetings.api.budget import Budget
from airflow_provider_meetings.coordination.backend import Backend, BackendError
from airflow_provider_meetings.coordination.budget import SharedBudget
from airflow_provider_meetings.coordination.host import HostBackend
from airflow_provider_meetings.coordination.narrowing import NarrowingBackend
from airflow_provider_meetings.coordination.process import PROCESS_TOKENS
from airflow_provider_meetings.coordination.tokens import SharedTokens

_FOLDER = "airflow_provider_meetings"


def shared_tokens(secret: str) -> TokenStore:
    """Return the tokens that this process shares with the others of its user on this host.

    :param secret: the app's; what is shared is encrypted under a key derived from it.
    """
    return SharedTokens(_backend(conf.get("meetings", "state_dir", fallback="") or ""), secret, PROCESS_TOKENS)


def shared_budget(owner: Sequence[str], share: float) -> Budget:
    """Return the queue for an app's quotas that this process stands in with the others of its user on this host.

    :param owner: whose quotas they are: platform, base URL, app, tenant.
    :param share: the part of each documented limit that all of us together use.
    """
    return SharedBudget(_backend(conf.get("meetings", "state_dir", fallback="") or ""), owner, share)


@cache
def _backend(state_dir: str) -> Backend:
    # One for the process: it remembers that it has warned.
    path = Path(os.path.expanduser(state_dir)) if state_dir else default_state_dir()  # noqa: PTH111  # this one never raises
    return NarrowingBackend(HostBackend(path))


def default_state_dir() -> Path:
    """Return the folder in the user's cache, or in the temporary folder where the other cannot be.

    Each process of a user on a host must come to the same one, so what decides is what all of them see: whether the
    folder can be made and written, not whether there is room just now.
    """
    try:
        cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / _FOLDER
        HostBackend(cached).check()
    except (RuntimeError, BackendError):  # no home, or none that can be written
        return _temporary() / f"{_FOLDER}-{os.geteuid()}"
    return cached


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written; whoever uses it will say so
        return Path("/tmp")  # noqa: S108

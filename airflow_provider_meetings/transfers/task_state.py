"""Which files earlier tries of this very task have landed, for choices that a receipt cannot answer."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK

log = logging.getLogger(__name__)

_PER_KEY = 1000  # Airflow takes 64 KiB under one key


class LandedFiles:
    """Remember files in Airflow's task state store, which outlives a try; before Airflow 3.3 there is none.

    With ``replace`` or ``fail`` a receipt does not tell whether this task or an older one landed the file. What is
    remembered goes when the task succeeds, so that clearing it begins anew. Used by several threads at once.

    :param store: the context's ``task_state_store``, or None.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._pages: list[list[str]] = []
        while store is not None and (page := store.get(self._key(len(self._pages)))):
            self._pages.append(list(page))
        self._known = {name for page in self._pages for name in page}

    @staticmethod
    def _key(page: int) -> str:
        return f"landed_files_{page}"

    @staticmethod
    def _name(key: str) -> str:
        return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]

    def __contains__(self, key: str) -> bool:
        return self._name(key) in self._known

    def add(self, key: str) -> None:
        """Remember the file with that receipt."""
        if self._store is None:
            return
        with SUPERVISOR_LOCK:
            if key in self:
                return
            if not self._pages or len(self._pages[-1]) >= _PER_KEY:
                self._pages.append([])
            self._pages[-1].append(self._name(key))
            self._known.add(self._name(key))
            try:
                self._store.set(self._key(len(self._pages) - 1), self._pages[-1])
            except Exception as error:  # Airflow raises what it likes; the file has landed all the same
                log.warning(
                    "Airflow's task state store failed (%s): should this try fail, the next one takes what this one "
                    "landed for somebody else's",
                    type(error).__name__,
                )

    def forget(self) -> None:
        """Remember nothing any more."""
        for page in range(len(self._pages)):
            self._store.delete(self._key(page))

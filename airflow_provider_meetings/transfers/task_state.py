"""Remember the files that earlier tries of the same task have landed."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from airflow_provider_meetings.hooks.connections import SUPERVISOR_LOCK

log = logging.getLogger(__name__)

_PAGE_SIZE = 1000  # Airflow limits a value to 64 KiB


class LandedFiles:
    """A set of receipt keys in Airflow's task state store, which survives retries; Airflow before 3.3 has none.

    With ``replace`` or ``fail``, a receipt alone does not show whether this task or an older one landed the file.
    Several threads may use it at once.

    :param store: the context's ``task_state_store``, or None.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._pages: list[list[str]] = []
        while store is not None and (page := store.get(self._page_key(len(self._pages)))):
            self._pages.append(list(page))
        self._digests = {digest for page in self._pages for digest in page}

    @staticmethod
    def _page_key(page: int) -> str:
        return f"landed_files_{page}"

    @staticmethod
    def _digest(key: str) -> str:
        return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]

    def __contains__(self, key: str) -> bool:
        return self._digest(key) in self._digests

    def add(self, key: str) -> None:
        if self._store is None:
            return
        with SUPERVISOR_LOCK:
            if key in self:
                return
            if not self._pages or len(self._pages[-1]) >= _PAGE_SIZE:
                self._pages.append([])
            self._pages[-1].append(self._digest(key))
            self._digests.add(self._digest(key))
            try:
                self._store.set(self._page_key(len(self._pages) - 1), self._pages[-1])
            except Exception as error:  # Airflow raises various types; the file has landed nevertheless
                log.warning(
                    "Airflow's task state store failed (%s). If this try fails, the next one will not recognize the "
                    "files that this one landed",
                    type(error).__name__,
                )

    def clear(self) -> None:
        """Remove all keys, so that a cleared task starts from nothing."""
        for page in range(len(self._pages)):
            self._store.delete(self._page_key(page))

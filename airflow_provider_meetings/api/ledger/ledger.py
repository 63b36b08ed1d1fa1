"""A ledger in a store: every write is a new object, and reading merges all of them."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence

from airflow_provider_meetings.api.errors import InvalidRequest, StoreError
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger import marks
from airflow_provider_meetings.api.ledger.state import First, State

log = logging.getLogger(__name__)

FOLDER = "_meetings_ledger"
MAX_BYTES = 256 * 1024 * 1024
"""The largest object; 21,400 items have 13 MB."""
MAX_OBJECTS = 16
"""From how many objects on they are merged into one."""
_ATTEMPTS = 30
_NEXT_STEP = (
    "Nothing was read or written. Restore the object from a copy; or delete the ledger's folder: the next run lists "
    "again from its start, and files that are landed are not landed again."
)


def in_ledger(key: str) -> bool:
    """Return whether an object is in the folder of a ledger or of its marks, at any depth."""
    return any(f"/{folder}/" in f"/{key}" for folder in (FOLDER, marks.FOLDER))


def new_entry() -> str:
    """Return a unique name, of 16 characters."""
    return secrets.token_hex(8)


class Ledger:
    """The ledger below the root of a store. Needs no lock and no condition of the store: no object is changed.

    :param now: seconds since the epoch, for the names of objects.
    """

    def __init__(self, store: Store, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        self._read: set[str] = set()

    @property
    def uri(self) -> str:
        """Return the address of the ledger's folder."""
        return self._store.uri(FOLDER)

    def read(self) -> State:
        """Return the content of all objects.

        :raises InvalidRequest: for an object that is no part of a ledger, or too large: never an empty ledger instead.
        :raises StoreError: if the store fails.
        """
        state, self._read = State(), set()
        before: set[str] | None = None
        try:
            for _ in range(_ATTEMPTS):
                keys = {one.key for one in self._store.walk(FOLDER)}
                # A missing object was merged into another one since it was listed. A listing may also lack both: the
                # object, if it is deleted before its turn, and the new one. The next listing shows what is gone.
                complete = all(self._merge(key, state) for key in sorted(keys - self._read))
                if complete and before is not None and before <= keys:
                    return state
                before = keys
        except OSError as error:
            raise StoreError(f"The ledger {self.uri}: {error.strerror or error}") from None
        raise StoreError(f"The ledger {self.uri} changed during each of {_ATTEMPTS} tries", next_step="Try again.")

    def _merge(self, key: str, state: State) -> bool:
        """Merge an object into the state; False if there is none."""
        content = bytearray()
        try:
            for piece in self._store.open(key):
                content += piece
                if len(content) > MAX_BYTES:
                    raise InvalidRequest(
                        f"{self._store.uri(key)} is larger than {MAX_BYTES} bytes", next_step=_NEXT_STEP
                    )
        except FileNotFoundError:
            return False
        try:
            state.merge(State.from_bytes(bytes(content)))
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(
                f"{self._store.uri(key)} cannot be read as a part of a ledger ({type(error).__name__})",
                next_step=_NEXT_STEP,
            ) from None
        self._read.add(key)
        return True

    def write(self, state: State) -> None:
        """Write what is new.

        :raises StoreError: if the store fails; then it may be written, or not.
        """
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(self._now()))
        key = f"{FOLDER}/{moment}-{new_entry()}.json"
        try:
            self._store.put(key, state.to_bytes())
        except OSError as error:
            raise StoreError(f"The ledger {self._store.uri(key)}: {error.strerror or error}") from None

    def compact(self, state: State, now: float, *, at_least: int | None = None) -> None:
        """If there are many objects, write what `read` has returned as one, and delete those that it was read from.

        Items that are too old to be watched are left out. If an object that has one cannot be deleted, it stays.

        :param now: what counts as now for the items.
        :param at_least: how many objects are many; None for `MAX_OBJECTS`.
        """
        if len(self._read) < (MAX_OBJECTS if at_least is None else at_least):
            return
        state.drop(now)
        self.write(state)
        for key in sorted(self._read):
            self._store.discard(key)
        log.info("Merged %d objects of the ledger %s", len(self._read), self.uri)


def check_first(
    first: First | None,
    actual: Sequence[str],
    what: str,
    next_step: str = "Give each pipeline a ledger of its own.",
) -> None:
    """Raise InvalidRequest if a ledger was begun with others than the `actual` texts."""
    if first is not None and first[2] != tuple(actual):
        raise InvalidRequest(
            f"The ledger is that of {what} {', '.join(first[2])}; this one has {', '.join(actual)}",
            next_step=next_step,
        )

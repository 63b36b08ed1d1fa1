"""Where one file lands: its names in the store, what stood there before, what a try that died left."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.receipt import Checkpoint
from airflow_provider_meetings.api.landing.store import ObjectStat, Plan, Store, Writer
from airflow_provider_meetings.api.media.sniffing import media_type
from airflow_provider_meetings.api.models import MediaFile, Recording


class LandingTarget:
    """Hold the place of one file in a store.

    :param may_stand: whether an object of that name may be there already.
    """

    def __init__(
        self, store: Store, layout: Layout, recording: Recording, media: MediaFile, *, may_stand: bool = True
    ) -> None:
        self.store = store
        self._layout = layout
        self._recording = recording
        self._media = media
        self._may_stand = may_stand
        self.receipt_key = layout.receipt_key(recording, media)
        self._checkpoint_key = layout.checkpoint_key(recording, media)
        self._remembered = False
        self.key = ""
        self.replaces = False

    @property
    def uri(self) -> str:
        """Return the object's address; empty before its name is known."""
        return self.store.uri(self.key) if self.key else ""

    def beside(self, name: str) -> str:
        """Return the key of another object in the same folder."""
        folder, slash, _ = self.receipt_key.rpartition("/")
        return f"{folder}{slash}{name}"

    def already(self, key: str) -> InvalidRequest:
        """Make the error for an object that may not be there."""
        return InvalidRequest(
            f"{self.store.uri(key)} is there already",
            next_step="With if_present='verify' it is kept if it is whole, with 'replace' it is fetched again.",
        )

    def checkpoint(self) -> Checkpoint | None:
        """Read what an earlier try left; None for nothing that can be read, and for an object of another name."""
        data = self.store.read(self._checkpoint_key)
        self._remembered = data is not None
        found = Checkpoint.from_bytes(data)
        return found if found is not None and self.owns(found.name) else None

    def owns(self, name: str) -> bool:
        """Tell whether an object of that name, with whatever extension, is this file's.

        Whoever can write to the lake can write receipts and checkpoints: none may lead to another file's object.
        """
        return self.beside(name) == self._key(name.rpartition(".")[2])

    def begin(self, ext: str, length: int | None, validator: str | None) -> Writer:
        """Begin the object with that extension."""
        return self._writer(self._key(ext), length, validator, None)

    def resume(self, checkpoint: Checkpoint) -> Writer:
        """Take up what an earlier try left; its offset says how much of it stands.

        :raises OSError: if it cannot be taken up now; it stays for a later try.
        """
        key = self.beside(checkpoint.name)
        try:
            writer = self._writer(key, checkpoint.length, checkpoint.validator, place=checkpoint.place)
            # Between reading it and having the bytes for ourselves, another process may have begun another version.
            if writer.offset and self.checkpoint() != checkpoint:
                writer.pause()
                raise BlockingIOError(errno.EAGAIN, f"{self.uri} was begun anew by another process; try again later")
            return writer
        except BaseException:
            self._remembered = False  # or `forget` would take it from a process that writes there at this moment
            raise

    def _key(self, ext: str) -> str:
        return self._layout.object_key(self._recording, self._media, ext)

    def _writer(self, key: str, length: int | None, validator: str | None, place: Mapping[str, Any] | None) -> Writer:
        before = self.store.stat(key)
        if before is not None and not self._may_stand:
            raise self.already(key)
        self.key, self.replaces = key, before is not None
        name = key.rpartition("/")[2]

        def keep(place: Mapping[str, Any]) -> None:
            checkpoint = Checkpoint(name=name, length=length, validator=validator, place=place)
            self._remembered = True  # before the write: one that fails may have happened
            self.store.put(self._checkpoint_key, checkpoint.to_bytes())

        served = media_type(name.rpartition(".")[2])
        return self.store.writer(key, Plan(media_type=served, length=length, place=place, keep=keep))

    def check_free(self) -> None:
        """Raise InvalidRequest if the object may not be replaced, and somebody has put one there since."""
        if not self._may_stand and self.store.stat(self.key) is not None:
            raise self.already(self.key)

    def forget(self) -> None:
        """Remove the checkpoint."""
        if self._remembered:
            self.store.delete(self._checkpoint_key)
            self._remembered = False

    def verify(self, stat: ObjectStat, size: int) -> bool:
        """Tell whether the store holds what was written; what is wrong is removed."""
        if stat.size != size:
            self.store.delete(self.key)
        return stat.size == size

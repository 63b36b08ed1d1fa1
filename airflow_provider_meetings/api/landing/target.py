"""Where one file lands: its object, its receipt and its checkpoint in the store."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest
from airflow_provider_meetings.api.landing.checkpoint import Checkpoint
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.store import Plan, Store, Writer
from airflow_provider_meetings.api.media.sniffing import media_type
from airflow_provider_meetings.api.models import MediaFile, Recording


class LandingTarget:
    """The keys of one file in a store, and the writer of its object.

    :param may_exist: whether the object may exist already.
    """

    def __init__(
        self, store: Store, layout: Layout, recording: Recording, media: MediaFile, *, may_exist: bool = True
    ) -> None:
        self.store = store
        self._layout = layout
        self._recording = recording
        self._media = media
        self._may_exist = may_exist
        self.receipt_key = layout.receipt_key(recording, media)
        self._checkpoint_key = layout.checkpoint_key(recording, media)
        self._has_checkpoint = False
        self.key = ""
        self.replaces = False

    @property
    def uri(self) -> str:
        """Return the object's address; empty before its name is known."""
        return self.store.uri(self.key) if self.key else ""

    def sibling_key(self, name: str) -> str:
        """Return the key of another object in the same folder."""
        folder, slash, _ = self.receipt_key.rpartition("/")
        return f"{folder}{slash}{name}"

    def exists_error(self, key: str) -> InvalidRequest:
        """Return the error for an object that exists although `may_exist` is False."""
        return InvalidRequest(
            f"{self.store.uri(key)} exists already",
            next_step="Use if_present='verify' to keep it when it is complete, or 'replace' to download it again.",
        )

    def owns(self, name: str) -> bool:
        """Return whether an object of that name, with any extension, belongs to this file.

        Anyone who can write to the lake can write receipts and checkpoints. They must not point to an object of another
        file.
        """
        return self.sibling_key(name) == self._object_key(name.rpartition(".")[2])

    def read_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of an earlier try; None if there is none, or if it names another object."""
        data = self.store.read(self._checkpoint_key)
        self._has_checkpoint = data is not None
        checkpoint = Checkpoint.from_bytes(data)
        return checkpoint if checkpoint is not None and self.owns(checkpoint.name) else None

    def delete_checkpoint(self) -> None:
        """Delete the checkpoint, if this landing has read or written one; log a warning if the store refuses."""
        if self._has_checkpoint:
            self.store.discard(self._checkpoint_key)
            self._has_checkpoint = False

    def begin(self, ext: str, length: int | None, validator: str | None) -> Writer:
        """Start a new upload of the object with that extension."""
        return self._writer(self._object_key(ext), length, validator, None)

    def resume(self, checkpoint: Checkpoint) -> Writer:
        """Resume the upload of an earlier try; the writer's offset is the number of bytes that it found.

        :raises OSError: if it cannot be resumed now; the checkpoint is kept.
        """
        key = self.sibling_key(checkpoint.name)
        try:
            writer = self._writer(key, checkpoint.length, checkpoint.validator, checkpoint.writer_state)
            # Another process may have started another version after the checkpoint was read and before the lock.
            if writer.offset and self.read_checkpoint() != checkpoint:
                writer.pause()
                raise BlockingIOError(errno.EAGAIN, f"{self.uri} was restarted by another process; try again later")
            return writer
        except BaseException:
            self._has_checkpoint = False  # it may belong to a process that is writing now
            raise

    def check_absent(self) -> None:
        """Raise InvalidRequest if another process has created the object although `may_exist` is False."""
        if not self._may_exist and self.store.stat(self.key) is not None:
            raise self.exists_error(self.key)

    def _object_key(self, ext: str) -> str:
        return self._layout.object_key(self._recording, self._media, ext)

    def _writer(
        self, key: str, length: int | None, validator: str | None, resume_state: Mapping[str, Any] | None
    ) -> Writer:
        self.key, self.replaces = key, self.store.stat(key) is not None
        if self.replaces and not self._may_exist:
            raise self.exists_error(key)
        name = key.rpartition("/")[2]

        def save_state(state: Mapping[str, Any]) -> None:
            checkpoint = Checkpoint(name=name, length=length, validator=validator, writer_state=dict(state))
            self._has_checkpoint = True  # set first: a write that fails may have happened
            self.store.put(self._checkpoint_key, checkpoint.to_bytes())

        plan = Plan(
            media_type=media_type(name.rpartition(".")[2]),
            length=length,
            resume_state=resume_state,
            save_state=save_state,
        )
        return self.store.writer(key, plan)

"""The media engine: decide whether a file must be landed, have it delivered, write the receipt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.receipt import Receipt
from airflow_provider_meetings.api.landing.source import MediaSource
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.landing.target import LandingTarget
from airflow_provider_meetings.api.landing.transfer import Limits, ResumableTransfer, TransferResult
from airflow_provider_meetings.api.media.progress import Meter, NoMeter, Progress
from airflow_provider_meetings.api.media.sniffing import media_type
from airflow_provider_meetings.api.models import MediaFile, Recording, StoredFile

log = logging.getLogger(__name__)

IfPresent = Literal["verify", "skip", "replace", "fail"]


class Landing:
    """Land files of one platform in one store; may be used by several threads at once, each with files of its own.

    :param if_present: ``verify`` skips a file whose receipt agrees with the object's size and the store's own
        validator, and lands it again otherwise; ``skip`` trusts the receipt; ``replace`` always lands;
        ``fail`` makes one that is there an error.
    """

    def __init__(
        self,
        client: MeetingsClient,
        store: Store,
        *,
        layout: Layout,
        if_present: IfPresent = "verify",
        limits: Limits | None = None,
        meter: Meter | None = None,
        now: Callable[[], DateTime] = lambda: pendulum.now("UTC"),
    ) -> None:
        self._client = client
        self._store = store
        self._layout = layout
        self._if_present = if_present
        self._limits = limits or Limits()
        self._meter = meter or NoMeter()
        self._now = now

    def land(self, recording: Recording, media: MediaFile, *, if_present: IfPresent | None = None) -> StoredFile:
        """Bring one file into the store, verified, with its receipt beside it.

        :param if_present: for this file, another choice than for all.
        :returns: the stored file; outcome landed, resumed, replaced, skipped, or absent where the platform has no
            such file.
        :raises MediaCorrupt: if what was served is not the file; nothing is published then.
        :raises MeetingsApiError: as the platform answers.
        :raises OSError: as the store fails.
        """
        chosen = if_present or self._if_present
        berth = LandingTarget(self._store, self._layout, recording, media, may_stand=chosen != "fail")
        receipt = Receipt.from_bytes(self._store.read(berth.receipt_key))
        if receipt is not None and not (receipt.describes(media) and berth.owns(receipt.name)):
            receipt = None
        if receipt is not None and self._stands(chosen, berth, receipt):
            uri = self._store.uri(berth.beside(receipt.name))
            log.info("%s is there already", uri)
            stored = receipt.stored_file("skipped", uri)
        else:
            stored = self._deliver(berth, media, receipt)
        self._meter.count("meetings.landing.files", 1, {"platform": media.platform, "outcome": stored.outcome})
        return stored

    def _stands(self, chosen: IfPresent, berth: LandingTarget, receipt: Receipt) -> bool:
        key = berth.beside(receipt.name)
        if chosen == "fail":
            raise berth.already(key)
        if chosen == "replace":
            return False
        if chosen == "skip":
            return True
        stat = self._store.stat(key)
        return stat is not None and (stat.size, stat.validator) == (receipt.size, receipt.validator)

    def _deliver(self, berth: LandingTarget, media: MediaFile, receipt: Receipt | None) -> StoredFile:
        name = f"{media.platform} file {media.file_id!r} ({media.kind})"
        progress = Progress(name, self._meter, {"platform": media.platform, "kind": media.kind})
        delivered = ResumableTransfer(MediaSource(self._client, media), berth, progress, self._limits, name).run()
        if delivered is None:
            log.warning("%s has no %s of file %r", media.platform, media.kind, media.file_id)
            return _absent(media)
        _compare_declared(media, delivered.stat.size)
        written = self._receipt(berth, media, delivered)
        if receipt is not None and receipt.name != written.name:
            # The platform serves another type than last time: the old object would be a second copy. It goes while
            # the old receipt still names it, or nothing would lead to it any more.
            self._store.delete(berth.beside(receipt.name))
        self._store.put(berth.receipt_key, written.to_bytes())
        berth.forget()
        log.info("%s stands", berth.uri)
        replaced = receipt is not None or berth.replaces
        outcome = "replaced" if replaced else "resumed" if delivered.resumed else "landed"
        return written.stored_file(outcome, berth.uri)

    def _receipt(self, berth: LandingTarget, media: MediaFile, delivered: TransferResult) -> Receipt:
        name = berth.key.rpartition("/")[2]
        parts = delivered.parts
        return Receipt(
            platform=media.platform,
            tenant=media.tenant,
            recording_id=media.recording_id,
            meeting_id=media.meeting_id,
            file_id=media.file_id,
            kind=media.kind,
            name=name,
            uri=berth.uri,
            size=delivered.stat.size,
            sha256=delivered.sha256,
            media_type=media_type(name.rpartition(".")[2]),
            validator=delivered.stat.validator,
            landed_at=self._now().isoformat(),
            started_at=media.started_at.isoformat() if media.started_at else None,
            ended_at=media.ended_at.isoformat() if media.ended_at else None,
            part_size=parts.size if parts else None,
            parts=parts.sha256 if parts else None,
            tree_sha256=parts.tree if parts else None,
        )


def _compare_declared(media: MediaFile, size: int) -> None:
    # A word, never proof: it would keep files out for ever where it is wrong. But somebody should look.
    if media.declared_size and size < media.declared_size:
        log.warning(
            "%s declares %d bytes for file %r (%s), its media host served %d as the whole of it: is it shorter than "
            "the meeting was?",
            *(media.platform, media.declared_size, media.file_id, media.kind, size),
        )


def _absent(media: MediaFile) -> StoredFile:
    return StoredFile(
        platform=media.platform,
        tenant=media.tenant,
        recording_id=media.recording_id,
        file_id=media.file_id,
        kind=media.kind,
        uri=None,
        size=None,
        sha256=None,
        media_type=None,
        landed_at=None,
        outcome="absent",
    )

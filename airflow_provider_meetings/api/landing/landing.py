"""The landing engine: decide whether a file must be transferred, transfer it, write its receipt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.client import MeetingsClient
from airflow_provider_meetings.api.landing.layout import Layout
from airflow_provider_meetings.api.landing.receipt import IDENTITY, Receipt, without_object
from airflow_provider_meetings.api.landing.source import MediaSource, Unchanged
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.landing.target import LandingTarget
from airflow_provider_meetings.api.landing.transfer import Limits, ResumableTransfer, TransferResult
from airflow_provider_meetings.api.media.progress import Meter, Progress
from airflow_provider_meetings.api.media.sniffing import media_type
from airflow_provider_meetings.api.models import MediaFile, MediaKind, Recording, StoredFile

log = logging.getLogger(__name__)

_NEVER_REVISITED = frozenset({MediaKind.VIDEO, MediaKind.AUDIO})
IfPresent = Literal["verify", "skip", "replace", "fail"]


@dataclass(frozen=True, eq=False, repr=False)
class Landing:
    """Land files of one platform in one store; thread-safe as long as no two threads land the same file.

    The content of a file of a recording with `revisit` is compared with what has landed, except video and audio.

    :param if_present: ``verify`` skips a file whose receipt agrees with the object's size and validator, and lands it
        again otherwise; ``skip`` trusts the receipt; ``replace`` always lands; ``fail`` raises for an existing file.
    """

    client: MeetingsClient
    store: Store
    _: KW_ONLY
    layout: Layout
    if_present: IfPresent = "verify"
    limits: Limits = field(default_factory=Limits)
    meter: Meter = field(default_factory=Meter)
    now: Callable[[], DateTime] = lambda: pendulum.now("UTC")

    def land(self, recording: Recording, media: MediaFile, *, if_present: IfPresent | None = None) -> StoredFile:
        """Land one file, verified, with its receipt beside it.

        :param if_present: overrides the engine's choice for this file.
        :returns: the stored file; outcome landed, resumed, replaced, skipped, or absent if the platform has no such
            file.
        :raises MediaCorrupt: if the host serves something else than the file; nothing is published then.
        :raises MeetingsApiError: if the platform fails.
        :raises OSError: if the store fails.
        """
        if_present = if_present or self.if_present
        target = LandingTarget(self.store, self.layout, recording, media, may_exist=if_present != "fail")
        receipt = self._receipt_at(target, media)
        if receipt is None or not self._is_landed(if_present, target, receipt):
            stored = self._transfer(target, media, receipt)
        elif recording.revisit and media.kind.partition("-")[0] not in _NEVER_REVISITED:
            try:
                stored = self._transfer(target, media, receipt, landed=receipt.sha256)
            except Unchanged as reason:
                stored = self._skip(target, receipt, str(reason))
        else:
            stored = self._skip(target, receipt, "already landed")
        self.meter.count("meetings.landing.files", 1, {"platform": media.platform, "outcome": stored.outcome})
        return stored

    def remove(self, recording: Recording, media: MediaFile) -> None:
        """Remove a landed file, then its receipt, which finds it until then."""
        if receipt := self.receipt(recording, media):
            target = LandingTarget(self.store, self.layout, recording, media)
            self.store.delete(target.sibling_key(receipt.name))
            self.store.delete(target.receipt_key)

    def _skip(self, target: LandingTarget, receipt: Receipt, reason: str) -> StoredFile:
        uri = self.store.uri(target.sibling_key(receipt.name))
        log.info("Skipping %s: %s", uri, reason)
        return receipt.stored_file("skipped", uri)

    def receipt(self, recording: Recording, media: MediaFile) -> Receipt | None:
        """Return the receipt of a file that was landed, if the store can read it; its object may be gone."""
        try:
            return self._receipt_at(LandingTarget(self.store, self.layout, recording, media), media)
        except OSError:  # then the landing of the file ends with this error
            return None

    def _receipt_at(self, target: LandingTarget, media: MediaFile) -> Receipt | None:
        receipt = Receipt.from_bytes(self.store.read(target.receipt_key))
        return receipt if receipt and receipt.describes(media) and target.owns(receipt.name) else None

    def _is_landed(self, if_present: IfPresent, target: LandingTarget, receipt: Receipt) -> bool:
        key = target.sibling_key(receipt.name)
        if if_present == "fail":
            raise target.exists_error(key)
        if if_present != "verify":
            return if_present == "skip"
        stat = self.store.stat(key)
        return stat is not None and (stat.size, stat.validator) == (receipt.size, receipt.validator)

    def _transfer(
        self, target: LandingTarget, media: MediaFile, old: Receipt | None, *, landed: str | None = None
    ) -> StoredFile:
        source = MediaSource(self.client, media, landed)
        progress = Progress(source.name, self.meter, {"platform": media.platform, "kind": media.kind})
        result = ResumableTransfer(source, target, progress, self.limits).run()
        if result is None:
            log.warning("%s does not exist on the platform", source.name)
            return without_object(media, "absent", "the platform has no such file")
        size = result.stat.size
        # The declared size is not reliable enough to reject a file, but the user should check it.
        if media.declared_size and size < media.declared_size:
            log.warning(
                "%s: the platform declares %d bytes but its media host served a complete file of %d; check whether "
                "the recording is truncated",
                source.name,
                media.declared_size,
                size,
            )
        try:
            receipt = self._receipt(target, media, result, old)
            if old is not None and old.name != receipt.name:
                # The platform now serves another media type. Delete the old object before its receipt is replaced:
                # afterwards nothing would refer to it.
                self.store.discard(target.sibling_key(old.name), PermissionError)
            target.delete_checkpoint()  # before the receipt: no later run, which skips the file, looks for it
            self.store.put(target.receipt_key, receipt.to_bytes())
        except OSError as error:
            text = f"{target.uri} is complete, but without receipt; a retry lands it again: {error.strerror}"
            raise OSError(error.errno, text) from None
        log.info("Landed %s: %s", target.uri, result.figures)
        replaced = old is not None or target.replaces
        outcome = "replaced" if replaced else "resumed" if result.resumed else "landed"
        return receipt.stored_file(outcome, target.uri)

    def _receipt(self, target: LandingTarget, media: MediaFile, result: TransferResult, old: Receipt | None) -> Receipt:
        name = target.key.rpartition("/")[2]
        sha256 = result.sha256 or self.store.sha256(target.key)
        # A new receipt of the same content continues the count.
        changed = old is not None and old.sha256 != sha256
        return Receipt(
            **{field: getattr(media, field) for field in (*IDENTITY, "meeting_id")},
            name=name,
            uri=target.uri,
            size=result.stat.size,
            sha256=sha256,
            media_type=media_type(name.rpartition(".")[2]),
            validator=result.stat.validator,
            landed_at=self.now().isoformat(),
            started_at=media.started_at.isoformat() if media.started_at else None,
            ended_at=media.ended_at.isoformat() if media.ended_at else None,
            version=old.version + changed if old else 1,
            former_sha256=(old.sha256 if changed else old.former_sha256) if old else None,
            formats=tuple(media.formats) or None,
        )

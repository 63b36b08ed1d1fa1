"""Write one object to a store that speaks S3: in parts, two of them on their way while the next one comes."""

from __future__ import annotations

import base64
import contextlib
import errno
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from airflow_provider_meetings.api.landing.store import ObjectStat, Parts, Plan, PreconditionFailed
from airflow_provider_meetings.storage.s3.bucket import MISSING, REFUSED, UNMARKED, S3Bucket, stat_of, validator_of
from airflow_provider_meetings.storage.s3.parts import MOST_PARTS, Expected, Part, part_size

log = logging.getLogger(__name__)

IN_FLIGHT = 2


class S3Writer:
    """Upload an object in parts; one that fits in a part is put whole, and can then not be continued.

    Of an earlier try, what `ListParts` tells is the truth. If it tells of no part, `offset` is 0: then `discard`.

    :param conditional: the store can be told which object it may replace.
    """

    def __init__(self, bucket: S3Bucket, key: str, plan: Plan, *, conditional: bool = False) -> None:
        self._bucket = bucket
        self._key = key
        self._plan = plan
        self._conditional = conditional
        self._upload_id: str | None = None
        self._part_size = part_size(plan.length)
        self._parts: dict[int, Part] = {}
        self._sent: dict[int, Future[Part]] = {}
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="s3-part")  # starts no thread before it needs one
        self._free: list[bytearray] = []
        self._buffer = bytearray()
        self._filled = 0
        self._ended = False
        if plan.place is not None:
            self._continue(plan.place)
        self._offset = len(self._parts) * self._part_size

    def _continue(self, place: Mapping[str, Any]) -> None:
        upload_id, size = place.get("upload_id"), place.get("part_size")
        if not isinstance(upload_id, str) or not isinstance(size, int) or size < 1:
            return
        self._upload_id, self._part_size = upload_id, size
        for number, part in enumerate(self._bucket.parts(self._key, upload_id) or (), start=1):
            if (part["PartNumber"], part["Size"]) != (number, size):
                break
            self._parts[number] = Part(part["ETag"], part.get("ChecksumSHA256"))

    @property
    def offset(self) -> int:
        """Return how many bytes of an earlier try stand already."""
        return self._offset

    def kept(self) -> None:
        """Return nothing: parts cannot be read before they are an object."""

    def write(self, chunk: bytes) -> None:
        """Append bytes; wait while two parts are on their way.

        :raises OSError: as soon as it is known that a part failed.
        """
        self._settle()
        view = memoryview(chunk)
        while view:
            if self._filled == self._part_size:
                self._send()
            if not self._buffer:
                # The same three buffers all the time: what is allocated anew for each part comes and goes in pieces.
                self._buffer = self._free.pop() if self._free else bytearray(self._part_size)
            taken = view[: self._part_size - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            view = view[len(taken) :]
        if self._upload_id and self._filled == self._part_size:
            self._send()  # without an upload the whole object may be in the buffer

    def _send(self) -> None:
        if self._upload_id is None:
            self._begin()
        while len(self._sent) >= IN_FLIGHT:
            wait(self._sent.values(), return_when=FIRST_COMPLETED)
            self._settle()
        number = len(self._parts) + len(self._sent) + 1
        if number > MOST_PARTS:
            raise OSError(errno.EFBIG, f"target {self._bucket.uri(self._key)}: no more than {MOST_PARTS} parts")
        self._sent[number] = self._pool.submit(self._upload, number, self._taken())

    def _taken(self) -> bytearray:
        taken, filled = self._buffer, self._filled
        self._buffer, self._filled = bytearray(), 0
        del taken[filled:]
        return taken

    def _begin(self) -> None:
        checked = {"ChecksumAlgorithm": "SHA256"} if self._bucket.keeps_checksums else {}
        answer = self._bucket.ask("create_multipart_upload", self._key, ContentType=self._plan.media_type, **checked)
        self._upload_id = answer["UploadId"]
        try:
            self._plan.keep({"upload_id": self._upload_id, "part_size": self._part_size})
        except BaseException:
            self.abort()  # nobody could continue it
            raise

    def _upload(self, number: int, content: bytearray) -> Part:
        checksum = self._bucket.checksum(content)
        answer = self._bucket.ask(
            "upload_part", self._key, UploadId=self._upload_id, PartNumber=number, Body=content, **checksum
        )
        self._free.append(content)
        return Part(answer["ETag"], checksum.get("ChecksumSHA256"))

    def _settle(self) -> None:
        """Take what has arrived; raise what failed, each time anew, for it stays in `_sent`."""
        for number in [number for number, future in self._sent.items() if future.done()]:
            self._parts[number] = self._sent[number].result()
            del self._sent[number]

    def publish(self) -> ObjectStat:
        """Make the object, and ask the store what stands there.

        Where the answer is lost, or is an error, the object itself tells whether it was made.
        """
        made = self._put() if self._upload_id is None else self._complete()
        self._end()
        stat = stat_of(self._bucket.ask("head_object", self._key))
        if made is not None and made != stat.validator != UNMARKED:
            # Somebody else has published since: that is not ours to remove, nor to write a receipt for.
            uri = self._bucket.uri(self._key)
            raise BlockingIOError(errno.EAGAIN, f"{uri} was replaced by another process meanwhile; try again later")
        return stat

    def _put(self) -> str | None:
        content = self._taken()
        checksum = self._bucket.checksum(content)
        return self._make(
            "put_object",
            lambda: Expected.of(content, checksum.get("ChecksumSHA256")),
            Body=content,
            ContentType=self._plan.media_type,
            **checksum,
        )

    def _complete(self) -> str | None:
        last = self._filled
        if last:
            self._send()
        wait(self._sent.values())
        self._settle()
        parts = dict(sorted(self._parts.items()))
        size = (len(parts) - 1) * self._part_size + (last or self._part_size)
        named = [
            {"PartNumber": number, "ETag": part.etag, **({"ChecksumSHA256": part.checksum} if part.checksum else {})}
            for number, part in parts.items()
        ]
        return self._make(
            "complete_multipart_upload",
            lambda: Expected.of_parts(parts, size),
            UploadId=self._upload_id,
            MultipartUpload={"Parts": named},
        )

    def _make(self, operation: str, expected: Callable[[], Expected], **parameters: Any) -> str | None:
        """Make the object and return its validator; None where the answer was lost."""
        self._compare()
        try:
            condition = self._condition()
            absent = (*REFUSED, *MISSING) if condition else ()
            answer = self._bucket.ask(operation, self._key, absent=absent, **parameters, **condition)
            if answer is None:
                raise PreconditionFailed(self._bucket.uri(self._key))
        except OSError as error:
            if not self._stands(expected()):
                raise
            log.warning("%s; the object is there all the same", error)
            with contextlib.suppress(OSError):
                self._abort()  # the same bytes may be there from before, and the upload open
            return None
        return validator_of(answer)

    def _compare(self) -> None:
        """Look before asking: of those that heed the condition, not all do where an upload is completed."""
        if (if_match := self._plan.if_match) is not None:
            head = self._bucket.ask("head_object", self._key, absent=MISSING)
            if (None if head is None else stat_of(head)) != if_match.stat:
                raise PreconditionFailed(self._bucket.uri(self._key))

    def _condition(self) -> dict[str, str]:
        if_match = self._plan.if_match
        if if_match is None or not self._conditional:
            return {}
        if if_match.stat is None:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": f'"{if_match.stat.validator.removeprefix(UNMARKED)}"'}

    def _stands(self, expected: Expected) -> bool:
        mode = {"ChecksumMode": "ENABLED"} if self._bucket.keeps_checksums else {}
        try:
            head = self._bucket.ask("head_object", self._key, absent=MISSING, **mode)
        except OSError:
            return False  # the first error says more
        return head is not None and expected.met_by(head)

    def parts(self) -> Parts | None:
        """Return the hashes of the parts; None where the store did not keep those of an earlier try."""
        checksums = [part.checksum for _, part in sorted(self._parts.items()) if part.checksum]
        if not checksums or len(checksums) < len(self._parts):
            return None
        return Parts(self._part_size, tuple(base64.b64decode(checksum).hex() for checksum in checksums))

    def pause(self) -> None:
        """Let what is on its way arrive, and leave the upload open; after `publish` or `discard` do nothing."""
        self._end()

    def abort(self) -> None:
        """Wait for what is on its way, for it would be stored after an abort, and abort the upload."""
        if self._ended:
            return
        self._end()
        try:
            self._abort()
        except OSError as error:
            log.warning("%s; an upload stays open: airflow meetings sweep removes it", error)

    def _abort(self) -> None:
        if self._upload_id is not None:
            self._bucket.abort(self._key, self._upload_id)

    def _end(self) -> None:
        self._ended = True
        self._pool.shutdown()
        self._buffer = bytearray()
        self._free.clear()

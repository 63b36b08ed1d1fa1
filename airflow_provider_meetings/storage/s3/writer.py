"""Write one object to S3: in parts, with two of them in flight while the next one is filled."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from airflow_provider_meetings.api.landing.store import ObjectStat, Plan, PreconditionFailed, Writer
from airflow_provider_meetings.storage.s3.bucket import (
    ETAG_PREFIX,
    NOT_FOUND,
    PRECONDITION_FAILED,
    S3Bucket,
    etag_of,
    to_stat,
)
from airflow_provider_meetings.storage.s3.parts import MAX_PARTS, ExpectedObject, Part, md5, part_size

log = logging.getLogger(__name__)

IN_FLIGHT = 2


class S3Writer(Writer):
    """Upload an object in parts. An object of at most one part is uploaded by a single PUT and is not resumable.

    Only parts in the response of `ListParts` are resumed. If there are none, `offset` is 0, and the upload may be gone:
    call `abort` and start a new one.

    :param conditional: the store supports conditional writes.
    """

    def __init__(self, bucket: S3Bucket, key: str, plan: Plan, *, conditional: bool = False) -> None:
        self._bucket = bucket
        self._key = key
        self._plan = plan
        self._conditional = conditional
        self._upload_id: str | None = None
        self._part_size = part_size(plan.length)
        self._parts: dict[int, Part] = {}
        self._in_flight: dict[int, Future[Part]] = {}
        self._executor = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="s3-part")  # starts threads on demand
        self._free: list[bytearray] = []
        self._buffer = bytearray()
        self._filled = 0
        self._ended = False
        if plan.resume_state is not None:
            self._resume(plan.resume_state)
        self.offset = len(self._parts) * self._part_size

    def _resume(self, state: Mapping[str, Any]) -> None:
        upload_id, size = state.get("upload_id"), state.get("part_size")
        if not isinstance(upload_id, str) or not isinstance(size, int) or size < 1:
            return
        self._upload_id, self._part_size = upload_id, size
        for number, part in enumerate(self._bucket.parts(self._key, upload_id) or (), start=1):
            if (part["PartNumber"], part["Size"]) != (number, size) or "ETag" not in part:
                break
            self._parts[number] = Part(part["ETag"], part.get("ChecksumSHA256"))

    def write(self, chunk: bytes) -> None:
        """Append bytes; block while two parts are in flight.

        :raises OSError: as soon as a part has failed.
        """
        self._collect()
        view = memoryview(chunk)
        while view:
            if self._filled == self._part_size:
                self._send()
            if not self._buffer:
                # Reuse three buffers: allocating each part fragments the memory.
                self._buffer = self._free.pop() if self._free else bytearray(self._part_size)
            head = view[: self._part_size - self._filled]
            self._buffer[self._filled : self._filled + len(head)] = head
            self._filled += len(head)
            view = view[len(head) :]
        if self._upload_id and self._filled == self._part_size:
            self._send()  # without an upload, the buffer may hold the whole object

    def _send(self) -> None:
        if self._upload_id is None:
            self._begin()
        while len(self._in_flight) >= IN_FLIGHT:
            wait(self._in_flight.values(), return_when=FIRST_COMPLETED)
            self._collect()
        number = len(self._parts) + len(self._in_flight) + 1
        if number > MAX_PARTS:
            raise OSError(errno.EFBIG, f"target {self._bucket.uri(self._key)}: more than {MAX_PARTS} parts")
        self._in_flight[number] = self._executor.submit(self._upload, number, self._take_buffer())

    def _take_buffer(self) -> bytearray:
        buffer, filled = self._buffer, self._filled
        self._buffer, self._filled = bytearray(), 0
        del buffer[filled:]
        return buffer

    def _begin(self) -> None:
        algorithm = {"ChecksumAlgorithm": "SHA256"} if self._bucket.keeps_checksums else {}
        response = self._bucket.request(
            "create_multipart_upload", self._key, ContentType=self._plan.media_type, **algorithm
        )
        self._upload_id = response["UploadId"]
        try:
            self._plan.save_state({"upload_id": self._upload_id, "part_size": self._part_size})
        except BaseException:
            self.abort()  # it could not be resumed
            raise

    def _upload(self, number: int, content: bytearray) -> Part:
        checksum = self._bucket.checksum(content)
        response = self._bucket.request(
            "upload_part", self._key, UploadId=self._upload_id, PartNumber=number, Body=content, **checksum
        )
        etag = f'"{etag_of(response) or md5(content)}"'  # a proxy may remove or weaken it
        self._free.append(content)
        return Part(etag, checksum.get("ChecksumSHA256"))

    def _collect(self) -> None:
        """Move finished parts from `_in_flight` to `_parts`; a failed part stays, so each call raises its error."""
        for number in [number for number, future in self._in_flight.items() if future.done()]:
            self._parts[number] = self._in_flight[number].result()
            del self._in_flight[number]

    def publish(self) -> ObjectStat:
        stat = self._put() if self._upload_id is None else self._complete()
        self._end()
        return stat

    def _put(self) -> ObjectStat:
        content = self._take_buffer()
        checksum = self._bucket.checksum(content)
        return self._publish_by(
            "put_object",
            ExpectedObject(len(content), md5(content), checksum.get("ChecksumSHA256")),
            Body=content,
            ContentType=self._plan.media_type,
            **checksum,
        )

    def _complete(self) -> ObjectStat:
        last = self._filled
        if last:
            self._send()
        wait(self._in_flight.values())
        self._collect()
        parts = dict(sorted(self._parts.items()))
        size = (len(parts) - 1) * self._part_size + (last or self._part_size)
        listed = [
            {"PartNumber": number, "ETag": part.etag, **({"ChecksumSHA256": part.checksum} if part.checksum else {})}
            for number, part in parts.items()
        ]
        return self._publish_by(
            "complete_multipart_upload",
            ExpectedObject.from_parts(parts, size, self._part_size),
            UploadId=self._upload_id,
            MultipartUpload={"Parts": listed},
        )

    def _publish_by(self, operation: str, expected: ExpectedObject, **parameters: Any) -> ObjectStat:
        self._check_precondition()
        try:
            condition = self._condition()
            ignore = (*PRECONDITION_FAILED, *NOT_FOUND) if condition else ()
            response = self._bucket.request(operation, self._key, ignore=ignore, **parameters, **condition)
            if response is None:
                raise PreconditionFailed(self._bucket.uri(self._key))
        except OSError as error:
            # The request may have succeeded although the response was lost, or was an error.
            with contextlib.suppress(OSError):  # the first error is more useful
                if stat := self._find(expected, confirmed=False):
                    log.warning("%s; the object was published nevertheless", error)
                    self.abort()  # the object may be an older, identical one, and this upload still open
                    return stat
            raise
        stat = to_stat(self._bucket.request("head_object", self._key))
        if stat.validator != ETAG_PREFIX + etag_of(response):
            stat = self._find(expected, confirmed=True)
        if stat is None:
            # Another process has replaced the object: keep it, and write no receipt for it.
            uri = self._bucket.uri(self._key)
            raise BlockingIOError(errno.EAGAIN, f"{uri} was replaced by another process; try again later")
        return stat

    def _check_precondition(self) -> None:
        # Checked here too: some stores ignore the condition when a multipart upload is completed.
        if (if_match := self._plan.if_match) is not None:
            head = self._bucket.request("head_object", self._key, ignore=NOT_FOUND)
            if (None if head is None else to_stat(head)) != if_match.stat:
                raise PreconditionFailed(self._bucket.uri(self._key))

    def _condition(self) -> dict[str, str]:
        if_match = self._plan.if_match
        if if_match is None or not self._conditional or (if_match.stat and if_match.stat.validator == ETAG_PREFIX):
            return {}
        if if_match.stat is None:
            return {"IfNoneMatch": "*"}
        return {"IfMatch": f'"{if_match.stat.validator.removeprefix(ETAG_PREFIX)}"'}

    def _find(self, expected: ExpectedObject, *, confirmed: bool) -> ObjectStat | None:
        """Return the stat of the published object; None if there is another one, or none."""
        mode = {"ChecksumMode": "ENABLED"} if self._bucket.keeps_checksums else {}
        head = self._bucket.request("head_object", self._key, ignore=NOT_FOUND, **mode)
        found = head is not None and expected.matches(head, default=confirmed)
        if found is None:
            found = expected.matches_content(self._bucket.read(self._key))
        return to_stat(head) if found else None

    def pause(self) -> None:
        """Wait for the parts in flight and keep the upload open."""
        self._end()

    def abort(self) -> None:
        """Wait for the parts in flight, which would be stored after an abort, and abort the upload."""
        if self._ended:
            return
        self._end()
        try:
            if self._upload_id is not None:
                self._bucket.abort(self._key, self._upload_id)
        except OSError as error:
            log.warning("%s; the upload stays open until 'airflow meetings sweep' removes it", error)

    def _end(self) -> None:
        self._ended = True
        self._executor.shutdown()
        self._buffer = bytearray()
        self._free.clear()

"""Objects in a bucket: Amazon S3, and stores that speak its language."""

from __future__ import annotations

import contextlib
import errno
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.landing.store import LARGEST_READ, Listed, ObjectStat, PartialUpload, Plan
from airflow_provider_meetings.storage.s3.bucket import MISSING, REFUSED, S3Bucket, stat_of
from airflow_provider_meetings.storage.s3.writer import S3Writer

PIECE = 1024 * 1024
_PROBE = ".airflow-meetings-may-write"


class S3Store:
    """Keep objects in a bucket, below a prefix.

    :param client: boto3's client for S3; its retries and its time limits are the connection's.
    :param prefix: without slashes at its ends; empty for the whole bucket.
    :param uri: the address of the prefix as the user wrote it, for what is shown and recorded.
    :param extra_args: encryption, storage class, access: see `s3_bucket.EXTRA_ARGS`.
    :raises ValueError: for arguments that are not among these.
    """

    def __init__(
        self, client: Any, bucket: str, prefix: str, uri: str, *, extra_args: Mapping[str, Any] | None = None
    ) -> None:
        self._bucket = S3Bucket(client, bucket, prefix, uri, extra_args or {})
        self._guards: bool | None = None

    def guards(self) -> bool:
        """Ask the store once to replace an object that is not there: it must refuse, and not every store does.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        if self._guards is None:
            key = f"{_PROBE}-{secrets.token_hex(4)}"
            try:
                made = self._bucket.ask(
                    "put_object", key, absent=(*MISSING, *REFUSED), Body=b"", IfMatch=f'"{"0" * 32}"'
                )
            except OSError as error:
                # It may refuse such a request as invalid, or as nothing that it can do.
                if error.errno != errno.EINVAL and "code NotImplemented" not in str(error):
                    raise
                self._guards = False
            else:
                self._guards = made is None
                if made is not None:
                    self.delete(key)
        return self._guards

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return self._bucket.uri(key)

    def check_writable(self) -> None:
        """Begin an upload and abort it: that needs the rights which a landing needs, and leaves nothing.

        :raises OSError: naming the target and what to do.
        """
        upload = self._bucket.ask("create_multipart_upload", _PROBE)
        self._bucket.abort(_PROBE, upload["UploadId"])

    def stat(self, key: str) -> ObjectStat | None:
        """Return an object's size and entity tag; None if there is none."""
        head = self._bucket.ask("head_object", key, absent=MISSING)
        return None if head is None else stat_of(head)

    def read(self, key: str) -> bytes | None:
        """Return a small object whole; None if there is none."""
        answer = self._bucket.ask("get_object", key, absent=MISSING)
        if answer is None:
            return None
        content = bytearray()
        with contextlib.closing(self._bucket.pieces(answer["Body"], key, PIECE)) as pieces:
            for piece in pieces:
                content += piece
                if len(content) > LARGEST_READ:
                    return None
        return bytes(content)

    def open(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in pieces of at most 1 MiB."""
        answer = self._bucket.ask("get_object", key)
        yield from self._bucket.pieces(answer["Body"], key, PIECE)

    def put(self, key: str, content: bytes) -> None:
        """Write a small object whole or not at all.

        What is small is ours: receipts and checkpoints. It stands in the bucket's usual storage class, for from an
        archive it could not be read.
        """
        checksum = self._bucket.checksum(content)
        self._bucket.ask(
            "put_object", key, without=("StorageClass",), Body=content, ContentType="application/json", **checksum
        )

    def writer(self, key: str, plan: Plan) -> S3Writer:
        """Begin an object, or continue its upload."""
        return S3Writer(self._bucket, key, plan, conditional=plan.if_match is not None and self.guards())

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""
        self._bucket.ask("delete_object", key, absent=MISSING)

    def walk(self, folder: str = "") -> Iterator[Listed]:
        """Yield every object below the prefix, in the order of keys."""
        below = f"{folder}/" if folder else ""
        for page in self._bucket.pages("list_objects_v2", Prefix=self._bucket.prefix + below):
            for found in page.get("Contents", ()):
                if not found["Key"].endswith("/"):  # consoles make such objects to show folders
                    yield Listed(self._key(found), found["Size"], _utc(found["LastModified"]))

    def leftovers(self) -> Iterator[PartialUpload]:
        """Yield the uploads below the prefix that were begun and not ended."""
        for page in self._bucket.pages("list_multipart_uploads", Prefix=self._bucket.prefix):
            for upload in page.get("Uploads", ()):
                key, handle = self._key(upload), upload["UploadId"]
                parts = self._bucket.parts(key, handle)
                if parts is not None:  # ended since
                    modified = max([upload["Initiated"], *(part["LastModified"] for part in parts)])
                    size = sum(part["Size"] for part in parts)
                    yield PartialUpload(key, "multipart upload", handle, size, _utc(modified))

    def remove(self, leftover: PartialUpload) -> bool:
        """Abort an upload; False if it is gone. Whether somebody writes to it, S3 does not tell: its age must."""
        return self._bucket.abort(leftover.key, leftover.handle)

    def _key(self, found: Mapping[str, Any]) -> str:
        return str(found["Key"]).removeprefix(self._bucket.prefix)


def _utc(moment: datetime) -> DateTime:
    return pendulum.from_timestamp(moment.timestamp())

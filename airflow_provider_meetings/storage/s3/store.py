"""Store in a bucket of Amazon S3, or of another store with the S3 API."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from typing import Any

import pendulum
from pendulum import DateTime

from airflow_provider_meetings.api.landing.store import (
    PROBE_NAME,
    ListedObject,
    ObjectStat,
    PartialUpload,
    Plan,
    Store,
)
from airflow_provider_meetings.storage.s3.bucket import NOT_FOUND, PRECONDITION_FAILED, S3Bucket, to_stat
from airflow_provider_meetings.storage.s3.writer import S3Writer


class S3Store(Store):
    """Objects in a bucket, below a prefix.

    :param client: boto3's client for S3; its retries and timeouts are the connection's.
    :param prefix: without leading and trailing slash; empty for the whole bucket.
    :param uri: the address of the prefix as the user wrote it, for logs, errors and receipts.
    :param extra_args: encryption, storage class, access; see `bucket.EXTRA_ARGS`.
    :raises ValueError: for other arguments.
    """

    def __init__(
        self, client: Any, bucket: str, prefix: str, uri: str, *, extra_args: Mapping[str, Any] | None = None
    ) -> None:
        self._bucket = S3Bucket(client, bucket, prefix, uri, extra_args or {})
        self._supports_if_match: bool | None = None

    def supports_if_match(self) -> bool:
        """Return whether the store rejects the conditional replacement of a missing object; tested once.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        if self._supports_if_match is None:
            self._probe()
        return bool(self._supports_if_match)

    def _probe(self, **parameters: Any) -> None:
        key = f"{PROBE_NAME}-{secrets.token_hex(4)}"
        parameters["IfMatch"] = f'"{"0" * 32}"'
        ignore = ("NoSuchKey", *PRECONDITION_FAILED)
        try:
            self._supports_if_match = self._bucket.request("put_object", key, ignore=ignore, **parameters) is None
        except OSError as error:
            if "ContentMD5" in parameters and "Digest, " in str(error):  # checked before the condition, or instead
                return
            if error.errno != errno.EINVAL:  # a store without conditions may reject the request
                raise
            self._supports_if_match = False
        else:
            if not self._supports_if_match:
                self.discard(key)

    def uri(self, key: str) -> str:
        return self._bucket.uri(key)

    def check_writable(self) -> None:
        """Send an upload that is refused after the permissions are checked: its condition and its digest are wrong."""
        self._probe(ContentMD5="A" * 22 + "==")

    def stat(self, key: str) -> ObjectStat | None:
        head = self._bucket.request("head_object", key, ignore=NOT_FOUND)
        return None if head is None else to_stat(head)

    def open(self, key: str) -> Generator[bytes]:
        return self._bucket.read(key)

    def put(self, key: str, content: bytes) -> None:
        # Receipts and checkpoints get the bucket's default storage class: an archived one could not be read.
        checksum = self._bucket.checksum(content)
        self._bucket.request(
            "put_object", key, omit=("StorageClass",), Body=content, ContentType="application/json", **checksum
        )

    def writer(self, key: str, plan: Plan) -> S3Writer:
        return S3Writer(self._bucket, key, plan, conditional=plan.if_match is not None and self.supports_if_match())

    def delete(self, key: str) -> None:
        self._bucket.request("delete_object", key, ignore=NOT_FOUND)

    def walk(self, folder: str = "") -> Iterator[ListedObject]:
        prefix = self._bucket.prefix + (f"{folder}/" if folder else "")
        for found in self._bucket.items("list_objects_v2", Prefix=prefix):
            if not found["Key"].endswith("/"):  # consoles create such objects to show folders
                yield ListedObject(self._key(found), found["Size"], _utc(found["LastModified"]))

    def partial_uploads(self) -> Iterator[PartialUpload]:
        for upload in self._bucket.items("list_multipart_uploads", Prefix=self._bucket.prefix):
            key, handle = self._key(upload), upload["UploadId"]
            parts = self._bucket.parts(key, handle)
            if parts is not None:  # None: it has ended since
                modified = max([upload["Initiated"], *(part["LastModified"] for part in parts)])
                size = sum(part["Size"] for part in parts)
                yield PartialUpload(key, "multipart upload", handle, size, _utc(modified))

    def remove(self, upload: PartialUpload) -> bool:
        """Abort an upload; False if it is gone. Only its age shows whether a process is writing to it."""
        return self._bucket.abort(upload.key, upload.handle)

    def _key(self, found: Mapping[str, Any]) -> str:
        return str(found["Key"]).removeprefix(self._bucket.prefix)


def _utc(time: datetime) -> DateTime:
    return pendulum.from_timestamp(time.timestamp())

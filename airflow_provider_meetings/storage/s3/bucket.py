"""Requests to one bucket through boto3's client, with the connection's extra arguments."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Any

from airflow_provider_meetings.api.landing.store import ObjectStat
from airflow_provider_meetings.storage.s3.errors import error_code, to_oserror

# Arguments that a connection may add to each request that accepts them.
EXTRA_ARGS = (
    "ACL",
    "BucketKeyEnabled",
    "ExpectedBucketOwner",
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWriteACP",
    "Metadata",
    "RequestPayer",
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "SSEKMSEncryptionContext",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "StorageClass",
    "Tagging",
)
ETAG_PREFIX = "etag:"  # alone, it is the validator of an object without an ETag
NOT_FOUND = ("404", "NoSuchKey")
PRECONDITION_FAILED = ("412", "PreconditionFailed", "ConditionalRequestConflict")


class S3Bucket:
    """Send requests to one bucket; thread-safe, as boto3's clients are.

    :param client: boto3's client for S3.
    :param uri: the address of `prefix`, for errors.
    :param extra_args: boto3 arguments, of those in `EXTRA_ARGS`.
    :raises ValueError: for other arguments.
    """

    def __init__(self, client: Any, name: str, prefix: str, uri: str, extra_args: Mapping[str, Any]) -> None:
        unknown = sorted(set(extra_args) - set(EXTRA_ARGS))
        if unknown:
            raise ValueError(f"extra_args: {unknown[0]!r:.60} is not one of {', '.join(EXTRA_ARGS)}")
        self._client = client
        self._name = name
        self._extra_args = dict(extra_args)
        self.prefix = f"{prefix}/" if prefix else ""
        self._uri = uri.rstrip("/")
        # Stores of other vendors reject the checksum headers, or do not keep the checksums.
        calculation = getattr(client.meta.config, "request_checksum_calculation", None)
        self.keeps_checksums = calculation != "when_required"

    def uri(self, key: str) -> str:
        return f"{self._uri}/{key}"

    def request(
        self,
        operation: str,
        key: str,
        *,
        ignore: Collection[str] = (),
        omit: Collection[str] = (),
        **parameters: Any,
    ) -> Any:
        """Send a request about one object.

        :param operation: boto3's method name.
        :param ignore: error codes for which None is returned.
        :param omit: extra arguments that this request must not send.
        :raises OSError: with target and next step.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        extra = {name: value for name, value in self._extra(operation).items() if name not in omit}
        call = getattr(self._client, operation)
        try:
            return call(**extra, **parameters, Bucket=self._name, Key=self.prefix + key)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in ignore:
                return None
            raise to_oserror(error, self.uri(key)) from None

    def pages(self, operation: str, key: str = "", *, ignore: Collection[str] = (), **parameters: Any) -> Iterator[Any]:
        """Yield the pages of a listing.

        :param key: the object that is listed, if it is one.
        :param ignore: error codes that end the listing.
        :raises OSError: with target and next step.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        paginator = self._client.get_paginator(operation)
        try:
            yield from paginator.paginate(**self._extra(operation), **parameters, Bucket=self._name)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) not in ignore:
                raise to_oserror(error, self.uri(key)) from None

    def parts(self, key: str, upload_id: str) -> list[Any] | None:
        """Return the parts of an upload; None if there is no such upload."""
        parameters = {"Key": self.prefix + key, "UploadId": upload_id}
        pages = list(self.pages("list_parts", key, ignore=("NoSuchUpload",), **parameters))
        return [part for page in pages for part in page.get("Parts", ())] if pages else None

    def abort(self, key: str, upload_id: str) -> bool:
        """Abort an upload; False if there is no such upload."""
        return self.request("abort_multipart_upload", key, ignore=("NoSuchUpload",), UploadId=upload_id) is not None

    def read_body(self, body: Any, key: str, size: int) -> Generator[bytes]:
        """Yield the body of a response in pieces of at most `size` bytes.

        :raises OSError: if it is truncated.
        """
        from botocore.exceptions import BotoCoreError

        try:
            yield from body.iter_chunks(size)
        except BotoCoreError as error:
            raise to_oserror(error, self.uri(key)) from None
        finally:
            body.close()

    def checksum(self, content: bytes | bytearray) -> dict[str, str]:
        """Return the argument that makes the store check `content`; empty where it does not keep checksums."""
        if not self.keeps_checksums:
            return {}
        return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}

    def _extra(self, operation: str) -> dict[str, Any]:
        meta = self._client.meta
        accepted = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape.members
        return {name: value for name, value in self._extra_args.items() if name in accepted}


def to_stat(head: Mapping[str, Any]) -> ObjectStat:
    """Convert the response of a HEAD request."""
    return ObjectStat(int(head["ContentLength"]), validator_of(head))


def validator_of(response: Mapping[str, Any]) -> str:
    """Return the validator of the object in a response."""
    return f"{ETAG_PREFIX}{response['ETag'].strip(chr(34))}"


def skip_payload_signing(config: Any) -> Any:
    """Return botocore's configuration without the payload signature, where uploads carry a checksum.

    The sha256 of each upload is in a signed header: signing the body would hash it a second time, for one second of CPU
    time per GiB. Without checksums the body stays signed.

    :param config: the connection's `botocore.config.Config`.
    """
    from botocore.config import Config

    s3 = config.s3 or {}
    if config.request_checksum_calculation == "when_required" or "payload_signing_enabled" in s3:
        return config
    return config.merge(Config(s3={**s3, "payload_signing_enabled": False}))

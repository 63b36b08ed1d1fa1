"""One bucket, asked through boto3's client: the connection's arguments added, errors explained."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Any

from airflow_provider_meetings.api.landing.store import ObjectStat
from airflow_provider_meetings.storage.s3.errors import code_of, explained

# What a connection may add to each request that knows it: encryption, storage class, access, who pays.
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
UNMARKED = "etag:"  # of a store that gives no ETag
MISSING = ("404", "NoSuchKey")
# What a store says where the object is not the one that was to be replaced, or others replace it at this moment.
REFUSED = ("412", "PreconditionFailed", "ConditionalRequestConflict")


class S3Bucket:
    """Send requests to one bucket; used by several threads at once, as boto3's clients may be.

    :param client: boto3's, for S3.
    :param uri: the address of what stands below `prefix`, for errors.
    :param extra_args: arguments of boto3, of those in `EXTRA_ARGS`.
    :raises ValueError: for others.
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
        # Other vendors' stores refuse the headers that carry checksums, or do not keep what they say.
        calculation = getattr(client.meta.config, "request_checksum_calculation", None)
        self.keeps_checksums = calculation != "when_required"

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"{self._uri}/{key}"

    def ask(
        self,
        operation: str,
        key: str,
        *,
        absent: Collection[str] = (),
        without: Collection[str] = (),
        **parameters: Any,
    ) -> Any:
        """Send a request about one object.

        :param operation: boto3's name of it.
        :param absent: codes of errors for which None is returned.
        :param without: the connection's arguments that this request shall not carry.
        :raises OSError: as the store fails, naming target and remedy.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        extra = {name: value for name, value in self._extra(operation).items() if name not in without}
        call = getattr(self._client, operation)
        try:
            return call(**extra, **parameters, Bucket=self._name, Key=self.prefix + key)
        except (ClientError, BotoCoreError) as error:
            failure = None if code_of(error) in absent else explained(error, self.uri(key))
        if failure is not None:
            raise failure
        return None

    def pages(self, operation: str, key: str = "", *, absent: Collection[str] = (), **parameters: Any) -> Iterator[Any]:
        """Yield the pages of a listing; none for an error with one of the codes in `absent`.

        :param key: the object that it is about, if it is about one.

        :raises OSError: as the store fails, naming target and remedy.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        pages = self._client.get_paginator(operation).paginate(
            **self._extra(operation), **parameters, Bucket=self._name
        )
        try:
            yield from pages
            return
        except (ClientError, BotoCoreError) as error:
            failure = None if code_of(error) in absent else explained(error, self.uri(key))
        if failure is not None:
            raise failure

    def parts(self, key: str, upload_id: str) -> list[Any] | None:
        """Return what the store has of an upload; None if there is no such upload."""
        asked = {"Key": self.prefix + key, "UploadId": upload_id}
        pages = list(self.pages("list_parts", key, absent=("NoSuchUpload",), **asked))
        return [part for page in pages for part in page.get("Parts", ())] if pages else None

    def abort(self, key: str, upload_id: str) -> bool:
        """Drop an upload; False if there is no such upload."""
        return self.ask("abort_multipart_upload", key, absent=("NoSuchUpload",), UploadId=upload_id) is not None

    def pieces(self, body: Any, key: str, size: int) -> Generator[bytes]:
        """Yield the body of an answer.

        :raises OSError: if it is cut.
        """
        from botocore.exceptions import BotoCoreError

        try:
            yield from body.iter_chunks(size)
            return
        except BotoCoreError as error:
            failure = explained(error, self.uri(key))
        finally:
            body.close()
        raise failure

    def checksum(self, content: bytes | bytearray) -> dict[str, str]:
        """Return the argument that has the store check `content` itself; none where it cannot."""
        if not self.keeps_checksums:
            return {}
        return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}

    def _extra(self, operation: str) -> dict[str, Any]:
        meta = self._client.meta
        known = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape.members
        return {name: value for name, value in self._extra_args.items() if name in known}


def stat_of(head: Mapping[str, Any]) -> ObjectStat:
    """Read the answer to a HEAD."""
    return ObjectStat(int(head["ContentLength"]), validator_of(head))


def validator_of(answer: Mapping[str, Any]) -> str:
    """Read the mark of a version from an answer."""
    return f"etag:{answer['ETag'].strip(chr(34))}"


def tuned(config: Any) -> Any:
    """Return botocore's configuration without a second hash of each body, if our own travels with it.

    What we upload carries its sha256 in a header, and headers are signed: signing the body too would prove the same
    once more, for a second of processor time per GiB. Where checksums are left out, the body stays signed.

    :param config: `botocore.config.Config`, as the connection makes it.
    """
    from botocore.config import Config

    s3 = config.s3 or {}
    if config.request_checksum_calculation == "when_required" or "payload_signing_enabled" in s3:
        return config
    return config.merge(Config(s3={**s3, "payload_signing_enabled": False}))

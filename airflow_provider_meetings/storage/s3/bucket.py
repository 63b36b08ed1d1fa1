"""Requests to one bucket through boto3's client, with the connection's extra arguments."""

from __future__ import annotations

import base64
import errno
import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import Any

from airflow_provider_meetings.api.landing.store import PIECE_BYTES, ObjectStat
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
# The list in a page, and the parameters that continue after an item.
_LISTINGS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "list_multipart_uploads": ("Uploads", {"KeyMarker": "Key", "UploadIdMarker": "UploadId"}),
    "list_objects": ("Contents", {"Marker": "Key"}),
    "list_parts": ("Parts", {"PartNumberMarker": "PartNumber"}),
}
_MAX_EMPTY_PAGES = 1000  # in a row
_ENDLESS = "the store lists the same page again, or does not say where the next one begins: update the store"


class S3Bucket:
    """Send requests to one bucket; thread-safe, as boto3's clients are."""

    def __init__(self, client: Any, name: str, prefix: str, uri: str, extra_args: Mapping[str, Any]) -> None:
        unknown = sorted(set(extra_args) - set(EXTRA_ARGS))
        if unknown:
            raise ValueError(f"extra_args: {unknown[0]!r:.60} is not one of {', '.join(EXTRA_ARGS)}")
        self._client = client
        client.meta.events.register_first("needs-retry.s3.*", _before_retry, unique_id="airflow-meetings")
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
        """Send a request about one object, or about the bucket.

        :param operation: boto3's method name.
        :param ignore: error codes for which None is returned.
        :param omit: extra arguments that this request must not send.
        :raises OSError: with target and next step.
        """
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        meta = self._client.meta
        accepted = meta.service_model.operation_model(meta.method_to_api_mapping[operation]).input_shape.members
        common = {**self._extra_args, "Bucket": self._name, "Key": self.prefix + key}
        common = {name: value for name, value in common.items() if name in accepted and name not in omit}
        try:
            response = getattr(self._client, operation)(**common, **parameters)
            is_empty = len(response) == 1 and operation.startswith(("create_", "list_"))  # only botocore's metadata
            if is_empty or (operation == "head_object" and "ContentLength" not in response):
                raise ResponseParserError
        except (ClientError, BotoCoreError, ResponseParserError, ValueError) as error:
            if error_code(error) in ignore:
                return None
            raise to_oserror(error, self.uri(key)) from None
        return response

    def items(self, operation: str, key: str = "", **parameters: Any) -> Iterator[Any]:
        """Yield the items of all pages of a listing. botocore's paginator ends where a store sends no token.

        :param key: the object that is listed, if it is one.
        :raises OSError: with target and next step; also if the pages repeat.
        """
        marker: dict[str, Any] = {}
        seen: set[tuple[Any, ...]] = set()  # where pages begin and end
        empty = 0
        while True:
            page = self.request(operation, key, **parameters, **marker)
            name, fields = _LISTINGS[operation.removesuffix("_v2")]
            items, token = page.get(name, []), page.get("NextContinuationToken")
            ends = [tuple((to, item[field]) for to, field in fields.items()) for item in (*items[:1], *items[-1:])]
            if token:
                marker = {"ContinuationToken": token}
            else:
                marker = dict(*ends[-1:])
                operation = operation.removesuffix("_v2")  # the store knows only the first version
            step, empty = tuple(marker.items()), 0 if items else empty + 1
            truncated = page.get("IsTruncated", bool(token))
            if not seen.isdisjoint(ends[:1]) or (truncated and (not step or step in seen or empty > _MAX_EMPTY_PAGES)):
                raise OSError(errno.EIO, f"target {self.uri(key)}: {_ENDLESS} [{operation}]")
            yield from items
            if not truncated:
                return
            seen.update((*ends, step))

    def parts(self, key: str, upload_id: str) -> list[Any] | None:
        """Return the parts of an upload; None if there is no such upload."""
        try:
            return list(self.items("list_parts", key, UploadId=upload_id))
        except FileNotFoundError:
            return None

    def abort(self, key: str, upload_id: str) -> bool:
        """Abort an upload; False if there is no such upload."""
        return self.request("abort_multipart_upload", key, ignore=("NoSuchUpload",), UploadId=upload_id) is not None

    def read(self, key: str) -> Generator[bytes]:
        """Yield the content of an object in pieces of `PIECE_BYTES`.

        :raises OSError: also if it is truncated.
        """
        from botocore.exceptions import BotoCoreError

        body = self.request("get_object", key)["Body"]
        try:
            yield from body.iter_chunks(PIECE_BYTES)
        except BotoCoreError as error:
            raise to_oserror(error, self.uri(key)) from None
        finally:
            body.close()

    def checksum(self, content: bytes | bytearray) -> dict[str, str]:
        """Return the argument that makes the store check `content`; empty where it does not keep checksums."""
        if not self.keeps_checksums:
            return {}
        return {"ChecksumSHA256": base64.b64encode(hashlib.sha256(content).digest()).decode()}


def to_stat(response: Mapping[str, Any]) -> ObjectStat:
    """Convert the response of a HEAD request."""
    return ObjectStat(int(response["ContentLength"]), ETAG_PREFIX + etag_of(response))


def etag_of(response: Mapping[str, Any]) -> str:
    """Return the ETag without quotes and without the mark of a proxy that compresses; empty if there is none."""
    return str(response.get("ETag", "")).removeprefix("W/").strip('"')


def _before_retry(response: Any, operation: Any, request_dict: Any, **_: object) -> None:
    """Raise the error of an answer if no retry can help; else botocore decides."""
    from botocore.exceptions import ClientError

    if response is None:
        return
    http, answer = response
    error, headers = answer.get("Error", {}), http.headers
    is_page = "html" in headers.get("content-type", "") and "etag" not in headers
    if is_page and headers.get("content-length") != "0" and getattr(http.raw, "status", 0) == 200:
        # botocore makes a 500 of it, or takes it for a success
        raise ClientError({**answer, "Error": {"Code": "HTML"}}, operation.name)
    # botocore asks for the region with a HEAD, which is redirected as well, without end.
    redirected = 300 <= http.status_code < 400 and not (headers.get("x-amz-bucket-region") or error.get("Region"))
    if redirected or (error.get("Code") == "BadDigest" and "Content-MD5" in request_dict["headers"]):  # the probe's
        raise ClientError(answer, operation.name)


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

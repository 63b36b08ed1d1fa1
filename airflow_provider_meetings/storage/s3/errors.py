"""What a store that speaks S3 means by its errors, and what to do about them.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

_CREDENTIALS = "the store does not accept the credentials: renew those of the Airflow connection"
_REFUSED = "the credentials of the Airflow connection may not do this: give them the right to it"
_BUSY = "the store fails or is too busy: try again later"
_WRONG_PLACE = "the bucket lies elsewhere: correct region_name or endpoint_url of the Airflow connection"
_UNREACHED = "the store cannot be reached: check endpoint_url of the Airflow connection, and the network"
_NO_ROOM = "the store has no room left: make room, then try again"
_NOT_TAKEN = (
    "the store does not take this request: check extra_args of the Airflow connection, and, unless it is Amazon's, set "
    "request_checksum_calculation to when_required"
)

_MEANINGS: Mapping[str, tuple[int, str]] = {
    "AccessDenied": (errno.EACCES, _REFUSED),
    "403": (errno.EACCES, _REFUSED + " (without s3:ListBucket a store says this of an object that is missing, too)"),
    "AllAccessDisabled": (errno.EACCES, _REFUSED),
    "AuthorizationHeaderMalformed": (errno.EINVAL, _WRONG_PLACE),
    "BadDigest": (errno.EIO, "the bytes changed on their way: try again"),
    "ExpiredToken": (errno.EACCES, _CREDENTIALS),
    "ExpiredTokenException": (errno.EACCES, _CREDENTIALS),
    "IllegalLocationConstraintException": (errno.EINVAL, _WRONG_PLACE),
    "InvalidAccessKeyId": (errno.EACCES, _CREDENTIALS),
    "InvalidObjectState": (errno.EIO, "the object lies in an archive: restore it, or choose another StorageClass"),
    "InvalidToken": (errno.EACCES, _CREDENTIALS),
    "NoSuchBucket": (errno.ENOENT, "there is no such bucket: make it, or correct the target"),
    "NoSuchKey": (errno.ENOENT, "there is no such object"),
    "NoSuchUpload": (
        errno.ENOENT,
        "the upload is gone, aborted by a sweep or by a rule of the bucket, and nothing of it was published: try again",
    ),
    "PermanentRedirect": (errno.EINVAL, _WRONG_PLACE),
    "301": (errno.EINVAL, _WRONG_PLACE),
    "400": (errno.EACCES, _CREDENTIALS),  # a HEAD has no body to say which; a token that has expired is the usual one
    "QuotaExceeded": (errno.ENOSPC, _NO_ROOM),
    "RequestTimeTooSkewed": (errno.EACCES, "this machine's clock is wrong: set it"),
    "RequestTimeout": (errno.ETIMEDOUT, _BUSY),
    "SignatureDoesNotMatch": (errno.EACCES, _CREDENTIALS),
    "TokenRefreshRequired": (errno.EACCES, _CREDENTIALS),
    "XAmzContentChecksumMismatch": (errno.EIO, "the bytes changed on their way: try again"),
    "XAmzContentSHA256Mismatch": (errno.EIO, "the bytes changed on their way: try again"),
    "XMinioStorageFull": (errno.ENOSPC, _NO_ROOM),
}


def code_of(error: BaseException) -> str:
    """Return the store's code for an error; empty where the store did not answer."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def explained(error: Exception, target: str) -> OSError:
    """Say of an error of botocore which target it was, what to do, and what the store said.

    Of botocore's own text nothing is taken: it shows addresses, and the values of parameters.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict) or "Error" not in response:
        number, remedy = _unanswered(error)
        return OSError(number, f"target {target}: {remedy} [{type(error).__name__}]")
    code, metadata = code_of(error), response.get("ResponseMetadata", {})
    number, remedy = _meaning(code, metadata.get("HTTPStatusCode", 0))
    said = str(response["Error"].get("Message", ""))[:300]
    origin = f"{getattr(error, 'operation_name', '')}, code {code}, {said!r}, request id {metadata.get('RequestId')}"
    return OSError(number, f"target {target}: {remedy} [{origin}]")


def _meaning(code: str, status: int) -> tuple[int, str]:
    if code in _MEANINGS:
        return _MEANINGS[code]
    if code.startswith("KMS."):
        return errno.EACCES, "the key of the encryption cannot be used: correct it, or the right to it"
    if status >= 500 or status == 429 or code == "SlowDown":
        return errno.EIO, _BUSY
    return errno.EINVAL, _NOT_TAKEN


def _unanswered(error: Exception) -> tuple[int, str]:
    from botocore import exceptions as raised

    if isinstance(error, raised.ConnectTimeoutError | raised.ReadTimeoutError):
        return errno.ETIMEDOUT, "the store does not answer in time: try again later"
    if isinstance(error, raised.IncompleteReadError | raised.ResponseStreamingError):
        return errno.EIO, "the object was cut while it was read: try again"
    if isinstance(error, raised.HTTPClientError | raised.ConnectionError):
        return errno.ECONNABORTED, _UNREACHED
    if isinstance(error, raised.ParamValidationError):
        return errno.EINVAL, _NOT_TAKEN
    return errno.EACCES, "there are no credentials that could be used: give some in the Airflow connection"

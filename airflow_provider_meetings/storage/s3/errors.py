"""Convert errors of S3 to OSErrors with target and next step.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import errno
from collections.abc import Mapping

_CREDENTIALS = "the store rejects the credentials: renew those of the Airflow connection"
_DENIED = "the credentials of the Airflow connection lack a permission: grant it"
_BUSY = "the store fails or is overloaded: try again later"
_WRONG_REGION = "the bucket is in another region: correct region_name or endpoint_url of the Airflow connection"
_UNREACHABLE = "the store cannot be reached: check endpoint_url of the Airflow connection, and the network"
_NO_SPACE = "the store has no space left: free some, then try again"
_DIGEST = "the bytes changed in transit: try again"
_REJECTED = (
    "the store rejects this request: check extra_args of the Airflow connection, and, unless it is Amazon's, set "
    "request_checksum_calculation to when_required"
)

_MEANINGS: Mapping[str, tuple[int, str]] = {
    "AccessDenied": (errno.EACCES, _DENIED),
    "403": (errno.EACCES, _DENIED + " (without s3:ListBucket a missing object also gives this error)"),
    "AllAccessDisabled": (errno.EACCES, _DENIED),
    "AuthorizationHeaderMalformed": (errno.EINVAL, _WRONG_REGION),
    "BadDigest": (errno.EIO, _DIGEST),
    "ExpiredToken": (errno.EACCES, _CREDENTIALS),
    "ExpiredTokenException": (errno.EACCES, _CREDENTIALS),
    "IllegalLocationConstraintException": (errno.EINVAL, _WRONG_REGION),
    "InvalidAccessKeyId": (errno.EACCES, _CREDENTIALS),
    "InvalidObjectState": (errno.EIO, "the object is archived: restore it, or choose another StorageClass"),
    "InvalidToken": (errno.EACCES, _CREDENTIALS),
    "NoSuchBucket": (errno.ENOENT, "the bucket does not exist: create it, or correct the target"),
    "NoSuchKey": (errno.ENOENT, "the object does not exist"),
    "NoSuchUpload": (
        errno.ENOENT,
        "the upload was aborted by a sweep or by a lifecycle rule, and nothing of it was published: try again",
    ),
    "PermanentRedirect": (errno.EINVAL, _WRONG_REGION),
    "301": (errno.EINVAL, _WRONG_REGION),
    "400": (errno.EACCES, _CREDENTIALS),  # a HEAD response has no error code; an expired token is the usual cause
    "QuotaExceeded": (errno.ENOSPC, _NO_SPACE),
    "RequestTimeTooSkewed": (errno.EACCES, "the clock of this machine is wrong: correct it"),
    "RequestTimeout": (errno.ETIMEDOUT, _BUSY),
    "SignatureDoesNotMatch": (errno.EACCES, _CREDENTIALS),
    "TokenRefreshRequired": (errno.EACCES, _CREDENTIALS),
    "XAmzContentChecksumMismatch": (errno.EIO, _DIGEST),
    "XAmzContentSHA256Mismatch": (errno.EIO, _DIGEST),
    "XMinioStorageFull": (errno.ENOSPC, _NO_SPACE),
}


def error_code(error: BaseException) -> str:
    """Return the store's error code; empty if the store did not respond."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def to_oserror(error: Exception, target: str) -> OSError:
    """Convert an error of botocore.

    botocore's own text is not used: it contains addresses and parameter values.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict) or "Error" not in response:
        number, next_step = _without_response(error)
        return OSError(number, f"target {target}: {next_step} [{type(error).__name__}]")
    code, metadata = error_code(error), response.get("ResponseMetadata", {})
    number, next_step = _meaning(code, metadata.get("HTTPStatusCode", 0))
    message = str(response["Error"].get("Message", ""))[:300]
    operation = getattr(error, "operation_name", "")
    details = f"{operation}, code {code}, {message!r}, request id {metadata.get('RequestId')}"
    return OSError(number, f"target {target}: {next_step} [{details}]")


def _meaning(code: str, status: int) -> tuple[int, str]:
    if code in _MEANINGS:
        return _MEANINGS[code]
    if code.startswith("KMS."):
        return errno.EACCES, "the encryption key cannot be used: correct it, or its permissions"
    if status >= 500 or status == 429 or code == "SlowDown":
        return errno.EIO, _BUSY
    return errno.EINVAL, _REJECTED


def _without_response(error: Exception) -> tuple[int, str]:
    from botocore import exceptions

    if isinstance(error, exceptions.ConnectTimeoutError | exceptions.ReadTimeoutError):
        return errno.ETIMEDOUT, "the store timed out: try again later"
    if isinstance(error, exceptions.IncompleteReadError | exceptions.ResponseStreamingError):
        return errno.EIO, "the connection was interrupted while the object was read: try again"
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return errno.ECONNABORTED, _UNREACHABLE
    if isinstance(error, exceptions.ParamValidationError):
        return errno.EINVAL, _REJECTED
    return errno.EACCES, "no usable credentials: add them to the Airflow connection"

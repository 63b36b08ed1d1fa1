"""Convert errors of S3 to OSErrors with target and next step.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import errno
import re

from airflow_provider_meetings.api.http.redaction import is_http, redact

_ACCOUNT = "the store has disabled the account or the user: check its state and its bills with the provider"
_CHECKSUM = "the bucket requires checksums (Object Lock): set request_checksum_calculation to when_supported"
_CREDENTIALS = "the store rejects the credentials: renew those of the Airflow connection"
_DENIED = "the credentials of the Airflow connection lack a permission: grant it"
_BUSY = "the store fails or is overloaded: try again later"
_LOCKED = "the object is locked (retention, legal hold): wait for the end of the lock, or let somebody remove it"
_NOT_S3 = "the answer is not S3's (a website's, a proxy's?): correct endpoint_url of the Airflow connection"
_WRONG_REGION = "the bucket is in another region: correct region_name or endpoint_url of the Airflow connection"
_UNREACHABLE = "the store cannot be reached: check endpoint_url of the Airflow connection, and the network"
_TIMED_OUT = "the store timed out: try again later"
_INTERRUPTED = "the connection was interrupted while the object was read: try again"
_DIGEST = "the bytes changed in transit: try again"
_REJECTED = (
    "the store rejects this request: check extra_args of the Airflow connection, and, unless it is Amazon's, set "
    "request_checksum_calculation to when_required"
)

# Patterns of code and message; the first that matches counts.
_MEANINGS: tuple[tuple[str, int, str], ...] = (
    ("(content-md5|checksum).* required|missing.* content-md5", errno.EINVAL, _CHECKSUM),
    ("^(ObjectLocked|Retention)|immutable|by object lock|worm protected|under retention", errno.EACCES, _LOCKED),
    ("^[a-z]*kms|perform: kms:", errno.EACCES, "the encryption key cannot be used: enable it, or grant its use"),
    ("^(AccountProblem|AllAccessDisabled|UserDisable|UserSuspended) ", errno.EACCES, _ACCOUNT),  # AWS, OSS, Ceph
    ("^AccessDenied ", errno.EACCES, _DENIED),
    ("^403 ", errno.EACCES, _DENIED + " (without s3:ListBucket a missing object also gives this error)"),
    ("^404 ", errno.ENOENT, "the store finds nothing at this address: check the target and endpoint_url"),
    ("^(30[02-8]|405|HTML) ", errno.ENXIO, _NOT_S3),
    ("^413 ", errno.EINVAL, "a proxy limits the size of requests: raise it above that of a part, 5 MiB or more"),
    ("^(301|AuthorizationHeaderMalformed|IllegalLoc.*|.*Redirect) ", errno.ENXIO, _WRONG_REGION),
    ("^(BadDigest|XAmzContent(Checksum|SHA256)Mismatch) ", errno.EIO, _DIGEST),
    # A HEAD response has no error code; an expired token is the usual cause of its 400.
    ("^(400|401|ExpiredToken(Exception)?|InvalidAccessKeyId|InvalidToken) ", errno.EACCES, _CREDENTIALS),
    ("^(SignatureDoesNotMatch|TokenRefreshRequired) ", errno.EACCES, _CREDENTIALS),
    ("^InvalidObjectState ", errno.EIO, "the object is archived: restore it, or choose another StorageClass"),
    ("^NoSuchBucket ", errno.ENOENT, "the bucket does not exist: create it, or correct the target"),
    ("^NoSuchKey ", errno.ENOENT, "the object does not exist"),
    ("^NoSuchUpload ", errno.ENOENT, "the upload was aborted by a sweep or lifecycle rule; nothing landed: try again"),
    ("^OperationAborted ", errno.EAGAIN, "another operation on this object or bucket is running: try again later"),
    ("^(501|NotImplemented) ", errno.EINVAL, f"{_REJECTED}; or try again later"),
    ("^(507|Insuff.*|QuotaExceeded|.*StorageFull) ", errno.ENOSPC, "the store has no space left: free some, try again"),
    ("^RequestTimeTooSkewed ", errno.EACCES, "the clock of this machine is wrong: correct it"),
    ("^RequestTimeout ", errno.ETIMEDOUT, _BUSY),
)


def error_code(error: BaseException) -> str:
    """Return the store's error code; empty if the store did not respond."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def to_oserror(error: Exception, target: str) -> OSError:
    """Convert an error of botocore.

    botocore's own text is not used: it contains addresses and parameter values.
    """
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        number, next_step = _without_response(error)
        return OSError(number, f"target {target}: {next_step} [{type(error).__name__}]")
    details, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
    status, headers = metadata.get("HTTPStatusCode", 0), metadata.get("HTTPHeaders", {})
    code, message = error_code(error) or str(status), str(details.get("Message", ""))[:300]
    number, next_step = _meaning(code, status, message)
    location = str(headers.get("location"))
    origin = redact(location, path=False) if is_http(location) else ""  # the query may hold a signature
    where = headers.get("x-amz-bucket-region") or details.get("Region") or details.get("Endpoint") or origin
    if where and 300 <= status < 400:
        next_step = f"the store redirects to {where:.200}: correct endpoint_url or region_name of the connection"
    if next_step == _CREDENTIALS:
        message = ""  # it may name the access key
    operation = getattr(error, "operation_name", "")
    text = f"{operation}, code {code}, {message!r}, request id {metadata.get('RequestId')}"
    return OSError(number, f"target {target}: {next_step} [{text}]")


def _meaning(code: str, status: int, message: str) -> tuple[int, str]:
    for pattern, number, next_step in _MEANINGS:
        if re.search(pattern, f"{code} {message}", re.IGNORECASE):
            return number, next_step
    if status >= 500 or status == 429 or code == "SlowDown":
        return errno.EIO, _BUSY
    return (errno.EACCES, _DENIED) if status in {401, 403} else (errno.EINVAL, _REJECTED)


def _without_response(error: Exception) -> tuple[int, str]:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    for kinds, number, next_step in (
        ((ResponseParserError, ValueError), errno.ENXIO, _NOT_S3),  # also a number or a date that is none
        (exceptions.FlexibleChecksumError, errno.EIO, _DIGEST),
        ((exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError), errno.ETIMEDOUT, _TIMED_OUT),
        ((exceptions.IncompleteReadError, exceptions.ResponseStreamingError), errno.EIO, _INTERRUPTED),
        ((exceptions.HTTPClientError, exceptions.ConnectionError), errno.ECONNABORTED, _UNREACHABLE),
        (exceptions.ParamValidationError, errno.EINVAL, _REJECTED),
    ):
        if isinstance(error, kinds):
            return number, next_step
    return errno.EACCES, "no usable credentials: add them to the Airflow connection"

"""The errors of a meeting platform and its media.

::

    MeetingsApiError
    ├── AuthenticationError   the secret or the token was rejected
    │   └── ConsentEnded      a user's refresh token is no longer valid: the user must consent again
    ├── PermissionDenied      the app may not do this, or not with this object
    ├── NotFound              the platform does not know the object
    ├── Gone                  the object existed and was deleted
    ├── InvalidRequest        the request is invalid (also a ValueError)
    ├── NotReady              the object is not generated yet: retry later
    ├── RateLimited           too many calls: wait `retry_after` seconds
    │   └── QueueTooLong      the next slot of the quota is too far away: nothing was sent
    ├── QuotaExhausted        the app's quota for a month or another long period is exhausted
    ├── ServerError           the platform failed, is unreachable, or gave an undocumented answer
    │   └── AnswerTooLong     an answer exceeds the limit of its bytes or seconds: the same call does not repeat it
    ├── LinkExpired           a download link expired: resolve a new one
    ├── UnsafeAddress         a download link leads to an address that is not allowed
    ├── MediaCorrupt          the served bytes are not the recording
    ├── FileTooLarge          the file is larger than the configured limit
    └── StoreError            the store refused or failed
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

MESSAGE_FIELDS = ("what", "platform", "code", "vendor_message", "log_id", "next_step")
"""The fields that the message is made of; another process can rebuild the error from them."""


@dataclass(eq=False, repr=False)
class MeetingsApiError(Exception):
    """The base of all errors.

    :param what: what happened, and to which object.
    :param platform: ``feishu`` or ``wecom``; empty if no platform is involved.
    :param code: the platform's code from the body; None if there is none.
    :param vendor_message: the platform's message.
    :param log_id: the platform's id of the request, for its support.
    :param next_step: what the user can do.
    :param retry_after: seconds until a retry makes sense.
    """

    permanent: ClassVar[bool] = True

    what: str
    _: KW_ONLY
    platform: str = ""
    code: int | None = None
    vendor_message: str = ""
    log_id: str = ""
    next_step: str = ""
    retry_after: float | None = None

    def __post_init__(self) -> None:
        super().__init__(self.what)  # for a pickle, which holds these arguments

    def __str__(self) -> str:
        """Return what happened, the next step, and the platform's code, message and log id."""
        text = self.what if self.what.endswith((".", "?")) else f"{self.what}."
        if self.next_step:
            text += f" {self.next_step}"
        # It may contain text of the platform, which must not break a log line.
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
        details = [self.platform] if self.platform else []
        if self.code is not None:
            details.append(f"code {self.code}")
        if self.vendor_message:
            details.append(repr(self.vendor_message))
        if self.log_id:
            details.append(f"log id {self.log_id}")
        return f"{text} [{', '.join(details)}]" if details else text


class AuthenticationError(MeetingsApiError):
    """The secret or the token was rejected."""

    token_rejected = False
    """Whether a fresh token may help; the transport then renews it once."""


class ConsentEnded(AuthenticationError):
    """A user's refresh token is used, revoked, expired, or of another app."""


class PermissionDenied(MeetingsApiError):
    """The app lacks a scope, a data range, or an entry in the IP allow-list."""


class NotFound(MeetingsApiError):
    """The platform does not know the object."""


class Gone(MeetingsApiError):
    """The object was deleted."""


class InvalidRequest(MeetingsApiError, ValueError):
    """The request is invalid, by its form or according to the platform."""


class NotReady(MeetingsApiError):
    """The object is not generated yet."""

    permanent = False


class RateLimited(MeetingsApiError):
    """Too many calls; `retry_after` holds the platform's seconds, if any."""

    permanent = False
    blocks: tuple[float, ...] = ()
    """The possible durations of the block, in seconds, shortest first, if the answer does not say which."""


class QueueTooLong(RateLimited):
    """The next slot of the quota is further away than the caller may wait; nothing was sent."""


class QuotaExhausted(MeetingsApiError):
    """The quota of a month or another long period is exhausted."""


class ServerError(MeetingsApiError):
    """The platform failed, is unreachable, or gave an undocumented answer."""

    permanent = False
    concerns_all = False
    """Whether every other call would fail as well: there is no token, or the task is being stopped."""
    lost = False
    """Whether no answer came in time, or no connection: of two in a row, the second ends a round."""


class AnswerTooLong(ServerError):
    """An answer has more bytes, or takes longer, than the client reads."""


class LinkExpired(MeetingsApiError):
    """A download link no longer works."""

    permanent = False


class UnsafeAddress(MeetingsApiError):
    """A download link leads into an internal network, or from https to http."""


class MediaCorrupt(MeetingsApiError):
    """The served content is not the recording: wrong length, a web page, an error document."""

    permanent = False


class FileTooLarge(MeetingsApiError):
    """A file is larger than the configured limit."""


class StoreError(MeetingsApiError):
    """The store refused or failed."""

    permanent = False

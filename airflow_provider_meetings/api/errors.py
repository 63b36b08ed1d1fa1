"""What can go wrong between us and a meeting platform.

::

    MeetingsApiError
    ├── AuthenticationError   the secret or the token was refused
    │   └── ConsentEnded      a user's refresh token is of no use any more: the user must consent again
    ├── PermissionDenied      the app may not do this, or not with this object
    ├── NotFound              the platform does not know the object
    ├── Gone                  the object existed and was deleted
    ├── InvalidRequest        the question itself is wrong (also a ValueError)
    ├── NotReady              the object is still being made: ask again later
    ├── RateLimited           too many calls: wait `retry_after` seconds
    │   └── QueueTooLong      by our own count: nothing was sent
    ├── QuotaExhausted        the app's quota for a long period is used up
    ├── ServerError           the platform failed, could not be reached, or answered outside its documentation
    ├── LinkExpired           a download link died: resolve a new one
    ├── UnsafeAddress         a download link leads where we do not go
    ├── MediaCorrupt          the bytes served are not the recording
    ├── FileTooLarge          the file is larger than this landing may fetch
    └── StoreError            the store refused or failed
"""

from __future__ import annotations

from typing import ClassVar

WORDS = ("what", "platform", "code", "vendor_message", "log_id", "next_step")
"""The fields of an error that its text is made of: with them it can be said again by another process."""


class MeetingsApiError(Exception):
    """Carry what happened, what to do next, and the platform's own words.

    :param what: what happened, and to which object.
    :param platform: ``feishu`` or ``wecom``; empty where no platform was asked.
    :param code: the platform's own code from the body; None where there is none.
    :param vendor_message: the platform's text, as it came.
    :param log_id: the platform's id of this request, for its support.
    :param next_step: what a person can do about it.
    :param retry_after: seconds after which asking again makes sense.
    """

    permanent: ClassVar[bool] = True

    def __init__(
        self,
        what: str,
        *,
        platform: str = "",
        code: int | None = None,
        vendor_message: str = "",
        log_id: str = "",
        next_step: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.platform = platform
        self.code = code
        self.vendor_message = vendor_message
        self.log_id = log_id
        self.next_step = next_step
        self.retry_after = retry_after

    def __str__(self) -> str:
        """Put the sentence first, the remedy second, the platform's own words last."""
        text = self.what if self.what.endswith((".", "?")) else f"{self.what}."
        if self.next_step:
            text += f" {self.next_step}"
        # What a platform wrote may be part of it: it must not make lines of its own in a log.
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
        origin = [self.platform] if self.platform else []
        if self.code is not None:
            origin.append(f"code {self.code}")
        if self.vendor_message:
            origin.append(repr(self.vendor_message))
        if self.log_id:
            origin.append(f"log id {self.log_id}")
        return f"{text} [{', '.join(origin)}]" if origin else text

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every field when the error crosses a process border."""
        return _rebuild, (type(self), self.what, {k: v for k, v in self.__dict__.items() if k != "what"})


def _rebuild(cls: type[MeetingsApiError], what: str, fields: dict[str, object]) -> MeetingsApiError:
    error = cls(what)
    error.__dict__.update(fields)
    return error


class AuthenticationError(MeetingsApiError):
    """Say that the secret or the token was refused."""

    token_rejected = False
    """True where a fresh token may help; the transport then renews it once."""


class ConsentEnded(AuthenticationError):
    """Say that a user's refresh token is of no use any more: used, revoked, run out, or another app's."""


class PermissionDenied(MeetingsApiError):
    """Say that the app lacks a scope, a data range or an address on the allow-list."""


class NotFound(MeetingsApiError):
    """Say that the platform does not know the object."""


class Gone(MeetingsApiError):
    """Say that the object was deleted."""


class InvalidRequest(MeetingsApiError, ValueError):
    """Say that the question is wrong: by its own form, or in the platform's opinion."""


class NotReady(MeetingsApiError):
    """Say that the object is still being made."""

    permanent = False


class RateLimited(MeetingsApiError):
    """Say that calls came too fast; `retry_after` holds the platform's seconds where it named them."""

    permanent = False
    blocks: tuple[float, ...] = ()
    """How long the platform may refuse now, in seconds, shortest first, where no answer says which it is."""


class QueueTooLong(RateLimited):
    """Say that the next call which the quota allows is further away than we wait; nothing was sent."""


class QuotaExhausted(MeetingsApiError):
    """Say that the quota of a month (or another long period) is used up."""


class ServerError(MeetingsApiError):
    """Say that the platform failed, was unreachable, or answered what its documents do not describe."""

    permanent = False


class LinkExpired(MeetingsApiError):
    """Say that a download link no longer works."""

    permanent = False


class UnsafeAddress(MeetingsApiError):
    """Say that a download link leads where we do not go: into a network around us, or out of https."""


class MediaCorrupt(MeetingsApiError):
    """Say that what was served is not the recording: wrong length, a page, an error document."""

    permanent = False


class FileTooLarge(MeetingsApiError):
    """Say that a file is larger than the ceiling that was set."""


class StoreError(MeetingsApiError):
    """Say that the store refused or failed; nothing of the file was published."""

    permanent = False

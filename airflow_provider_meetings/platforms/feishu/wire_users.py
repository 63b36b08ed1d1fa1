"""What Feishu says of users: what they granted, and who they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_meetings.api.errors import PermissionDenied, ServerError
from airflow_provider_meetings.api.fields import Fields, Raw
from airflow_provider_meetings.api.grants import Grant

_read = Fields("feishu")


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
def parse_grant(body: object) -> Grant:
    """Read the tokens; the answer is flat, its times are seconds from now.

    :raises PermissionDenied: if there is no refresh token.
    """
    raw = _read.mapping(body, "answer")
    if not _read.text(raw, "refresh_token"):
        raise PermissionDenied(
            "feishu gave no refresh token",
            platform="feishu",
            next_step="Give the app the scope offline_access, let it refresh user tokens (both in the developer "
            "console), publish a version, and have the user consent again.",
        )
    access_seconds, refresh_seconds = _read.integer(raw, "expires_in"), _read.integer(raw, "refresh_token_expires_in")
    if not access_seconds or not refresh_seconds or min(access_seconds, refresh_seconds) < 0:
        raise ServerError("feishu gave a user's token without saying how long it lives", platform="feishu")
    return Grant(
        _read.required(raw, "access_token"),
        access_seconds,
        _read.required(raw, "refresh_token"),
        refresh_seconds,
        _read.text(raw, "scope") or "",
    )


# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get
@dataclass(frozen=True, slots=True)
class UserInfo:
    """Whose token this is."""

    open_id: str | None
    name: str | None
    raw: Raw = field(repr=False)

    @classmethod
    def parse(cls, data: object) -> UserInfo:
        """Read ``data``."""
        raw = _read.mapping(data, "data")
        return cls(open_id=_read.text(raw, "open_id"), name=_read.text(raw, "name"), raw=raw)

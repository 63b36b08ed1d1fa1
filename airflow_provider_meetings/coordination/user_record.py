"""What is written down of one user's tokens: both, their ends, and who has sent the refresh token."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, Final, Self

from airflow_provider_meetings.api.errors import WORDS, ConsentEnded
from airflow_provider_meetings.api.http.auth import Token
from airflow_provider_meetings.api.http.oauth import Grant, Standing
from airflow_provider_meetings.api.sanitize import NeverPickled

# https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
CONSENT_SECONDS: Final = 365 * 86400.0
"""So long after a consent a token can be renewed, however often it was."""
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "float": (int, float),
    "dict[str, Any] | None": (dict, type(None)),
}


@dataclass(frozen=True, slots=True, repr=False)
class UserRecord(NeverPickled):
    """One link of the chain; times in seconds since the epoch.

    :param claimed_by: the process that has sent the refresh token, and nobody knows the answer yet; empty for none.
    :param refused: the fields of the error with which the platform refused the refresh token for good.
    """

    access: str
    access_ends: float
    access_seconds: float
    refresh: str
    refresh_ends: float
    consented_at: float
    scope: str = ""
    user: str = ""
    claimed_by: str = ""
    claimed_at: float = 0.0
    refused: dict[str, Any] | None = None

    @classmethod
    def consented(cls, grant: Grant, now: float, user: str = "") -> Self:
        """Begin a chain."""
        return cls(**_granted(grant, now), consented_at=now, scope=grant.scope, user=user)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read it.

        :raises ValueError: naming a field that is missing, unknown or of another form; no value is shown. One that is
            unknown is not passed over: a newer version may say by it that the refresh token was sent.
        """
        kinds = {field.name: _KINDS[str(field.type)] for field in fields(cls)}
        needed = {field.name for field in fields(cls) if field.default is MISSING}
        for name in sorted(needed - data.keys()):
            raise ValueError(f"{name} is missing")
        for name, value in data.items():
            if name not in kinds:
                raise ValueError(f"{name[:40]!r} is unknown")
            if isinstance(value, bool) or not isinstance(value, kinds[name]):
                raise ValueError(f"{name} is of another form")
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        return asdict(self)

    def claimed(self, by: str, now: float) -> Self:
        """Say that the refresh token is being sent."""
        return replace(self, claimed_by=by, claimed_at=now)

    def released(self) -> Self:
        """Say that it may be sent again: its sender lives, and got no answer or one that leaves it whole."""
        return replace(self, claimed_by="", claimed_at=0.0)

    def succeeded(self, grant: Grant, now: float) -> Self:
        """Put what came in its place."""
        scope = grant.scope or self.scope
        return replace(self.released(), **_granted(grant, now), scope=scope)

    def ended(self, error: ConsentEnded) -> Self:
        """Write down that the platform takes the refresh token no more, so that nobody sends it again."""
        return replace(self.released(), refused={name: getattr(error, name) for name in WORDS})

    def raise_if_ended(self) -> None:
        """Raise what the platform said to the one who sent it."""
        if self.refused is not None:
            raise ConsentEnded(**self.refused)

    @property
    def token(self) -> Token:
        """Return the access token."""
        return Token(self.access, self.access_ends, self.access_seconds)

    @property
    def standing(self) -> Standing:
        """Tell until when it reaches."""
        return Standing(self.consented_at + CONSENT_SECONDS, self.refresh_ends, self.scope, self.user)


def _granted(grant: Grant, now: float) -> dict[str, Any]:
    return {
        "access": grant.access,
        "access_ends": now + grant.access_seconds,
        "access_seconds": grant.access_seconds,
        "refresh": grant.refresh,
        "refresh_ends": now + grant.refresh_seconds,
    }

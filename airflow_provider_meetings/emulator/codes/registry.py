"""Every error code that the documents of both vendors name: HTTP status, message, and the endpoints that return it."""

from __future__ import annotations

from typing import Final

from airflow_provider_meetings.emulator.codes.feishu import feishu_codes
from airflow_provider_meetings.emulator.codes.wecom import wecom_codes
from airflow_provider_meetings.emulator.model.endpoints import Code, matching_endpoints

CODES: Final = (*feishu_codes(), *wecom_codes())


def find(endpoint: str, code: int) -> Code | None:
    """Return the row of ``code`` for ``endpoint``, else any row of its platform; None if no document names the code.

    :raises ValueError: the endpoint is unknown.
    """
    platform = matching_endpoints(endpoint)[0].platform
    rows = [row for row in CODES if row.platform == platform and row.code == code]
    return next((row for row in rows if endpoint in row.endpoints), rows[0] if rows else None)


def documented(endpoint: str, code: int) -> Code:
    """Return the row of ``code`` for ``endpoint`` as :func:`find` does.

    :raises LookupError: no document names the code.
    """
    row = find(endpoint, code)
    if row is None:
        raise LookupError(f"no document names the code {code}")
    return row

"""Every code of both vendors that their documents name: HTTP status, message, and which endpoints answer it."""

from __future__ import annotations

from typing import Final

from airflow_provider_meetings.emulator.codes.feishu import feishu_business_codes, feishu_codes
from airflow_provider_meetings.emulator.codes.wecom import wecom_codes
from airflow_provider_meetings.emulator.model.endpoints import Code, selected

CODES: Final = (*feishu_codes(), *feishu_business_codes(), *wecom_codes())


def find(endpoint: str, code: int) -> Code | None:
    """Return the row of ``code`` for ``endpoint``, else any row of that platform, or None if the code is in no table.

    :raises ValueError: there is no such endpoint.
    """
    platform = selected(endpoint)[0].platform
    rows = [row for row in CODES if row.platform == platform and row.code == code]
    return next((row for row in rows if endpoint in row.endpoints), rows[0] if rows else None)

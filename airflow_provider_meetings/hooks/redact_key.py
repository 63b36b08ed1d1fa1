"""The key of all hashes, from Airflow's configuration."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import conf
from airflow.sdk.log import mask_secret


def redact_key() -> bytes:
    """Return the option ``[meetings] redact_key``, which is masked in logs; empty if it is not set."""
    # The output of a command (redact_key_cmd) ends with a newline, which is not part of the key.
    key = (conf.get("meetings", "redact_key", fallback="") or "").strip()
    if key:
        mask_secret(key)
    return key.encode()

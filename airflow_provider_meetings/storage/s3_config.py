"""How boto3's client for S3 is set up, where the connection does not say otherwise."""

from __future__ import annotations

from typing import Any


def tuned(config: Any) -> Any:
    """Return botocore's configuration without a second hash of each body, if our own travels with it.

    What we upload carries its sha256 in a header, and headers are signed: signing the body too would prove the same
    once more, for a second of processor time per GiB. Where checksums are left out, the body stays signed.

    :param config: `botocore.config.Config`, as the connection makes it.
    """
    from botocore.config import Config

    s3 = config.s3 or {}
    if config.request_checksum_calculation == "when_required" or "payload_signing_enabled" in s3:
        return config
    return config.merge(Config(s3={**s3, "payload_signing_enabled": False}))

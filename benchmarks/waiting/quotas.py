"""Lift the rate limits of this process, where requests are counted and time is not measured."""

from __future__ import annotations

from airflow_provider_meetings.api.http.rate_limit import Quota
from airflow_provider_meetings.platforms.feishu import quotas as feishu
from airflow_provider_meetings.platforms.wecom import quotas as wecom


def lift_rate_limits() -> None:
    """Give all endpoints of both platforms a quota without rates."""
    for module in (feishu, wecom):
        for name, value in list(vars(module).items()):
            if isinstance(value, Quota):
                setattr(module, name, Quota(value.endpoint))

"""Imports that all ``airflow`` commands share. The process that they are forked from imports this module."""

from __future__ import annotations

import asyncio

import duckdb  # noqa: F401
import httpx
import pyarrow.parquet  # noqa: F401
from airflow.cli.commands import connection_command, dag_command, provider_command  # noqa: F401
from airflow.sdk.execution_time.supervisor import in_process_api_server

import airflow_provider_meetings.platforms.feishu.hook
import airflow_provider_meetings.platforms.feishu.operators
import airflow_provider_meetings.platforms.wecom.hook
import airflow_provider_meetings.sensors.recordings
import airflow_provider_meetings.transfers.recordings_to_object_storage
import airflow_provider_meetings.transfers.to_parquet
import airflow_provider_meetings.transfers.to_sql  # noqa: F401


async def _build_routes() -> None:
    """Send the first request: it makes Airflow build the routes of all API versions, which takes five seconds."""
    transport = httpx.ASGITransport(in_process_api_server().app)
    async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
        await client.get("/")


asyncio.run(_build_routes())

"""A third platform, in a distribution of its own: what another vendor's folder needs, and nothing else."""

from typing import Any

from airflow_provider_meetings.platforms import CONNECTION_FIELDS

MANIFEST: dict[str, Any] = {
    "connection-type": {
        "connection-type": "toymeet",
        "hook-class-name": "tests.platforms.toymeet.hook.ToyMeetHook",
        "hook-name": "ToyMeet",
        "ui-field-behaviour": {"relabeling": {"login": "Account", "password": "API secret"}},
        "conn-fields": {
            "region": {"label": "Region", "schema": {"type": ["string", "null"], "enum": ["north", "south"]}},
            **CONNECTION_FIELDS,
        },
    },
    "columns": {"state_code": "phase"},
    "source-fields": {"owner_id": ["boss"]},
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider info of the toy distribution."""
    return {
        "package-name": "toymeet-provider",
        "name": "ToyMeet",
        "description": "A toy.",
        "versions": ["1.0"],
        "connection-types": [MANIFEST["connection-type"]],
    }

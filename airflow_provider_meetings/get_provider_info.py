"""What Airflow reads of this package without importing any hook."""

from __future__ import annotations

from typing import Any

from airflow_provider_meetings import __version__
from airflow_provider_meetings.platforms import feishu, wecom

_PACKAGE = "airflow_provider_meetings"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description: connection types and the modules of each kind."""
    return {
        "package-name": "airflow-provider-meetings",
        "name": "Meetings",
        "description": "Meeting recordings and their metadata, from Feishu/Lark and WeCom into a lake and a warehouse.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": "Feishu", "external-doc-url": "https://open.feishu.cn/document", "tags": ["service"]},
            {
                "integration-name": "WeCom",
                "external-doc-url": "https://developer.work.weixin.qq.com/document",
                "tags": ["service"],
            },
        ],
        "connection-types": [feishu.MANIFEST["connection-type"], wecom.MANIFEST["connection-type"]],
        "hooks": [
            {"integration-name": "Feishu", "python-modules": [f"{_PACKAGE}.platforms.feishu.hook"]},
            {"integration-name": "WeCom", "python-modules": [f"{_PACKAGE}.platforms.wecom.hook"]},
        ],
        "operators": [
            {
                "integration-name": "Feishu",
                "python-modules": [
                    f"{_PACKAGE}.operators.recordings",
                    f"{_PACKAGE}.operators.landings",
                    f"{_PACKAGE}.platforms.feishu.operators",
                ],
            },
            {
                "integration-name": "WeCom",
                "python-modules": [f"{_PACKAGE}.operators.recordings", f"{_PACKAGE}.operators.landings"],
            },
        ],
        "sensors": [
            {"integration-name": name, "python-modules": [f"{_PACKAGE}.sensors.recordings"]}
            for name in ("Feishu", "WeCom")
        ],
        "triggers": [
            {"integration-name": name, "python-modules": [f"{_PACKAGE}.triggers.recordings"]}
            for name in ("Feishu", "WeCom")
        ],
        "config": {
            "meetings": {
                "description": (
                    "What the processes of one host share: tokens of the meeting platforms, encrypted. And what hashes "
                    "are made with."
                ),
                "options": {
                    "state_dir": {
                        "description": (
                            "The absolute path of a folder that this user alone may read; it is made if it is missing. "
                            "Blank: a folder in the user's cache, or in the temporary folder where there is no home."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "/var/lib/airflow/meetings",
                        "default": "",
                    },
                    "redact_key": {
                        "description": (
                            "The key of the hashes that redact={...: 'hash'} of the operators writes, at least 16 "
                            "bytes of chance. Equal values have equal hashes as long as it is the same. Blank: "
                            "hashing is refused."
                        ),
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": None,
                        "default": "",
                        "sensitive": True,
                    },
                },
            },
        },
        "cli": [f"{_PACKAGE}.cli.definition.get_commands"],
    }

"""What Airflow reads of this package without importing any hook."""

from __future__ import annotations

from typing import Any

from airflow_provider_meetings import __version__
from airflow_provider_meetings.platforms import feishu, wecom

_PACKAGE = "airflow_provider_meetings"


_DOCUMENTATION = {
    "Feishu": "https://open.feishu.cn/document",
    "WeCom": "https://developer.work.weixin.qq.com/document",
}


def _modules(*shared: str, **own: str) -> list[dict[str, Any]]:
    """Return the modules of each integration: those that all share, and its own one."""
    modules = {name: (*shared, *filter(None, [own.get(name)])) for name in _DOCUMENTATION}
    return [
        {"integration-name": name, "python-modules": [f"{_PACKAGE}.{module}" for module in found]}
        for name, found in modules.items()
    ]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description: connection types and the modules of each kind."""
    return {
        "package-name": "airflow-provider-meetings",
        "name": "Meetings",
        "description": "Meeting recordings and their metadata, from Feishu/Lark and WeCom into a lake and a warehouse.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": name, "external-doc-url": url, "tags": ["service"]}
            for name, url in _DOCUMENTATION.items()
        ],
        "connection-types": [feishu.MANIFEST["connection-type"], wecom.MANIFEST["connection-type"]],
        "hooks": _modules(Feishu="platforms.feishu.hook", WeCom="platforms.wecom.hook"),
        "operators": _modules(
            "operators.recordings",
            "operators.forget",
            "operators.landings",
            "operators.ledger",
            "operators.run_state",
            Feishu="platforms.feishu.operators",
        ),
        "sensors": _modules("sensors.recordings"),
        "triggers": _modules("triggers.recordings"),
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

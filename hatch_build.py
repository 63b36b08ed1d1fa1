"""The metadata that depends on who publishes: addresses and maintainers, and the README with absolute links.

``PROJECT_URL`` is the address of the repository, ``PROJECT_MAINTAINER`` is ``Name <address>``. Without them the
distribution has neither, and the README's links stay relative.
"""

from __future__ import annotations

import os
import re
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

NAME = "The maintainers of airflow-provider-meetings"
# The target of a Markdown link or image; group 1 is "!" for an image.
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>(?![a-z]+:|#)[^)\s]+)\)")


class MetadataHook(MetadataHookInterface):
    """Fill in ``readme``, ``urls``, ``authors`` and ``maintainers``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the fields that are dynamic in ``pyproject.toml``."""
        url = os.environ.get("PROJECT_URL", "").rstrip("/")
        name, address = parseaddr(os.environ.get("PROJECT_MAINTAINER", ""))
        maintainer = {"name": name, "email": address} if address else {"name": NAME}
        metadata["authors"] = metadata["maintainers"] = [maintainer]
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if url:
            tag = f"v{metadata['version']}"
            text = absolute_links(text, url, tag)
            metadata["urls"] = {
                "Documentation": f"{url}/blob/{tag}/docs/index.rst",
                "Source": url,
                "Issues": f"{url}/issues",
                "Changelog": f"{url}/blob/{tag}/CHANGELOG.md",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def absolute_links(text: str, url: str, tag: str) -> str:
    """Return Markdown whose relative links lead to the files in the repository, at a tag."""

    def absolute(found: re.Match[str]) -> str:
        kind = "raw" if found["image"] else "blob"
        return f"{found['image']}[{found['text']}]({url}/{kind}/{tag}/{found['path']})"

    return _LINK.sub(absolute, text)

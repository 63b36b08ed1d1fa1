"""A peer, run with Airflow and s3fs: copy URL to TARGET with Airflow's ObjectStoragePath.

``python object_storage_path.py URL s3://conn@bucket/key``
"""

from __future__ import annotations

import sys
from typing import Any

import requests
from airflow.sdk import ObjectStoragePath


def main(url: str, target: str) -> None:
    """Copy in chunks of 1 MiB."""
    path: Any = ObjectStoragePath(target)  # its `open` has no types
    with requests.get(url, stream=True, timeout=60) as response, path.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_content(2**20):
            file.write(chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])

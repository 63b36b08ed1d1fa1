from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.transport import Transport
from tests.contract.bench import Bench
from tests.contract.origin import Origin, serve_origin

Start = Callable[..., Transport]


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serve_origin() as origin:
        yield origin


@pytest.fixture
def start() -> Iterator[Start]:
    """Make transports that never sleep, and close them."""
    with ExitStack() as stack:

        def start(base_url: str, **arguments: Any) -> Transport:
            transport = Transport(**{"base_url": base_url, "platform": "acme", "sleep": lambda _: None, **arguments})
            stack.callback(transport.close)
            return transport

        yield start


@pytest.fixture
def bench(tmp_path: Path, origin: Origin, start: Start) -> Bench:
    return Bench(tmp_path / "target", origin, start(origin.url))

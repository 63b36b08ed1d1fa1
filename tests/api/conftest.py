from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_meetings.api.http.transport import Transport
from airflow_provider_meetings.api.media.session import MediaSession
from tests.contract.landing.bench import Bench
from tests.contract.landing.names import PUBLIC, Names, patch_resolver
from tests.contract.media.certificate import make_certificate
from tests.contract.media.opening import LOOPBACK, OpenSession
from tests.contract.media.origin import Origin, serve_origin

Start = Callable[..., Transport]
StartMedia = Callable[..., MediaSession]


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
def start_media(start: Start) -> Iterator[StartMedia]:
    """Make media sessions from the arguments of a transport, and close them."""
    with ExitStack() as stack:

        def start_media(base_url: str, *allowed_hosts: str, **arguments: Any) -> MediaSession:
            limits = {"answer_seconds": arguments.pop("answer_seconds")} if "answer_seconds" in arguments else {}
            session = MediaSession(start(base_url, **arguments), allowed_hosts, **limits)
            stack.callback(session.close)
            return session

        yield start_media


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    known = patch_resolver(monkeypatch)
    known("open.feishu.cn", [PUBLIC])
    return known


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: tuple[Path, ssl.SSLContext]) -> Iterator[Origin]:
    """Serve an origin over TLS; the sessions of `session` trust it."""
    with serve_origin(certificate[1]) as origin:
        yield origin


@pytest.fixture
def session(certificate: tuple[Path, ssl.SSLContext], start_media: StartMedia, no_proxies: None) -> OpenSession:
    """Make media sessions that trust the certificate of `secure`."""

    def session(base_url: str = LOOPBACK, *allowed_hosts: str, **arguments: Any) -> MediaSession:
        return start_media(base_url, *allowed_hosts, **{"ca_bundle": str(certificate[0]), **arguments})

    return session


@pytest.fixture
def bench(tmp_path: Path, origin: Origin, start: Start) -> Bench:
    return Bench(tmp_path / "target", origin, start(origin.url))

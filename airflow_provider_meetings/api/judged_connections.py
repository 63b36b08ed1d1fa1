"""Connections whose peer is judged before they are made, and again before a byte is sent."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_meetings.api.addresses import MediaAddresses
from airflow_provider_meetings.api.networks import resolve


class _Judged(HTTPConnection):
    addresses: ClassVar[MediaAddresses]

    # The one place below http and https between name and first byte: TLS begins in `connect`, after this.
    def _new_conn(self) -> socket.socket:
        for address in resolve(self._dns_host, self.port):
            self.addresses.judge(self.host, address)
        made = super()._new_conn()
        # The name was resolved once more: it may lead elsewhere by now.
        try:
            self.addresses.judge(self.host, ip_address(made.getpeername()[0]))
        except BaseException:
            made.close()
            raise
        return made


class JudgedAdapter(HTTPAdapter):
    """Send requests over judged connections, from any number of threads.

    What goes through a proxy is not judged here: the proxy resolves names, and is itself often at a private address.
    """

    def __init__(self, addresses: MediaAddresses) -> None:
        # Beforehand: the base class makes the pool manager.
        self._addresses = addresses
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager of direct connections; see `HTTPAdapter`."""
        super().init_poolmanager(*args, **kwargs)

        class Plain(_Judged):
            addresses = self._addresses

        class Tls(Plain, HTTPSConnection):
            pass

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = Tls

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}

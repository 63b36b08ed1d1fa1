"""Connections whose peer is judged before they are made, and again before a byte is sent."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any, ClassVar

from requests.adapters import HTTPAdapter
from urllib3 import ProxyManager
from urllib3.connection import HTTPConnection

from airflow_provider_meetings.api.addresses import MediaAddresses
from airflow_provider_meetings.api.networks import resolve
from airflow_provider_meetings.api.open_sockets import OpenSockets, watched


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

    :param sockets: knows each connection, also those to proxies.
    """

    def __init__(self, addresses: MediaAddresses, sockets: OpenSockets) -> None:
        # Beforehand: the base class makes the pool manager.
        self._addresses = addresses
        self._sockets = sockets
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager of direct connections; see `HTTPAdapter`."""
        super().init_poolmanager(*args, **kwargs)

        class Judged(_Judged):
            addresses = self._addresses

        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = watched(pools, self._sockets, Judged)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        """Make the pool manager of a proxy, or return the one that is there; see `HTTPAdapter`."""
        known = proxy in self.proxy_manager
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not known:
            manager.pool_classes_by_scheme = watched(manager.pool_classes_by_scheme, self._sockets)
        return manager

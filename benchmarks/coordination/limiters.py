"""Run with the peers' Python: ``limiters.py NAME ADDRESS COUNT`` prints the median microseconds of one acquire.

ADDRESS is a file, or a redis:// or postgresql:// URL. The limit is so high that no acquire waits.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

UNLIMITED = 1_000_000


def pyrate_file(address: str) -> Callable[[], Any]:
    """pyrate-limiter on SQLite, with a lock between processes."""
    from pyrate_limiter import Limiter, Rate, SQLiteBucket  # type: ignore[import-not-found]  # in the peers' environment

    return _acquire(Limiter(SQLiteBucket.init_from_file([Rate(UNLIMITED, 1000)], db_path=address, use_file_lock=True)))


def pyrate_redis(address: str) -> Callable[[], Any]:
    """pyrate-limiter on Redis."""
    from pyrate_limiter import Limiter, Rate, RedisBucket
    from redis import Redis

    return _acquire(Limiter(RedisBucket.init([Rate(UNLIMITED, 1000)], Redis.from_url(address), "bench:pyrate")))


def pyrate_postgres(address: str) -> Callable[[], Any]:
    """pyrate-limiter on PostgreSQL."""
    from psycopg_pool import ConnectionPool  # type: ignore[import-not-found]  # in the peers' environment
    from pyrate_limiter import Limiter, PostgresBucket, Rate

    return _acquire(Limiter(PostgresBucket(ConnectionPool(address, min_size=1), "bench", [Rate(UNLIMITED, 1000)])))


def limits_redis(address: str) -> Callable[[], Any]:
    """Limits on Redis, with its moving window."""
    from limits import RateLimitItemPerSecond  # type: ignore[import-not-found]  # in the peers' environment
    from limits.storage import RedisStorage  # type: ignore[import-not-found]  # in the peers' environment
    from limits.strategies import MovingWindowRateLimiter  # type: ignore[import-not-found]  # in the peers' environment

    limiter, rate = MovingWindowRateLimiter(RedisStorage(address)), RateLimitItemPerSecond(UNLIMITED)
    return lambda: limiter.hit(rate, "bench")


def _acquire(limiter: Any) -> Callable[[], Any]:
    return lambda: limiter.try_acquire("bench")


def main(name: str, address: str, count: str) -> None:
    """Acquire once to warm up, then `count` times."""
    acquire = {f.__name__: f for f in (pyrate_file, pyrate_redis, pyrate_postgres, limits_redis)}[name](address)
    taken = []
    for _ in range(int(count) + 1):
        started = time.perf_counter()
        acquired = acquire()
        taken.append(time.perf_counter() - started)
        if not acquired:
            sys.exit("the limiter refused although its limit is not reached")
    print(statistics.median(taken[1:]) * 1e6, flush=True)
    # A normal exit would wait for the threads of a connection pool.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

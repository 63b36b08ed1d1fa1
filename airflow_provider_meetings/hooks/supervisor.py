"""Who may speak with Airflow's supervisor at a moment.

A task's own process locks each exchange. The supervisor of ``airflow dags test`` and ``dag.test()`` does not: two
threads that speak with it at once can leave the task without one, and Airflow then finds no state for it.
"""

from __future__ import annotations

import threading

SPEAKING = threading.Lock()
"""Held by each thread of ours while it masks a secret or keeps task state; the main thread waits meanwhile."""

"""Do something to its end, whatever is raised in the thread that asked for it."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def finished(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises.

    What is raised in this thread meanwhile (a task's timeout, an interrupt) is raised once the work is done. Python
    raises such things in the main thread only, and there between any two steps: so the work is done in another one.
    """
    here = threading.current_thread()
    if here is not threading.main_thread() and not here.daemon:
        # Nothing is raised here. And what opens a connection may speak with Airflow, which 3.2's triggerer bears only
        # from the threads that it knows.
        return work()
    done = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(work())
        except BaseException as error:  # it is raised below
            errors.append(error)
        finally:
            done.set()

    # No daemon: the end of the interpreter waits for it. By the context, Airflow knows whose log a warning belongs to.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(body,), name="finish a renewal", daemon=False).start()
    interrupted: BaseException | None = None
    while not done.is_set():
        try:
            done.wait()
        except BaseException as error:  # it is raised below
            interrupted = interrupted or error
    if interrupted is not None:
        raise interrupted
    if errors:
        raise errors[0]
    return results[0]

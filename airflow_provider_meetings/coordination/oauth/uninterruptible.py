"""Run a function to its end even if an exception interrupts the calling thread."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run_uninterrupted(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises.

    An exception that interrupts the calling thread (a task's timeout, KeyboardInterrupt) is raised after the work is
    done. Python raises such exceptions in the main thread only, so the work runs in another one.
    """
    current = threading.current_thread()
    if current is not threading.main_thread() and not current.daemon:
        # No interrupt can occur here. Another thread would be a risk: opening a connection may call Airflow, and
        # Airflow 3.2's triggerer accepts calls only from threads that it knows.
        return work()
    begun = threading.Lock()
    future: Future[T] = Future()
    interrupt: BaseException | None = None
    while not future.done():
        try:
            if not begun.locked():
                # Airflow finds the task's log by the context. Not a daemon: the interpreter's exit waits for it.
                context = contextvars.copy_context()
                arguments = (_run_once, begun, future, work)
                threading.Thread(target=context.run, args=arguments, name="token renewal", daemon=False).start()
            future.exception()
        except RuntimeError:  # no thread can be started
            if not begun.locked():
                raise
        except BaseException as error:
            interrupt = interrupt or error
    if interrupt is not None:
        raise interrupt
    return future.result()


def _run_once(begun: threading.Lock, future: Future[T], work: Callable[[], T]) -> None:
    if not begun.acquire(blocking=False):
        return  # an interrupt came after the first thread had started, and a second one was started
    try:
        future.set_result(work())
    except BaseException as error:  # `Future.result` raises it
        future.set_exception(error)

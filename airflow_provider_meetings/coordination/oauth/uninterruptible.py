"""Run a function to its end even if an exception interrupts the calling thread."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

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
    run = _ThreadedRun(work)
    if (interrupt := run.wait()) is not None:
        raise interrupt
    return run.future.result()


class _ThreadedRun(Generic[T]):
    """Run `work` once in another thread, even if several threads are started for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._begun = threading.Lock()
        self.future: Future[T] = Future()

    def wait(self) -> BaseException | None:
        """Wait until the work is done; return the exception that interrupted the wait, if any.

        :raises RuntimeError: if no thread can be started; the work is not done then.
        """
        interrupt: BaseException | None = None
        while True:
            try:
                if not self._begun.locked():
                    self._start()
                self.future.exception()
                return interrupt
            except RuntimeError:
                if not self._begun.locked():
                    raise
            except BaseException as error:  # the caller raises it
                interrupt = interrupt or error

    def _start(self) -> None:
        # Airflow finds the task's log by the context. Not a daemon: the interpreter's exit waits for it.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="token renewal", daemon=False).start()

    def _run(self) -> None:
        if not self._begun.acquire(blocking=False):
            return  # an interrupt came after the first thread had started, and a second one was started
        try:
            self.future.set_result(self._work())
        except BaseException as error:  # `Future.result` raises it
            self.future.set_exception(error)

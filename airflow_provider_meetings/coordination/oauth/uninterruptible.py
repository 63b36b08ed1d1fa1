"""Do something to its end, whatever is raised in the thread that asked for it."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


def run_uninterrupted(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises.

    What is raised in this thread meanwhile (a task's timeout, an interrupt) is raised once the work is done. Python
    raises such things in the main thread only, and there between any two steps: so the work is done in another one.
    """
    here = threading.current_thread()
    if here is not threading.main_thread() and not here.daemon:
        # Nothing is raised here. And what opens a connection may speak with Airflow, which 3.2's triggerer bears only
        # from the threads that it knows.
        return work()
    elsewhere = _Elsewhere(work)
    if (interrupted := elsewhere.finish()) is not None:
        raise interrupted
    return elsewhere.result()


class _Elsewhere(Generic[T]):
    """Work that another thread does, once, however often one is started for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._begun = threading.Lock()
        self._done = threading.Event()
        self._results: list[T] = []
        self._errors: list[BaseException] = []

    def finish(self) -> BaseException | None:
        """Wait until it is done; return what was raised here meanwhile.

        :raises RuntimeError: if there can be no more threads, so that nothing is done.
        """
        interrupted: BaseException | None = None
        while True:
            try:
                if not self._begun.locked():
                    self._start()
                self._done.wait()
                return interrupted
            except RuntimeError:
                if not self._begun.locked():
                    raise
            except BaseException as error:  # the caller raises it
                interrupted = interrupted or error

    def result(self) -> T:
        """Return what came of it, or raise it."""
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _start(self) -> None:
        # By the context, Airflow knows whose log a warning belongs to. No daemon: the interpreter's end waits for it.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._body,), name="finish a renewal", daemon=False).start()

    def _body(self) -> None:
        if not self._begun.acquire(blocking=False):
            return  # an interrupt came between the start of a thread and the word of it
        try:
            self._results.append(self._work())
        except BaseException as error:  # `result` raises it
            self._errors.append(error)
        finally:
            self._done.set()

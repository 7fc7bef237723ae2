"""Threads for calls that a foreign library may never return from: few, bounded, left behind.

A call that is late is given up by its caller and goes on in its thread. While every thread is
held up that way, further calls are refused at once. The threads do not keep the program alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeVar

from rempart.core.errors import unavailable

P = ParamSpec("P")
T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[], Any]]


class Workers:
    """A fixed number of threads that take calls in turn."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._threads = threads
        self._started = False
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._lock = Lock()
        self._late = 0

    async def run(
        self, seconds: float, work: Callable[[], T], undo: Callable[[T], None] | None = None
    ) -> T:
        """Return what the call returns; raise UNAVAILABLE once it is late.

        `undo` is given the result of a call that nobody waited for.
        """
        if self._late >= self._threads:
            raise unavailable(f"The {self._name} does not answer; retry later.")
        self._start()
        future: Future[T] = Future()
        self._jobs.put((future, work))
        waiting = asyncio.wrap_future(future)
        done, _ = await self._wait(future, waiting, seconds, undo)
        if done:
            return waiting.result()
        raise unavailable(f"The {self._name} did not answer within {seconds:g} s; retry later.")

    async def _wait(
        self,
        future: Future[T],
        waiting: asyncio.Future[T],
        seconds: float,
        undo: Callable[[T], None] | None,
    ) -> tuple[set[Any], set[Any]]:
        done: set[Any] = set()
        try:
            done, pending = await asyncio.wait({waiting}, timeout=seconds)
        finally:
            if not done and not future.cancel():
                self._give_up(future, undo)
        return done, pending

    def _give_up(self, future: Future[T], undo: Callable[[T], None] | None) -> None:
        with self._lock:
            self._late += 1

        def finished(ended: Future[T]) -> None:
            with self._lock:
                self._late -= 1
            if undo is not None and ended.exception() is None:
                undo(ended.result())

        future.add_done_callback(finished)

    def _start(self) -> None:
        if not self._started:
            self._started = True
            for number in range(self._threads):
                Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            future, work = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as problem:  # noqa: BLE001 - it is raised where the result is awaited
                future.set_exception(problem)

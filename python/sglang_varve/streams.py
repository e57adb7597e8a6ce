"""Several connections at work on one call: its batches, taken in order by a few threads.

In order, because of what arrives before a deadline only the leading pages count: at most one batch
a thread is lost. With one stream everything happens on the caller's own thread.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Batch = tuple[int, int]


class Streams:
    """``count`` batches at once; its threads are started when they are first needed."""

    def __init__(self, count: int):
        self.count = count
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def run(self, batches: Sequence[Batch], work: Callable[[int, int], bool]) -> None:
        """``work(start, end)`` for each batch until one answers False; raises its first error."""
        helpers = min(self.count, len(batches)) - 1
        if helpers < 1:
            for start, end in batches:
                if not work(start, end):
                    return
            return
        numbers, stop = itertools.count(), threading.Event()

        def take() -> None:
            while not stop.is_set():
                number = next(numbers)
                if number >= len(batches):
                    return
                try:
                    goes_on = work(*batches[number])
                except BaseException:
                    stop.set()
                    raise
                if not goes_on:
                    stop.set()

        futures = [self._pool().submit(take) for _ in range(helpers)]
        try:
            take()
        finally:
            errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                # SGLang reads and writes at once, each with its own helpers.
                self._threads = ThreadPoolExecutor(2 * self.count, "varve-stream")
            return self._threads

    def close(self) -> None:
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)

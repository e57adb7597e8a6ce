"""What the backend counts, the shape SGLang wants it in, and the line that says it in the log.

Counting takes a lock for a few additions and nothing else, so ``get_stats``, which SGLang's
scheduler calls in its loop, never waits for a call in progress.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

logger = logging.getLogger(__name__)

SAMPLES_MAX = 1024  # Between two calls of get_stats; older samples are dropped.


class StorageStats:
    """SGLang's StorageMetrics by its attributes, for where SGLang is not installed."""

    def __init__(self) -> None:
        self.prefetch_pgs: list[int] = []
        self.backup_pgs: list[int] = []
        self.prefetch_bandwidth: list[float] = []
        self.backup_bandwidth: list[float] = []


class Counters:
    """Totals since the start, and samples since the last ``drain``."""

    NAMES = (
        "lookups", "lookup_pages", "lookup_hit_pages", "get_calls", "get_pages", "get_hit_pages",
        "get_bytes", "set_calls", "set_pages", "set_ok_pages", "set_bytes", "corrupt_pages",
        "refused_away", "failed_calls", "internal_errors", "repeated_misses", "deadline_cuts",
    )  # fmt: skip

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals = dict.fromkeys(self.NAMES, 0)
        self._gets: deque[tuple[int, float]] = deque(maxlen=SAMPLES_MAX)
        self._sets: deque[tuple[int, float]] = deque(maxlen=SAMPLES_MAX)

    def add(self, **amounts: int) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self._totals[name] += amount

    def sample_get(self, pages: int, size: int, seconds: float) -> None:
        with self._lock:
            self._gets.append((pages, size / max(seconds, 1e-9) / 1e9))

    def sample_set(self, pages: int, size: int, seconds: float) -> None:
        with self._lock:
            self._sets.append((pages, size / max(seconds, 1e-9) / 1e9))

    def totals(self) -> dict[str, int]:
        with self._lock:
            return dict(self._totals)

    def drain_into(self, stats) -> None:
        """Moves the samples into SGLang's lists: pages a call, GB/s a call."""
        with self._lock:
            gets, sets = list(self._gets), list(self._sets)
            self._gets.clear()
            self._sets.clear()
        stats.prefetch_pgs.extend(pages for pages, _ in gets)
        stats.prefetch_bandwidth.extend(rate for _, rate in gets)
        stats.backup_pgs.extend(pages for pages, _ in sets)
        stats.backup_bandwidth.extend(rate for _, rate in sets)


class Report:
    """One line in the log every so often, of what was done since the last; none if nothing was."""

    def __init__(self, counters: Counters, seconds: float, what: str = ""):
        self._counters, self._seconds, self.what = counters, seconds, what
        self._lock = threading.Lock()
        self._since = time.monotonic()
        self._last = counters.totals()

    def tick(self) -> None:
        """Writes the line if it is due; otherwise a comparison of two numbers."""
        now = time.monotonic()
        if not self._seconds or now - self._since < self._seconds:
            return
        with self._lock:
            seconds = now - self._since
            if seconds < self._seconds:
                return
            totals = self._counters.totals()
            done = {name: value - self._last[name] for name, value in totals.items()}
            self._since, self._last = now, totals
        if any(done.values()):
            logger.info("varve: %s", self._line(seconds, done))

    def _line(self, seconds: float, done: dict[str, int]) -> str:
        gib = 1 << 30
        return (
            f"{self.what}: in {seconds:.0f} s "
            f"{done['lookups']} lookups hit {done['lookup_hit_pages']} of {done['lookup_pages']} "
            f"pages (and {done['repeated_misses']} repeated misses), "
            f"got {done['get_hit_pages']} of {done['get_pages']} pages "
            f"({done['get_bytes'] / gib:.2f} GiB, {done['deadline_cuts']} reads cut by their "
            f"deadline), put {done['set_ok_pages']} of {done['set_pages']} pages "
            f"({done['set_bytes'] / gib:.2f} GiB), {done['corrupt_pages']} pages corrupt, "
            f"{done['failed_calls']} calls failed, {done['refused_away']} refused while away, "
            f"{done['internal_errors']} internal errors"
        )

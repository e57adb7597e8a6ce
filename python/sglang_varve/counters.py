"""What the backend counts, and the shape SGLang wants it in.

Counting takes a lock for a few additions and nothing else, so ``get_stats``, which SGLang's
scheduler calls in its loop, never waits for a call in progress.
"""

from __future__ import annotations

import threading
from collections import deque

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
        "refused_away", "failed_calls", "internal_errors",
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

"""Misses of the last moments: SGLang asks for the first page of a queued request again and again.

A lookup that found nothing is answered from here for some tens of milliseconds, in a microsecond.
Own puts take their keys out, so that what this worker stored is found at once; what others stored
is found when the entry has aged.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

ENTRIES_MAX = 4096


class Misses:
    """First keys that were not there. Its operations are single ones of a dict: no lock."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._until: dict[str, float] = {}
        self.generation = 0  # Own puts so far: a miss that one overtook must not be remembered.

    def has(self, key: str) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if time.monotonic() < until:
            return True
        self._until.pop(key, None)
        return False

    def add(self, key: str, asked: float, generation: int) -> None:
        """Remembers that ``key`` was not there when it was asked for at ``asked``.

        ``generation`` is what it was then; a put since may have stored the key.
        """
        if self._seconds <= 0 or generation != self.generation:
            return
        if len(self._until) >= ENTRIES_MAX:
            self._until.clear()
        self._until[key] = asked + self._seconds

    def drop(self, keys: Iterable[str]) -> None:
        self.generation += 1
        if self._until:
            for key in keys:
                self._until.pop(key, None)

    def clear(self) -> None:
        self._until.clear()

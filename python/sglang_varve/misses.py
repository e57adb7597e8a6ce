"""What this worker remembers of pages that were not there.

``Misses``: SGLang asks for the first page of a queued request again and again. A lookup that found
nothing is answered from here for some tens of milliseconds, in a microsecond. Own puts take their
keys out, so that what this worker stored is found at once; what others stored is found when the
entry has aged.

``Doubts``: pages that a get did not find. A lookup is five times cheaper where the daemon may
answer from its fingerprints, and one page in millions that is absent is then taken for present (the
run's last page never is). It would be taken so every time, and its request end short for ever:
lookups over a page in doubt have every page confirmed.
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


class Doubts:
    """Keys that a get did not find. Its operations are single ones of a dict: no lock."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}

    def concern(self, keys: Iterable[str]) -> bool:
        """Whether one of ``keys`` is in doubt."""
        return bool(self._keys) and not self._keys.keys().isdisjoint(keys)

    def add(self, key: str) -> None:
        if len(self._keys) >= ENTRIES_MAX:
            self._keys.clear()
        self._keys[key] = None

    def drop(self, keys: Iterable[str]) -> None:
        """What this worker stored is in doubt no more."""
        if self._keys:
            for key in keys:
                self._keys.pop(key, None)

    def clear(self) -> None:
        self._keys.clear()

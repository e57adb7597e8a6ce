"""Where the bytes that come next belong: views one after the other, filled in order.

Its work for each receive is a search and a slice of a list, however many views there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

IOV_MAX = 512  # The kernel takes 1024; half of that already costs nothing a byte.


class Scatter:
    """``done`` bytes of ``total`` are in place."""

    def __init__(self, views: Sequence[memoryview]):
        self._views = views
        self._ends = list(accumulate(map(len, views)))
        self.total = self._ends[-1] if self._ends else 0
        self.done = 0

    def views(self, size: int) -> list[memoryview]:
        """The room for the next bytes: at most ``size``, and IOV_MAX views."""
        at = bisect_right(self._ends, self.done)  # Views that are full or empty are behind it.
        end = bisect_left(self._ends, min(self.done + size, self.total))
        room = list(self._views[at : min(end + 1, at + IOV_MAX)])
        if not room:
            raise ValueError(f"no room for {size} bytes after {self.done} of {self.total}")
        if end < at + IOV_MAX:
            room[-1] = room[-1][: len(room[-1]) - max(0, self._ends[end] - self.done - size)]
        room[0] = room[0][len(self._views[at]) - (self._ends[at] - self.done) :]
        return room

    def copy(self, data: memoryview) -> int:
        """Copies bytes that came already into their places; how many there was room for."""
        used = 0
        for view in self.views(len(data)):
            part = data[used : used + len(view)]
            view[: len(part)] = part
            used += len(part)
        self.done += used
        return used

"""The pages of one call as views over a host pool's memory, found when they are first needed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

_view_of = ctypes.pythonapi.PyMemoryView_FromMemory
_view_of.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_view_of.restype = ctypes.py_object
_WRITABLE = 0x200  # PyBUF_WRITE


def memory_view(address: int, size: int) -> memoryview:
    """A writable view of ``size`` bytes at ``address``, which must stay mapped while it is used."""
    if address <= 0 or size <= 0:
        raise ValueError(f"no memory: {size} bytes at address {address:#x}")
    return _view_of(address, size, _WRITABLE)


class PageList:
    """Pages of one pool, each a list of views in stored order; many of them as few views.

    Where they lie is asked of the pool when it is first needed. A read needs it last (``lay_out``):
    it takes as long as the first megabyte does, which the daemon sends meanwhile.
    """

    def __init__(self, count: int, pieces: Sequence[int], find: Callable[[], Sequence[int]]):
        """``find`` gives the address of each piece of each page; ``pieces`` are those' sizes."""
        self.sizes = [sum(pieces)] * count
        self._pieces, self._find = pieces, find
        self._addresses: Sequence[int] | None = None
        self._span: memoryview | None = None
        self._bounds: list[tuple[int, int]] = []  # Of each piece in the span.

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, i: int) -> list[memoryview]:
        span = self._span
        if span is None:
            self.lay_out()
            span = self._span
        each = len(self._pieces)
        return [span[start:end] for start, end in self._bounds[i * each : (i + 1) * each]]

    def __iter__(self) -> Iterator[list[memoryview]]:
        return map(self.__getitem__, range(len(self)))

    def addresses(self) -> Sequence[int]:
        if self._addresses is None:
            found = self._find()
            if len(found) != len(self.sizes) * len(self._pieces):
                raise ValueError(f"{len(found)} addresses for {len(self)} pages")
            self._addresses = found
        return self._addresses

    def lay_out(self) -> None:
        """Finds out where the pages lie; once."""
        if self._span is not None or not self.sizes:
            return
        # One view over the span of all pieces, cut by slicing, costs a tenth of a view for each.
        # The span may cross memory that is not the pool's; only slices of it are ever touched.
        addresses = self.addresses()
        first = min(addresses)
        starts = [address - first for address in addresses]
        ends = list(map(int.__add__, starts, cycle(self._pieces)))
        self._bounds = list(zip(starts, ends, strict=True))
        self._span = memory_view(first, max(ends))

    def joined(self, numbers: Sequence[int]) -> list[memoryview]:
        """The views of these pages one after the other, neighbours in memory as one."""
        self.lay_out()
        views = []
        start = end = -1
        each = len(self._pieces)
        for i in numbers:
            for first, last in self._bounds[i * each : (i + 1) * each]:
                if first != end:
                    if end >= 0:
                        views.append(self._span[start:end])
                    start = first
                end = last
        if end >= 0:
            views.append(self._span[start:end])
        return views

    def part(self, start: int, end: int) -> PageList:
        if end - start == len(self):
            return self
        each = len(self._pieces)
        return PageList(
            end - start, self._pieces, lambda: self.addresses()[start * each : end * each]
        )

    def landed(self, good: Sequence[bool]) -> None:
        """Told once which pages arrived; nothing to do where they arrived in place."""

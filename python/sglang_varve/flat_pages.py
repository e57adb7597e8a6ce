"""Pages of pools that only give and take whole flat copies (a Mamba state of several tensors).

Each page is copied out of the pool before it is sent and into it after it arrived and was verified:
one copy more than in place, which is what SGLang's own file backend pays for every page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .hostpool import value_views
from .page_list import PageList


class FlatPages(PageList):
    """The pages at these slots, copied out at once."""

    def __init__(self, pool: Any, slots: Sequence[int], buffers: list | None = None):
        self._pool, self._slots = pool, list(slots)
        # The tensors live as long as the views of them are used.
        self._buffers = buffers or [pool.get_data_page(slot, flat=True) for slot in self._slots]
        self._buffers = [b if b.is_contiguous() else b.contiguous() for b in self._buffers]
        pages = [value_views(buffer) for buffer in self._buffers]
        if any(page is None for page in pages):
            raise ValueError("the pool's flat pages are no plain memory of the host")
        sizes = {len(page[0]) for page in pages}
        if len(sizes) > 1:
            raise ValueError(f"flat pages of {sorted(sizes)} bytes")
        super().__init__(len(pages), list(sizes), lambda: [b.data_ptr() for b in self._buffers])

    def part(self, start: int, end: int) -> FlatPages:
        return FlatPages(self._pool, self._slots[start:end], self._buffers[start:end])

    def landed(self, good: Sequence[bool]) -> None:
        """Copies the pages that arrived into the pool, and no other."""
        for slot, buffer, ok in zip(self._slots, self._buffers, good, strict=True):
            if ok:
                self._pool.set_from_flat_data_page(slot, buffer)

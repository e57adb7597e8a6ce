"""Where a page lies in SGLang's host pool, as byte views over the pool's own memory.

``get_page_buffer_meta`` of a pool gives, for each page, one or more (address, size) pieces. They
are put in *stored order*, which is the byte order of the pool's ``get_data_page(flat=True)``: K of
all layers, then V of all layers (one piece each in page_first, page_first_direct and page_head; a
piece a layer in layer_first, where the pool names them K0, V0, K1, V1 …). K and V of a page are one
object of the store.

This file trusts the pool's addresses: the views it makes read and write that memory directly. It
needs no torch: indices may be a tensor or any sequence of numbers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

_view_of = ctypes.pythonapi.PyMemoryView_FromMemory
_view_of.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_view_of.restype = ctypes.py_object
_WRITABLE = 0x200  # PyBUF_WRITE


def memory_view(address: int, size: int) -> memoryview:
    """A writable view of ``size`` bytes at ``address``, which must stay mapped while it is used."""
    if address <= 0 or size <= 0:
        raise ValueError(f"no memory: {size} bytes at address {address:#x}")
    return _view_of(address, size, _WRITABLE)


def _layer_first_order(pool: Any, pieces: int) -> list[int]:
    """The stored order of the pieces of one page."""
    layers = getattr(pool, "layer_num", 0)
    if getattr(pool, "layout", "") == "layer_first" and layers and pieces == 2 * layers:
        return [*range(0, pieces, 2), *range(1, pieces, 2)]
    return list(range(pieces))


class HostPool:
    """A registered host pool, reduced to: the pieces of the pages at these indices."""

    def __init__(self, pool: Any):
        self.pool = pool
        # Slots a page takes in the indices: under DCP several share a row of the pool.
        slots = getattr(pool, "logical_page_size", None) or getattr(pool, "page_size", None)
        self.page_size = int(slots or 1)

    def pages(self, host_indices: Any, count: int) -> list[list[memoryview]]:
        """The views of ``count`` pages whose slots ``host_indices`` lists, page_size each."""
        if len(host_indices) != count * self.page_size:
            raise ValueError(
                f"{len(host_indices)} host indices for {count} pages of {self.page_size}"
            )
        if not count:
            return []
        addresses, sizes = self.pool.get_page_buffer_meta(host_indices)
        return self._views(addresses, sizes, count)

    def _views(
        self, addresses: Sequence[int], sizes: Sequence[int], count: int
    ) -> list[list[memoryview]]:
        if not addresses or len(addresses) != len(sizes) or len(addresses) % count:
            raise ValueError(
                f"{len(addresses)} addresses and {len(sizes)} sizes for {count} pages"
            )
        each = len(addresses) // count
        # One view over the span of all pieces, cut by slicing, costs a tenth of a view for each.
        # The span may cross memory that is not the pool's; only slices of it are ever touched.
        start = min(addresses)
        end = max(address + size for address, size in zip(addresses, sizes, strict=True))
        span = memory_view(start, end - start)
        order = _layer_first_order(self.pool, each)
        views = []
        for first in range(0, len(addresses), each):
            page = []
            for i in order:
                offset = addresses[first + i] - start
                page.append(span[offset : offset + sizes[first + i]])
            views.append(page)
        return views


def value_views(value: Any, size: Any = None, writable: bool = False) -> list[memoryview] | None:
    """The bytes of a caller's value: a tensor, an array, a buffer, or an address with a size.

    None where it is nothing of the kind, is not contiguous, or is read-only though to be written.
    """
    if value is None:
        return None
    if isinstance(value, int):
        return [memory_view(value, int(size))] if size else None
    if hasattr(value, "data_ptr"):
        if not value.is_contiguous() or str(getattr(value, "device", "cpu")) != "cpu":
            return None
        total = value.numel() * value.element_size()
        return [memory_view(value.data_ptr(), total)] if total else None
    try:
        view = memoryview(value)
    except TypeError:
        return None
    if not view.contiguous or not view.nbytes or (writable and view.readonly):
        return None
    return [view.cast("B")]

"""Where a page lies in SGLang's host pool, as byte views over the pool's own memory.

A page's *pieces* are put in stored order, which is the byte order of the pool's
``get_data_page(flat=True)``. They are found in the first of three ways that the pool offers:

1. ``get_page_buffer_meta``: addresses and sizes (page-first layouts of every pool, layer_first of
   most, where the pool names K0, V0, K1, V1 … and the stored order is K of all layers, then V).
2. ``get_data_page(flat=False)``, where that is a view of the pool: its contiguous runs.
3. flat pages that are copies (``flat_pages.py``).

A pool with ``kv_buffer is None`` hands out slots and holds no bytes. One that offers none of the
three is refused at registration, and so is memory of a device.

This file trusts the pool's addresses: the views it makes read and write that memory directly. It
needs no torch: indices may be a tensor or any sequence of numbers.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

_view_of = ctypes.pythonapi.PyMemoryView_FromMemory
_view_of.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_view_of.restype = ctypes.py_object
_WRITABLE = 0x200  # PyBUF_WRITE

# What pools raise for what they do not have.
_REFUSALS = (NotImplementedError, ValueError, AttributeError, AssertionError, TypeError)


class UnsupportedPool(ValueError):
    """A host pool whose pages cannot be reached as bytes."""


def memory_view(address: int, size: int) -> memoryview:
    """A writable view of ``size`` bytes at ``address``, which must stay mapped while it is used."""
    if address <= 0 or size <= 0:
        raise ValueError(f"no memory: {size} bytes at address {address:#x}")
    return _view_of(address, size, _WRITABLE)


def holds_no_bytes(pool: Any) -> bool:
    """Whether a pool hands out slots without memory behind them (``kv_buffer is None``)."""
    if getattr(pool, "_is_dummy", False):
        return True
    return hasattr(pool, "kv_buffer") and pool.kv_buffer is None


def is_logical(pool: Any) -> bool:
    """Whether its pages have no bytes anywhere, on no rank (DeepSeek-V4's anchor).

    The other pool without memory is the stand-in of an MLA rank whose neighbour holds the bytes.
    """
    return holds_no_bytes(pool) and not getattr(pool, "size_per_token", 0)


class PageList(list):
    """Pages, each a list of views in stored order; knows how to send many of them as few views."""

    def __init__(self, pages: Sequence[list[memoryview]] = (), span: Any = None, offsets: Any = ()):
        super().__init__(pages)
        self._span, self._offsets = span, offsets  # A list of (offset, size) a page.
        self.sizes = [sum(map(len, page)) for page in self]

    def joined(self, numbers: Sequence[int]) -> list[memoryview]:
        """The views of these pages one after the other, neighbours in memory as one."""
        if self._span is None:
            return [view for i in numbers for view in self[i]]
        views = []
        start = end = -1
        for i in numbers:
            for offset, size in self._offsets[i]:
                if offset == end:
                    end += size
                    continue
                if end >= 0:
                    views.append(self._span[start:end])
                start, end = offset, offset + size
        if end >= 0:
            views.append(self._span[start:end])
        return views

    def part(self, start: int, end: int) -> PageList:
        return PageList(self[start:end], self._span, self._offsets[start:end])

    def landed(self, good: Sequence[bool]) -> None:
        """Told once which pages arrived; nothing to do where they arrived in place."""


def _layer_first_order(pool: Any, pieces: int) -> list[int]:
    """The stored order of the pieces of one page."""
    layers = getattr(pool, "layer_num", 0)
    if getattr(pool, "layout", "") == "layer_first" and layers and pieces == 2 * layers:
        return [*range(0, pieces, 2), *range(1, pieces, 2)]
    return list(range(pieces))


def strided_pieces(address: int, shape: Sequence[int], strides: Sequence[int]) -> list:
    """(address, size) of the contiguous runs of a strided array, row by row; strides in bytes.

    The last stride is the size of an element.
    """
    size = strides[-1] if shape else 0
    depth = len(shape)
    while depth and strides[depth - 1] == size:
        size *= shape[depth - 1]
        depth -= 1
    starts = [address]
    for length, stride in zip(shape[:depth], strides[:depth], strict=True):
        starts = [start + i * stride for start in starts for i in range(length)]
    return [(start, size) for start in starts]


def _page_pieces(pool: Any, slot: int) -> list[tuple[int, int]]:
    """The pieces of the page at ``slot`` by the pool's own view of it."""
    page = pool.get_data_page(slot, flat=False)
    size = page.element_size()
    shape = [n for n in page.shape if n != 1] or [1]
    strides = [
        s * size for n, s in zip(page.shape, page.stride(), strict=True) if n != 1
    ] or [size]  # fmt: skip
    if strides[-1] != size:  # No run of more than one element: as pieces of one each.
        shape, strides = [*shape, 1], [*strides, size]
    return strided_pieces(page.data_ptr(), shape, strides)


def _slots(page_size: int) -> Any:
    """The slots of the pool's first page, as a tensor where there is torch."""
    torch = sys.modules.get("torch")
    return list(range(page_size)) if torch is None else torch.arange(page_size, dtype=torch.int64)


class HostPool:
    """A registered host pool, reduced to: the pieces of the pages at these indices."""

    def __init__(self, pool: Any):
        self.pool = pool
        # Slots a page takes in the indices: under DCP several share a row of the pool.
        slots = getattr(pool, "logical_page_size", None) or getattr(pool, "page_size", None)
        self.page_size = int(slots or 1)
        self.page_bytes = 0
        self.piece_sizes: list[int] = []
        self._way = self._probe()

    def _probe(self) -> str:
        """Which way this pool's pages are reached; raises UnsupportedPool if none."""
        pool, layout = self.pool, getattr(self.pool, "layout", "none")
        what = f"{type(pool).__name__} with layout {layout!r}"
        device = str(getattr(pool, "device", "cpu"))
        if not device.startswith("cpu"):
            raise UnsupportedPool(f"{what}: its memory is on {device}, not in the host")
        if getattr(pool, "shard_size", 1) != 1:
            raise UnsupportedPool(f"{what}: its slots are those of all shards, its rows of one")
        try:
            addresses, sizes = pool.get_page_buffer_meta(_slots(self.page_size))
            order = _layer_first_order(pool, len(sizes))
            self._take([int(sizes[i]) for i in order])
            return "meta"
        except _REFUSALS as error:
            refusal: Exception = error
        try:
            first, again = pool.get_data_page(0, flat=False), pool.get_data_page(0, flat=False)
            if first.data_ptr() == again.data_ptr():  # A view: copies would differ.
                self._take([size for _, size in _page_pieces(pool, 0)])
                return "view"
            pool.get_dummy_flat_data_page()
            self._take([first.numel() * first.element_size()])
            return "flat"
        except _REFUSALS as error:
            raise UnsupportedPool(f"{what} cannot be stored: {refusal or error}") from None

    def _take(self, sizes: list[int]) -> None:
        if not sizes or min(sizes) <= 0:
            raise ValueError(f"pages of pieces of {sizes} bytes")
        self.piece_sizes, self.page_bytes = sizes, sum(sizes)

    def pages(self, host_indices: Any, count: int) -> PageList:
        """The views of ``count`` pages whose slots ``host_indices`` lists, page_size each."""
        if len(host_indices) != count * self.page_size:
            raise ValueError(
                f"{len(host_indices)} host indices for {count} pages of {self.page_size}"
            )
        if not count:
            return PageList()
        if self._way == "meta":
            addresses, sizes = self.pool.get_page_buffer_meta(host_indices)
            return self._views(addresses, sizes, count)
        slots = [int(host_indices[i]) for i in range(0, len(host_indices), self.page_size)]
        if self._way == "flat":
            from .flat_pages import FlatPages

            return FlatPages(self.pool, slots)
        pieces = [piece for slot in slots for piece in _page_pieces(self.pool, slot)]
        return self._views([p[0] for p in pieces], [p[1] for p in pieces], count, ordered=True)

    def _views(
        self, addresses: Sequence[int], sizes: Sequence[int], count: int, ordered: bool = False
    ) -> PageList:
        if not addresses or len(addresses) != len(sizes) or len(addresses) % count:
            raise ValueError(
                f"{len(addresses)} addresses and {len(sizes)} sizes for {count} pages"
            )
        each = len(addresses) // count
        # One view over the span of all pieces, cut by slicing, costs a tenth of a view for each.
        # The span may cross memory that is not the pool's; only slices of it are ever touched.
        start = min(addresses)
        end = max(map(int.__add__, addresses, sizes))
        span = memory_view(start, end - start)
        order = list(range(each)) if ordered else _layer_first_order(self.pool, each)
        views, offsets = [], []
        for first in range(0, len(addresses), each):
            places = [(addresses[first + i] - start, sizes[first + i]) for i in order]
            views.append([span[offset : offset + size] for offset, size in places])
            offsets.append(places)
        return PageList(views, span, offsets)


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

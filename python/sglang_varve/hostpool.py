"""Where a page lies in SGLang's host pool, as byte views over the pool's own memory.

A page's *pieces* are put in stored order, which is the byte order of the pool's
``get_data_page(flat=True)``. They are found in the first of three ways that the pool offers:

1. ``get_page_buffer_meta``: addresses and sizes (page-first layouts of every pool, layer_first of
   most, where the pool names K0, V0, K1, V1 … and the stored order is K of all layers, then V).
2. ``get_data_page(flat=False)``, where that is a view of the pool: its contiguous runs.
3. flat pages that are copies (``flat_pages.py``).

A pool with ``kv_buffer is None`` hands out slots and holds no bytes. One that offers none of the
three is refused at registration, and so is memory of a device.

This file trusts the pool's addresses: views of them (``page_list.py``) read and write that memory
directly. It needs no torch: indices may be a tensor or any sequence of numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .page_list import PageList, memory_view

# What pools raise for what they do not have.
_REFUSALS = (NotImplementedError, ValueError, AttributeError, AssertionError, TypeError)


class UnsupportedPool(ValueError):
    """A host pool whose pages cannot be reached as bytes."""


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
        if self._way == "flat":
            from .flat_pages import FlatPages

            return FlatPages(self.pool, self._first_slots(host_indices))
        find = self._by_meta if self._way == "meta" else self._by_view
        return PageList(count, self.piece_sizes, lambda: find(host_indices))

    def _first_slots(self, host_indices: Any) -> list[int]:
        return [int(host_indices[i]) for i in range(0, len(host_indices), self.page_size)]

    def _by_meta(self, host_indices: Any) -> Sequence[int]:
        addresses, sizes = self.pool.get_page_buffer_meta(host_indices)
        return self._checked(addresses, sizes, _layer_first_order(self.pool, len(self.piece_sizes)))

    def _by_view(self, host_indices: Any) -> Sequence[int]:
        pieces = [
            piece for slot in self._first_slots(host_indices)
            for piece in _page_pieces(self.pool, slot)
        ]  # fmt: skip
        addresses, sizes = [p[0] for p in pieces], [p[1] for p in pieces]
        return self._checked(addresses, sizes, range(len(self.piece_sizes)))

    def _checked(
        self, addresses: Sequence[int], sizes: Sequence[int], order: Sequence[int]
    ) -> list[int]:
        """The addresses in stored order, of pieces that have the sizes which were registered."""
        if _in_order(sizes, order) != self.piece_sizes * (len(sizes) // len(order)):
            raise ValueError(f"pieces of {sizes[: len(order)]} bytes, not {self.piece_sizes}")
        return _in_order(addresses, order)


def _in_order(items: Sequence[int], order: Sequence[int]) -> list[int]:
    """The items, so many a page, of every page in this order."""
    if all(map(int.__eq__, order, range(len(order)))):
        return list(items)
    return [items[first + i] for first in range(0, len(items), len(order)) for i in order]


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

"""A host pool without torch: the memory and the addresses of SGLang's, for tests and replays.

It lays out K and V as ``MHATokenToKVPoolHost`` does: one buffer, K before V, in one of the layouts
below, with ``get_page_buffer_meta`` naming the same pieces in the same order as SGLang's.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence

LAYOUTS = ("layer_first", "page_first", "page_first_direct", "page_head")


class StandInPool:
    """``page_num`` pages of ``page_size`` tokens; a token is ``token_bytes`` in each layer, K or V.

    ``token_bytes`` stands for head_num * head_dim * itemsize. Memory is anonymous and zeroed.
    """

    def __init__(
        self,
        layout: str,
        *,
        page_num: int,
        page_size: int = 1,
        layer_num: int = 1,
        token_bytes: int = 256,
        dtype: str = "bfloat16",
    ):
        if layout not in LAYOUTS:
            raise ValueError(f"layout {layout!r} is none of {', '.join(LAYOUTS)}")
        if min(page_num, page_size, layer_num, token_bytes) < 1:
            raise ValueError("page_num, page_size, layer_num and token_bytes must be at least 1")
        self.layout = layout
        self.page_num, self.page_size = page_num, page_size
        self.layer_num, self.token_bytes = layer_num, token_bytes
        self.head_num, self.head_dim = 1, token_bytes
        self.start_layer, self.end_layer = 0, layer_num
        self.dtype = dtype
        self.size = page_num * page_size
        self.size_per_token = 2 * layer_num * token_bytes
        self.page_bytes = self.size_per_token * page_size
        self._half = self.size * layer_num * token_bytes
        self._memory = mmap.mmap(-1, 2 * self._half)
        self.view = memoryview(self._memory)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))

    def _offsets(self, page: int) -> tuple[list[int], int]:
        """Offsets of a page's pieces in SGLang's order, and the size of each."""
        if not 0 <= page < self.page_num:
            raise ValueError(f"page {page} is outside 0 ..< {self.page_num}")
        if self.layout != "layer_first":
            size = self.page_bytes // 2
            return [page * size, self._half + page * size], size
        size = self.page_size * self.token_bytes
        layer = self.size * self.token_bytes
        offsets = []
        for k in range(page * size, page * size + self.layer_num * layer, layer):
            offsets += [k, self._half + k]
        return offsets, size

    def get_page_buffer_meta(self, indices: Sequence[int]) -> tuple[list[int], list[int]]:
        """(addresses, sizes) of the pieces of the pages whose slots are ``indices``."""
        if len(indices) % self.page_size:
            raise ValueError(f"{len(indices)} indices are no multiple of {self.page_size}")
        addresses: list[int] = []
        sizes: list[int] = []
        for i in range(0, len(indices), self.page_size):
            offsets, size = self._offsets(int(indices[i]) // self.page_size)
            addresses += [self._address + offset for offset in offsets]
            sizes += [size] * len(offsets)
        return addresses, sizes

    def indices(self, pages: Sequence[int]) -> list[int]:
        """The slots of these pages, page_size each."""
        return [page * self.page_size + t for page in pages for t in range(self.page_size)]

    def _pieces(self, page: int) -> list[memoryview]:
        """A page's memory in stored order: K of all layers, then V of all layers."""
        offsets, size = self._offsets(page)
        if self.layout == "layer_first":
            offsets = offsets[0::2] + offsets[1::2]
        return [self.view[offset : offset + size] for offset in offsets]

    def write_page(self, page: int, data: bytes) -> None:
        """Writes a page's bytes in stored order."""
        if len(data) != self.page_bytes:
            raise ValueError(f"{len(data)} bytes for a page of {self.page_bytes}")
        at = 0
        for piece in self._pieces(page):
            piece[:] = data[at : at + len(piece)]
            at += len(piece)

    def read_page(self, page: int) -> bytes:
        """A page's bytes in stored order."""
        return b"".join(self._pieces(page))

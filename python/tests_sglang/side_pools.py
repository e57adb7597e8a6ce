"""SGLang's own side pools on the CPU: states, packed rows, indexers, logical anchors."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from rig import HEAD_DIM, HEADS, LAYERS, PAGE, Worker
from sglang.srt.mem_cache.device_pool_info import MambaStateBufferInfo
from sglang.srt.mem_cache.hicache_storage import PoolHitPolicy, PoolName, PoolTransfer
from sglang.srt.mem_cache.memory_pool_host import DeepSeekV4PagedHostPool, LogicalHostPool
from sglang.srt.mem_cache.pool_host import PoolEntry
from sglang.srt.mem_cache.pool_host.base import host_memory_budget_scope
from sglang.srt.mem_cache.pool_host.dsa import DSAIndexerPoolHost
from sglang.srt.mem_cache.pool_host.host_pool_decl import HostPoolStorageInfo
from sglang.srt.mem_cache.pool_host.mamba import MambaPoolHost
from sglang.srt.mem_cache.pool_host.mha import MHATokenToKOnlyPoolHost


def mamba_pool(slots: int, layout: str = "page_first", extra_state: bool = False) -> MambaPoolHost:
    """Two layers of a temporal state and two conv states; with ``extra_state`` a fourth tensor."""
    extra = (torch.zeros((slots, 7), dtype=torch.float32),) if extra_state else ()
    info = MambaStateBufferInfo(
        temporal=torch.zeros((2, slots, 3, 5), dtype=torch.float32),
        conv=(
            torch.zeros((2, slots, 11), dtype=torch.bfloat16),
            torch.zeros((2, slots, 6), dtype=torch.bfloat16),
        ),
        extra_checkpoint_buffers=extra,
    )
    with host_memory_budget_scope(1 << 30):
        return MambaPoolHost(info, 1.0, 0, device_capacity=slots, pin_memory=False, layout=layout)


def packed_pool(pages: int, layout: str = "page_first", name: str = "c4", item: int = 48):
    """Two layers of packed rows, a row a page, as DeepSeek-V4's compressed pools."""
    with host_memory_budget_scope(1 << 30):
        return DeepSeekV4PagedHostPool(
            name, [torch.zeros((pages, item), dtype=torch.uint8) for _ in range(2)], item, pages,
            PAGE, layout=layout, pin_memory=False, page_aligned_only=True,
        )  # fmt: skip


def anchor_like(pages: int, layout: str) -> SimpleNamespace:
    return SimpleNamespace(page_size=PAGE, layout=layout, size=pages * PAGE, page_num=pages,
                           device="cpu", pin_memory=False)  # fmt: skip


def indexer_pool(pages: int, layout: str) -> DSAIndexerPoolHost:
    info = HostPoolStorageInfo(bytes_per_token_per_layer=6, dtype=torch.uint8)
    device = SimpleNamespace(
        store_dtype=torch.uint8, start_layer=0, end_layer=LAYERS, layer_num=LAYERS,
        index_k_with_scale_buffer=[torch.zeros((pages, 6 * PAGE), dtype=torch.uint8)] * LAYERS,
        layer_shard_enabled=False,
        device="cpu",
    )  # fmt: skip
    decl = SimpleNamespace(storage_info=info, device_pool=device, owned_device_layers=None)
    with host_memory_budget_scope(1 << 30):
        return DSAIndexerPoolHost(decl, anchor_like(pages, layout), pin_memory=False)


def k_only_pool(pages: int, layout: str) -> MHATokenToKOnlyPoolHost:
    buffers = [torch.zeros((pages * PAGE, HEADS, HEAD_DIM), dtype=torch.bfloat16)] * LAYERS
    device = SimpleNamespace(
        store_dtype=torch.bfloat16, start_layer=0, end_layer=LAYERS, head_num=HEADS,
        head_dim=HEAD_DIM, layer_num=LAYERS, device="cpu", k_buffer=buffers, size=pages * PAGE,
        k_data_ptrs=torch.zeros(LAYERS, dtype=torch.int64),
    )  # fmt: skip
    with host_memory_budget_scope(1 << 30):
        return MHATokenToKOnlyPoolHost(
            device, anchor_like(pages, layout), layout, pin_memory=False
        )


def logical_pool(pages: int) -> LogicalHostPool:
    return LogicalHostPool(pages * PAGE, PAGE, "page_first")


def buffers(pool) -> list[torch.Tensor]:
    """Every tensor that holds a pool's pages."""
    if isinstance(pool, MambaPoolHost):
        return [pool.temporal_buffer, *pool.conv_buffer, *pool.slot_state_buffers]
    if isinstance(pool, DSAIndexerPoolHost):
        return [pool.index_k_with_scale_buffer]
    if isinstance(pool, MHATokenToKOnlyPoolHost):
        return [pool.k_buffer]
    if isinstance(pool.kv_buffer, (list, tuple)):
        return list(pool.kv_buffer)
    return [] if pool.kv_buffer is None else [pool.kv_buffer]


def randomise(pool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for buffer in buffers(pool):
        raw = buffer.view(torch.uint8)
        raw.copy_(torch.randint(0, 256, raw.shape, generator=generator, dtype=torch.uint8))


def wipe(pool) -> None:
    for buffer in buffers(pool):
        buffer.zero_()


def slots_of(pool, pages) -> torch.Tensor:
    size = pool.page_size
    return torch.tensor([p * size + t for p in pages for t in range(size)], dtype=torch.int64)


def page_bytes(pool, pages) -> list[bytes]:
    """Pages by the pool's own flat reading of them."""
    return [
        pool.get_data_page(page * pool.page_size, flat=True)
        .contiguous().view(torch.uint8).numpy().tobytes()
        for page in pages
    ]  # fmt: skip


class HybridWorker(Worker):
    """A worker with an indexer that follows the KV slots, and states of its own slots."""

    def side_entries(self, device_pool) -> list[PoolEntry]:
        self.mamba = mamba_pool(64)
        self.indexer = packed_pool(self.host.page_num, name="indexer")
        return [
            PoolEntry(name=PoolName.MAMBA, host_pool=self.mamba, device_pool=device_pool,
                      layer_mapper=lambda layer: layer),
            PoolEntry(name=PoolName.INDEXER, host_pool=self.indexer, device_pool=device_pool,
                      layer_mapper=lambda layer: layer),
        ]  # fmt: skip

    def sides(self, mamba_slots, mamba_keys) -> list[PoolTransfer]:
        """The transfers of one operation: every page's index rows, and states of some pages."""
        return [
            PoolTransfer(name=PoolName.INDEXER, indices_from_pool=PoolName.KV),
            PoolTransfer(name=PoolName.MAMBA, host_indices=mamba_slots, keys=mamba_keys,
                         hit_policy=PoolHitPolicy.TRAILING_PAGES),
        ]  # fmt: skip

"""The rig of SGLang 0.5.9 and 0.5.15, whose controllers differ from 0.5.23's.

They take the host's slots with the request, tell of its end by the operation's own fields, and of
too few hits by a queue. 0.5.9 has no controller for hybrid models.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import torch
from sglang.srt.managers import cache_controller
from sglang.srt.mem_cache import hicache_storage, memory_pool_host
from worker_base import (  # noqa: F401
    LAYERS,
    LAYOUTS,
    PAGE,
    SECONDS,
    BaseWorker,
    backend_config,
)

from sglang_varve.base import new_stats

try:
    from sglang.srt.mem_cache.hybrid_cache.hybrid_cache_controller import HybridCacheController
except ImportError:
    HybridCacheController = None

StorageMetrics = type(new_stats())
INJECTOR = None  # It came later.
CONTROLLERS = {"HiCacheController": False}
if HybridCacheController is not None:
    CONTROLLERS["HybridCacheController"] = True
RANK = {
    "is_dp_attention_enabled": False, "get_tensor_model_parallel_rank": 0,
    "get_tensor_model_parallel_world_size": 1, "get_pipeline_model_parallel_rank": 0,
    "get_pipeline_model_parallel_world_size": 1,
}  # fmt: skip


def state_single_rank() -> None:
    """Tells SGLang that this process is the only rank, and that the host has memory enough."""
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    for name, value in RANK.items():
        if hasattr(cache_controller, name):
            setattr(cache_controller, name, lambda value=value: value)
    memory_pool_host.psutil = SimpleNamespace(
        virtual_memory=lambda: SimpleNamespace(available=1 << 40)
    )


def hashes(tokens: list[int], last_hash: str | None = None) -> list[str]:
    """The page keys of a token sequence, by SGLang's own function."""
    if HybridCacheController is not None:
        from sglang.srt.mem_cache.utils import get_hash_str

        return get_hash_str(tokens, last_hash, page_size=PAGE)
    keys = []
    for at in range(0, len(tokens), PAGE):
        last_hash = hicache_storage.get_hash_str(tokens[at : at + PAGE], last_hash)
        keys.append(last_hash)
    return keys


class Worker(BaseWorker):
    """A controller of SGLang's with pools for ``pages`` pages."""

    def __init__(self, endpoint: str, layout: str, pages: int, hybrid: bool = True, **extra):
        self.pages = pages
        device_pool = self.make_device_pool()
        host = self.host = memory_pool_host.MHATokenToKVPoolHost(
            device_pool, 2.0, 0, PAGE, layout, pin_memory=False, device="cpu"
        )
        self.hybrid = hybrid and HybridCacheController is not None
        if self.hybrid:
            kv = self.entry(hicache_storage.PoolName.KV, self.host, is_primary_index_anchor=True)
            host = memory_pool_host.HostPoolGroup([kv, *self.side_entries()])
        kind = HybridCacheController if self.hybrid else cache_controller.HiCacheController
        self.controller = kind(
            token_to_kv_pool_allocator=SimpleNamespace(get_kvcache=lambda: device_pool),
            mem_pool_host=host, page_size=PAGE, tp_group=None, load_cache_event=None,
            write_policy="write_through", io_backend="direct", storage_backend="dynamic",
            prefetch_threshold=PAGE, model_name="test/model",
            storage_backend_extra_config=backend_config(endpoint, extra),
        )  # fmt: skip

    def entry(self, name, pool, **more):
        return memory_pool_host.PoolEntry(
            name=name, host_pool=pool, device_pool=self.host.device_pool,
            layer_mapper=lambda layer: layer, **more,
        )  # fmt: skip

    def side_entries(self) -> list:
        """The pools beside KV's."""
        return []

    def clear(self) -> bool:
        return self.storage.clear()  # As the cache tree of these versions does.

    def read(
        self, tokens: list[int], last_hash: str | None, prefix, sides=None
    ) -> tuple[int, torch.Tensor]:
        """Looks up and prefetches: (pages that came, their slots); ``pool_hits`` of side pools."""
        slots = self.host.alloc(len(tokens))
        assert slots is not None, "the host pool is full"
        more = {"extra_pools": sides} if sides else {}
        operation = self.controller.prefetch("request", slots, tokens, last_hash, prefix, **more)
        came = self._await(operation)
        self.hit_pages = len(operation.hash_value)
        if sides:
            self.pool_hits = operation.pool_storage_result.extra_pool_hit_pages
        self.host.free(slots[came:])
        return came // PAGE, slots[:came]

    def _await(self, operation) -> int:
        """Tokens that came, as the cache tree watches over a prefetch."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if not self.controller.prefetch_revoke_queue.empty():
                self.controller.prefetch_revoke_queue.get()
                return 0
            due = len(operation.hash_value) * PAGE
            whole = operation.completed_tokens == due
            whole = whole and getattr(operation, "pool_transfers_done", True)
            if due and (whole or operation.is_terminated()):
                return self.controller.terminate_prefetch(operation)[0]
            time.sleep(0.001)
        raise TimeoutError("the prefetch did not complete")

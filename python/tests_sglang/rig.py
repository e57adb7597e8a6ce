"""One SGLang worker without a model: its own pools and cache controller over VarveStorage.

The device pool, the host pool, the controller with its threads and queues, the backend factory and
the page hashes are SGLang's. What the tree cache and the scheduler do around them (allocate host
pages, take acknowledgements from queues) is done here, a page chain at a time.
"""

from __future__ import annotations

import queue
import time
from array import array
from types import SimpleNamespace

import torch
from sglang.srt.managers.cache_controller import HiCacheController
from sglang.srt.mem_cache.hicache_storage import HiCacheStorageFailureInjector, PoolName
from sglang.srt.mem_cache.hybrid_cache.hybrid_cache_controller import HybridCacheController
from sglang.srt.mem_cache.pool_host import HostPoolGroup, PoolEntry
from sglang.srt.mem_cache.pool_host.base import host_memory_budget_scope
from sglang.srt.mem_cache.pool_host.mha import MHATokenToKVPoolHost
from sglang.srt.mem_cache.radix_cache import RadixKey
from sglang.srt.mem_cache.utils import get_storage_hash_str
from sglang.srt.observability.metrics_collector import StorageMetrics  # noqa: F401
from sglang.srt.runtime_context import get_parallel
from worker_base import (  # noqa: F401
    HEAD_DIM,
    HEADS,
    LAYERS,
    LAYOUTS,
    PAGE,
    SECONDS,
    BaseWorker,
    backend_config,
)

INJECTOR = HiCacheStorageFailureInjector
CONTROLLERS = {"HybridCacheController": True, "HiCacheController": False}
SINGLE = dict(
    tp_rank=0, tp_size=1, pp_rank=0, pp_size=1, attn_tp_rank=0, attn_tp_size=1, attn_dcp_size=1,
    attn_dcp_rank=0, dcp_size=1, dcp_rank=0, attn_cp_size=1, attn_dp_rank=0, attn_dp_size=1,
)  # fmt: skip


def state_single_rank() -> None:
    """Tells SGLang that this process is the only rank."""
    state_rank(0, 1)


def state_rank(rank: int, size: int) -> None:
    """Tells SGLang which tensor-parallel rank this process is."""
    parallel = get_parallel()
    told = {**SINGLE, "tp_rank": rank, "tp_size": size, "attn_tp_rank": rank, "attn_tp_size": size}
    for name, value in told.items():
        try:
            parallel.override_permanently(**{name: value})
        except ValueError:
            continue  # Not a field of this version.


def hashes(tokens: list[int], last_hash: str | None = None) -> list[str]:
    """The page keys of a token sequence, by SGLang's own function."""
    return get_storage_hash_str(RadixKey(array("q", tokens)), last_hash, page_size=PAGE)


class Worker(BaseWorker):
    """A controller of SGLang's with pools for ``pages`` pages."""

    def __init__(self, endpoint: str, layout: str, pages: int, hybrid: bool = True, **extra):
        self.pages = pages
        device_pool = self.make_device_pool()
        with host_memory_budget_scope(1 << 32):
            self.host = MHATokenToKVPoolHost(
                device_pool._mha_buffer_info(), host_to_device_ratio=2.0, host_size=0,
                page_size=PAGE, layout=layout, pin_memory=False,
                device_capacity_tokens=(pages + 1) * PAGE, start_layer=0, end_layer=LAYERS,
            )  # fmt: skip
        self.host.device_pool = device_pool
        host = self.host
        if hybrid:
            kv = PoolEntry(
                name=PoolName.KV, host_pool=self.host, device_pool=device_pool,
                layer_mapper=lambda layer: layer, is_primary_index_anchor=True,
            )  # fmt: skip
            host = HostPoolGroup([kv, *self.side_entries(device_pool)])
        self.hybrid = hybrid
        kind = HybridCacheController if hybrid else HiCacheController
        model = extra.pop("model", "test/model")
        group = extra.pop("tp_group", None)
        self.controller = kind(
            token_to_kv_pool_allocator=SimpleNamespace(get_kvcache=lambda: device_pool),
            mem_pool_host=host, page_size=PAGE, tp_group=group, load_cache_event=None,
            write_policy="write_through", io_backend="direct", storage_backend="dynamic",
            prefetch_threshold=PAGE, model_name=model,
            storage_backend_extra_config=backend_config(endpoint, extra),
        )  # fmt: skip

    def clear(self) -> bool:
        return self.controller.clear_storage_backend()

    def side_entries(self, device_pool) -> list[PoolEntry]:
        """The pools beside KV's."""
        return []

    def read(
        self, tokens: list[int], last_hash: str | None, prefix, sides=None
    ) -> tuple[int, torch.Tensor]:
        """Looks up and prefetches: (pages that came, their slots); ``pool_hits`` of side pools."""
        who = SimpleNamespace(rid="request") if self.hybrid else "request"
        key = RadixKey(array("q", tokens))
        more = {"extra_pools": sides} if sides else {}
        self.pool_hits: dict = {}
        self.controller.prefetch(who, key, last_hash, prefix, **more)
        operation = self.controller.prefetch_hit_queue.get(timeout=SECONDS)
        self.hit_pages = operation.storage_hit_count // PAGE
        slots = self.host.alloc(max(operation.storage_hit_count, PAGE))
        assert slots is not None, "the host pool is full"
        if not operation.storage_hit_count:
            return 0, slots[:0]
        operation.host_indices = slots
        self.controller.prefetch_buffer.put(operation)
        completed, deadline = 0, time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                ack = self.controller.ack_prefetch_queue.get(timeout=1)
            except queue.Empty:
                continue
            if ack.completed_tokens is not None:
                completed = ack.completed_tokens
            self.pool_hits.update(getattr(ack, "pool_hits", None) or {})
            if ack.completed_req:
                return completed // PAGE, slots[:completed]
        raise TimeoutError("the prefetch did not complete")

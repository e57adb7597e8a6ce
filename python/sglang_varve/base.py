"""SGLang's side of the fence: its base class and its metrics class, or stand-ins for both.

The class names differ in their module between versions of SGLang; whatever cannot be imported,
for whatever reason, is replaced, so that this package works alone.
"""

from __future__ import annotations

from .counters import StorageStats

try:
    from sglang.srt.mem_cache.hicache_storage import HiCacheStorage
except Exception:  # A broken SGLang must not break what does not need it.

    class HiCacheStorage:  # type: ignore[no-redef]
        """The calls of SGLang's interface that a backend inherits."""

        def register_mem_pool_host(self, mem_pool_host) -> None:
            self.mem_pool_host = mem_pool_host

        def register_mem_host_pool_v2(self, host_pool, host_pool_name) -> None:
            if not hasattr(self, "registered_pools"):
                self.registered_pools = {}
            self.registered_pools[host_pool_name] = host_pool

        def on_host_pools_registered(self) -> None:
            """Nothing to do once the pools are known."""

    HAVE_SGLANG = False
else:
    HAVE_SGLANG = True


def new_stats():
    """An empty StorageMetrics; SGLang asserts that it gets its own class, or None."""
    if not HAVE_SGLANG:
        return StorageStats()
    for module in ("sglang.srt.observability.metrics_collector", "sglang.srt.metrics.collector"):
        try:
            return __import__(module, fromlist=["StorageMetrics"]).StorageMetrics()
        except Exception:
            continue
    return None


class _PoolTransferResult:
    def __init__(self, kv_hit_pages: int):
        self.kv_hit_pages = kv_hit_pages
        self.extra_pool_hit_pages: dict[str, int] = {}
        self.restorable_prefix_pages = None


def pool_transfer_result(kv_hit_pages: int):
    """SGLang's answer to a version 2 lookup: KV pages, and no verdict on other pools."""
    try:
        from sglang.srt.mem_cache.hicache_storage import PoolTransferResult
    except Exception:
        return _PoolTransferResult(kv_hit_pages)
    return PoolTransferResult(kv_hit_pages, {})


def server_kv_dtype() -> str:
    """``--kv-cache-dtype`` of the running server; empty where none runs."""
    if not HAVE_SGLANG:
        return ""
    for module, name in (
        ("sglang.srt.runtime_context", "get_server_args"),
        ("sglang.srt.server_args", "get_global_server_args"),
    ):
        try:
            source = getattr(__import__(module, fromlist=[name]), name)
            return str(source().kv_cache_dtype or "")
        except Exception:
            continue
    return ""

"""SGLang's side of the fence: its classes, answers and arguments, or stand-ins for them.

The class names differ in their module between versions of SGLang (0.5.9 to 0.5.23 are read);
whatever cannot be imported, for whatever reason, is replaced, so that this package works alone.
"""

from __future__ import annotations

from typing import Any

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


def _named(*places: tuple[str, str]) -> Any:
    """The first of these (module, attribute) that this version of SGLang has."""
    for module, name in places:
        try:
            return getattr(__import__(module, fromlist=[name]), name)
        except Exception:
            continue
    return None


def new_stats():
    """An empty StorageMetrics; SGLang asserts that it gets its own class, or None."""
    if not HAVE_SGLANG:
        return StorageStats()
    kind = _named(
        ("sglang.srt.observability.metrics_collector", "StorageMetrics"),
        ("sglang.srt.metrics.collector", "StorageMetrics"),
    )
    return None if kind is None else kind()


class _PoolTransferResult:
    def __init__(self, kv_hit_pages: int, extra: dict, restorable: list[int] | None = None):
        self.kv_hit_pages = kv_hit_pages
        self.extra_pool_hit_pages = extra
        self.restorable_prefix_pages = restorable


def pool_transfer_result(kv_hit_pages: int, hits: dict, ends: list[int] | None):
    """SGLang's answer to a version 2 lookup; before 0.5.2x it has no list of legal ends."""
    kind = _named(("sglang.srt.mem_cache.hicache_storage", "PoolTransferResult"))
    if kind is None:
        return _PoolTransferResult(kv_hit_pages, hits, ends)
    try:
        return kind(kv_hit_pages, hits, ends)
    except TypeError:
        return kind(kv_hit_pages, hits)


def kv_name():
    """SGLang's name of the KV pool as a key of its answers."""
    names = _named(("sglang.srt.mem_cache.hicache_storage", "PoolName"))
    return "kv" if names is None else names.KV


def server_argument(name: str) -> Any:
    """An argument of the running server; None where none runs or its version lacks it."""
    if not HAVE_SGLANG:
        return None
    for module, source in (
        ("sglang.srt.runtime_context", "get_memory"),  # Follows changes at run time.
        ("sglang.srt.runtime_context", "get_server_args"),
        ("sglang.srt.server_args", "get_global_server_args"),
    ):
        try:
            value = getattr(_named((module, source))(), name)
        except Exception:
            continue
        if value is not None:
            return value
    return None


def server_kv_dtype() -> str:
    """``--kv-cache-dtype`` of the running server; empty where none runs."""
    return str(server_argument("kv_cache_dtype") or "")

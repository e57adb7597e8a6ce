"""Tokens that came before the scheduler stopped waiting: SGLang's own controller, cold pages.

A request is looked up and prefetched through HybridCacheController while it waits in the queue for
some milliseconds; then SGLang takes it (policy ``best_effort``: what has come by then counts, in
SGLang's batches of 128 pages) and computes the rest again. Every contestant starts anew each time.
"""

from __future__ import annotations

import os
import queue
import shutil
import sys
import time
from array import array
from pathlib import Path
from types import SimpleNamespace

from contestants import PAGE_TOKENS, forget, make_pool
from sglang.srt.mem_cache.hicache_storage import PoolName
from sglang.srt.mem_cache.hybrid_cache import hybrid_cache_controller
from sglang.srt.mem_cache.pool_host import HostPoolGroup, PoolEntry
from sglang.srt.mem_cache.radix_cache import RadixKey
from sglang.srt.mem_cache.utils import get_storage_hash_str

from sglang_varve.daemon_process import Daemon

WAITS_MS = (50, 200, 1000)
PROMPTS = {"64K": (64 << 10, 4096), "1M": (1 << 20, 512)}  # Page bytes, pages.
SETTLE_SECONDS = 60


class Prefetcher:
    """A controller over one pool, with the scheduler's part of a prefetch."""

    def __init__(self, backend: str, extra: dict, pool, pages: int):
        self.pool, self.pages = pool, pages
        group = HostPoolGroup([
            PoolEntry(name=PoolName.KV, host_pool=pool, device_pool=pool.device_pool,
                      layer_mapper=lambda layer: layer, is_primary_index_anchor=True)
        ])  # fmt: skip
        self.controller = hybrid_cache_controller.HybridCacheController(
            token_to_kv_pool_allocator=SimpleNamespace(get_kvcache=lambda: pool.device_pool),
            mem_pool_host=group, page_size=PAGE_TOKENS, tp_group=None, load_cache_event=None,
            write_policy="write_through", io_backend="direct", storage_backend=backend,
            prefetch_threshold=PAGE_TOKENS, model_name="bench/model",
            storage_backend_extra_config=dict(extra),
        )  # fmt: skip

    def write(self, tokens: list[int], keys: list[str]) -> None:
        slots = self.pool.alloc(len(tokens))
        self.controller.write_storage(slots, tokens, hash_value=keys, prefix_keys=[])
        done = self.controller.ack_backup_queue.get(timeout=600).completed_tokens
        if done != len(tokens):
            raise RuntimeError(f"{done} of {len(tokens)} tokens were stored")
        self.pool.clear()

    def tokens_in_time(self, tokens: list[int], wait: float) -> int:
        """Tokens whose acknowledgement was there when the request's wait was over."""
        controller = self.controller
        started = time.monotonic()
        operation = controller.prefetch(
            SimpleNamespace(rid="r"), RadixKey(array("q", tokens)), None, []
        )
        in_time, done, slots = 0, False, None
        while not done:
            now = time.monotonic() - started
            if now >= wait and not operation.is_terminated():
                controller.terminate_prefetch(operation)
            if slots is None:
                try:
                    hit = controller.prefetch_hit_queue.get(timeout=0.001)
                except queue.Empty:
                    continue
                if not hit.storage_hit_count:
                    if now < wait:
                        raise RuntimeError("the pages are not there")
                    break
                slots = hit.host_indices = self.pool.alloc(hit.storage_hit_count)
                controller.prefetch_buffer.put(hit)
            try:
                ack = controller.ack_prefetch_queue.get(timeout=0.001)
            except queue.Empty:
                if now > wait + SETTLE_SECONDS:
                    raise TimeoutError("the prefetch did not end") from None
                continue
            if ack.completed_tokens is not None and time.monotonic() - started <= wait:
                in_time = ack.completed_tokens
            done = bool(ack.completed_req)
        self.pool.clear()
        return in_time

    def close(self) -> None:
        self.controller.detach_storage_backend()


def measure_in_time(raw, folder: Path, binary: Path, rounds: int) -> None:
    for size, (page_bytes, pages) in PROMPTS.items():
        print(f"in time, {size} × {pages:,} …", file=sys.stderr, flush=True)
        capacity = f"{max(2, 3 * pages * page_bytes >> 30)}GiB"
        with Daemon(binary, folder / "in-time", capacity=capacity) as daemon:
            Prompt(raw, folder, daemon, size, page_bytes, pages).run(rounds)
        shutil.rmtree(folder / "in-time", ignore_errors=True)
        shutil.rmtree(folder / "in-time-files", ignore_errors=True)


class Prompt:
    """One prompt of pages that are on the disk alone, read by each contestant for each wait."""

    def __init__(self, raw, folder: Path, daemon: Daemon, size: str, page_bytes: int, pages: int):
        self.raw, self.folder, self.daemon = raw, folder, daemon
        self.size, self.pages = size, pages
        self.tokens = [(i * 2_654_435_761) % 150_000 for i in range(pages * PAGE_TOKENS)]
        self.keys = get_storage_hash_str(
            RadixKey(array("q", self.tokens)), None, page_size=PAGE_TOKENS
        )
        # SGLang hashes with a native extension, for which a slow stand-in is installed here: its
        # time would be most of a short wait, so the hashes are made beforehand, for everybody.
        hybrid_cache_controller.get_storage_hash_str = lambda *_, **__: list(self.keys)
        self.pool = make_pool(page_bytes, pages + 1)
        os.environ["SGLANG_HICACHE_FILE_BACKEND_STORAGE_DIR"] = str(folder / "in-time-files")
        varve = {
            "backend_name": "varve", "module_path": "sglang_varve", "log_seconds": 0,
            "class_name": "VarveStorage", "interface_v1": 1, "endpoint": daemon.endpoint,
        }  # fmt: skip
        tuned = {"enable_metadata_cache": True, "metadata_ttl": -1}
        self.plans = {"file": ("file", {}), "file tuned": ("file", tuned),
                      "varve": ("dynamic", varve)}  # fmt: skip

    def run(self, rounds: int) -> None:
        for name in ("file", "varve"):  # The tuned one reads the same files.
            self.with_controller(name, lambda prefetcher: prefetcher.write(self.tokens, self.keys))
        for _ in range(rounds):
            for wait in WAITS_MS:
                for name in self.plans:
                    self.make_cold(name)
                    came = self.with_controller(
                        name, lambda p, w=wait: p.tokens_in_time(self.tokens, w / 1000)
                    )
                    self.raw.add(what="in time", size=self.size, count=self.pages, who=name,
                                 wait_ms=wait, tokens=came, asked=len(self.tokens))  # fmt: skip

    def make_cold(self, name: str) -> None:
        if name != "varve":
            forget((self.folder / "in-time-files").glob("*.bin"))
            return
        self.daemon.stop()
        forget(p for p in (self.folder / "in-time").rglob("*") if p.is_file())
        self.daemon.start()

    def with_controller(self, name: str, work):
        prefetcher = Prefetcher(*self.plans[name], self.pool, self.pages)
        try:
            return work(prefetcher)
        finally:
            prefetcher.close()

"""Who is measured over one pool: SGLang's file backend as shipped, the same tuned, and Varve.

Each is driven as SGLang's controller drives it: the file backend through whole flat pages (its
``_generic_page_get`` and ``_generic_page_set``), Varve through version 1 calls.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import torch
from sglang.srt.mem_cache.hicache_storage import HiCacheFile, HiCacheStorageConfig
from sglang.srt.mem_cache.memory_pool import MHATokenToKVPool
from sglang.srt.mem_cache.pool_host.base import host_memory_budget_scope
from sglang.srt.mem_cache.pool_host.mha import MHATokenToKVPoolHost

from sglang_varve.client import Client
from sglang_varve.daemon_process import Daemon
from sglang_varve.storage import VarveStorage

PAGE_TOKENS = 64
BATCH = 128
QUIET_SECONDS = 30
TICK = os.sysconf("SC_CLK_TCK")
# Page bytes: (layers, heads, dimension) of bf16 K and V of 64 tokens.
SHAPES = {64 << 10: (4, 1, 64), 1 << 20: (16, 4, 64), 4 << 20: (32, 8, 64)}


def make_pool(page_bytes: int, pages: int) -> MHATokenToKVPoolHost:
    """SGLang's host pool, page first, filled with random bytes."""
    layers, heads, dim = SHAPES[page_bytes]
    device = MHATokenToKVPool(
        size=PAGE_TOKENS, page_size=PAGE_TOKENS, dtype=torch.bfloat16, head_num=heads,
        head_dim=dim, layer_num=layers, device="cpu", enable_memory_saver=False,
    )  # fmt: skip
    with host_memory_budget_scope(1 << 36):
        pool = MHATokenToKVPoolHost(
            device._mha_buffer_info(), host_to_device_ratio=1.0, host_size=0,
            page_size=PAGE_TOKENS, layout="page_first", pin_memory=False,
            device_capacity_tokens=PAGE_TOKENS * pages, start_layer=0, end_layer=layers,
        )  # fmt: skip
    pool.device_pool = device
    raw = pool.kv_buffer.view(torch.uint8)
    raw.copy_(torch.randint(0, 256, raw.shape, dtype=torch.uint8))
    return pool


def storage_config(extra: dict) -> HiCacheStorageConfig:
    return HiCacheStorageConfig(
        tp_rank=0, tp_size=1, pp_rank=0, pp_size=1, attn_cp_rank=0, attn_cp_size=1,
        is_mla_model=False, enable_storage_metrics=False, is_page_first_layout=True,
        model_name="bench/model", extra_config=extra,
    )  # fmt: skip


def slots(first: int, count: int) -> torch.Tensor:
    return torch.arange(first * PAGE_TOKENS, (first + count) * PAGE_TOKENS, dtype=torch.int64)


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def forget(paths) -> None:
    """Puts these files out of the page cache, once they are on the disk."""
    os.sync()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


class FileContestant:
    """HiCacheFile; ``tuned`` with its metadata cache (never expiring) and with eviction."""

    def __init__(self, name: str, folder: Path, tuned: bool):
        self.name, self.folder = name, folder
        self._extra = {"enable_metadata_cache": True, "metadata_ttl": -1, "max_size": "60G"} \
            if tuned else {}  # fmt: skip
        self.start()

    def start(self) -> None:
        self.backend = HiCacheFile(storage_config(self._extra), str(self.folder))

    def use(self, pool) -> None:
        self.pool = pool

    def exists(self, keys: list[str]) -> int:
        return self.backend.batch_exists(keys)

    look_ahead = exists

    def get(self, keys: list[str], indices: torch.Tensor) -> int:
        targets = [self.pool.get_dummy_flat_data_page() for _ in keys]
        pages = self.backend.batch_get(keys, targets)
        count = 0
        for i, page in enumerate(pages):
            if page is None:
                break
            self.pool.set_from_flat_data_page(int(indices[i * PAGE_TOKENS]), page)
            count += 1
        return count

    def set(self, keys: list[str], indices: torch.Tensor) -> bool:
        data = [
            self.pool.get_data_page(int(indices[i * PAGE_TOKENS])) for i in range(len(keys))
        ]
        return self.backend.batch_set(keys, data)

    def settle(self) -> None:
        os.sync()

    def cold(self, entries: bool = False) -> None:
        forget(self.folder.glob("*.bin"))
        if entries:
            drop_entries()

    def daemon_cpu(self) -> float:
        return 0.0

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class VarveContestant:
    """VarveStorage on a varved of its own, restarted to make its pages cold."""

    def __init__(self, name: str, folder: Path, binary: Path, capacity: str, **extra):
        self.name, self.folder = name, folder
        self._extra = extra
        self.daemon = Daemon(binary, folder / "data", capacity=capacity)
        folder.mkdir(parents=True)
        self.backend = self.asking = None
        self.start()

    def start(self) -> None:
        """Starts the daemon and waits until it has cleared its arena, which takes it a core."""
        self.daemon.start()
        deadline = time.monotonic() + QUIET_SECONDS
        used, before = self.daemon_cpu(), -1.0
        while used > before and time.monotonic() < deadline:
            time.sleep(10 / TICK)
            used, before = self.daemon_cpu(), used

    def use(self, pool) -> None:
        self.pool = pool
        self.stop_backends()
        extra = {
            "interface_v1": 1, "endpoint": self.daemon.endpoint, "io_timeout_ms": 60_000,
            "prefetch_timeout_base": 60, "stall_timeout_ms": 20_000, "log_seconds": 0,
            **self._extra,
        }  # fmt: skip
        self.backend = VarveStorage(SimpleNamespace(**vars(storage_config(extra))), {})
        # Lookups that no read follows are timed without reading ahead, or each would wait for
        # what the ones before it began.
        asked = storage_config({**extra, "prefetch": False})
        self.asking = VarveStorage(SimpleNamespace(**vars(asked)), {})
        for backend in (self.backend, self.asking):
            backend.register_mem_pool_host(pool)

    def stop_backends(self) -> None:
        for backend in (self.backend, self.asking):
            if backend is not None:
                backend.close()

    def exists(self, keys: list[str]) -> int:
        return self.asking.batch_exists(keys)

    def look_ahead(self, keys: list[str]) -> int:
        """As SGLang before a read: what is hit begins to be read."""
        return self.backend.batch_exists(keys)

    def get(self, keys: list[str], indices: torch.Tensor) -> int:
        good = self.backend.batch_get_v1(keys, indices)
        return good.index(False) if False in good else len(good)

    def set(self, keys: list[str], indices: torch.Tensor) -> bool:
        return all(self.backend.batch_set_v1(keys, indices))

    def settle(self) -> None:
        with Client(self.daemon.endpoint) as client:
            client.flush(60)
        os.sync()

    def cold(self, entries: bool = False) -> None:
        self.daemon.stop()
        forget(path for path in (self.folder / "data").rglob("*") if path.is_file())
        if entries:
            drop_entries()
        self.start()
        for backend in (self.backend, self.asking):  # Finds the new daemon, or begins to seek it.
            backend.batch_exists(["0" * 64])
        deadline = time.monotonic() + 30
        while self.backend.is_away or self.asking.is_away:
            if time.monotonic() > deadline:
                raise TimeoutError("the backend does not find its daemon again")
            time.sleep(0.01)

    def daemon_cpu(self) -> float:
        return cpu_of(self.daemon.process.pid)

    def close(self) -> None:
        self.stop_backends()
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def drop_entries() -> None:
    """Drops the kernel's directory entries and inodes; PermissionError where that is not root's."""
    Path("/proc/sys/vm/drop_caches").write_text("2\n")

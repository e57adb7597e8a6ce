"""Small things several test files share."""

from __future__ import annotations

import hashlib
import time
from types import SimpleNamespace

from sglang_varve.standin_pool import StandInPool
from sglang_varve.storage import VarveStorage


def key(i: int, branch: str = "") -> str:
    """The i-th key of a chain, as SGLang makes them: SHA-256 in hex."""
    return hashlib.sha256(f"{branch}{i}".encode()).hexdigest()


def keys(count: int, branch: str = "") -> list[str]:
    return [key(i, branch) for i in range(count)]


def info(prefix) -> SimpleNamespace:
    return SimpleNamespace(prefix_keys=prefix, extra_info=None)


def config(endpoint: str, *, extra: dict | None = None, **values) -> SimpleNamespace:
    """An HiCacheStorageConfig of one worker, with what differs."""
    settings = dict(
        tp_rank=0, tp_size=1, pp_rank=0, pp_size=1, attn_cp_rank=0, attn_cp_size=1,
        is_mla_model=False, enable_storage_metrics=False, is_page_first_layout=True,
        model_name="org/model", tp_lcm_size=None, should_split_heads=False, dp_rank=0,
        dcp_size=1, dcp_rank=0, logical_page_size=None,
    )  # fmt: skip
    settings.update(values)
    settings["extra_config"] = {
        "backend_name": "varve", "module_path": "sglang_varve", "class_name": "VarveStorage",
        "interface_v1": 1, "endpoint": endpoint, **(extra or {}),
    }  # fmt: skip
    return SimpleNamespace(**settings)


def make_pool(layout: str = "page_first", page_num: int = 64, **geometry) -> StandInPool:
    shape = dict(page_size=4, layer_num=3, token_bytes=40)
    shape.update(geometry)
    return StandInPool(layout, page_num=page_num, **shape)


def make_storage(endpoint: str, pool: StandInPool | None = None, **values) -> VarveStorage:
    storage = VarveStorage(config(endpoint, **values), {})
    storage.register_mem_pool_host(pool or make_pool())
    return storage


def fill(pool: StandInPool, rng) -> list[bytes]:
    """Random bytes in every page of a pool, and what they are."""
    contents = [rng.randbytes(pool.page_bytes) for _ in range(pool.page_num)]
    for page, data in enumerate(contents):
        pool.write_page(page, data)
    return contents


def wipe(pool: StandInPool) -> None:
    for page in range(pool.page_num):
        pool.write_page(page, bytes(pool.page_bytes))


def wait_until(condition, seconds: float = 10.0) -> None:
    """Waits for a condition; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.002)

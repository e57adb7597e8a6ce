"""Other host pools of SGLang's, without a controller: MLA, and K and V of different width."""

from __future__ import annotations

import pytest
import torch
from rig import HEADS, LAYERS, PAGE
from sglang.srt.mem_cache.memory_pool import MHATokenToKVPool, MLATokenToKVPool
from sglang.srt.mem_cache.pool_host.base import host_memory_budget_scope
from sglang.srt.mem_cache.pool_host.mha import AsymmetricMHATokenToKVPoolHost
from sglang.srt.mem_cache.pool_host.mla import MLATokenToKVPoolHost
from support import keys, make_storage

PAGES = 40
TOKENS = PAGES * PAGE


def mla_pool(layout: str):
    device = MLATokenToKVPool(
        size=TOKENS, page_size=PAGE, dtype=torch.bfloat16, kv_lora_rank=24, qk_rope_head_dim=8,
        layer_num=LAYERS, device="cpu", enable_memory_saver=False,
    )  # fmt: skip
    with host_memory_budget_scope(1 << 32):
        return MLATokenToKVPoolHost(
            device._mla_buffer_info(), host_to_device_ratio=2.0, host_size=0, page_size=PAGE,
            layout=layout, pin_memory=False, device_capacity_tokens=TOKENS, start_layer=0,
            end_layer=LAYERS, target_layer_num=LAYERS,
        )  # fmt: skip


def asymmetric_pool(layout: str):
    device = MHATokenToKVPool(
        size=TOKENS, page_size=PAGE, dtype=torch.bfloat16, head_num=HEADS, head_dim=24,
        v_head_dim=16, layer_num=LAYERS, device="cpu", enable_memory_saver=False,
    )  # fmt: skip
    with host_memory_budget_scope(1 << 32):
        return AsymmetricMHATokenToKVPoolHost(
            device._mha_buffer_info(), host_to_device_ratio=2.0, host_size=0, page_size=PAGE,
            layout=layout, pin_memory=False, device_capacity_tokens=TOKENS, start_layer=0,
            end_layer=LAYERS,
        )  # fmt: skip


def buffers(pool) -> list[torch.Tensor]:
    if isinstance(pool.kv_buffer, (list, tuple)):
        return list(pool.kv_buffer)
    return [pool.kv_buffer]


def randomise(pool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for buffer in buffers(pool):
        raw = buffer.view(torch.uint8)
        raw.copy_(torch.randint(0, 256, raw.shape, generator=generator, dtype=torch.uint8))


def page_bytes(pool, indices) -> list[bytes]:
    pages = []
    for i in range(0, len(indices), PAGE):
        at = int(indices[i])
        if not isinstance(pool, AsymmetricMHATokenToKVPoolHost):
            parts = [pool.get_data_page(at, flat=True)]
        elif pool.layout == "page_first":  # It has no flat pages: K, then V.
            parts = [pool.k_buffer[at : at + PAGE], pool.v_buffer[at : at + PAGE]]
        else:
            parts = [pool.k_buffer[at // PAGE], pool.v_buffer[at // PAGE]]
        pages.append(b"".join(p.flatten().view(torch.uint8).numpy().tobytes() for p in parts))
    return pages


@pytest.mark.parametrize(
    ("make", "layout"),
    [
        (mla_pool, "layer_first"), (mla_pool, "page_first"), (mla_pool, "page_first_direct"),
        (asymmetric_pool, "page_first"), (asymmetric_pool, "page_first_direct"),
    ],
)  # fmt: skip
def test_pages_come_back_and_lie_in_the_order_of_get_data_page(daemon, rng, make, layout):
    pool = make(layout)
    values = dict(is_mla_model=make is mla_pool, tp_size=2)
    storage = make_storage(daemon.endpoint, pool, tp_rank=0, **values)
    randomise(pool, rng.randrange(1 << 30))
    written = pool.alloc(20 * PAGE)
    contents = page_bytes(pool, written)
    assert storage.batch_set_v1(keys(20), written) == [True] * 20
    assert storage.get(keys(1)[0]) == contents[0]
    for buffer in buffers(pool):
        buffer.zero_()
    read = pool.alloc(20 * PAGE).flip(0).view(20, PAGE).flip(1).reshape(-1)
    assert storage.batch_get_v1(keys(20), read) == [True] * 20
    assert page_bytes(pool, read) == contents
    other = make_storage(daemon.endpoint, pool, tp_rank=1, **values)
    shared = 20 if make is mla_pool else 0
    assert other.batch_exists(keys(20)) == shared, "replicated pages serve every rank"
    assert storage.counters.totals()["internal_errors"] == 0

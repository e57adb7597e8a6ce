"""What 0.5.9 and 0.5.15 have besides K and V: MLA pools, and 0.5.15's hybrid models."""

from __future__ import annotations

import pytest
import torch
from rig import LAYERS, PAGE, HybridCacheController, Worker, hashes, memory_pool_host
from sglang.srt.mem_cache.memory_pool import MLATokenToKVPool
from support import keys, make_storage

PAGES = 150
TOKENS = [(i * 40503) % 100_000 for i in range(PAGES * PAGE)]
KEYS = hashes(TOKENS)


def contents(pool, slots: torch.Tensor) -> list[bytes]:
    return [
        pool.get_data_page(int(slots[i]), flat=True)
        .contiguous().view(torch.uint8).numpy().tobytes()
        for i in range(0, len(slots), PAGE)
    ]  # fmt: skip


def randomise(pool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    raw = pool.kv_buffer.view(torch.uint8)
    raw.copy_(torch.randint(0, 256, raw.shape, generator=generator, dtype=torch.uint8))


@pytest.mark.parametrize("layout", ["layer_first", "page_first", "page_first_direct"])
def test_mla_pages_come_back_and_serve_every_rank(daemon, rng, layout):
    device = MLATokenToKVPool(
        size=40 * PAGE, page_size=PAGE, dtype=torch.bfloat16, kv_lora_rank=24, qk_rope_head_dim=8,
        layer_num=LAYERS, device="cpu", enable_memory_saver=False,
    )  # fmt: skip
    pool = memory_pool_host.MLATokenToKVPoolHost(device, 2.0, 0, PAGE, layout, pin_memory=False)
    storage = make_storage(daemon.endpoint, pool, is_mla_model=True, tp_size=2, tp_rank=0)
    randomise(pool, rng.randrange(1 << 30))
    written, read = pool.alloc(20 * PAGE), pool.alloc(20 * PAGE)
    wrote = contents(pool, written)
    assert storage.batch_set_v1(keys(20), written) == [True] * 20
    other = make_storage(daemon.endpoint, pool, is_mla_model=True, tp_size=2, tp_rank=1)
    assert other.batch_exists(keys(20)) == 20
    assert other.batch_get_v1(keys(20), read) == [True] * 20
    assert contents(pool, read) == wrote
    assert storage.counters.totals()["internal_errors"] == 0


class HybridWorker(Worker):
    """A worker with an indexer that follows the KV slots, and windows of slots of their own."""

    def side_entries(self) -> list:
        from sglang.srt.mem_cache.hicache_storage import PoolName

        self.indexer, self.window = self.rows(PoolName.INDEXER), self.rows(PoolName.SWA)
        return [self.entry(PoolName.INDEXER, self.indexer), self.entry(PoolName.SWA, self.window)]

    def rows(self, name):
        pages = self.host.page_num
        return memory_pool_host.DeepSeekV4PagedHostPool(
            str(name), [torch.zeros((pages, 48), dtype=torch.uint8) for _ in range(2)], 48, pages,
            PAGE, layout="page_first", pin_memory=False,
        )  # fmt: skip

    def sides(self, page: int, key: str) -> list:
        """The transfers of one operation: every page's index rows, and the window of one page."""
        from sglang.srt.mem_cache.hicache_storage import PoolHitPolicy, PoolName, PoolTransfer

        slots = torch.arange(page * PAGE, (page + 1) * PAGE)
        return [
            PoolTransfer(name=PoolName.INDEXER, indices_from_pool=PoolName.KV),
            PoolTransfer(name=PoolName.SWA, host_indices=slots, keys=[key],
                         hit_policy=PoolHitPolicy.TRAILING_PAGES),
        ]  # fmt: skip


@pytest.mark.skipif(HybridCacheController is None, reason="0.5.9 has no hybrid controller")
def test_a_hybrid_model_through_the_controller_survives_a_kill(daemon, rng):
    """KV, an indexer that follows it, and a window at page 96: the usable prefix ends there."""
    cut = 96
    with HybridWorker(daemon.endpoint, "page_first", PAGES) as worker:
        indices, pages = worker.fill(rng.randrange(1 << 30))
        for pool in (worker.indexer, worker.window):
            randomise(pool, rng.randrange(1 << 30))
        rows = contents(worker.indexer, indices)
        window = contents(worker.window, torch.arange(5 * PAGE, 6 * PAGE))
        first, rest = slice(0, cut * PAGE), slice(cut * PAGE, None)
        done = worker.write(
            indices[first], TOKENS[first], KEYS[:cut], [], worker.sides(5, KEYS[cut - 1])
        )
        assert done == cut * PAGE
        done = worker.write(
            indices[rest], TOKENS[rest], KEYS[cut:], KEYS[:cut], worker.sides(5, "")[:1]
        )
        assert done == (PAGES - cut) * PAGE
        daemon.kill()
        daemon.start()
    with HybridWorker(daemon.endpoint, "page_first", PAGES) as worker:
        got, slots = worker.read(TOKENS, None, [], worker.sides(9, KEYS[-1]))
        assert got == cut == worker.hit_pages, "150 pages of KV, and the only window is at 96"
        assert worker.contents(slots) == pages[:cut]
        assert contents(worker.indexer, slots) == rows[:cut]
        assert contents(worker.window, torch.arange(9 * PAGE, 10 * PAGE)) == window
        assert worker.pool_hits == {"indexer": cut, "swa": 1}
        assert worker.storage.counters.totals()["internal_errors"] == 0

"""SGLang's side pools under version 2 calls: every layout, and its file backend as the judge."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
import torch
from rig import PAGE, Worker, hashes
from sglang.srt.mem_cache.hicache_storage import (
    HiCacheFile,
    HiCacheStorageConfig,
    PoolHitPolicy,
    PoolName,
    PoolTransfer,
    PoolTransferResult,
)
from side_pools import (
    HybridWorker,
    indexer_pool,
    k_only_pool,
    logical_pool,
    mamba_pool,
    packed_pool,
    page_bytes,
    randomise,
    slots_of,
    wipe,
)
from support import keys, make_storage

from sglang_varve.hostpool import UnsupportedPool

PAGES = 24
LAYOUTS = ("layer_first", "page_first", "page_first_direct")
MAKE = {
    "mamba": [mamba_pool, ("page_first", "page_first_direct")],
    "a mamba with side state": [
        lambda pages, layout: mamba_pool(pages, layout, extra_state=True), ("page_first",)
    ],
    "packed rows": [packed_pool, LAYOUTS],
    "indexer": [indexer_pool, LAYOUTS],
    "keys only": [k_only_pool, LAYOUTS],
}  # fmt: skip
CASES = [(what, layout) for what, (_, layouts) in MAKE.items() for layout in layouts]


@pytest.mark.parametrize(("what", "layout"), CASES)
def test_pages_of_side_pools_come_back_in_every_layout(daemon, rng, what, layout):
    pool = MAKE[what][0](PAGES, layout)
    storage = make_storage(daemon.endpoint)
    storage.register_mem_host_pool_v2(pool, PoolName.MAMBA)
    randomise(pool, rng.randrange(1 << 30))
    written, read = list(range(10)), rng.sample(range(10, PAGES), 10)
    contents = page_bytes(pool, written)
    transfer = PoolTransfer(PoolName.MAMBA, slots_of(pool, written), keys=keys(10))
    assert storage.batch_set_v2([transfer]) == {PoolName.MAMBA: [True] * 10}
    store = storage._pools.get("mamba").store
    data = bytearray(len(contents[3]))
    good = [False]
    store.get(keys(10)[3:4], [[memoryview(data)]], (b"", False), good)
    assert good == [True] and data == contents[3], "stored in the order of get_data_page(flat)"
    wipe(pool)
    transfer = PoolTransfer(PoolName.MAMBA, slots_of(pool, read), keys=keys(10))
    assert storage.batch_get_v2([transfer]) == {PoolName.MAMBA: [True] * 10}
    assert page_bytes(pool, read) == contents
    others = sorted(set(range(PAGES)) - set(read))
    assert not any(map(any, page_bytes(pool, others))), "no other page was touched"
    assert storage.counters.totals()["internal_errors"] == 0


def test_a_pool_that_hides_its_scales_is_refused_at_registration(daemon):
    from sglang.srt.mem_cache.pool_host.mha_mxfp8 import MHATokenToKVPoolMXFP8Host

    pool = object.__new__(MHATokenToKVPoolMXFP8Host)  # Its constructor wants a GPU.
    pool.page_size, pool.layout, pool.device = PAGE, "page_first", "cpu"
    pool.kv_buffer, pool.size_per_token = torch.zeros(4), 8
    with pytest.raises(UnsupportedPool, match="MXFP8"):
        make_storage(daemon.endpoint).register_mem_host_pool_v2(pool, PoolName.DRAFT)


def file_backend(tmp_path, pools) -> HiCacheFile:
    config = HiCacheStorageConfig(
        tp_rank=0, tp_size=1, pp_rank=0, pp_size=1, attn_cp_rank=0, attn_cp_size=1,
        is_mla_model=False, enable_storage_metrics=False, is_page_first_layout=True,
        model_name="m", extra_config={},
    )  # fmt: skip
    backend = HiCacheFile(config, str(tmp_path / "files"))
    for name, pool in pools.items():
        backend.register_mem_host_pool_v2(pool, name)
    return backend


def same(mine: PoolTransferResult, theirs: PoolTransferResult) -> bool:
    return (
        mine.kv_hit_pages == theirs.kv_hit_pages
        and mine.restorable_prefix_pages == theirs.restorable_prefix_pages
        and mine.extra_pool_hit_pages == theirs.extra_pool_hit_pages
    )


def test_answers_are_those_of_sglangs_file_backend(daemon, rng, tmp_path):
    """The same random operations on both: pages with gaps, windows, several pools, all answers."""
    from rig import Worker

    with Worker(daemon.endpoint, "page_first", PAGES, miss_cache_ms=0) as worker:
        pools = {
            PoolName.KV: worker.host, PoolName.MAMBA: mamba_pool(PAGES),
            PoolName.SWA: packed_pool(PAGES, name="swa"), PoolName.INDEXER: packed_pool(PAGES),
        }  # fmt: skip
        mine, theirs = worker.storage, file_backend(tmp_path, pools)
        for name, pool in pools.items():
            mine.register_mem_host_pool_v2(pool, name)
            randomise(pool, rng.randrange(1 << 30))
        names = keys(PAGES, "judged")
        for _ in range(400):
            act(rng, names, pools, mine, theirs)
        assert mine.counters.totals()["internal_errors"] == 0


def act(rng: random.Random, names: list[str], pools: dict, mine, theirs) -> None:
    """One operation on both backends, whose answers must be equal."""
    kind = rng.choice(("set", "exists", "exists", "get"))
    if kind == "exists":
        first = rng.randrange(3)
        transfers = []
        for name in rng.sample([n for n in pools if n != PoolName.KV], rng.randrange(4)):
            window = rng.choice((None, names[:1], names[:3]))
            policy = rng.choice((PoolHitPolicy.ALL_PAGES, PoolHitPolicy.TRAILING_PAGES))
            transfers.append(PoolTransfer(name, keys=window, hit_policy=policy))
        a = mine.batch_exists_v2(names[first:], transfers)
        b = theirs.batch_exists_v2(names[first:], transfers)
        assert same(a, b), (a, b, transfers)
        assert mine.batch_exists(names[first:]) == theirs.batch_exists(names[first:])
        return
    name = rng.choice(list(pools))
    pool = pools[name]
    if kind == "set":
        wanted = sorted(rng.sample(range(PAGES), rng.randrange(1, 6)))
        if rng.random() < 0.5:  # Mostly runs, as SGLang writes them.
            wanted = list(range(wanted[0], min(PAGES, wanted[0] + rng.randrange(1, 10))))
        transfer = PoolTransfer(name, slots_of(pool, wanted), keys=[names[i] for i in wanted])
        assert mine.batch_set_v2([transfer]) == theirs.batch_set_v2([transfer])
        return
    there = theirs.batch_exists_v2(names, [PoolTransfer(name)]).extra_pool_hit_pages.get(name, 0)
    wanted = list(range(min(there, rng.randrange(1, 8))))
    if wanted:
        into = rng.sample(range(PAGES), len(wanted))
        transfer = PoolTransfer(name, slots_of(pool, into), keys=[names[i] for i in wanted])
        assert mine.batch_get_v2([transfer]) == {name: [True] * len(wanted)}
        found = page_bytes(pool, into)
        wipe(pool)
        assert theirs.batch_get_v2([transfer]) == {name: [True] * len(wanted)}
        assert found == page_bytes(pool, into)
        randomise(pool, rng.randrange(1 << 30))


CHAIN = 150
TOKENS = [(i * 40503) % 100_000 for i in range(CHAIN * PAGE)]
KEYS = hashes(TOKENS)


def test_a_hybrid_model_through_the_controller_survives_a_kill(daemon, rng):
    """KV, an indexer that follows it, and a state at page 96: the usable prefix ends there."""
    cut = 96
    with HybridWorker(daemon.endpoint, "page_first", CHAIN) as worker:
        indices, contents = worker.fill(rng.randrange(1 << 30))
        for pool in (worker.mamba, worker.indexer):
            randomise(pool, rng.randrange(1 << 30))
        rows = page_bytes(worker.indexer, [int(i) // PAGE for i in indices[::PAGE]])
        state = page_bytes(worker.mamba, [5])
        first, rest = slice(0, cut * PAGE), slice(cut * PAGE, None)
        sides = worker.sides(torch.tensor([5]), [KEYS[cut - 1]])
        assert worker.write(indices[first], TOKENS[first], KEYS[:cut], [], sides) == cut * PAGE
        sides = worker.sides(torch.tensor([5]), [KEYS[cut - 1]])[:1]
        done = worker.write(indices[rest], TOKENS[rest], KEYS[cut:], KEYS[:cut], sides)
        assert done == (CHAIN - cut) * PAGE
        worker.host.free(indices)
        worker.wipe()
        daemon.kill()
        daemon.start()
    with HybridWorker(daemon.endpoint, "page_first", CHAIN) as worker:
        sides = worker.sides(torch.tensor([9]), [KEYS[-1]])
        got, slots = worker.read(TOKENS, None, [], sides)
        assert got == cut == worker.hit_pages, "150 pages of KV, and the only state is at 96"
        assert worker.contents(slots) == contents[:cut]
        places = [int(i) // PAGE for i in slots[::PAGE]]
        assert page_bytes(worker.indexer, places) == rows[:cut]
        assert worker.pool_hits[PoolName.MAMBA] == 1
        assert page_bytes(worker.mamba, [9]) == state
        assert worker.storage.counters.totals()["internal_errors"] == 0


def test_deepseek_v4_has_a_logical_anchor(daemon, rng):
    storage = make_storage(daemon.endpoint)
    anchor, c4 = logical_pool(PAGES), packed_pool(PAGES)
    storage.register_mem_pool_host(SimpleNamespace(anchor_entry=SimpleNamespace(host_pool=anchor)))
    storage.register_mem_host_pool_v2(anchor, PoolName.KV)
    storage.register_mem_host_pool_v2(c4, PoolName.DEEPSEEK_V4_C4)
    randomise(c4, rng.randrange(1 << 30))
    contents = page_bytes(c4, range(8))
    names = keys(8)
    transfer = PoolTransfer(PoolName.DEEPSEEK_V4_C4, slots_of(c4, range(8)), keys=names)
    assert storage.batch_set_v1(names, slots_of(anchor, range(8))) == [True] * 8
    assert storage.batch_set_v2([transfer]) == {PoolName.DEEPSEEK_V4_C4: [True] * 8}
    result = storage.batch_exists_v2(names, [transfer])
    assert isinstance(result, PoolTransferResult) and result.kv_hit_pages == 8
    assert storage.batch_get_v1(names, slots_of(anchor, range(8))) == [True] * 8
    wipe(c4)
    assert all(storage.batch_get_v2([transfer])[PoolName.DEEPSEEK_V4_C4])
    assert page_bytes(c4, range(8)) == contents


def test_a_draft_pool_has_its_own_namespace(daemon, rng):
    with Worker(daemon.endpoint, "page_first", PAGES) as worker:
        draft = Worker(daemon.endpoint, "page_first", PAGES, model="another")
        draft.controller.detach_storage_backend()
        worker.storage.register_mem_host_pool_v2(draft.host, PoolName.DRAFT)
        indices, contents = draft.fill(rng.randrange(1 << 30))
        names = keys(PAGES)
        transfer = PoolTransfer(PoolName.DRAFT, indices, keys=names)
        assert all(worker.storage.batch_set_v2([transfer])[PoolName.DRAFT])
        assert worker.storage.batch_exists(names) == 0, "the target's pages are others"
        draft.wipe()
        assert all(worker.storage.batch_get_v2([transfer])[PoolName.DRAFT])
        assert draft.contents(indices) == contents

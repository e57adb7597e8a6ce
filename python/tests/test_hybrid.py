"""Version 2 calls: several pools of one model, each in its own namespace."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support import config, fill, info, keys, make_pool, make_storage, wait_until, wipe

from sglang_varve.storage import VarveStorage

KEYS = keys(20)


class LogicalPool:
    """Slots without bytes, as DeepSeek-V4's anchor."""

    kv_buffer, layout, page_size, size_per_token, dtype = None, "page_first", 4, 0, "uint8"

    def get_page_buffer_meta(self, indices):
        return None


def transfer(name: str, names=None, indices=None, policy="all_pages", **geometry):
    values = dict(name=name, keys=names, host_indices=indices, hit_policy=policy)
    return SimpleNamespace(**values, **geometry)


@pytest.fixture
def worker(server, rng):
    """(server, storage, pools, contents): KV, a state a page, and an indexer, all filled."""
    pools = {
        "kv": make_pool(page_num=20),
        "mamba": make_pool(page_num=20, page_size=1, layer_num=2, token_bytes=100),
        "indexer": make_pool(page_num=20, layer_num=1, token_bytes=8),
    }
    storage = make_storage(server.endpoint, pools["kv"], extra={"miss_cache_ms": 0})
    for name, pool in pools.items():
        storage.register_mem_host_pool_v2(pool, name)
    storage.on_host_pools_registered()
    contents = {name: fill(pool, rng) for name, pool in pools.items()}
    yield server, storage, pools, contents
    storage.close()


def put(worker, name: str, numbers) -> None:
    _, storage, pools, _ = worker
    numbers = list(numbers)
    wanted = transfer(name, [KEYS[i] for i in numbers], pools[name].indices(numbers))
    assert storage.batch_set_v2([wanted]) == {name: [True] * len(numbers)}


def test_pages_of_every_pool_come_back(worker):
    _, storage, pools, contents = worker
    for name in pools:
        put(worker, name, range(20))
    for pool in pools.values():
        wipe(pool)
    wanted = [
        transfer(n, KEYS[5:15], pools[n].indices(range(5, 15))) for n in ("indexer", "mamba")
    ]
    assert storage.batch_get_v2(wanted, info([])) == {n.name: [True] * 10 for n in wanted}
    assert storage.batch_get_v1(KEYS, pools["kv"].indices(range(20))) == [True] * 20
    assert [pools["mamba"].read_page(i) for i in range(5, 15)] == contents["mamba"][5:15]
    assert pools["mamba"].read_page(4) == bytes(pools["mamba"].page_bytes)
    assert [pools["indexer"].read_page(i) for i in range(5, 15)] == contents["indexer"][5:15]
    assert storage.counters.totals()["internal_errors"] == 0


def test_pools_do_not_meet_even_where_their_pages_look_alike(server, rng):
    pools = {name: make_pool(page_num=4) for name in ("kv", "draft", "draft_swa")}
    storage = make_storage(server.endpoint, pools["kv"])
    for name in ("draft", "draft_swa"):
        storage.register_mem_host_pool_v2(pools[name], name)
    storage.batch_set_v1(KEYS[:4], pools["kv"].indices(range(4)))
    assert storage.batch_get_v2([transfer("draft", KEYS[:4], pools["draft"].indices(range(4)))]) \
        == {"draft": [False] * 4}  # fmt: skip
    names = set(server.spaces)
    assert {name.split("/")[6] for name in names if "/p4/" in name} == {"kv", "draft", "draft_swa"}


def test_lookups_fold_the_pools_by_their_policies(worker):
    _, storage, _, _ = worker
    put(worker, "kv", range(12))
    put(worker, "mamba", [3, 7])
    put(worker, "indexer", range(10))
    both = [transfer("mamba", KEYS[:1], None, "trailing_pages"), transfer("indexer")]
    result = storage.batch_exists_v2(KEYS, both)
    assert result.kv_hit_pages == 8 and result.restorable_prefix_pages == [4, 8]
    assert result.extra_pool_hit_pages == {"kv": 12, "mamba": 8, "indexer": 10}
    assert storage.batch_exists_v2(KEYS).kv_hit_pages == 12 == storage.batch_exists(KEYS)
    window = transfer("mamba", KEYS[:2], None, "trailing_pages")
    result = storage.batch_exists_v2(KEYS, [window])
    assert result.kv_hit_pages == 0 and result.extra_pool_hit_pages == {"kv": 12}
    assert storage.batch_exists_v2(KEYS[12:], both).restorable_prefix_pages == []


def test_block_groups_report_and_never_gate(worker):
    put(worker, "kv", range(12))
    put(worker, "indexer", [3, 7])
    wanted = transfer("indexer", None, None, "block_groups", block_pages=4, group_pages=1)
    result = worker[1].batch_exists_v2(KEYS, [wanted])
    assert result.kv_hit_pages == 12 and result.extra_pool_hit_pages == {"kv": 12, "indexer": 8}
    put(worker, "indexer", [11, 15])
    assert worker[1].batch_exists_v2(KEYS, [wanted]).extra_pool_hit_pages["indexer"] == 16


def test_unknown_policies_and_pools_are_no_hit(worker):
    put(worker, "kv", range(4))
    for odd in (transfer("mamba", policy="some_pages"), transfer("never registered")):
        assert worker[1].batch_exists_v2(KEYS, [odd]).kv_hit_pages == 0
    odd = transfer("never registered", KEYS[:2], [0, 1])
    assert worker[1].batch_get_v2([odd]) == {odd.name: [False] * 2} == worker[1].batch_set_v2([odd])


def test_a_logical_anchor_has_no_bytes_and_is_what_its_pools_are(server, rng):
    pool = make_pool(page_num=8)
    storage = VarveStorage(config(server.endpoint, extra={"miss_cache_ms": 0}), {})
    storage.register_mem_pool_host(LogicalPool())
    storage.register_mem_host_pool_v2(pool, "deepseek_v4_c4")
    fill(pool, rng)
    assert storage.batch_set_v1(KEYS[:8], list(range(32))) == [True] * 8
    assert storage.batch_exists(KEYS) == 0, "alone it says nothing"
    c4 = transfer("deepseek_v4_c4", KEYS[:8], pool.indices(range(8)))
    assert storage.batch_exists_v2(KEYS, [c4]).kv_hit_pages == 0
    assert storage.batch_set_v2([c4]) == {"deepseek_v4_c4": [True] * 8}
    assert storage.batch_exists_v2(KEYS, [c4]).kv_hit_pages == 8
    assert storage.batch_exists_v2(KEYS, []).kv_hit_pages == 0
    assert storage.batch_get_v1(KEYS[:8], list(range(32))) == [True] * 8
    kv = transfer("kv", KEYS[:8], list(range(32)))
    assert storage.batch_get_v2([kv, c4])["kv"] == [True] * 8
    assert server.put_payload_bytes == 8 * pool.page_bytes


def test_wrong_indices_of_one_pool_leave_the_others(worker):
    _, storage, pools, _ = worker
    odd = transfer("mamba", KEYS[:3], [0])
    right = transfer("indexer", KEYS[:3], pools["indexer"].indices(range(3)))
    for empty in (transfer("kv", None, None), transfer("kv", [], [])):
        result = storage.batch_set_v2([odd, right, empty])
        assert result == {"mamba": [False] * 3, "indexer": [True] * 3, "kv": []}


def test_a_dropped_namespace_of_one_pool_is_opened_again(worker):
    server, storage, _, _ = worker
    put(worker, "kv", range(6))
    put(worker, "mamba", [5])
    wanted = [transfer("mamba", KEYS[:1], None, "trailing_pages")]
    assert storage.batch_exists_v2(KEYS, wanted).kv_hit_pages == 6
    name = next(name for name in server.spaces if "/mamba/" in name)
    server.clear_space(name, drop=False)
    assert storage.batch_exists_v2(KEYS, wanted).kv_hit_pages == 0
    put(worker, "mamba", [3])
    assert storage.batch_exists_v2(KEYS, wanted).kv_hit_pages == 4
    assert storage.counters.totals()["failed_calls"] == 0


def test_clear_empties_every_pool_of_the_worker(worker):
    server, storage, pools, _ = worker
    for name in pools:
        put(worker, name, range(3))
    assert storage.clear() is True
    assert not any(space.pages for space in server.spaces.values())


def test_a_daemon_that_is_away_is_nothing_everywhere(worker):
    server, storage, pools, _ = worker
    put(worker, "kv", range(3))
    server.stop()
    wanted = transfer("mamba", KEYS[:2], pools["mamba"].indices(range(2)))
    assert storage.batch_exists_v2(KEYS, [wanted]).kv_hit_pages == 0
    nothing = {"mamba": [False] * 2}
    assert storage.batch_get_v2([wanted]) == nothing == storage.batch_set_v2([wanted])
    server.start()
    wait_until(lambda: storage.batch_exists_v2(KEYS).kv_hit_pages == 3)


def test_a_pool_that_every_rank_holds_alike_and_one_that_is_sharded(server):
    def worker(rank: int) -> VarveStorage:
        storage = make_storage(server.endpoint, is_mla_model=True, tp_rank=rank, tp_size=2)
        for name in ("mamba", "indexer"):
            storage.register_mem_host_pool_v2(make_pool(), name)
        return storage

    first, second = worker(0), worker(1)
    wanted = [transfer(name, KEYS[:2], list(range(8))) for name in ("mamba", "indexer")]
    first.batch_set_v2(wanted)
    assert second.batch_get_v2(wanted) == {"mamba": [False] * 2, "indexer": [True] * 2}

"""Lookups answered from fingerprints, and pages that one of them took for present by mistake."""

import pytest
from support import fill, keys, make_pool, make_storage

from sglang_varve import frames as f
from sglang_varve import misses
from sglang_varve.misses import Doubts

KEYS = keys(8)


@pytest.fixture
def stored(server, rng):
    """Eight pages of which the daemon has lost the fourth, and takes it for present."""
    pool = make_pool(page_num=8)
    storage = make_storage(server.endpoint, pool, extra={"miss_cache_ms": 0})
    fill(pool, rng)
    assert all(storage.batch_set_v1(KEYS, pool.indices(range(8))))
    (space,) = server.spaces.values()
    lost = bytes.fromhex(KEYS[3])
    assert space.pages.pop(lost)
    server.faults.collide.add(lost)
    yield storage, pool
    storage.close()


def exactness(server) -> list[bool]:
    return [request.exact for method, request in server.calls if method == f.LOOKUP]


def test_a_page_taken_for_present_is_so_once_only(server, stored):
    storage, pool = stored
    assert storage.batch_exists(KEYS) == 8, "as its fingerprints say"
    got = storage.batch_get_v1(KEYS, pool.indices(range(8)))
    assert got == [True] * 3 + [False] * 5
    assert storage.batch_exists(KEYS) == 3, "so that it is put again"
    assert storage.batch_exists_v2(KEYS).kv_hit_pages == 3
    assert storage.batch_exists(KEYS[4:]) == 4
    assert exactness(server) == [False, True, True, False]


def test_what_was_put_again_is_in_doubt_no_more(server, stored):
    storage, pool = stored
    storage.batch_get_v1(KEYS, pool.indices(range(8)))
    assert all(storage.batch_set_v1(KEYS, pool.indices(range(8))))
    (space,) = server.spaces.values()
    assert bytes.fromhex(KEYS[3]) in space.pages
    server.calls.clear()
    assert storage.batch_exists(KEYS) == 8
    assert exactness(server) == [False]


def test_doubts_are_bounded():
    doubts = Doubts()
    assert not doubts.concern(["a"])
    for i in range(misses.ENTRIES_MAX + 3):
        doubts.add(str(i))
        assert doubts.concern(["a", str(i)])
    assert len(doubts._keys) <= misses.ENTRIES_MAX
    doubts.drop([str(misses.ENTRIES_MAX + 2)])
    assert not doubts.concern([str(misses.ENTRIES_MAX + 2)])
    doubts.clear()
    assert not doubts.concern(str(i) for i in range(misses.ENTRIES_MAX + 3))

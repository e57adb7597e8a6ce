"""Several daemons: a rank's pages stay together, and a dead daemon is misses, not a move."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from standin_server import StandInServer
from support import fill, keys, make_pool, make_storage, wait_until

from sglang_varve.endpoints import choose

MANY = [f"daemon-{i}:4770" for i in range(5)]
NAMES = [f"sglang/model/{i}" for i in range(2000)]


def test_the_choice_depends_on_no_order_and_is_even():
    for names in itertools.islice(itertools.permutations(MANY), 10):
        assert [choose(names, n) for n in NAMES[:50]] == [choose(MANY, n) for n in NAMES[:50]]
    counts = Counter(choose(MANY, name) for name in NAMES)
    assert set(counts) == set(MANY) and min(counts.values()) > 300


def test_taking_one_away_moves_its_own_only():
    rest = MANY[:-1]
    for name in NAMES:
        before = choose(MANY, name)
        assert choose(rest, name) == before or before == MANY[-1]
    with pytest.raises(ValueError):
        choose([], "name")


def test_ranks_spread_and_the_pools_of_a_rank_stay_together(rng):
    with StandInServer() as a, StandInServer() as b, StandInServer() as c:
        servers = {server.endpoint: server for server in (a, b, c)}
        workers = []
        for rank in range(40):
            extra = {"endpoints": list(servers), "lookup_timeout_ms": 300}
            pool = make_pool(page_num=4)
            storage = make_storage(a.endpoint, pool, extra=extra, tp_rank=rank, tp_size=40)
            storage.register_mem_host_pool_v2(make_pool(), "draft")
            fill(pool, rng)
            assert storage.batch_set_v1(keys(4), pool.indices(range(4))) == [True] * 4
            workers.append(storage)
        used = {storage.endpoint for storage in workers}
        assert len(used) == 3, "forty ranks use all three"
        for storage in workers:
            spaces = servers[storage.endpoint].spaces
            draft = storage._pools.get("draft").store.name
            assert storage.namespace in spaces and draft in spaces
            for endpoint in used - {storage.endpoint}:
                assert storage.namespace not in servers[endpoint].spaces
        dead = workers[0].endpoint
        servers[dead].stop()
        for storage in workers:
            assert storage.batch_exists(keys(4)) == (0 if storage.endpoint == dead else 4)
        servers[dead].start()
        for storage in workers:
            wait_until(lambda storage=storage: storage.batch_exists(keys(4)) == 4)
            storage.close()

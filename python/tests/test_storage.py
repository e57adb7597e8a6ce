"""VarveStorage against a daemon that behaves: layouts, hints, splits, single values, clear."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from standin_server import StandInServer
from support import config, fill, info, key, keys, make_pool, make_storage, wipe

from sglang_varve import frames as f
from sglang_varve import messages as m
from sglang_varve.hostpool import UnsupportedPool
from sglang_varve.standin_pool import LAYOUTS
from sglang_varve.storage import VarveStorage


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("layers", [1, 3, 40])
def test_pages_come_back_in_every_layout(server, rng, layout, layers):
    pool = make_pool(layout, page_num=20, layer_num=layers)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)
    order = rng.sample(range(20), 20)
    names = keys(20)
    assert storage.batch_set_v1(names, pool.indices(order)) == [True] * 20
    assert storage.batch_exists(names) == 20
    space = server.spaces[storage.namespace]
    for name, page in zip(names, order, strict=True):
        assert space.pages[bytes.fromhex(name)][0] == contents[page], "K then V, as one object"
    wipe(pool)
    back = rng.sample(range(20), 20)
    assert storage.batch_get_v1(names, pool.indices(back)) == [True] * 20
    for page, source in zip(back, order, strict=True):
        assert pool.read_page(page) == contents[source]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_get_touches_only_the_pages_it_was_given(server, rng, layout):
    pool = make_pool(layout, page_num=12)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)
    storage.batch_set_v1(keys(4), pool.indices([0, 1, 2, 3]))
    assert storage.batch_get_v1(keys(4), pool.indices([5, 7, 9, 11])) == [True] * 4
    for page in (4, 6, 8, 10):
        assert pool.read_page(page) == contents[page]


HINTS = {
    "none": lambda prefix: None,
    "absent": lambda prefix: info(None),
    "empty": lambda prefix: info([]),
    "right": lambda prefix: info(prefix),
    "truncated": lambda prefix: info(prefix[-3:]),
    "gapped": lambda prefix: info(prefix[::3]),
    "wrong": lambda prefix: info(keys(40, "elsewhere")),
    "tuple": lambda prefix: info(tuple(prefix)),
    "odd types": lambda prefix: info([1, None, b"x", "zz", "f" * 63, {}, [], 3.5]),
    "odd end": lambda prefix: info([*prefix, None]),
    "no list": lambda prefix: info(7),
    "text": lambda prefix: info("abc"),
}


@pytest.mark.parametrize("written", HINTS)
@pytest.mark.parametrize("read", HINTS)
def test_no_answer_depends_on_a_hint(server, rng, written, read):
    pool = make_pool(page_num=30)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)
    names = keys(30)
    for start in range(0, 30, 10):
        end = start + 10
        good = storage.batch_set_v1(
            names[start:end], pool.indices(range(start, end)), HINTS[written](names[:start])
        )
        assert good == [True] * 10
    wipe(pool)
    middle = names[13:]
    assert storage.batch_exists(middle, HINTS[read](names[:13])) == 17
    good = storage.batch_get_v1(middle, pool.indices(range(13, 30)), HINTS[read](names[:13]))
    assert good == [True] * 17
    assert [pool.read_page(i) for i in range(13, 30)] == contents[13:]
    assert storage.counters.totals()["internal_errors"] == 0


def test_a_hint_is_the_nearest_32_ids_and_ends_at_what_is_none(server):
    storage = make_storage(server.endpoint, extra={"miss_cache_ms": 0})
    prefix = keys(40, "before")
    storage.batch_exists(keys(1), info(prefix))
    storage.batch_exists(keys(1), info([*prefix[:-2], 5, *prefix[-2:]]))
    storage.batch_exists(keys(1), info([]))
    chains = [request.chain for method, request in server.calls if method == f.LOOKUP]
    assert chains[0].before == bytes.fromhex("".join(prefix[8:])) and not chains[0].at_root
    assert chains[1].before == bytes.fromhex("".join(prefix[-2:]))
    assert chains[2].before == b"" and chains[2].at_root


def test_131072_keys_are_one_call_here_and_legal_ones_there():
    names = keys(131_072)
    for max_pages in (0, 131_072):
        with StandInServer(max_pages=max_pages) as server:
            pool = make_pool(page_num=8, page_size=1, layer_num=1, token_bytes=32)
            storage = make_storage(server.endpoint, pool)
            space, _ = server.open_space(storage.namespace)
            page = (b"x" * 64, 0)
            space.pages = {bytes.fromhex(name): page for name in names[:100_000]}
            started = time.monotonic()
            assert storage.batch_exists(names) == 100_000
            assert time.monotonic() - started < 1.5
            space.pages = {bytes.fromhex(name): page for name in names}
            assert storage.batch_exists(names) == 131_072
            assert storage.batch_exists(["0" * 64, *names[1:]]) == 0
            asked = [len(r.chain.page_ids) // 32 for w, r in server.calls if w == f.LOOKUP]
            assert max(asked) <= 131_072 and asked[-1] == 2048, "a miss at once costs little"


def test_a_daemon_with_a_smaller_max_pages_is_obeyed(rng):
    with StandInServer(max_pages=7) as server:
        pool = make_pool(page_num=30)
        storage = make_storage(server.endpoint, pool)
        contents = fill(pool, rng)
        assert storage.batch_set_v1(keys(30), pool.indices(range(30))) == [True] * 30
        assert storage.batch_exists(keys(30)) == 30
        wipe(pool)
        assert storage.batch_get_v1(keys(30), pool.indices(range(30))) == [True] * 30
        assert [pool.read_page(i) for i in range(30)] == contents


def test_more_than_a_batch_is_split_and_whole(server, rng):
    pool = make_pool(page_num=300, page_size=1, layer_num=1, token_bytes=32)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)
    assert storage.batch_set_v1(keys(300), pool.indices(range(300))) == [True] * 300
    wipe(pool)
    assert storage.batch_get_v1(keys(300), pool.indices(range(300))) == [True] * 300
    assert [pool.read_page(i) for i in range(300)] == contents
    puts = [request for method, request in server.calls if method == f.PUT]
    assert [len(r.chain.page_ids) // 32 for r in puts] == [128, 128, 44]
    assert puts[1].chain.before == puts[0].chain.page_ids[-32 * 32 :], "the true predecessors"


def test_threads_of_one_worker_look_up_read_and_write_at_once(server, rng):
    """As SGLang's prefetch, transfer and backup threads do, on one object."""
    from concurrent.futures import ThreadPoolExecutor

    pool = make_pool(page_num=160)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)

    def work(number: int) -> bool:
        names = keys(10, f"thread {number}")
        mine = list(range(20 * number, 20 * number + 10))
        there = [page + 10 for page in mine]
        for _ in range(10):
            ok = all(storage.batch_set_v1(names, pool.indices(mine)))
            ok = ok and storage.batch_exists(names) == 10
            ok = ok and all(storage.batch_get_v1(names, pool.indices(there)))
            if not ok or [pool.read_page(i) for i in there] != contents[mine[0] : mine[-1] + 1]:
                return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_a_page_that_is_there_counts_as_stored_and_a_refused_one_does_not(server, rng):
    pool = make_pool(page_num=10)
    storage = make_storage(server.endpoint, pool)
    fill(pool, rng)
    names = keys(10)
    assert storage.batch_set_v1(names[:5], pool.indices(range(5))) == [True] * 5
    server.faults.put_status[bytes.fromhex(names[7])] = m.NO_SPACE
    good = storage.batch_set_v1(names, pool.indices(range(10)))
    assert good == [True] * 7 + [False] + [True] * 2
    good = storage.batch_get_v1(names, pool.indices(range(10)))
    assert good == [True] * 7 + [False] * 3, "reading ends at the first page that is gone"


def test_single_values(server, rng):
    storage = make_storage(server.endpoint)
    values = [rng.randbytes(n) for n in (1, 100, 70_000)]
    names = [key(1), "an odd key / with ✓", "x" * 64]
    assert storage.batch_set(names, values) is True
    assert storage.exists(names[1]) and not storage.exists("another")
    targets = [bytearray(len(value)) for value in values]
    assert storage.batch_get(names, targets) == targets == [bytearray(v) for v in values]
    assert storage.get(names[2]) == values[2], "without a target: the bytes"
    assert storage.get("another") is None and storage.get("another", bytearray(5)) is None
    assert storage.get(names[1], bytearray(99)) is None, "of another size"
    assert storage.batch_get(["another", names[1]], [bytearray(100), bytearray(100)])[0] is None
    assert storage.get(names[1], values[1]) is None, "bytes cannot be written"
    assert storage.set("k", target_location=bytearray(b"abc")) is True
    assert storage.get("k") == b"abc"
    assert storage.set("k2", None) is False and storage.set("k2", 3.5) is False


def test_upper_case_and_spaced_keys_are_other_keys(server):
    storage = make_storage(server.endpoint)
    low = "ab" * 32
    assert storage.set(low, b"low")
    assert storage.get(low.upper()) is None
    assert storage.get(" " + low[:-1]) is None
    assert storage.batch_exists([low, low.upper()]) == 1


def test_clear_empties_the_own_namespace_only(server):
    mine, other = make_storage(server.endpoint), make_storage(server.endpoint, tp_rank=1, tp_size=2)
    for storage in (mine, other):
        assert storage.batch_set_v1(keys(3), list(range(12))) == [True] * 3
    assert mine.clear() is True
    assert mine.batch_exists(keys(3)) == 0 and other.batch_exists(keys(3)) == 3
    assert mine.batch_set_v1(keys(3), list(range(12))) == [True] * 3
    fresh = make_storage(server.endpoint, model_name="never used")
    assert fresh.clear() is True


def test_stats_count_and_drain_and_never_wait(server):
    storage = make_storage(server.endpoint)
    storage.batch_set_v1(keys(3), list(range(12)))
    storage.batch_exists(keys(5))
    storage.batch_get_v1(keys(3), list(range(12)))
    stats = storage.get_stats()
    assert stats.prefetch_pgs == [3] and stats.backup_pgs == [3]
    assert len(stats.prefetch_bandwidth) == len(stats.backup_bandwidth) == 1
    stats.prefetch_stats = "SGLang sets this"
    assert stats.counters["lookup_hit_pages"] == 3 and stats.counters["get_bytes"] == 3 * 960
    assert storage.get_stats().prefetch_pgs == []
    server.faults.stall_on = {f.LOOKUP}
    import threading

    thread = threading.Thread(target=storage.batch_exists, args=(keys(5),))
    thread.start()
    started = time.perf_counter()
    for _ in range(100):
        storage.get_stats()
    assert time.perf_counter() - started < 0.1
    server.unstall()
    thread.join()


def test_no_call_raises(server):
    """Every call with everything wrong: an answer of the right form; only registering raises."""
    bare = VarveStorage()
    unregistered = VarveStorage(config(server.endpoint), {})
    closed = make_storage(server.endpoint)
    closed.close()
    for storage in (bare, unregistered, closed):
        assert storage.batch_get_v1(keys(2), [1, 2, 3]) == [False] * 2
        assert storage.batch_set_v1(keys(2), None) == [False] * 2
        assert storage.batch_get_v1([], []) == [] and storage.batch_exists([]) == 0
        assert storage.batch_exists([None, 5]) == 0
        assert storage.batch_get(keys(2), None) == [None, None]
        assert storage.batch_set(keys(2), None) is False
        assert storage.batch_set(None, None) is False and storage.batch_exists(None) == 0
        storage.register_mem_pool_host(None)
        if storage is not closed:
            with pytest.raises(UnsupportedPool):
                storage.register_mem_pool_host(object())
            assert storage.batch_get_v1(keys(1), [0]) == [False]
        assert storage.batch_exists_v2(keys(1)).kv_hit_pages == 0
        storage.get_stats()
        storage.close()
        storage.close()


def test_wrong_indices_store_nothing(server, rng):
    pool = make_pool(page_num=4)
    storage = make_storage(server.endpoint, pool)
    fill(pool, rng)
    for indices in ([], [0], list(range(5)), list(range(16)), [999] * 8, ["a"] * 8):
        assert storage.batch_set_v1(keys(2), indices) == [False] * 2
    assert not any(space.pages for space in server.spaces.values())


def test_it_is_made_as_the_factory_makes_it(server):
    import sglang_varve

    storage = sglang_varve.VarveStorage(config(server.endpoint), {})
    assert storage.namespace and storage.set("k", b"v") and storage.get("k") == b"v"
    with pytest.raises(AttributeError):
        sglang_varve.Nothing  # noqa: B018


def test_import_needs_neither_torch_numpy_nor_sglang():
    code = (
        "import sys\n"
        "for name in ('torch', 'numpy', 'sglang'): sys.modules[name] = None\n"
        "import sglang_varve; sglang_varve.VarveStorage; sglang_varve.Client\n"
        "import sglang_varve.replay, sglang_varve.demo\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

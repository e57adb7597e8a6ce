"""Where the pages of a call lie, and when the pool is asked for it."""

from __future__ import annotations

from support import fill, keys, make_pool, make_storage, wait_until, wipe

from sglang_varve import frames as f
from sglang_varve.page_list import PageList


def test_the_daemon_is_asked_for_pages_before_the_pool_is_asked_where_they_go(server, rng):
    pool = make_pool(page_num=8)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)
    assert all(storage.batch_set_v1(keys(8), pool.indices(range(8))))
    wipe(pool)
    places = pool.get_page_buffer_meta

    def asked(indices):
        wait_until(lambda: any(method == f.GET for method, _ in server.calls))
        return places(indices)

    pool.get_page_buffer_meta = asked
    assert all(storage.batch_get_v1(keys(8), pool.indices(range(8))))
    assert [pool.read_page(i) for i in range(8)] == contents
    storage.close()


def test_a_pool_whose_pieces_have_other_sizes_than_it_registered_is_not_touched(server, rng):
    pool = make_pool(page_num=8)
    storage = make_storage(server.endpoint, pool)
    contents = fill(pool, rng)
    assert all(storage.batch_set_v1(keys(8), pool.indices(range(8))))
    places = pool.get_page_buffer_meta
    pool.get_page_buffer_meta = lambda indices: (places(indices)[0], [8] * (2 * len(indices) // 4))
    assert storage.batch_get_v1(keys(8), pool.indices(range(8))) == [False] * 8
    assert storage.batch_set_v1(keys(8, "new"), pool.indices(range(8))) == [False] * 8
    assert storage.counters.totals()["internal_errors"] == 2
    pool.get_page_buffer_meta = places
    assert [pool.read_page(i) for i in range(8)] == contents
    assert storage.batch_get_v1(keys(8), pool.indices(range(8))) == [True] * 8
    storage.close()


def test_a_part_of_pages_is_found_with_the_whole_and_once():
    memory = bytearray(range(60))
    found = []

    def find():
        import ctypes

        found.append(1)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        return [base + at for at in (0, 30, 10, 40, 20, 50)]

    pages = PageList(3, [10, 5], find)
    assert len(pages) == 3 and pages.sizes == [15] * 3 and not found
    part = pages.part(1, 3)
    assert pages.part(0, 3) is pages and len(part) == 2 and not found
    assert [b"".join(page) for page in part] == [
        bytes([*range(10, 20), *range(40, 45)]), bytes([*range(20, 30), *range(50, 55)])
    ]  # fmt: skip
    assert b"".join(pages[0]) == bytes([*range(10), *range(30, 35)]) and found == [1]

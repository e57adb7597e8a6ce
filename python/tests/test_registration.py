"""What can be wrong when a backend is attached: told then, in words, and never mixed pages."""

from __future__ import annotations

import logging

import pytest
from support import config, fill, keys, make_pool, make_storage, wait_until

from sglang_varve.hostpool import HostPool, UnsupportedPool, memory_view, strided_pieces
from sglang_varve.storage import VarveStorage
from sglang_varve.store import NamespaceMismatch


class OnlyFlat:
    """A pool like SGLang's Mamba host pool: whole flat copies of several tensors, no addresses."""

    page_size, layout, size_per_token, dtype = 1, "layer_first", 24, "uint8"

    def __init__(self, pages: int):
        self.kv_buffer = [bytearray(24) for _ in range(pages)]

    def get_page_buffer_meta(self, indices):
        raise ValueError("requires page_first layout")

    def get_data_page(self, index, flat=True):
        return FakeTensor(bytearray(self.kv_buffer[index]))

    def get_dummy_flat_data_page(self):
        return FakeTensor(bytearray(24))

    def set_from_flat_data_page(self, index, page):
        self.kv_buffer[index][:] = page.data


class FakeTensor:
    """As much of a tensor as is asked of one."""

    device = "cpu"

    def __init__(self, data: bytearray):
        import ctypes

        self.data = data
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(data))

    def data_ptr(self) -> int:
        return self._address

    def numel(self) -> int:
        return len(self.data)

    def element_size(self) -> int:
        return 1

    def is_contiguous(self) -> bool:
        return True


def test_a_pool_of_flat_pages_is_copied_in_and_out(server, rng):
    pool = OnlyFlat(8)
    storage = make_storage(server.endpoint)
    storage.register_mem_host_pool_v2(pool, "mamba")
    from test_hybrid import transfer

    contents = [rng.randbytes(24) for _ in range(4)]
    for buffer, data in zip(pool.kv_buffer, contents, strict=False):
        buffer[:] = data
    assert storage.batch_set_v2([transfer("mamba", keys(4), [0, 1, 2, 3])])["mamba"] == [True] * 4
    del server.spaces[storage._pools.get("mamba").store.name].pages[bytes.fromhex(keys(4)[2])]
    assert storage.batch_get_v2([transfer("mamba", keys(4), [4, 5, 6, 7])]) == {
        "mamba": [True, True, False, False]
    }
    assert [bytes(b) for b in pool.kv_buffer[4:]] == [*contents[:2], bytes(24), bytes(24)]


def test_a_layout_that_cannot_be_reached_is_told_at_registration(server):
    class Odd:
        page_size, layout = 4, "upside_down"

        def get_page_buffer_meta(self, indices):
            raise ValueError("Unsupported layout: upside_down")

        def get_data_page(self, index, flat=True):
            raise NotImplementedError("no flat pages")

    for wrong in (Odd(), object()):
        storage = VarveStorage(config(server.endpoint), {})
        with pytest.raises(UnsupportedPool, match=type(wrong).__name__):
            storage.register_mem_pool_host(wrong)
        with pytest.raises(UnsupportedPool):
            storage.register_mem_host_pool_v2(wrong, "draft")
    with pytest.raises(UnsupportedPool, match="upside_down.*Unsupported layout: upside_down"):
        HostPool(Odd())
    on_device = make_pool()
    on_device.device = "cuda:0"
    with pytest.raises(UnsupportedPool, match="cuda:0"):
        HostPool(on_device)
    sharded = make_pool()
    sharded.shard_size = 2
    with pytest.raises(UnsupportedPool, match="of all shards"):
        HostPool(sharded)


def test_a_namespace_that_is_there_with_other_options_is_told_and_never_used(server, rng):
    pool = make_pool(page_num=4)
    right = make_storage(server.endpoint, pool)
    fill(pool, rng)
    right.batch_set_v1(keys(4), pool.indices(range(4)))
    server.spaces[right.namespace].page_tokens = 999
    with pytest.raises(NamespaceMismatch, match="page_tokens is 999, not 4"):
        make_storage(server.endpoint, pool)
    server.spaces[right.namespace].page_tokens = 4
    server.spaces[right.namespace].page_bytes_max = pool.page_bytes
    make_storage(server.endpoint, pool)
    server.spaces[right.namespace].page_bytes_max = pool.page_bytes - 1
    with pytest.raises(NamespaceMismatch, match=f"page_bytes_max of {pool.page_bytes - 1}"):
        make_storage(server.endpoint, pool)


def test_a_mismatch_met_after_the_attach_is_misses_and_one_line(server, caplog):
    server.stop()
    extra = {"connect_timeout_ms": 200}
    storage = make_storage(server.endpoint, extra=extra)
    server.start()
    server.open_space(storage.namespace)[0].page_tokens = 999
    wait_until(lambda: not storage.is_away)
    for _ in range(5):
        assert storage.batch_exists(keys(2)) == 0
        assert storage.batch_set_v1(keys(2), list(range(8))) == [False] * 2
    said = [r for r in caplog.records if "page_tokens is 999" in r.getMessage()]
    assert len(said) == 1 and not server.spaces[storage.namespace].pages
    storage.close()


def test_an_unreachable_endpoint_is_one_line_at_attach_and_one_when_it_is_back(server, caplog):
    caplog.set_level(logging.INFO)
    server.stop()
    storage = make_storage(server.endpoint, extra={"connect_timeout_ms": 200})
    for _ in range(20):
        assert storage.batch_exists(keys(2)) == 0
    server.start()
    wait_until(lambda: not storage.is_away)
    lines = [r.getMessage() for r in caplog.records]
    assert sum("is away" in line and "goes on without it" in line for line in lines) == 1
    assert sum("is back" in line for line in lines) == 1
    assert storage.batch_set_v1(keys(1), [0, 1, 2, 3]) == [True]
    storage.close()


def test_neighbours_in_memory_become_one_view():
    pool = make_pool("page_first", page_num=6, token_bytes=40)
    pages = HostPool(pool).pages(pool.indices([0, 1, 2, 5]), 4)
    halves = [view for page in pages for view in page]
    assert [bytes(v) for v in pages.joined(range(4))] == [bytes(v) for v in halves], "K, V, K, V"

    class OnePiece:
        page_size, layout, kv_buffer = 1, "page_first", bytearray(1)

        def get_page_buffer_meta(self, indices):
            return [base + 10 * i for i in indices], [10] * len(indices)

    import ctypes

    memory = bytearray(range(100))
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    pages = HostPool(OnePiece()).pages([3, 4, 5, 8, 2], 5)
    assert [bytes(v) for v in pages.joined(range(5))] == [
        bytes(range(30, 60)), bytes(range(80, 90)), bytes(range(20, 30))
    ]  # fmt: skip
    assert [bytes(v) for v in pages.part(1, 3).joined([0, 1])] == [bytes(range(40, 60))]
    assert pages.joined([]) == []


def test_runs_of_strided_arrays(rng):
    import ctypes
    import itertools

    memory = bytearray(rng.randbytes(4096))
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for _ in range(200):
        item = rng.choice((1, 2, 4))
        whole = [rng.randrange(1, 5) for _ in range(rng.randrange(1, 4))]
        strides, step = [], item
        for n in reversed(whole):
            strides.insert(0, step)
            step *= n
        shape = [rng.randrange(1, n + 1) for n in whole[:-1]] + whole[-1:]
        wanted = b"".join(
            memory[at : at + item]
            for place in itertools.product(*map(range, shape))
            for at in [sum(i * s for i, s in zip(place, strides, strict=True))]
        )
        found = b"".join(bytes(memory_view(a, n)) for a, n in strided_pieces(base, shape, strides))
        assert found == wanted

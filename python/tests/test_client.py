"""The client against a daemon that behaves, in every way the contract lets it split its answers."""

from __future__ import annotations

import pytest
from standin_server import StandInServer

from sglang_varve import messages as m
from sglang_varve.client import Client, make_chain
from sglang_varve.connection import parse_endpoint
from sglang_varve.errors import CallError


def views(pages: list[bytearray], pieces: int = 1) -> list[list[memoryview]]:
    """Each page as ``pieces`` views."""
    cut = []
    for page in pages:
        view = memoryview(page)
        step = -(-len(page) // pieces)
        cut.append([view[i : i + step] for i in range(0, len(page), step)])
    return cut


def random_ids(rng, count: int) -> bytes:
    return rng.randbytes(32 * count)


@pytest.mark.parametrize(
    "shape",
    [
        dict(),
        dict(window_bytes=1000),
        dict(window_bytes=1, data_bytes=1, run_pages=1, pages=2, size=60),
        dict(max_payload=777, data_bytes=700),
        dict(run_pages=1, last_on_bytes=True),
        dict(run_pages=100, data_bytes=50, last_on_bytes=True),
        dict(pieces=7),
        dict(pieces=600, size=6000),
    ],
)
@pytest.mark.parametrize("ask", [True, False])
def test_pages_come_back_however_they_are_split(rng, shape, ask):
    shape = dict(shape)
    count, size, pieces = shape.pop("pages", 12), shape.pop("size", 3001), shape.pop("pieces", 1)
    with StandInServer(**shape) as server, Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id
        chain = make_chain(random_ids(rng, count), at_root=True)
        pages = [bytearray(rng.randbytes(size)) for _ in range(count)]
        assert client.put(number, chain, views(pages, pieces), ask=ask) == [m.STORED] * count
        targets = [bytearray(size) for _ in range(count)]
        received = client.get(number, chain, views(targets, pieces))
        assert received.status == [m.PRESENT] * count
        assert received.bytes == count * size
        assert targets == pages


def test_put_with_ask_sends_only_what_is_needed(rng, server):
    with Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id
        ids = random_ids(rng, 20)
        pages = [bytearray(rng.randbytes(100 + i)) for i in range(20)]
        odd = b"".join(ids[32 * i : 32 * i + 32] for i in range(1, 20, 2))
        client.put(number, make_chain(odd), views(pages[1::2]))
        server.put_payload_bytes = 0
        status = client.put(number, make_chain(ids), views(pages))
        assert status == [m.STORED, m.ALREADY_PRESENT] * 10
        assert server.put_payload_bytes == sum(len(page) for page in pages[0::2])
        server.put_payload_bytes = 0
        assert client.put(number, make_chain(ids), views(pages)) == [m.ALREADY_PRESENT] * 20
        assert server.put_payload_bytes == 0


def test_get_ends_at_a_hole_unless_sparse(rng, server):
    with Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id
        ids = random_ids(rng, 9)
        pages = [bytearray(rng.randbytes(500)) for _ in range(9)]
        client.put(number, make_chain(ids), views(pages))
        assert client.delete(number, make_chain(ids), first=4, count=1) == 1
        targets = [bytearray(500) for _ in range(9)]
        received = client.get(number, make_chain(ids), views(targets))
        assert received.status == [m.PRESENT] * 4 + [m.MISSING] * 5
        received = client.get(number, make_chain(ids), views(targets), sparse=True)
        assert received.status == [m.PRESENT] * 4 + [m.MISSING] + [m.PRESENT] * 4
        answer = client.lookup(number, make_chain(ids), want_present=True)
        assert (answer.hit_pages, answer.hit_bytes) == (4, 2000)
        assert answer.present == bytes([0b11101111, 1])
        assert client.lookup(number, make_chain(ids), first=5, count=2).hit_pages == 2


def test_a_page_of_another_size_is_no_hit_and_touches_no_memory(rng, server):
    with Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id
        ids = random_ids(rng, 3)
        pages = [bytearray(rng.randbytes(n)) for n in (100, 200_000, 100)]
        client.put(number, make_chain(ids), views(pages))
        targets = [bytearray(100) for _ in range(3)]
        received = client.get(number, make_chain(ids), views(targets))
        assert received.status == [m.PRESENT, m.MISSING, m.PRESENT]
        assert targets == [pages[0], bytearray(100), pages[2]]


def test_a_page_that_was_padded_and_then_lost_is_not_good(rng, server):
    with Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id
        ids = random_ids(rng, 8)
        client.put(number, make_chain(ids), views([bytearray(rng.randbytes(64))] * 8))
        server.faults.lose_page = ids[32 * 2 : 32 * 3]
        received = client.get(number, make_chain(ids), views([bytearray(64) for _ in range(8)]))
        assert received.status == [m.PRESENT] * 2 + [m.DATA_LOSS] + [m.PRESENT] * 5


def test_admin_and_small_calls(server):
    with Client(server.endpoint) as client:
        client.ping()
        assert client.hello().server == "stand-in"
        opened = client.open_namespace("a", m.NamespaceOptions(page_tokens=64))
        assert opened.created and not client.open_namespace("a").created
        with pytest.raises(CallError, match="NOT_FOUND"):
            client.open_namespace("b", must_exist=True)
        assert client.stats().counters == {"gets_total": 1}
        client.flush()
        client.put(opened.namespace_id, make_chain(bytes(32)), views([bytearray(b"hello")]))
        assert [n.name for n in client.list_namespaces()] == ["a"]
        assert client.report_corrupt(opened.namespace_id, bytes(32), 1, 2) is False
        assert client.clear_namespace("a") == 1
        with pytest.raises(CallError, match="unknown namespace"):
            client.lookup(opened.namespace_id, make_chain(bytes(32)))
        assert client.drop_namespace("a") == 0
        with pytest.raises(CallError, match="NOT_FOUND"):
            client.drop_namespace("a")
    assert server.greeted == 1, "one connection serves calls one after the other"


def test_threads_share_a_client(rng, server):
    from concurrent.futures import ThreadPoolExecutor

    with Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id

        def round_trip(seed: int) -> bool:
            ids = bytes([seed]) * 32
            page = bytearray([seed]) * 50_000
            client.put(number, make_chain(ids), views([page]))
            target = bytearray(50_000)
            client.get(number, make_chain(ids), views([target]))
            return target == page

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(round_trip, range(1, 65)))


@pytest.mark.parametrize("endpoint", ["", "host", ":1", "h:0", "h:65536", "h:x", "unix:", "h:٣"])
def test_bad_endpoints_are_named(endpoint):
    with pytest.raises(ValueError, match="endpoint"):
        parse_endpoint(endpoint)


def test_calls_that_cannot_be_right_are_refused_here(server):
    with Client(server.endpoint) as client:
        with pytest.raises(ValueError, match="31 bytes"):
            make_chain(bytes(31))
        with pytest.raises(ValueError, match="2 pages"):
            client.put(1, make_chain(bytes(32)), views([bytearray(1)] * 2))
        with pytest.raises(ValueError, match="0 pages"):
            client.get(1, make_chain(b""), [])
    assert len(make_chain(bytes(32), bytes(33 * 32)).before) == 32 * 32

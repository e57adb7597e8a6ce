"""Putting and getting over gRPC: sizes, threads, what may be left out, what is refused."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def pb(stubs):
    from varve.v1 import varve_pb2

    return varve_pb2


@pytest.mark.parametrize("size", [1, 64 * KIB, MIB - 1, MIB, MIB + 1, 4 * MIB, 16 * MIB])
def test_a_page_comes_back_as_it_was(store, pb, size):
    ids, pages = store.ids(2), store.pages(size, size)
    assert store.put_all(ids, pages) == [pb.STORED, pb.STORED]
    assert store.get(ids) == dict(enumerate(pages))
    assert store.put_all(ids, pages) == [pb.ALREADY_PRESENT, pb.ALREADY_PRESENT]


def test_pieces_may_be_cut_anywhere(store, pb, rng):
    for _ in range(5):
        pages = store.pages(*(rng.randrange(1, 200 * KIB) for _ in range(4)))
        ids = store.ids(len(pages))
        requests = [store.header(ids, pages)]
        for index, page in enumerate(pages):
            offset = 0
            while offset < len(page):
                count = rng.randrange(0, 40 * KIB)
                from store import piece

                requests.append(piece(index, offset, page[offset : offset + count]))
                offset = min(len(page), offset + count)
        assert store.result(requests) == [pb.STORED] * 4
        assert store.get(ids) == dict(enumerate(pages))


def test_eight_threads_on_one_channel(store, pb, rng):
    """Every page that any thread put is read back by another."""
    sizes = (64 * KIB, 256 * KIB, MIB, 3 * MIB)
    chains = [
        (store.ids(4), [rng.randbytes(size) for size in random.Random(seed).sample(sizes, 4)])
        for seed in range(16)
    ]

    def put(chain):
        return store.put_all(*chain)

    def get(chain):
        return store.get(chain[0]) == dict(enumerate(chain[1]))

    with ThreadPoolExecutor(8) as threads:
        assert all(status == [pb.STORED] * 4 for status in threads.map(put, chains))
        assert all(threads.map(get, reversed(chains)))


def test_ask_names_what_is_needed(store, pb):
    ids, pages = store.ids(10), store.pages(*[5000] * 10)
    store.put_all(ids[3:6], pages[3:6])
    # Without the hint of its predecessor a page has a place of its own; it is found all the same.
    answers = store.cache.Put(store.requests(ids, pages, ask=True), timeout=30)
    need = next(answers)
    assert need.need == bytes([0b11000111, 0b11])
    result = next(answers).result.status
    expected = [pb.ALREADY_PRESENT if 3 <= page < 6 else pb.STORED for page in range(10)]
    assert list(result) == expected
    assert store.get(ids) == dict(enumerate(pages))


def test_ask_with_nothing_needed_is_answered_at_once(store, pb):
    ids, pages = store.ids(3), store.pages(100, 200, 300)
    store.put_all(ids, pages)
    answers = list(store.cache.Put(iter([store.header(ids, pages, ask=True)]), timeout=30))
    assert answers[0].need == b"\0"
    assert list(answers[1].result.status) == [pb.ALREADY_PRESENT] * 3


def test_pages_may_be_left_out(store, pb):
    ids, pages = store.ids(5), store.pages(*[70 * KIB] * 5)
    requests = [store.header(ids, pages)]
    requests += store.pieces(1, pages[1])
    requests += store.pieces(3, pages[3][: 40 * KIB])
    requests += store.pieces(4, pages[4])
    assert store.result(requests) == [
        pb.NOT_ATTEMPTED, pb.STORED, pb.NOT_ATTEMPTED, pb.LENGTH_MISMATCH, pb.STORED,
    ]  # fmt: skip
    found = store.get(ids, sparse=True)
    assert found == {
        0: pb.MISSING, 1: pages[1], 2: pb.MISSING, 3: pb.MISSING, 4: pages[4],
    }  # fmt: skip
    # What was left out can be put again: nothing of it is held.
    assert store.put_all(ids, pages)[3] == pb.STORED


def test_a_part_of_a_chain(store, pb):
    ids, pages = store.ids(6), store.pages(*[1000] * 6)
    requests = [store.header(ids, pages[2:5], first=2, count=3)]
    for index in (2, 3, 4):
        requests += store.pieces(index, pages[index])
    assert store.result(requests) == [pb.STORED] * 3
    assert store.get(ids, first=2, count=2) == {2: pages[2], 3: pages[3]}
    assert store.get(ids) == {}


def test_a_wrong_checksum_is_told_of_its_page_alone(store, pb):
    ids, pages = store.ids(3), store.pages(100, 100, 100)
    requests = list(store.requests(ids, pages))
    requests[2].data.bytes = bytes(100)
    assert store.result(requests) == [pb.STORED, pb.CHECKSUM_MISMATCH, pb.STORED]


def test_a_get_of_nothing_is_empty(store):
    assert store.get([]) == {}
    assert store.get(store.ids(3)) == {}


def refused_puts(pb, piece, store, ids, pages):
    header = store.header(ids, pages)
    first = next(store.pieces(0, pages[0], 600))
    return {
        "data before the header": [first, header],
        "twice a header": [header, header],
        "no header": [],
        "an offset too far": [header, piece(0, 1, b"x")],
        "an offset again": [header, first, piece(0, 0, b"x")],
        "a gap in a page": [header, first, piece(0, 700, b"x")],
        "a page again": [header, piece(1, 0, b"x"), piece(0, 0, b"x")],
        "a page beyond": [header, piece(2, 0, b"x")],
        "bytes too many": [header, piece(0, 0, bytes(1001))],
    }


def test_refused_puts(store, pb):
    from store import piece, refusal

    ids, pages = store.ids(2), store.pages(1000, 1000)
    for name, requests in refused_puts(pb, piece, store, ids, pages).items():
        error = refusal(lambda r=requests: store.cache.Put(iter(r), timeout=30))
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, (name, error.details())
    # None of them left a claim behind.
    assert store.put_all(ids, pages) == [pb.STORED] * 2


def test_the_most_of_a_piece(store, pb):
    from store import piece, refusal

    ids, pages = store.ids(1), store.pages(2 * MIB)
    header = store.header(ids, pages)
    requests = [header, piece(0, 0, pages[0][: MIB + 1])]
    error = refusal(lambda: store.cache.Put(iter(requests), timeout=30))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "1048576" in error.details() and "1048577" in error.details()
    assert store.put_all(ids, pages, size=MIB) == [pb.STORED]


def test_fields_in_any_order(store, pb):
    """Protobuf lets an encoder write fields in any order: such a message is read whole."""
    from store import refusal

    ids, pages = store.ids(1), store.pages(3000)
    header = store.header(ids, pages).SerializeToString()
    usual = pb.PutData(page=0, offset=1000, bytes=pages[0][1000:]).SerializeToString()
    tail = usual.index(b"\x1a")
    turned = usual[tail:] + usual[:tail]
    first = pb.PutRequest(data=pb.PutData(bytes=pages[0][:1000])).SerializeToString()
    second = b"\x12" + varint(len(turned)) + turned
    put = store.channel.stream_stream("/varve.v1.Cache/Put")
    answers = list(put(iter([header, b"", first, second]), timeout=30))
    assert list(pb.PutResponse.FromString(answers[-1]).result.status) == [pb.STORED]
    assert store.get(ids) == {0: pages[0]}
    error = refusal(lambda: put(iter([header, b"\x12\x05\x1a"]), timeout=30))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])

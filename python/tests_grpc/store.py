"""A client of one namespace, no more than a reader of varve.proto would write."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

import grpc
import xxhash
from varve.v1 import varve_pb2 as pb
from varve.v1 import varve_pb2_grpc as rpc

PIECE = 1 << 20
SECONDS = 60


class Store:
    """``with Store(endpoint, rng) as store``: puts and gets pages of a namespace of its own."""

    def __init__(self, endpoint: str, source: random.Random, name: str | None = None):
        self.channel = grpc.insecure_channel(endpoint)
        self.cache = rpc.CacheStub(self.channel)
        self.admin = rpc.AdminStub(self.channel)
        self.random = source
        self.name = name or f"grpc-{source.getrandbits(64):016x}"
        opened = self.cache.OpenNamespace(
            pb.OpenNamespaceRequest(name=self.name), timeout=SECONDS, wait_for_ready=True
        )
        self.namespace = opened.namespace_id

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def ids(self, count: int) -> list[bytes]:
        """A chain nobody has."""
        previous = self.random.randbytes(32)
        chain = []
        for index in range(count):
            previous = hashlib.sha256(previous + index.to_bytes(4, "little")).digest()
            chain.append(previous)
        return chain

    def pages(self, *sizes: int) -> list[bytes]:
        return [self.random.randbytes(size) for size in sizes]

    def header(self, ids: list[bytes], pages: list[bytes], **more) -> pb.PutRequest:
        return pb.PutRequest(
            header=pb.PutHeader(
                namespace=self.namespace,
                chain=pb.Chain(page_ids=b"".join(ids)),
                page_bytes=[len(page) for page in pages],
                checksum=[xxhash.xxh3_64_intdigest(page) for page in pages],
                **more,
            )
        )

    def pieces(self, index: int, page: bytes, size: int = PIECE) -> Iterator[pb.PutRequest]:
        for offset in range(0, len(page), size):
            yield piece(index, offset, page[offset : offset + size])

    def requests(self, ids, pages, size: int = PIECE, **more) -> Iterator[pb.PutRequest]:
        yield self.header(ids, pages, **more)
        for index, page in enumerate(pages):
            yield from self.pieces(index, page, size)

    def put_all(self, ids, pages, size: int = PIECE, **more) -> list[int]:
        """Sends everything, then reads one result."""
        return self.result(self.requests(ids, pages, size, **more))

    def result(self, requests) -> list[int]:
        answers = list(self.cache.Put(iter(requests), timeout=SECONDS))
        assert [answer.WhichOneof("part") for answer in answers][-1] == "result"
        return list(answers[-1].result.status)

    def request(self, ids, **more) -> pb.GetRequest:
        chain = pb.Chain(page_ids=b"".join(ids))
        return pb.GetRequest(namespace=self.namespace, chain=chain, **more)

    def get(self, ids, **more) -> dict[int, bytes | int]:
        """Page number to bytes, or to the status of a page without."""
        found: dict[int, bytearray | int] = {}
        for answer in self.cache.Get(self.request(ids, **more), timeout=SECONDS):
            assert answer.ByteSize() <= 1 << 20
            if answer.status != pb.PRESENT:
                assert not answer.bytes and not answer.page_bytes and not answer.checksum
                found[answer.page] = answer.status
                continue
            page = found.setdefault(answer.page, bytearray())
            assert answer.offset == len(page), "pieces come in order without a gap"
            page += answer.bytes
            assert len(page) <= answer.page_bytes
            if len(page) == answer.page_bytes:
                assert xxhash.xxh3_64_intdigest(bytes(page)) == answer.checksum
        return {
            number: page if isinstance(page, int) else bytes(page) for number, page in found.items()
        }

    def lookup(self, ids, **more) -> pb.LookupResponse:
        chain = pb.Chain(page_ids=b"".join(ids))
        request = pb.LookupRequest(namespace=self.namespace, chain=chain, **more)
        return self.cache.Lookup(request, timeout=SECONDS)

    def run(self, ids, **more) -> pb.PagesRequest:
        chain = pb.Chain(page_ids=b"".join(ids))
        return pb.PagesRequest(namespace=self.namespace, chain=chain, **more)


def piece(page: int, offset: int, data: bytes) -> pb.PutRequest:
    return pb.PutRequest(data=pb.PutData(page=page, offset=offset, bytes=data))


def refusal(call) -> grpc.RpcError:
    """The error that ``call`` ends with; fails the test when it succeeds."""
    try:
        answer = call()
        if not hasattr(answer, "DESCRIPTOR"):
            list(answer)
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call was not refused")

"""The grpcio side of the benchmark: the same requests for either server."""

from __future__ import annotations

import itertools
import os

import grpc
import xxhash
from varve.v1 import varve_pb2 as pb
from varve.v1 import varve_pb2_grpc as rpc

PIECE = 1 << 20


class BenchClient:
    """One channel, default options."""

    def __init__(self, endpoint: str):
        self.channel = grpc.insecure_channel(endpoint)
        self.cache = rpc.CacheStub(self.channel)
        opened = self.cache.OpenNamespace(
            pb.OpenNamespaceRequest(name="bench"), timeout=30, wait_for_ready=True
        )
        self.namespace = opened.namespace_id
        self.chains: dict[int, bytes] = {}
        self.pages: dict[int, list[bytes]] = {}
        self.sums: dict[int, list[int]] = {}
        self.number = itertools.count()

    def prepare(self, size: int, count: int) -> None:
        """Random pages: incompressible, and checked when they come back."""
        self.pages[size] = [os.urandom(size) for _ in range(count)]
        self.sums[size] = [xxhash.xxh3_64_intdigest(page) for page in self.pages[size]]
        self.chains[size] = os.urandom(32 * count)
        self._put(size, self.chains[size])

    def put_new(self, size: int) -> int:
        """The same pages under ids that nobody has."""
        return self._put(size, os.urandom(32 * len(self.pages[size])))

    def _put(self, size: int, ids: bytes) -> int:
        def requests():
            yield pb.PutRequest(
                header=pb.PutHeader(
                    namespace=self.namespace, chain=pb.Chain(page_ids=ids), page_bytes=[size],
                    checksum=self.sums[size],
                )
            )  # fmt: skip
            for index, page in enumerate(self.pages[size]):
                for offset in range(0, size, PIECE):
                    piece = page if size <= PIECE else page[offset : offset + PIECE]
                    yield pb.PutRequest(data=pb.PutData(page=index, offset=offset, bytes=piece))

        (answer,) = self.cache.Put(requests(), timeout=60)
        if set(answer.result.status) != {pb.STORED}:
            raise RuntimeError(f"put: {answer}")
        return size * len(self.pages[size])

    def request(self, size: int) -> pb.GetRequest:
        return pb.GetRequest(namespace=self.namespace, chain=pb.Chain(page_ids=self.chains[size]))

    def get(self, size: int) -> int:
        moved = 0
        digest = xxhash.xxh3_64()
        for answer in self.cache.Get(self.request(size), timeout=60):
            if answer.offset == 0:
                digest.reset()
            digest.update(answer.bytes)
            moved += len(answer.bytes)
            if answer.offset + len(answer.bytes) == answer.page_bytes:
                if digest.intdigest() != answer.checksum:
                    raise RuntimeError(f"page {answer.page} came back wrong")
        if moved != size * len(self.pages[size]):
            raise RuntimeError(f"get of {moved} bytes")
        return moved

    def framed_get(self, size: int) -> bytes:
        """The body of a Get as it goes over HTTP/2."""
        message = self.request(size).SerializeToString()
        return b"\0" + len(message).to_bytes(4, "big") + message

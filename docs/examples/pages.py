"""Stores two pages over gRPC, sees them, reads them back. An example, and a test: prints "ok".

    python -m grpc_tools.protoc -I Protos --python_out=. --grpc_python_out=. varve/v1/varve.proto
    python docs/examples/pages.py 127.0.0.1:4770
"""

import os
import sys

import grpc
import xxhash
from varve.v1 import varve_pb2 as pb
from varve.v1 import varve_pb2_grpc as rpc

PIECE = 1 << 20  # the most bytes of one message


def main(endpoint: str) -> None:
    cache = rpc.CacheStub(grpc.insecure_channel(endpoint))
    name = pb.OpenNamespaceRequest(name=f"example-{os.getpid()}")
    namespace = cache.OpenNamespace(name, timeout=10).namespace_id
    # The server hashes tokens to ids, 64 tokens a page here; ids may be given instead.
    chain = pb.Chain(tokens=range(128), page_tokens=64)
    pages = [os.urandom(3_000_000), os.urandom(500_000)]

    def requests():
        yield pb.PutRequest(
            header=pb.PutHeader(
                namespace=namespace,
                chain=chain,
                page_bytes=[len(page) for page in pages],
                checksum=[xxhash.xxh3_64_intdigest(page) for page in pages],
            )
        )
        for number, page in enumerate(pages):
            for offset in range(0, len(page), PIECE):
                data = page[offset : offset + PIECE]
                yield pb.PutRequest(data=pb.PutData(page=number, offset=offset, bytes=data))

    (answer,) = cache.Put(requests(), timeout=60)
    assert list(answer.result.status) == [pb.STORED, pb.STORED], answer
    found = cache.Lookup(pb.LookupRequest(namespace=namespace, chain=chain), timeout=10)
    assert found.hit_pages == 2, found
    back = [b"", b""]
    for piece in cache.Get(pb.GetRequest(namespace=namespace, chain=chain), timeout=60):
        assert piece.offset == len(back[piece.page])
        back[piece.page] += piece.bytes
    assert back == pages
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])

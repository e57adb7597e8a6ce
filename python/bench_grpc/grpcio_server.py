"""The same Get and Put on grpcio's own server: what varved is held against.

    grpcio_server.py STUBS [FILE]

Pages stay in memory. With FILE it does what a Put of varved does too: checks each page against its
checksum and appends it to the file, through the page cache. Prints its port, then serves until its
input ends.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

PIECE = (1 << 20) - 64


def main(stubs: str, file: str | None = None) -> None:
    sys.path.insert(0, stubs)
    import xxhash
    from varve.v1 import varve_pb2 as pb
    from varve.v1 import varve_pb2_grpc as rpc

    class Cache(rpc.CacheServicer):
        """Pages by id, whole, as the client sent them."""

        def __init__(self) -> None:
            self.pages: dict[bytes, tuple[bytes, int]] = {}
            self.log = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND) if file else None

        def keep(self, page: bytes, checksum: int) -> int:
            if self.log is None:
                return pb.STORED
            if xxhash.xxh3_64_intdigest(page) != checksum:
                return pb.CHECKSUM_MISMATCH
            os.write(self.log, page)
            return pb.STORED

        def OpenNamespace(self, request, context):  # noqa: N802
            return pb.OpenNamespaceResponse(namespace_id=1, created=True)

        def Put(self, requests, context):  # noqa: N802
            header = None
            parts: dict[int, list[bytes]] = {}
            for request in requests:
                if request.WhichOneof("part") == "header":
                    header = request.header
                else:
                    parts.setdefault(request.data.page, []).append(request.data.bytes)
            ids = header.chain.page_ids
            status = [pb.NOT_ATTEMPTED] * (len(ids) // 32)
            for page, pieces in parts.items():
                data, checksum = b"".join(pieces), header.checksum[page]
                status[page] = self.keep(data, checksum)
                self.pages[ids[32 * page : 32 * page + 32]] = (data, checksum)
            yield pb.PutResponse(result=pb.PutResult(status=status))

        def Get(self, request, context):  # noqa: N802
            ids = request.chain.page_ids
            for page in range(len(ids) // 32):
                data, checksum = self.pages[ids[32 * page : 32 * page + 32]]
                for offset in range(0, len(data), PIECE):
                    yield pb.GetResponse(
                        page=page, page_bytes=len(data), checksum=checksum, offset=offset,
                        bytes=data[offset : offset + PIECE], status=pb.PRESENT,
                    )  # fmt: skip

    server = grpc.server(
        ThreadPoolExecutor(8),
        options=[("grpc.max_receive_message_length", 8 << 20), ("grpc.so_reuseport", 0)],
    )
    rpc.add_CacheServicer_to_server(Cache(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main(*sys.argv[1:3])

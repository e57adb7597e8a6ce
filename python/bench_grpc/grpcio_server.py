"""The same Get and Put on grpcio's own server, with pages in memory: what varved is held
against. It checks nothing. Prints its port, then serves until its input ends.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

PIECE = (1 << 20) - 64


def main(stubs: str) -> None:
    sys.path.insert(0, stubs)
    from varve.v1 import varve_pb2 as pb
    from varve.v1 import varve_pb2_grpc as rpc

    class Cache(rpc.CacheServicer):
        """Pages by id, whole, as the client sent them."""

        def __init__(self) -> None:
            self.pages: dict[bytes, tuple[bytes, int]] = {}

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
            for page, pieces in parts.items():
                name = ids[32 * page : 32 * page + 32]
                self.pages[name] = (b"".join(pieces), header.checksum[page])
            status = [pb.STORED] * (len(ids) // 32)
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
    main(str(Path(sys.argv[1])))

"""Records what real HTTP/2 clients send, for the corpus of the fuzz targets: Fuzz/Sessions/*.bin.

    .venv/bin/python python/tools/record_sessions.py

A proxy on loopback stands between each client and a varved of its own and keeps the client's bytes.
Needs a built varved, h2load, nghttp and curl.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "tests_grpc"))

from stubs import make_stubs  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

SESSIONS = REPOSITORY / "Fuzz" / "Sessions"


class Recorder:
    """Hands bytes on between one client and the daemon, and keeps what the client sent."""

    def __init__(self, endpoint: str):
        host, _, port = endpoint.rpartition(":")
        self.upstream = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.sent = bytearray()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self.listener.accept()
        server = socket.create_connection(self.upstream)
        threading.Thread(target=self._pass, args=(server, client, None), daemon=True).start()
        self._pass(client, server, self.sent)

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
        try:
            while chunk := source.recv(1 << 16):
                if kept is not None:
                    kept += chunk
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def cache(endpoint: str, store) -> None:
    ids, pages = store.ids(3), store.pages(100, 300, 70)
    store.put_all(ids, pages, size=128, durable=True)
    store.put_all(ids, pages, ask=True)
    store.lookup(ids, want_present=True)
    assert store.get(ids) == dict(enumerate(pages))
    store.get(store.ids(1), sparse=True)


def admin(endpoint: str, store) -> None:
    from varve.v1 import varve_pb2 as pb
    from varve_grpc.health.v1 import health_pb2, health_pb2_grpc
    from varve_grpc.reflection.v1 import reflection_pb2, reflection_pb2_grpc

    store.admin.Stats(pb.StatsRequest())
    list(store.admin.Compact(pb.CompactRequest(), timeout=60))
    health_pb2_grpc.HealthStub(store.channel).Check(health_pb2.HealthCheckRequest())
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="varve.v1.Cache"),
    ]
    list(reflection_pb2_grpc.ServerReflectionStub(store.channel).ServerReflectionInfo(iter(asked)))


def cancelled(endpoint: str, store) -> None:
    from varve_grpc.health.v1 import health_pb2, health_pb2_grpc

    watch = health_pb2_grpc.HealthStub(store.channel).Watch(health_pb2.HealthCheckRequest())
    next(watch)
    begun = threading.Event()

    def requests():
        yield store.header(store.ids(1), store.pages(500))
        begun.set()
        time.sleep(5)

    put = store.cache.Put(requests(), metadata=[("authorization", "Bearer none")])
    begun.wait(5)
    put.cancel()
    watch.cancel()


def program(*command: str) -> Callable[[str, object], None]:
    def run(endpoint: str, _: object) -> None:
        filled = [part.replace("ENDPOINT", endpoint) for part in command]
        subprocess.run(filled, check=True, capture_output=True, timeout=60)

    return run


def main() -> None:
    binary = find_daemon(REPOSITORY)
    if binary is None:
        sys.exit("record: no varved: make build, or name it in VARVED")
    with tempfile.TemporaryDirectory(prefix="varve-record-") as name:
        folder = Path(name)
        make_stubs(REPOSITORY / "Protos", folder)
        from store import Store

        os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
        body = folder / "body"
        body.write_bytes(b"\0\0\0\0\0")
        head = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        calls = {"grpcio-cache": cache, "grpcio-admin": admin, "grpcio-cancelled": cancelled}
        programs = {
            "h2load": program(
                "h2load", "-n", "6", "-c", "1", "-m", "3", "-d", str(body), *head,
                "http://ENDPOINT/varve.v1.Admin/ListNamespaces",
            ),
            "nghttp": program(
                "nghttp", "-n", "-d", str(body), *head,
                "http://ENDPOINT/varve.v1.Admin/Flush",
                "http://ENDPOINT/grpc.health.v1.Health/Check",
            ),
            "curl": program(
                "curl", "-s", "-o", os.devnull, "--http2-prior-knowledge", "http://ENDPOINT/",
            ),
        }  # fmt: skip
        with Daemon(binary, folder / "data") as daemon:
            for title, call in {**calls, **programs}.items():
                recorder = Recorder(daemon.endpoint)
                if title in calls:
                    with Store(recorder.endpoint, random.Random(7)) as store:
                        call(recorder.endpoint, store)
                else:
                    call(recorder.endpoint, None)
                (SESSIONS / f"{title}.bin").write_bytes(recorder.sent)
                print(f"{title}: {len(recorder.sent)} bytes")


if __name__ == "__main__":
    main()

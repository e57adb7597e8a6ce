"""What a good client feels while another floods the same daemon: p50 and p99 of Lookup, in ms.

Each flood is sent by a process of its own that connects again whenever it is cut off, at most so
often a second, at the lowest priority: what is measured is the daemon, not the fight for a core.
Closed loop, one good client; printed, not judged.
"""

from __future__ import annotations

import argparse
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "tests_grpc"))

from stubs import make_stubs  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

CONNECTIONS_PER_SECOND = 10


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(path: str) -> bytes:
    fields = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": "x",
        "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    return b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )


OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
LOOKUP = block("/varve.v1.Cache/Lookup")
FLOODS = {
    "rapid reset": lambda s: frame(1, 4, s, LOOKUP) + frame(3, 0, s, b"\0\0\0\x08"),
    "MadeYouReset": lambda s: frame(1, 5, s, LOOKUP) + frame(8, 0, s, b"\x7f\xff\xff\xff"),
    "PING": lambda s: frame(6, 0, 0, bytes(8)),
    "SETTINGS": lambda s: frame(4, 0, 0, b"\0\x04\0\x01\0\0"),
    "CONTINUATION": lambda s: frame(1, 0, 1, LOOKUP) + 20 * frame(9, 0, 1),
}


def flood(name: str, endpoint: str) -> None:
    """Until it is killed."""
    os.nice(19)
    host, _, port = endpoint.rpartition(":")
    while True:
        started = time.monotonic()
        stream = 1
        try:
            with socket.create_connection((host, int(port)), 5) as peer:
                peer.sendall(OPENING)
                while True:
                    peer.sendall(b"".join(FLOODS[name](stream + 2 * i) for i in range(100)))
                    stream += 200
        except OSError:
            time.sleep(max(0, 1 / CONNECTIONS_PER_SECOND - (time.monotonic() - started)))


def latencies(call, count: int) -> tuple[float, float]:
    times = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--flood", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.flood:
        flood(*given.flood)
    binary = find_daemon(REPOSITORY)
    if binary is None:
        print("bench: no varved: make build, or name it in VARVED", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="varve-abuse-") as name:
        folder = Path(name)
        (folder / "stubs").mkdir()
        make_stubs(REPOSITORY / "Protos", folder / "stubs")
        from bench_client import BenchClient, pb

        with Daemon(binary, folder / "data", capacity="1GiB") as daemon:
            client = BenchClient(daemon.endpoint)
            request = pb.LookupRequest(namespace=client.namespace)

            def call() -> None:
                client.cache.Lookup(request, timeout=30)

            latencies(call, given.calls // 4)
            for title in ["nobody", *FLOODS, "nobody"]:
                peer = None
                if title in FLOODS:
                    command = [sys.executable, __file__, "--flood", title, daemon.endpoint]
                    peer = subprocess.Popen(command)
                    time.sleep(0.5)
                try:
                    middle, late = latencies(call, given.calls)
                finally:
                    if peer:
                        peer.kill()
                        peer.wait()
                print(f"{title:14} p50 {middle:6.2f}  p99 {late:6.2f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a good gRPC client feels while another floods the same daemon (python/tools/beside.py).

Each flood connects again whenever it is cut off. Ends with 1 where a good client's p99 of Lookup
more than doubled.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import struct
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "tests_grpc"))
sys.path.insert(0, str(HERE.parent / "tools"))

from beside import Good, head, judge  # noqa: E402
from replayer import frame, literal, message  # noqa: E402
from stubs import make_stubs  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

CONNECTIONS_PER_SECOND = 10
SLOW_CONNECTIONS = 50
PAGES, PAGE = 64, 64 << 10


def block(path: str) -> bytes:
    fields = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": "x",
        "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    return b"".join(literal(name, value) for name, value in fields.items())


OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
LOOKUP = block("/varve.v1.Cache/Lookup")
FLOODS = {
    "rapid reset": lambda s: frame(1, 4, s, LOOKUP) + frame(3, 0, s, b"\0\0\0\x08"),
    "MadeYouReset": lambda s: frame(1, 5, s, LOOKUP) + frame(8, 0, s, b"\x7f\xff\xff\xff"),
    "PING": lambda s: frame(6, 0, 0, bytes(8)),
    "SETTINGS": lambda s: frame(4, 0, 0, b"\0\x04\0\x01\0\0"),
    "CONTINUATION": lambda s: frame(1, 0, 1, LOOKUP) + 20 * frame(9, 0, 1),
}
# Connections that each begin a call and then hardly move.
SLOW = ("slow read", "slow write")


def flood(name: str, host: str, port: int) -> None:
    """Until it is killed."""
    while True:
        started = time.monotonic()
        stream = 1
        try:
            with socket.create_connection((host, port), 5) as peer:
                peer.sendall(OPENING)
                while True:
                    peer.sendall(b"".join(FLOODS[name](stream + 2 * i) for i in range(100)))
                    stream += 200
        except OSError:
            time.sleep(max(0, 1 / CONNECTIONS_PER_SECOND - (time.monotonic() - started)))


def dawdle(name: str, host: str, port: int, body: bytes) -> None:
    """Until it is killed: many connections that take or give a few bytes now and then."""
    path = "/varve.v1.Cache/Get" if name == "slow read" else "/varve.v1.Cache/Put"
    window = frame(4, 0, 0, struct.pack(">HI", 4, 1 << 30))
    call = frame(1, 4, 1, block(path))
    call += frame(0, 1, 1, body) if name == "slow read" else frame(0, 0, 1, b"\0\0\x10\0\0")
    peers: list[socket.socket] = []
    while True:
        while len(peers) < SLOW_CONNECTIONS:
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.connect((host, port))
            peer.sendall(OPENING + window + frame(8, 0, 0, struct.pack(">I", 1 << 30)) + call)
            peers.append(peer)
        for peer in list(peers):
            try:
                if name == "slow read":
                    if not peer.recv(1):
                        raise OSError("closed")
                else:
                    peer.sendall(frame(0, 0, 1, b"x"))
            except OSError:
                peer.close()
                peers.remove(peer)
        time.sleep(0.05)


def attack(name: str, endpoint: str, body: str) -> None:
    os.nice(19)
    host, _, port = endpoint.rpartition(":")
    if name in SLOW:
        dawdle(name, host, int(port), bytes.fromhex(body))
    else:
        flood(name, host, int(port))


def make_good(daemon: Daemon, calls: int) -> Good:
    from store import Store
    from varve.v1 import varve_pb2 as pb

    store = Store(daemon.endpoint, random.Random(1), name="abuse")
    ids = store.ids(PAGES)
    store.put_all(ids, store.pages(*[PAGE] * PAGES))
    request = pb.LookupRequest(
        namespace=store.namespace, chain=pb.Chain(page_ids=b"".join(ids))
    )
    get = message(store.request(ids).SerializeToString()).hex()
    return Good(
        daemon.process.pid, lambda: store.cache.Lookup(request, timeout=30), calls,
        [daemon.endpoint, get],
    )  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=[*FLOODS, *SLOW])
    options.add_argument("--attack", nargs=3, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.attack:
        attack(*given.attack)
    binary = find_daemon(REPOSITORY)
    if binary is None:
        print("bench: no varved: make build, or name it in VARVED", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="varve-abuse-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "stubs").mkdir()
        make_stubs(REPOSITORY / "Protos", folder / "stubs")
        good, other = (
            make_good(
                stack.enter_context(Daemon(binary, folder / part, capacity="1GiB")), given.calls
            )
            for part in ("good", "other")
        )
        good.latencies()
        head("Lookup", given.calls, given.rounds)
        titles = [given.only] if given.only else [*FLOODS, *SLOW]
        verdicts = [judge(title, good, other, given.rounds) for title in titles]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

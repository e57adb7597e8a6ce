"""What a good framed client feels beside each kind of bad one (python/tools/beside.py).

Ends with 1 where a good client's p99 of a look-up of 64 pages more than doubled.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

from beside import Good, head, judge  # noqa: E402

from sglang_varve.client import Client, make_chain  # noqa: E402
from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402
from sglang_varve.frames import (  # noqa: E402
    DATA,
    GET,
    HELLO,
    LAST,
    LOOKUP,
    PUT,
    REQUEST,
    encode_frame,
    encode_prefix,
)  # fmt: skip
from sglang_varve.messages import GetRequest, Hello, LookupRequest, PutHeader  # noqa: E402

PAGES, PAGE = 64, 64 << 10
CONNECTIONS, PIPELINED = 50, 10_000
HELLO_FRAME = encode_frame(
    HELLO, 0, 0, 0, Hello(version_min=1, version_max=1, client="abuse").encode()
)


class Bad:
    """Bytes that a bad client needs: calls over stored pages, and of a put that never ends."""

    def __init__(self, namespace: int, ids: bytes):
        chain = make_chain(ids, at_root=True)
        self.get = GetRequest(namespace=namespace, chain=chain, count=PAGES).encode()
        self.lookup = LookupRequest(namespace=namespace, chain=chain, count=PAGES).encode()
        self.put = PutHeader(
            namespace=namespace, chain=make_chain(os.urandom(32 * 4), at_root=True), count=4,
            page_bytes=[1 << 20], checksum=[1] * 4,
        ).encode()  # fmt: skip


def connect(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(5)
    peer.connect((host, int(port)))
    peer.sendall(HELLO_FRAME)
    return peer


def many(endpoint: str, begin, go_on) -> None:
    """Connections that each begin something and are then kept going every 50 ms, until killed."""
    peers: list[socket.socket] = []
    while True:
        try:
            while len(peers) < CONNECTIONS:
                peer = connect(endpoint)
                begin(peer)
                peers.append(peer)
        except OSError:
            pass
        for peer in list(peers):
            try:
                go_on(peer)
            except OSError:
                peer.close()
                peers.remove(peer)
        time.sleep(0.05)


def stop_reading(endpoint: str, bad: Bad) -> None:
    calls = [encode_frame(REQUEST, LAST, GET, 2 * i + 1, bad.get) for i in range(8)]
    many(endpoint, lambda peer: peer.sendall(b"".join(calls)), lambda peer: None)


def read_a_byte(endpoint: str, bad: Bad) -> None:
    call = encode_frame(REQUEST, LAST, GET, 1, bad.get)
    many(endpoint, lambda peer: peer.sendall(call), lambda peer: peer.recv(1))


def half_a_header(endpoint: str, bad: Bad) -> None:
    call = encode_frame(REQUEST, LAST, LOOKUP, 1, bad.lookup)
    many(endpoint, lambda peer: peer.sendall(call[: 32 + len(bad.lookup) // 2]), lambda peer: None)


def close_in_mid_page(endpoint: str, bad: Bad) -> None:
    begin = encode_frame(REQUEST, 0, PUT, 1, bad.put) + encode_prefix(
        DATA, LAST, PUT, 1, 0, 4 << 20
    )
    half = os.urandom(512 << 10)
    while True:
        try:
            peer = connect(endpoint)
            peer.sendall(begin + half)
            peer.close()
        except OSError:
            pass
        time.sleep(0.01)


def pipeline(endpoint: str, bad: Bad) -> None:
    """10,000 look-ups before the first answer is read, again and again."""
    calls = b"".join(
        encode_frame(REQUEST, LAST, LOOKUP, 2 * i + 1, bad.lookup) for i in range(PIPELINED)
    )
    while True:
        try:
            peer = connect(endpoint)
            peer.settimeout(1)
            peer.sendall(calls)
        except OSError:
            pass
        peer.close()


ATTACKS = {
    "stop reading": stop_reading, "a byte a time": read_a_byte, "half a header": half_a_header,
    "close mid-page": close_in_mid_page, "10,000 calls": pipeline,
}  # fmt: skip


def make_good(daemon: Daemon, calls: int) -> Good:
    client = Client(daemon.endpoint, seconds=60)
    namespace = client.open_namespace("abuse").namespace_id
    ids = random.Random(1).randbytes(32 * PAGES)
    page = [memoryview(random.Random(2).randbytes(PAGE))]
    chain = make_chain(ids, at_root=True)
    client.put(namespace, chain, [page] * PAGES)
    return Good(
        daemon.process.pid, lambda: client.lookup(namespace, chain), calls,
        [daemon.endpoint, str(namespace), ids.hex()],
    )  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=list(ATTACKS))
    options.add_argument("--attack", nargs=4, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.attack:
        os.nice(19)
        title, endpoint, namespace, ids = given.attack
        ATTACKS[title](endpoint, Bad(int(namespace), bytes.fromhex(ids)))
    binary = find_daemon(HERE.parents[1])
    if binary is None:
        print("bench: no varved: make build, or name it in VARVED", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="varve-abuse-") as name, ExitStack() as stack:
        good, other = (
            make_good(
                stack.enter_context(Daemon(binary, Path(name) / part, capacity="1GiB")), given.calls
            )
            for part in ("good", "other")
        )
        good.latencies()
        head("a look-up of 64 pages", given.calls, given.rounds)
        titles = [given.only] if given.only else list(ATTACKS)
        verdicts = [judge(title, good, other, given.rounds) for title in titles]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

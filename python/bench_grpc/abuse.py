"""What a good client feels while another floods the same daemon: p50 and p99 of Lookup, in ms.

Each flood is a process of its own at the lowest priority that connects again whenever it is cut
off. On few cores it takes time from everybody, whomever it attacks: so each round measures the good
client alone, then beside the flood, then beside the same flood against *another* daemon (the
control). What the flood does to the daemon is flood / control; flood / alone is what the good
client feels. Medians of the rounds, with least and most; closed loop, one good client.

Ends with 1 where a good client's p99 more than doubled.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "tests_grpc"))

from bench import cpu_seconds  # noqa: E402
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


class Good:
    """A well-behaved client of one daemon."""

    def __init__(self, daemon: Daemon, calls: int):
        from store import Store
        from varve.v1 import varve_pb2 as pb

        self.pid, self.endpoint, self.calls = daemon.process.pid, daemon.endpoint, calls
        self.store = Store(daemon.endpoint, random.Random(1), name="abuse")
        ids = self.store.ids(PAGES)
        self.store.put_all(ids, self.store.pages(*[PAGE] * PAGES))
        self.request = pb.LookupRequest(
            namespace=self.store.namespace, chain=pb.Chain(page_ids=b"".join(ids))
        )
        self.get = message(self.store.request(ids).SerializeToString()).hex()

    def latencies(self) -> tuple[float, float]:
        times = []
        for _ in range(self.calls):
            started = time.perf_counter()
            self.store.cache.Lookup(self.request, timeout=30)
            times.append((time.perf_counter() - started) * 1000)
        times.sort()
        return times[len(times) // 2], times[len(times) * 99 // 100]

    def beside(self, title: str, target: Good) -> tuple[float, float, float]:
        """p50, p99, and the cores that `target`'s daemon used meanwhile."""
        command = [sys.executable, __file__, "--attack", title, target.endpoint, target.get]
        peer = subprocess.Popen(command)
        try:
            time.sleep(0.5)
            cpu, started = cpu_seconds(target.pid), time.monotonic()
            middle, late = self.latencies()
            spent = cpu_seconds(target.pid) - cpu
            return middle, late, spent / (time.monotonic() - started)
        finally:
            peer.kill()
            peer.wait()


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):5.2f} ({min(values):.2f} … {max(values):.2f})"


def judge(title: str, good: Good, other: Good, rounds: int) -> bool:
    """One line; whether the p99 stayed under twice."""
    alone, under, control, cores = [], [], [], []
    for _ in range(rounds):
        alone.append(good.latencies()[1])
        _, late, used = good.beside(title, good)
        under.append(late)
        cores.append(used)
        control.append(good.beside(title, other)[1])
    felt = [late / before for late, before in zip(under, alone, strict=True)]
    caused = [late / before for late, before in zip(under, control, strict=True)]
    holds = statistics.median(felt) < 2
    print(f"{title:14} {spread(alone):22} {spread(under):22} {spread(control):22} "
          f"{spread(felt):20} {spread(caused):20} {statistics.median(cores):5.2f}  "
          f"{'held' if holds else 'NOT HELD'}", flush=True)  # fmt: skip
    return holds


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
            Good(stack.enter_context(Daemon(binary, folder / part, capacity="1GiB")), given.calls)
            for part in ("good", "other")
        )
        good.latencies()
        print(f"p99 of Lookup in ms, {given.calls} calls, {given.rounds} rounds, "
              f"{os.cpu_count()} CPUs; median (least … most); control: the flood against another "
              "daemon")  # fmt: skip
        print(f"{'flood':14} {'alone':22} {'flood':22} {'control':22} {'flood / alone':20} "
              f"{'flood / control':20} cores")  # fmt: skip
        titles = [given.only] if given.only else [*FLOODS, *SLOW]
        verdicts = [judge(title, good, other, given.rounds) for title in titles]
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())

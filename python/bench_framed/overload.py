"""256 connections that offer ten times what the daemon serves: its memory, and its speed after.

    python python/bench_framed/overload.py [--seconds S] [--rounds N] [--memory MiB]

In each round: four connections in a closed loop say what the daemon serves (gets of 8 pages of
1 MiB, most of them not in memory, one put in four); then 256 connections offer ten times that
whether answered or not, beside 32 that never read what they asked for; then, one second after all
of them are gone, four again. Memory is what the kernel counts for the process (VmHWM since its
start), the limit is memory_max. A call that is due while the connection's last one has not left is
untaken. Ends with 1 where memory passes the limit by more than 10 % or the speed after is below
0.9 of the speed before, medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xxhash
from crowd import Peer, drive

from sglang_varve.client import Client, make_chain
from sglang_varve.daemon_process import Daemon, find_daemon
from sglang_varve.messages import GetRequest, NamespaceOptions, PutHeader

REPOSITORY = Path(__file__).resolve().parents[2]
MIB = 1 << 20
PAGE, PAGES, CHAINS = MIB, 8, 160
NORMAL, CROWD, MUTE = 4, 256, 32


class Calls:
    """What the connections ask for: gets of stored chains, every fourth call a put of new ones."""

    def __init__(self, daemon: Daemon, seed: int, name: str = "overload", weight: int = 0):
        self.random = random.Random(seed)
        self.page = memoryview(self.random.randbytes(PAGE * PAGES))
        self.sums = [
            xxhash.xxh3_64_intdigest(self.page[at : at + PAGE])
            for at in range(0, PAGE * PAGES, PAGE)
        ]
        self.count = 0
        with Client(daemon.endpoint, seconds=60) as client:
            options = NamespaceOptions(weight=weight)
            self.namespace = client.open_namespace(name, options).namespace_id
        self.chains = [self.random.randbytes(32 * PAGES) for _ in range(CHAINS)]

    def header(self, ids: bytes) -> PutHeader:
        return PutHeader(
            namespace=self.namespace, chain=make_chain(ids, at_root=True), first=0, count=PAGES,
            page_bytes=[PAGE], checksum=self.sums,
        )  # fmt: skip

    def store(self, endpoint: str) -> None:
        counts: Counter = Counter()
        peer = Peer(endpoint, counts)
        left = list(self.chains)

        def put(peer: Peer) -> None:
            if left:
                peer.put(self.header(left.pop()), self.page)

        while counts["served"] + counts["refused"] < CHAINS:
            drive([peer], 0.2, put)
        peer.close()
        if counts["refused"]:
            raise RuntimeError(f"the store could not be filled: {counts}")

    def next(self, peer: Peer) -> None:
        self.count += 1
        if self.count % 4 == 0:
            peer.put(self.header(self.random.randbytes(32 * PAGES)), self.page)
        else:
            self.get(peer)

    def get(self, peer: Peer) -> None:
        ids = self.random.choice(self.chains)
        chain = make_chain(ids, at_root=True)
        peer.get(GetRequest(namespace=self.namespace, chain=chain, first=0, count=PAGES))


@contextmanager
def bench_daemon(memory_mib: int, capacity: str) -> Iterator[Daemon]:
    """A daemon of one's own, ended and removed behind."""
    binary = find_daemon(REPOSITORY)
    if binary is None:
        sys.exit("bench: no varved: make build, or name it in VARVED")
    os.environ["VARVE_MEMORY_MAX"] = f"{memory_mib}MiB"
    os.environ.setdefault("VARVE_LOG_LEVEL", "warning")
    with (
        tempfile.TemporaryDirectory(prefix="varve-bench-") as name,
        Daemon(binary, Path(name) / "data", capacity=capacity) as daemon,
    ):
        yield daemon


def status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise KeyError(field)


def normal(endpoint: str, calls: Calls, seconds: float) -> float:
    """Calls a second."""
    counts: Counter = Counter()
    peers = [Peer(endpoint, counts) for _ in range(NORMAL)]
    taken = drive(peers, seconds, calls.next)
    for peer in peers:
        peer.close()
    if counts["refused"]:
        raise RuntimeError(f"refused in a closed loop of {NORMAL}: {counts}")
    return counts["served"] / taken


def overload(endpoint: str, pid: int, calls: Calls, seconds: float, rate: float) -> dict:
    counts, mute = Counter(), Counter()
    silent = [Peer(endpoint, mute, read=False) for _ in range(MUTE)]
    for peer in silent:
        for _ in range(4):
            calls.get(peer)
        peer.send()
    peers = [Peer(endpoint, counts) for _ in range(CROWD)]
    resident = [0]

    def watch() -> None:
        resident[0] = max(resident[0], status_kib(pid, "VmRSS"))

    taken = drive(peers, seconds, calls.next, rate=rate, watch=watch)
    for peer in peers + silent:
        peer.close()
    times = sorted(at for peer in peers for at in peer.nanos)
    return {
        "seconds": taken, "resident_mib": resident[0] / 1024, **dict(counts),
        "p50_ms": 1000 * times[len(times) // 2] if times else None,
        "p99_ms": 1000 * times[len(times) * 99 // 100] if times else None,
    }  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--memory", type=int, default=512, help="memory_max, MiB")
    options.add_argument("--json", action="store_true", help="a line for each round")
    given = options.parse_args()
    rounds = []
    with bench_daemon(given.memory, "4GiB") as daemon:
        pid = daemon.process.pid
        calls = Calls(daemon, 1)
        calls.store(daemon.endpoint)
        normal(daemon.endpoint, calls, given.seconds / 2)
        for _ in range(given.rounds):
            before = normal(daemon.endpoint, calls, given.seconds / 2)
            under = overload(daemon.endpoint, pid, calls, given.seconds, 10 * before)
            time.sleep(1)
            after = normal(daemon.endpoint, calls, given.seconds / 2)
            line = {"before": before, "after": after, "memory_mib": given.memory, **under}
            rounds.append(line)
            print(json.dumps(line) if given.json else text(line), flush=True)
        peak = status_kib(pid, "VmHWM") / 1024
    memory = peak / given.memory
    speed = statistics.median(line["after"] / line["before"] for line in rounds)
    print(f"memory at most {peak:.0f} MiB, {memory:.2f} of memory_max (1.10); speed one second "
          f"after {speed:.2f} of before (0.90)")  # fmt: skip
    return 0 if memory <= 1.1 and speed >= 0.9 else 1


def text(line: dict) -> str:
    refusals = ", ".join(
        f"{count} {what.removeprefix('refused ')}" for what, count in sorted(line.items())
        if what.startswith("refused ")
    )  # fmt: skip
    seconds = line["seconds"]
    return (
        f"before {line['before']:.0f} calls/s; offered {line['offered'] / seconds:.0f}, untaken "
        f"{line.get('untaken', 0) / seconds:.0f}, served {line.get('served', 0) / seconds:.0f}, "
        f"refused {line.get('refused', 0) / seconds:.0f} ({refusals or 'none'}); p50 "
        f"{line['p50_ms'] or 0:.0f} p99 {line['p99_ms'] or 0:.0f} ms; "
        f"{line['resident_mib']:.0f} MiB; after {line['after']:.0f} calls/s"
    )


if __name__ == "__main__":
    sys.exit(main())

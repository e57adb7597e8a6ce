"""What one connection gets beside a crowd, of another namespace and of its own; and two crowds.

    python python/bench_framed/fairness.py [--seconds S] [--rounds N]

A crowd of 64 connections asks for cold pages in a closed loop, each as soon as it was answered, 8
pages of 1 MiB a call. Beside it one connection does the same: under the crowd's own namespace (its
share is one of 65) and under another (its share is half, as far as one connection can take it).
Then the crowd and another one of 64, whose namespace has weight 4. Calls a second, medians of the
rounds with least and most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter

from crowd import Peer, drive
from overload import CHAINS, PAGES, Calls, bench_daemon

from sglang_varve.client import make_chain
from sglang_varve.messages import GetRequest

CROWD = 64


class Asked:
    """Chains of a namespace, asked for in turn so that each is cold again when its turn comes."""

    def __init__(self, calls: Calls):
        self.calls, self.turn = calls, 0

    def next(self, peer: Peer) -> None:
        ids = self.calls.chains[self.turn % CHAINS]
        self.turn += 1
        chain = make_chain(ids, at_root=True)
        peer.get(GetRequest(namespace=self.calls.namespace, chain=chain, first=0, count=PAGES))


def run(
    endpoint: str, sides: list[tuple[Asked, int]], seconds: float
) -> list[float]:
    """Calls a second of each side: what it asks for, on how many connections."""
    counts = [Counter() for _ in sides]
    peers = {
        Peer(endpoint, count): asked
        for count, (asked, connections) in zip(counts, sides, strict=True)
        for _ in range(connections)
    }
    taken = drive(list(peers), seconds, lambda peer: peers[peer].next(peer))
    for peer in peers:
        peer.close()
    if any(count["refused"] for count in counts):
        raise RuntimeError(f"refused: {counts}")
    return [count["served"] / taken for count in counts]


def spread(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{statistics.median(values):5.0f} ({min(values):.0f} … {max(values):.0f})"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true", help="a line for each round")
    given = options.parse_args()
    found: dict[str, list[list[float]]] = {}
    with bench_daemon(512, "8GiB") as daemon:
        asked = {}
        for number, (space, weight) in enumerate((("crowd", 0), ("one", 0), ("heavy", 4))):
            calls = Calls(daemon, number, space, weight)
            calls.store(daemon.endpoint)
            asked[space] = Asked(calls)
        ways = {
            "one alone": [(asked["one"], 1)],
            "one, the crowd's": [(asked["crowd"], 1), (asked["crowd"], CROWD)],
            "one, another": [(asked["one"], 1), (asked["crowd"], CROWD)],
            "crowd of weight 4": [(asked["heavy"], CROWD), (asked["crowd"], CROWD)],
        }  # fmt: skip
        for _ in range(given.rounds):
            for title, sides in ways.items():
                served = run(daemon.endpoint, sides, given.seconds)
                found.setdefault(title, []).append(served)
                if given.json:
                    print(json.dumps({"beside": title, "calls_per_second": served}), flush=True)
    for title, rounds in found.items():
        print(f"{title:18} {spread([served[0] for served in rounds])}   crowd "
              f"{spread([served[1] for served in rounds if len(served) > 1])}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

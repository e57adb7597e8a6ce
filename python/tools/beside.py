"""What a good client feels while another one misbehaves against the same daemon.

The bad one is a process of its own at the lowest priority. On few cores it takes time from
everybody, whomever it attacks: so each round measures the good client alone, then beside the bad
one, then beside the same one against *another* daemon (the control). What it does to the daemon is
beside / control; beside / alone is what the good client feels. Medians of the rounds, with least
and most; closed loop, one good client.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Good:
    """A well-behaved client of one daemon."""

    def __init__(self, pid: int, call: Callable[[], object], calls: int, attack: list[str]):
        """`attack`: what follows the title in the command of a bad client of this daemon."""
        self.pid, self.call, self.calls, self.attack = pid, call, calls, attack

    def latencies(self) -> tuple[float, float]:
        """p50 and p99 in ms."""
        times = []
        for _ in range(self.calls):
            started = time.perf_counter()
            self.call()
            times.append((time.perf_counter() - started) * 1000)
        times.sort()
        return times[len(times) // 2], times[len(times) * 99 // 100]

    def beside(self, title: str, target: Good) -> tuple[float, float, float]:
        """p50, p99, and the cores that `target`'s daemon used meanwhile."""
        peer = subprocess.Popen([sys.executable, sys.argv[0], "--attack", title, *target.attack])
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


def head(what: str, calls: int, rounds: int) -> None:
    print(f"p99 of {what} in ms, {calls} calls, {rounds} rounds, {os.cpu_count()} CPUs; median "
          "(least … most); control: the same against another daemon")  # fmt: skip
    print(f"{'':14} {'alone':22} {'beside':22} {'control':22} {'beside / alone':20} "
          f"{'beside / control':20} cores")  # fmt: skip


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

"""gRPC beside grpcio's own server doing the same: h2load and grpcio, 64 KiB and 1 MiB.

Every figure is the median of three rounds or more, which alternate between the two servers, with
the least and the most. CPU is the server's own, user and system, from /proc/PID/stat. Gets by
grpcio verify every page; h2load discards what it is sent, so its figures are the server's alone.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "tests_grpc"))

from stubs import make_stubs  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

GIB = 1 << 30
TICK = os.sysconf("SC_CLK_TCK")
SIZES = {"64 KiB": 64 << 10, "1 MiB": 1 << 20}
CALL_BYTES = 4 << 20
THREADS = 4


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Target:
    """One server with pages of one size in it."""

    def __init__(self, name: str, pid: int, endpoint: str):
        self.name, self.pid, self.endpoint = name, pid, endpoint
        from bench_client import BenchClient

        self.client = BenchClient(endpoint)

    def measure(self, job) -> tuple[float, float]:
        """GiB a second, and CPU-seconds of the server for each GiB."""
        cpu, started = cpu_seconds(self.pid), time.perf_counter()
        moved = job(self) / GIB
        seconds = time.perf_counter() - started
        return moved / seconds, (cpu_seconds(self.pid) - cpu) / moved


def grpcio_get(size: int, total: int):
    def job(target: Target) -> int:
        calls = total // CALL_BYTES
        with ThreadPoolExecutor(THREADS) as threads:
            return sum(threads.map(lambda _: target.client.get(size), range(calls)))

    return job


def grpcio_put(size: int, total: int):
    def job(target: Target) -> int:
        calls = total // CALL_BYTES
        with ThreadPoolExecutor(THREADS) as threads:
            return sum(threads.map(lambda _: target.client.put_new(size), range(calls)))

    return job


def h2load_get(size: int, total: int, folder: Path):
    def job(target: Target) -> int:
        calls = total // CALL_BYTES
        body = folder / f"{target.name}-{size}"
        body.write_bytes(target.client.framed_get(size))
        command = [
            "h2load", "-n", str(calls), "-c", "2", "-m", "4", "-w", "24", "-W", "26",
            "-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers",
            f"http://{target.endpoint}/varve.v1.Cache/Get",
        ]  # fmt: skip
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        succeeded = int(re.search(r"(\d+) succeeded", told)[1])
        data = int(re.search(r"\((\d+)\) data", told)[1])
        if succeeded != calls or data < calls * CALL_BYTES:
            raise RuntimeError(f"h2load against {target.name}:\n{told}")
        return calls * CALL_BYTES

    return job


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f} … {max(values):.2f})"


def compare(title: str, job, targets: list[Target], rounds: int) -> None:
    rates: dict[str, list[float]] = {target.name: [] for target in targets}
    costs: dict[str, list[float]] = {target.name: [] for target in targets}
    for target in targets:
        job(target)  # warms connections and memory; not counted
    for _ in range(rounds):
        for target in targets:
            rate, cost = target.measure(job)
            rates[target.name].append(rate)
            costs[target.name].append(cost)
    for target in targets:
        print(f"{title:22} {target.name:8} {spread(rates[target.name]):26} "
              f"{spread(costs[target.name])}", flush=True)  # fmt: skip
    ours, theirs = (target.name for target in targets)
    faster = statistics.median(rates[ours]) / statistics.median(rates[theirs])
    cheaper = statistics.median(costs[theirs]) / max(statistics.median(costs[ours]), 1e-9)
    print(f"{'':22} {'':8} {faster:.1f} × the throughput, 1/{cheaper:.1f} of the CPU")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--mib", type=int, default=256, help="moved in each round")
    given = options.parse_args()
    binary = find_daemon(REPOSITORY)
    if binary is None:
        print("bench: no varved: make build, or name it in VARVED", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="varve-bench-") as name:
        run(given, binary, Path(name))
    return 0


def run(given, binary: Path, folder: Path) -> None:
    stubs = folder / "stubs"
    stubs.mkdir()
    make_stubs(REPOSITORY / "Protos", stubs)
    os.environ["VARVE_SEGMENT_BYTES"] = "64MiB"
    theirs = subprocess.Popen(
        [sys.executable, str(HERE / "grpcio_server.py"), str(stubs)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        port = theirs.stdout.readline().strip()
        with Daemon(binary, folder / "data", capacity="4GiB") as daemon:
            targets = [
                Target("varved", daemon.process.pid, daemon.endpoint),
                Target("grpcio", theirs.pid, f"127.0.0.1:{port}"),
            ]
            report(given, targets, folder)
    finally:
        theirs.stdin.close()
        theirs.wait(10)


def report(given, targets: list[Target], folder: Path) -> None:
    total = given.mib << 20
    print(f"gRPC, {CALL_BYTES >> 20} MiB a call, {given.mib} MiB a round, {given.rounds} rounds, "
          f"{os.cpu_count()} CPUs; closed loop, {THREADS} threads on one channel or h2load "
          "-c 2 -m 4; median (least … most)")  # fmt: skip
    print(f"{'':22} {'server':8} {'GiB/s':26} server CPU-s/GiB")
    for label, size in SIZES.items():
        for target in targets:
            target.client.prepare(size, CALL_BYTES // size)
        compare(f"h2load Get {label}", h2load_get(size, total, folder), targets, given.rounds)
        compare(f"grpcio Get {label}", grpcio_get(size, total), targets, given.rounds)
        compare(f"grpcio Put {label}", grpcio_put(size, total // 2), targets, given.rounds)


if __name__ == "__main__":
    sys.exit(main())

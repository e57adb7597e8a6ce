"""gRPC beside grpcio's own server doing the same: h2load and grpcio, 64 KiB and 1 MiB.

Every figure is the median of three rounds or more, which alternate between the servers, with the
least and the most. CPU is user and system time, of the server and of the client. Gets by grpcio
verify every page; h2load discards what it is sent.

Four servers: varved; `grpcio`, which checks pages and appends them to a file as varved does;
`in memory`, the same without check and file; and `ceiling`, which makes no answer at all
(replayer.py): what a client reaches against it, it reaches against no server.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "tests_grpc"))
sys.path.insert(0, str(HERE.parent / "tools"))

from beside import cpu_seconds  # noqa: E402
from stubs import make_stubs  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

GIB = 1 << 30
SIZES = {"64 KiB": 64 << 10, "1 MiB": 1 << 20}
CALL_BYTES = 4 << 20
THREADS = 4


def client_seconds() -> float:
    """Of this process, and of the programs it has run to their end."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    programs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + programs.ru_utime + programs.ru_stime


class Figures:
    """Rounds of one job against one server."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.server: list[float] = []
        self.client: list[float] = []

    def row(self) -> str:
        return "  ".join(f"{spread(part):22}" for part in (self.rates, self.server, self.client))

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cost(self) -> float:
        return max(statistics.median(self.server), 1e-9)


class Target:
    """One server with pages of one size in it."""

    def __init__(self, name: str, pid: int, endpoint: str):
        self.name, self.pid, self.endpoint = name, pid, endpoint
        from bench_client import BenchClient

        self.client = BenchClient(endpoint)

    def measure(self, job, figures: Figures) -> None:
        """GiB a second; CPU-seconds of server and client for each GiB."""
        server, client, started = cpu_seconds(self.pid), client_seconds(), time.perf_counter()
        moved = job(self) / GIB
        seconds = time.perf_counter() - started
        figures.rates.append(moved / seconds)
        figures.server.append((cpu_seconds(self.pid) - server) / moved)
        figures.client.append((client_seconds() - client) / moved)


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
    figures = {target.name: Figures() for target in targets}
    for target in targets:
        job(target)  # warms connections and memory; not counted
    for _ in range(rounds):
        for target in targets:
            target.measure(job, figures[target.name])
    for target in targets:
        print(f"{title:20} {target.name:10} {figures[target.name].row()}", flush=True)
    ours, ceiling = figures["varved"], figures["ceiling"]
    for name in ("grpcio", "in memory"):
        theirs = figures[name]
        print(f"{'':20} beside {name}: {ours.rate / theirs.rate:.1f} × the throughput, "
              f"1/{theirs.cost / ours.cost:.1f} of the CPU; the client could reach "
              f"{ceiling.rate / theirs.rate:.1f} ×", flush=True)  # fmt: skip


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
    with ExitStack() as stack:
        daemon = stack.enter_context(Daemon(binary, folder / "data", capacity="4GiB"))
        report(
            given,
            [
                Target("varved", daemon.process.pid, daemon.endpoint),
                stack.enter_context(peer("grpcio", "grpcio_server.py", stubs, folder / "log")),
                stack.enter_context(peer("in memory", "grpcio_server.py", stubs)),
                stack.enter_context(peer("ceiling", "replayer.py", stubs)),
            ],
            folder,
        )


@contextmanager
def peer(name: str, program: str, *arguments: Path):
    """A server of this folder while the block runs."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / program), *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Target(name, process.pid, f"127.0.0.1:{process.stdout.readline().strip()}")
    finally:
        process.stdin.close()
        process.wait(10)


def report(given, targets: list[Target], folder: Path) -> None:
    total = given.mib << 20
    print(f"gRPC, {CALL_BYTES >> 20} MiB a call, {given.mib} MiB a round, {given.rounds} rounds, "
          f"{os.cpu_count()} CPUs; closed loop, {THREADS} threads on one channel or h2load "
          "-c 2 -m 4; median (least … most)")  # fmt: skip
    print(f"{'':20} {'server':10} {'GiB/s':22}  {'server CPU-s/GiB':22}  client CPU-s/GiB")
    for label, size in SIZES.items():
        for target in targets:
            target.client.prepare(size, CALL_BYTES // size)
        compare(f"h2load Get {label}", h2load_get(size, total, folder), targets, given.rounds)
        compare(f"grpcio Get {label}", grpcio_get(size, total), targets, given.rounds)
        compare(f"grpcio Put {label}", grpcio_put(size, total // 2), targets, given.rounds)


if __name__ == "__main__":
    sys.exit(main())

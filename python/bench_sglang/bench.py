"""SGLang's file backend, the same tuned, and Varve over the same operations on the same disk.

    bench.py [--dir DIR] [--sizes 64K,1M,4M] [--counts …] [--rounds N] [--out FILE]

Every round measures all of them one after the other, so that a noisy machine is noisy for all.
Raw results are JSON lines (one a measurement); ``table.py`` makes the table from them alone. Every
page that is read is compared with what was written. CPU is the worker's own and the daemon's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "tests_sglang"), str(HERE.parent / "tests")]

import standins  # noqa: E402

standins.install()

import torch  # noqa: E402
from contestants import BATCH, FileContestant, VarveContestant, make_pool, slots  # noqa: E402
from floor import Floor, measure_asking  # noqa: E402
from in_time import measure_in_time  # noqa: E402
from rig import state_single_rank  # noqa: E402
from table import table_of  # noqa: E402

from sglang_varve.daemon_process import find_daemon  # noqa: E402

state_single_rank()

GIB = 1 << 30
SIZES = {"64K": 64 << 10, "1M": 1 << 20, "4M": 4 << 20}
# Pages of each size: the least, and the most that the disk of a laptop takes without pain.
COUNTS = {"64K": (1_000, 100_000), "1M": (1_000,), "4M": (1_000,)}
LARGE = 10_000  # From here on last, and with directory entries dropped.
BATCHES_A_ROUND = {"64K": 24, "1M": 4, "4M": 1}
ASKED = 512
REPEATS = 40
COLD_ROUNDS = 8  # Each has one question: the first alone finds the entries cold.


class Raw:
    """Appends measurements to the file of raw results."""

    def __init__(self, path: Path):
        self._file = path.open("w")

    def add(self, **values) -> None:
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()


def keys_of(what: str, first: int, count: int) -> list[str]:
    import hashlib

    return [hashlib.sha256(f"{what}{i}".encode()).hexdigest() for i in range(first, first + count)]


def timed(contestant, work) -> dict:
    """Seconds, and CPU-seconds of worker and daemon, of ``work()``."""
    daemon, worker = contestant.daemon_cpu(), time.process_time()
    started = time.perf_counter()
    work()
    return {
        "seconds": time.perf_counter() - started,
        "worker_cpu": time.process_time() - worker,
        "daemon_cpu": contestant.daemon_cpu() - daemon,
    }


def latency(work) -> dict:
    """Seconds of one call; reading other clocks before it would leave the processor cold."""
    started = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - started}


class Case:
    """One page size and count: everything the table says of it."""

    def __init__(
        self, raw: Raw, size: str, count: int, contestants: list, rounds: int, floor: Floor | None
    ):
        self.floor = floor
        self.raw, self.size, self.count, self.rounds = raw, size, count, rounds
        self.contestants = contestants
        self.bytes = SIZES[size]
        self.pool = make_pool(self.bytes, 2 * BATCH)
        self.bits = self.pool.kv_buffer.view(torch.int16)  # NaN is no equal of itself.
        self.wrote = self.bits[:, : BATCH * 64].clone()
        self.rng = random.Random(count)
        self.name = f"{size} {count} "

    def note(self, what: str, who, amount: int, **values) -> None:
        self.raw.add(what=what, size=self.size, count=self.count, who=who.name, amount=amount,
                     **values)  # fmt: skip

    def run(self) -> None:
        for who in self.contestants:
            who.use(self.pool)
            os.sync()
            self.populate(who)
        if self.count >= LARGE:  # It finds the files that are there when it starts.
            tuned = FileContestant("file tuned", self.contestants[0].folder, tuned=True)
            tuned.use(self.pool)
            self.contestants.insert(1, tuned)
        for _ in range(self.rounds):
            for who in self.contestants:
                self.lookups(who)
            for who in self.contestants:
                self.reads(who, "get hot", warm=True)
            if self.floor:
                self.floor.measure()
            for who in self.contestants:
                who.cold()
                self.reads(who, "get cold", warm=False)
        if self.count >= LARGE:
            for _ in range(COLD_ROUNDS):
                for who in self.contestants:
                    who.cold(entries=True)
                    self.ask_once(who, "exists cold entries")

    def populate(self, who) -> None:
        step = BATCH * BATCHES_A_ROUND[self.size]
        for start in range(0, self.count, step):
            batches = [
                (b, keys_of(self.name, b, min(BATCH, self.count - b)))
                for b in range(start, min(start + step, self.count), BATCH)
            ]

            def write(batches=batches) -> None:
                for _, keys in batches:
                    if not who.set(keys, slots(0, len(keys))):
                        raise RuntimeError(f"{who.name} did not store its pages")

            moved = sum(len(keys) for _, keys in batches) * self.bytes
            taken = timed(who, write)
            self.note("set", who, moved, **taken)
            # A file's page is in the kernel's memory by now, Varve's mostly on the disk.
            settled = timed(who, who.settle)
            both = {name: taken[name] + settled[name] for name in taken}
            self.note("set, synced", who, moved, **both)

    def ask_once(self, who, what: str) -> None:
        first = self.rng.randrange(self.count - ASKED + 1)
        keys = keys_of(self.name, first, ASKED)

        def ask() -> None:
            if who.exists(keys) != ASKED:
                raise RuntimeError(f"{who.name} lost pages")

        self.note(what, who, ASKED, **latency(ask))

    def lookups(self, who) -> None:
        for _ in range(REPEATS):
            self.ask_once(who, "exists")
            unknown = keys_of(f"unknown {self.rng.random()}", 0, ASKED)
            missed = latency(lambda keys=unknown: who.exists(keys))
            again = latency(lambda keys=unknown: who.exists(keys))
            self.note("miss", who, 1, **missed)
            self.note("miss again", who, 1, **again)

    def reads(self, who, what: str, warm: bool) -> None:
        wanted = min(BATCHES_A_ROUND[self.size], self.count // BATCH)
        starts = [BATCH * i for i in self.rng.sample(range(self.count // BATCH), wanted)]
        batches = [keys_of(self.name, start, BATCH) for start in starts]
        into = slots(BATCH, BATCH)

        def read() -> None:
            for keys in batches:
                if who.get(keys, into) != BATCH:
                    raise RuntimeError(f"{who.name} did not give its pages")

        if warm:
            read()
        else:  # SGLang asks first, always.
            for keys in batches:
                who.look_ahead(keys)
        target = self.bits[:, BATCH * 64 : 2 * BATCH * 64]
        target.zero_()
        self.note(what, who, wanted * BATCH * self.bytes, **timed(who, read))
        if not torch.equal(target, self.wrote):
            raise RuntimeError(f"{who.name} gave other bytes than were written")


def machine() -> dict:
    commit = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "what": "machine", "commit": commit.stdout.strip(), "cpus": os.cpu_count(),
        "load": os.getloadavg()[0], "sglang": "0.5.23",
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dir", default=str(REPOSITORY / ".build"), help="on the disk to measure")
    parser.add_argument("--sizes", default="64K,1M,4M")
    parser.add_argument("--counts", default="", help="pages, instead of the usual of each size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--only", default="all", help="cases, floor or in-time")
    parser.add_argument("--out", default=str(REPOSITORY / ".build" / "bench-sglang.jsonl"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    binary = find_daemon(REPOSITORY)
    if binary is None:
        parser.error("no varved: make build, or name it in VARVED")
    os.environ.setdefault("VARVE_MEMORY_MAX", "4GiB")
    raw = Raw(Path(options.out))
    raw.add(**machine())
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="bench-sglang-") as folder:
        measure(raw, Path(folder), binary, options)
    raw.add(what="end", load=os.getloadavg()[0])
    print(table_of(Path(options.out)))
    return 0


def measure(raw: Raw, folder: Path, binary: Path, options) -> None:
    """What was asked for; the largest cases last, so that a run cut short has most of it."""
    sizes = options.sizes.split(",")
    counts = [int(count) for count in options.counts.split(",") if count]
    cases = sorted((count, size) for size in sizes for count in counts or COUNTS[size])
    if options.only not in ("all", "cases"):
        cases = []
    if options.only == "floor":
        for size in sizes:
            floor = Floor(raw, size, SIZES[size], folder)
            for _ in range(options.rounds):
                floor.measure()
            floor.close()
    if options.only in ("all", "floor", "cases"):
        measure_asking(raw, sizes[0], ASKED, REPEATS * options.rounds)
    for count, size in cases:
        if count < LARGE:
            run_case(raw, size, count, folder, binary, options)
    if options.only in ("all", "in-time"):
        measure_in_time(raw, folder, binary, options.rounds)
    for count, size in cases:
        if count >= LARGE:
            run_case(raw, size, count, folder, binary, options)


def run_case(raw: Raw, size: str, count: int, folder: Path, binary: Path, options) -> None:
    print(f"{size} × {count:,} …", file=sys.stderr, flush=True)
    capacity = f"{max(2, 2 * count * SIZES[size] // GIB + 2)}GiB"
    contestants: list = []
    floor = Floor(raw, size, SIZES[size], folder) if count < LARGE else None
    try:
        contestants.append(FileContestant("file", folder / "file", tuned=False))
        if count < LARGE:
            contestants.append(FileContestant("file tuned", folder / "tuned", tuned=True))
        contestants.append(VarveContestant(
            "varve", folder / "varve", binary, capacity, streams=options.streams
        ))  # fmt: skip
        Case(raw, size, count, contestants, options.rounds, floor).run()
    finally:
        for who in [*contestants, *[floor] * bool(floor)]:
            who.close()


if __name__ == "__main__":
    sys.exit(main())

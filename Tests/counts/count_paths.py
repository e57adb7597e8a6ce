"""Counts what varved does per page at steady state, on each path, and holds it to a bound.

    python Tests/counts/count_paths.py [--varved PATH]

The daemon runs with `counts.c` preloaded, which counts allocations, bytes copied in user space
(copies of 4 KiB and more: pages, or parts of them) and system calls. A path is driven by one
connection; its counts are those of a call, the least of several windows, since threads in the
background count too. What a page costs is the difference between a call with many pages and one
with a single page. Prints a table of both (a call + a page more), and every count that is over its
bound.

Exit codes: 0 all within their bounds, 1 some not. The closing line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from sglang_varve.client import Client, make_chain
from sglang_varve.daemon_process import Daemon, find_daemon
from sglang_varve.messages import PRESENT, STORED

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("allocations", "copied bytes", "sends", "receives", "reads", "writes", "syncs")
WINDOWS, CALLS = 5, 8
KIB = 1 << 10
SIZES = {"64 KiB": (64 * KIB, 64), "1 MiB": (1024 * KIB, 8)}

# (path, count, of a call or of a page more) -> the most there may be. 64 KiB are received with the
# head of a put and copied from there, once a call.
CALL, PAGE = "a call", "a page more"
BOUNDS = {
    ("look-up", "allocations", CALL): 30, ("look-up", "allocations", PAGE): 0.5,
    ("look-up", "copied bytes", CALL): 0, ("look-up", "copied bytes", PAGE): 200,
    ("look-up", "sends", CALL): 1, ("look-up", "receives", CALL): 1,
    ("get, hot", "allocations", CALL): 55, ("get, hot", "copied bytes", CALL): 0,
    ("get, hot", "copied bytes", PAGE): 200, ("get, hot", "sends", CALL): 1.5,
    ("get, hot", "receives", CALL): 1, ("get, hot", "reads", CALL): 0,
    ("get, cold", "copied bytes", CALL): 0, ("get, cold", "copied bytes", PAGE): 200,
    ("get, cold", "reads", CALL): 1.5, ("get, cold", "reads", PAGE): 0.35,
    ("get, cold", "allocations", CALL): 120, ("put", "copied bytes", CALL): 80 * KIB,
    ("put", "sends", CALL): 1, ("put", "allocations", CALL): 130,
}  # fmt: skip
BY_SIZE = {
    ("64 KiB", "get, hot", "allocations", PAGE): 0.5,
    ("1 MiB", "get, hot", "allocations", PAGE): 10,
    ("64 KiB", "get, cold", "allocations", PAGE): 9,
    ("1 MiB", "get, cold", "allocations", PAGE): 50,  # Batches of 1, 1, 2 and 4 MiB.
    ("64 KiB", "put", "allocations", PAGE): 10,
    ("1 MiB", "put", "allocations", PAGE): 35,
    ("64 KiB", "put", "copied bytes", PAGE): 2 * KIB,
    ("1 MiB", "put", "copied bytes", PAGE): 16 * KIB,
    ("64 KiB", "put", "receives", PAGE): 2,
    ("1 MiB", "put", "receives", PAGE): 17,
}


class Counted:
    """A varved whose counts can be read."""

    def __init__(self, binary: Path, folder: Path):
        self._numbers = folder / "counts"
        library = folder / "counts.so"
        compiler = os.environ.get("CC") or shutil.which("cc") or "clang"
        source = Path(__file__).with_name("counts.c")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True
        )
        self._numbers.write_bytes(bytes(4096))
        self._environment = {"LD_PRELOAD": str(library), "VARVE_COUNTS": str(self._numbers)}
        self.daemon = Daemon(binary, folder / "data", capacity="4GiB")
        self.start()

    def start(self) -> None:
        os.environ.update(self._environment)
        try:
            self.daemon.start()
        finally:
            for name in self._environment:
                del os.environ[name]
        with open(self._numbers, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 4096)

    def counts(self) -> tuple[int, ...]:
        return struct.unpack_from(f"<{len(NAMES)}Q", self._map)

    def per_call(self, call: Callable[[int], None], numbers: range) -> list[float]:
        """The counts of ``call(number)``: each the least of its windows."""
        assert len(numbers) >= WINDOWS
        windows = []
        for window in range(WINDOWS):
            mine = numbers[window::WINDOWS]
            before = self.counts()
            for number in mine:
                call(number)
            after = self.counts()
            windows.append([(b - a) / len(mine) for a, b in zip(before, after, strict=True)])
        return [min(column) for column in zip(*windows, strict=True)]


def chain(name: str, pages: int):
    ids = (hashlib.sha256(f"{name}/{i}".encode()).digest() for i in range(pages))
    return make_chain(b"".join(ids), at_root=True)


class Calls:
    """One page size and pages a call: the calls of every path."""

    def __init__(self, counted: Counted, label: str, pages: int):
        self._counted, self._size, self._pages = counted, SIZES[label][0], pages
        self._name = f"{label} x {pages}"
        self._chains = [chain(f"{self._name} {i}", pages) for i in range(1 + WINDOWS * CALLS)]
        self._out = [(memoryview(os.urandom(self._size)),) for _ in range(pages)]
        self._in = [(memoryview(bytearray(self._size)),) for _ in range(pages)]

    def measure(self) -> dict[str, list[float]]:
        every = range(1, len(self._chains))
        results = {}
        with Client(self._counted.daemon.endpoint, seconds=60) as client:
            space = client.open_namespace(self._name).namespace_id

            def put(i: int) -> None:
                status = client.put(space, self._chains[i], self._out, ask=False)
                assert status == [STORED] * self._pages

            def get(i: int) -> None:
                received = client.get(space, self._chains[i], self._in)
                assert received.status == [PRESENT] * self._pages

            def lookup(i: int) -> None:
                assert client.lookup(space, self._chains[i]).hit_pages == self._pages

            for what, call in (("put", put), ("get, hot", get), ("look-up", lookup)):
                # Memory is touched in the background: what it did not keep then is read once.
                for i in (0, *every) if call is get else (0,):
                    call(i)
                results[what] = self._counted.per_call(call, every)
            client.flush()
        self._counted.daemon.stop()
        self._counted.start()
        with Client(self._counted.daemon.endpoint, seconds=60) as client:
            space = client.open_namespace(self._name).namespace_id
            get(0)
            results["get, cold"] = self._counted.per_call(get, every)
        return results


def judge(label: str, one: dict, many: dict, pages: int) -> tuple[int, int]:
    """Prints a table row a path, and every bound that is passed: (passed, failed)."""
    passed, over = 0, []
    for what, calls in one.items():
        cells = []
        for name, call, all_pages in zip(NAMES, calls, many[what], strict=True):
            page = (all_pages - call) / (pages - 1)
            cells.append(f"{call:,.1f} + {max(page, 0):,.2f}")
            for of, value in ((CALL, call), (PAGE, page)):
                most = BY_SIZE.get((label, what, name, of), BOUNDS.get((what, name, of)))
                if most is None:
                    continue
                if value <= most:
                    passed += 1
                else:
                    over.append(f"{label}, {what}: {value:,.2f} {name} {of}, at most {most:,}")
        print(f"| {label} | {what} | {' | '.join(cells)} |")
    for line in over:
        print(f"NOT MET: {line}")
    return passed, len(over)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--varved", type=Path, help="the daemon; else VARVED or the release build")
    options = parser.parse_args()
    binary = options.varved or find_daemon(ROOT)
    if binary is None:
        print("no varved: build it, or name it in VARVED", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="varve-counts-"))
    passed = failed = 0
    counted = None
    try:
        counted = Counted(binary, folder)
        print(f"| page | path | {' | '.join(NAMES)} |\n|{' --- |' * (2 + len(NAMES))}")
        for label, (_, pages) in SIZES.items():
            one, many = (Calls(counted, label, count).measure() for count in (1, pages))
            # Else nothing is counted: puts do copy what came with their heads.
            assert all(counted.counts()[:4]), "the counts stand still"
            good, bad = judge(label, one, many, pages)
            passed, failed = passed + good, failed + bad
    finally:
        if counted is not None:
            counted.daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

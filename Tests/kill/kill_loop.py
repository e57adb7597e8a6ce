"""Kills varved under load again and again; after each kill every acknowledged page must be there.

    python Tests/kill/kill_loop.py [--rounds N] [--acks N] [--seed S] [--canary] [--varved PATH]

It ends after ``--rounds`` rounds or, if that comes first, after ``--acks`` acknowledged pages.

Each round starts the daemon on its data directory, lets several connections put, put durably, put
again and delete, sends SIGKILL at a random moment, restarts and checks; some are killed while
they recover. Checked are exact lookups of every page ever sent and the bytes of all that were
touched since the last check (in the last round: of all). `--canary` spoils the expectation before
each check: a harness that sees nothing then is broken, and the exit code must be 1.

Exit codes: 0 all rounds passed, 1 some failed, 2 usage. The closing line is `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from checker import Checker
from expected import Expected, State
from sglang_varve.client import Client
from sglang_varve.daemon_process import Daemon, find_daemon
from workload import Worker

CAPACITY = "2GiB"
# A fresh data directory before the capacity could force evictions: refused and dead copies count.
BYTES_SENT_MAX = 700 << 20
WORKERS = 4
LOAD_SECONDS_MIN, LOAD_SECONDS_MAX = 0.05, 1.5
RECOVERY_KILL_SHARE = 0.25


class Loop:
    """The rounds, one data directory after another."""

    def __init__(self, binary: Path, folder: Path, seed: int, canary: bool):
        self.binary = binary
        self.folder = folder
        self.random = random.Random(seed)
        self.canary = canary
        self.stores = 0
        self.acknowledged = self.refused = 0
        self.acknowledged_total = self.looked_up_total = self.read_total = 0
        self.late_total = self.late_missing_total = 0
        self._new_store()

    def _new_store(self) -> None:
        self.stores += 1
        self.expected = Expected()
        self.workers_chains: list[list] = [[] for _ in range(WORKERS)]
        data = self.folder / f"store-{self.stores}"
        self.daemon = Daemon(self.binary, data, capacity=CAPACITY)

    def round(self, is_last: bool) -> tuple[list[str], str]:
        """(what was found wrong, a line about the round)."""
        notes = []
        findings: list[str] = []
        self._maybe_kill_early(notes)
        self.daemon.start()
        try:
            findings += self._load()
        finally:
            self.daemon.kill()
        self.before_check()
        self._maybe_kill_early(notes)
        self.daemon.start()
        try:
            notes.append(f"ready in {self.daemon.ready_seconds * 1000:.0f} ms")
            findings += self._check(is_last, notes)
            self.after_check()
        finally:
            self.daemon.kill()
        if self.expected.bytes_sent > BYTES_SENT_MAX and not is_last:
            shutil.rmtree(self.daemon.data_dir)
            self._new_store()
            notes.append("fresh store next")
        return findings, ", ".join(notes)

    def end_load(self) -> None:
        """What ends the daemon under load."""
        self.daemon.kill()

    def before_check(self) -> None:
        """Between the end of the load and the start that is checked."""

    def after_check(self) -> None:
        """What was found is now known."""

    def _maybe_kill_early(self, notes: list[str]) -> None:
        """A recovery that is itself cut off must not cost what the next one finds."""
        while self.random.random() < RECOVERY_KILL_SHARE:
            notes.append(f"killed at {self._kill_early():.0f} ms of its start")

    def _kill_early(self) -> float:
        """Starts the daemon and kills it before it can be ready; the milliseconds it lived."""
        millis = self.random.uniform(1, 60)
        command = [
            str(self.binary), "--data-dir", str(self.daemon.data_dir), "--capacity", CAPACITY,
            "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
        ]  # fmt: skip
        with open(self.daemon.log, "ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            process.wait(millis / 1000)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return millis

    def _load(self) -> list[str]:
        workers = [
            Worker(
                number, self.daemon.endpoint, self.expected, self.workers_chains[number],
                self.random.getrandbits(64),
            )
            for number in range(WORKERS)
        ]  # fmt: skip
        for worker in workers:
            worker.thread.start()
        # The moment of the kill is what is random here; nothing is waited for.
        threading.Event().wait(self.random.uniform(LOAD_SECONDS_MIN, LOAD_SECONDS_MAX))
        for worker in workers:
            worker.dying.set()
        self.end_load()
        for worker in workers:
            worker.thread.join()
        self.acknowledged = sum(worker.acknowledged for worker in workers)
        self.refused = sum(worker.refused for worker in workers)
        return [worker.complaint for worker in workers if worker.complaint]

    def _check(self, read_all: bool, notes: list[str]) -> list[str]:
        if self.canary:
            self._spoil()
        self.acknowledged_total += self.acknowledged
        undecided = self.expected.count(State.PUTTING) + self.expected.count(State.DELETING)
        with Client(self.daemon.endpoint, seconds=30.0, probe=False) as client:
            checker = Checker(client, self.expected, self.random)
            findings = checker.run(read_all)
        self.looked_up_total += checker.pages_looked_up
        self.read_total += checker.pages_read
        self.late_total += checker.late
        self.late_missing_total += checker.late_missing
        notes.insert(
            0,
            f"{self.acknowledged} acknowledged, {self.refused} refused, {undecided} undecided, "
            f"{checker.pages_looked_up} looked up, {checker.pages_read} read",
        )
        return findings

    def _spoil(self) -> None:
        """Makes the expectation wrong in one page: missing, served or of other bytes."""
        pages = [page for chain in self.expected.chains for page in chain.pages]
        stored = [page for page in pages if page.state is State.STORED]
        gone = [page for page in pages if page.state is State.DELETED]
        kind = self.random.choice(("served", "missing", "bytes"))
        if kind == "missing" and gone:
            self.random.choice(gone).state = State.STORED
        elif kind == "bytes" and stored:
            page = self.random.choice(stored)
            page.touched = True
            right = page.content()
            page.content = lambda: bytes([right[0] ^ 1]) + right[1:]  # type: ignore[method-assign]
        elif stored:
            self.random.choice(stored).state = State.DELETED
        elif self.expected.chains:
            self.expected.chains[0].extend([64])[0].state = State.STORED
        # With nothing put yet there is nothing to spoil: a later round has more.


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--acks", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=os.environ.get("VARVE_SEED"))
    parser.add_argument("--canary", action="store_true")
    parser.add_argument("--varved", type=Path)
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: at least 1 is due")
    seed = options.seed if options.seed is not None else random.getrandbits(32)
    binary = options.varved or find_daemon(Path(__file__).resolve().parents[2])
    if binary is None or not binary.is_file():
        parser.error("no varved: 'make build' makes .build/release/varved, --varved names another")
    budget = float(os.environ.get("VARVE_TEST_SECONDS", "inf"))
    print(f"kill loop: seed {seed}, {options.rounds} rounds", flush=True)

    passed = failed = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="varve-kill-") as folder:
        loop = Loop(binary, Path(folder), int(seed), options.canary)
        for number in range(1, options.rounds + 1):
            if time.monotonic() - started > budget:
                print(f"cut: {number - 1} of {options.rounds} rounds in {budget:.0f} s")
                break
            if loop.acknowledged_total >= options.acks:
                print(f"enough: {loop.acknowledged_total} pages acknowledged")
                break
            is_last = number == options.rounds
            try:
                findings, note = loop.round(is_last)
            except (RuntimeError, TimeoutError) as error:
                findings, note = [f"the daemon did not start: {error}"], ""
                print(f"  FOUND {findings[0]}")
            passed, failed = passed + (not findings), failed + bool(findings)
            verdict = f"{len(findings)} FINDINGS" if findings else "ok"
            print(f"round {number}: {verdict}: {note}", flush=True)
            for finding in findings[:5]:
                print(f"  {finding}")
            if findings and not options.canary:
                keep = Path(tempfile.mkdtemp(prefix="varve-kill-failed-"))
                shutil.copytree(loop.folder, keep, dirs_exist_ok=True)
                print(f"  stopped; the stores and logs are kept in {keep}; replay: --seed {seed}")
                break
        print(
            f"{passed + failed} kills, {loop.acknowledged_total} pages acknowledged, "
            f"{loop.looked_up_total} looked up, {loop.read_total} read and compared, "
            f"{time.monotonic() - started:.0f} s"
        )
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

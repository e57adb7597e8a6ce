"""What Varve does, in a table: a real trace, a SIGKILL in the middle, and nothing is lost.

    python -m sglang_varve.demo --daemon PATH [--trace FILE] [--page-bytes N] [--requests N]

Two daemons on temporary directories, one after the other, see the same requests through the SGLang
backend. One of them is killed with SIGKILL half-way and started again. Exit code 1 when a byte came
back wrong or the hit rate after the kill is more than 0.5 points off that of the run without one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .daemon_process import Daemon, find_daemon
from .replay import Progress, Replayer, Tally
from .trace import Request, Trace, TraceError

POINTS_MAX = 0.5
BACK_SECONDS = 10.0
REPOSITORY = Path(__file__).resolve().parents[2]
TRACE = REPOSITORY / "Tests" / "Fixtures" / "weka_v8_ci.kvt.jsonl"


class Run:
    """One daemon that saw the whole trace: the tallies of its two halves."""

    def __init__(self) -> None:
        self.halves = (Tally(), Tally())
        self.ready_seconds = 0.0
        self.seconds = 0.0


def run(
    binary: Path, directory: Path, trace_name: str, requests: list[Request], page_bytes: int,
    capacity: str, kill: bool,
) -> Run:  # fmt: skip
    """Replays all requests through one daemon, killed in the middle if ``kill``."""
    result = Run()
    middle = len(requests) // 2
    progress = Progress(len(requests), "with a kill " if kill else "without     ")
    started = time.monotonic()
    with Daemon(binary, directory, capacity=capacity) as daemon:
        result.ready_seconds = daemon.ready_seconds
        replayer = Replayer(trace_name, daemon.endpoint, page_bytes)
        for i, request in enumerate(requests):
            if kill and i == middle:
                daemon.kill()
                daemon.start()
                result.ready_seconds = daemon.ready_seconds
                _wait_back(replayer)
            replayer.step(request, result.halves[i >= middle])
            progress.update(i + 1)
        replayer.close()
    result.seconds = time.monotonic() - started
    return result


def _wait_back(replayer: Replayer) -> None:
    """Until the backend has found the daemon again, by itself."""
    deadline = time.monotonic() + BACK_SECONDS
    while replayer.storage.is_away:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the backend did not reconnect within {BACK_SECONDS} s")
        time.sleep(0.005)


def table(without: Run, killed: Run) -> str:
    """The results, one row a run and half."""
    head = f"{'':<32}{'hit rate':>10}{'got MB':>10}{'put MB':>10}{'wrong bytes':>13}"
    lines = [head, "-" * len(head)]
    for label, one in (("no kill", without), ("SIGKILL in the middle", killed)):
        for half, tally in zip(("first half", "second half"), one.halves, strict=True):
            lines.append(
                f"{label + ', ' + half:<34}{tally.hit_rate:>6.2f} %{tally.got_bytes / 1e6:>10.0f}"
                f"{tally.put_bytes / 1e6:>10.0f}{tally.wrong_bytes:>13}"
            )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sglang_varve.demo", description=__doc__.split("\n")[0])
    parser.add_argument("--daemon", type=Path, help="varved (default: VARVED, or the checkout's)")
    parser.add_argument("--trace", type=Path, default=TRACE)
    parser.add_argument("--page-bytes", type=int, default=16384)
    parser.add_argument("--requests", type=int, default=sys.maxsize)
    parser.add_argument("--capacity", default="2GiB")
    options = parser.parse_args(arguments)
    try:
        binary = options.daemon or find_daemon(REPOSITORY)
    except FileNotFoundError as error:
        parser.error(str(error))
    if binary is None or not Path(binary).is_file():
        parser.error("no varved: build it (make build), or name it with --daemon")
    try:
        trace = Trace(options.trace)
        requests = [request for request in trace if request.number < options.requests]
        with tempfile.TemporaryDirectory(prefix="varve-demo-") as directory:
            runs = [
                run(
                    Path(binary), Path(directory) / name, trace.name, requests,
                    options.page_bytes, options.capacity, name == "killed",
                )
                for name in ("whole", "killed")
            ]  # fmt: skip
    except (TraceError, ValueError, RuntimeError, TimeoutError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return verdict(trace.name, len(requests), options.page_bytes, *runs)


def verdict(name: str, requests: int, page_bytes: int, without: Run, killed: Run) -> int:
    """Prints the table and what it means; the exit code."""
    wrong = sum(tally.wrong_bytes for one in (without, killed) for tally in one.halves)
    apart = abs(without.halves[1].hit_rate - killed.halves[1].hit_rate)
    print(f"{name}: {requests} requests, pages of {page_bytes} bytes, through VarveStorage\n")
    print(table(without, killed))
    print(f"\nready again after the kill   {1000 * killed.ready_seconds:.0f} ms")
    print(f"hit rate after it            {apart:.2f} points from the run without one")
    print(f"wrong bytes                  {wrong}")
    print(f"seconds                      {without.seconds:.1f} + {killed.seconds:.1f}")
    if wrong or apart > POINTS_MAX:
        print(f"FAILED: 0 wrong bytes and at most {POINTS_MAX} points are due", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

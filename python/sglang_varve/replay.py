"""Replays a trace through ``VarveStorage`` itself, with a pool that needs no torch.

    python -m sglang_varve.replay TRACE --endpoint HOST:PORT --page-bytes N
                                  [--requests A:B] [--layout L] [--json]

For each request in order: ``batch_exists`` on its pages, ``batch_get_v1`` of the hit prefix (every
byte compared with what the page must hold), ``batch_set_v1`` of the rest; reads and writes in
batches of 128, as SGLang makes them. Closed loop: the next request starts when the last is done.
Page ids and bytes are those of ``trace.py``. Exit codes: 0, 1 wrong bytes or a failure, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from types import SimpleNamespace

from .standin_pool import LAYOUTS, StandInPool
from .storage import VarveStorage
from .trace import Request, Trace, TraceError, block_id, page_content

BATCH = 128
HINT_KEYS = 32


class Tally:
    """What a replay counted; ``minus`` gives a part of it."""

    NAMES = (
        "requests", "blocks", "hit_blocks", "lost_blocks", "got_bytes", "put_bytes", "put_blocks",
        "refused_blocks", "wrong_pages", "wrong_bytes", "get_seconds", "put_seconds",
    )  # fmt: skip

    def __init__(self) -> None:
        for name in self.NAMES:
            setattr(self, name, 0)
        self.seconds = 0.0
        self.latencies: dict[str, list[float]] = {"lookup": [], "get": [], "put": []}

    @property
    def hit_rate(self) -> float:
        """Share of the blocks that were found as an unbroken prefix, in percent."""
        return 100 * self.hit_blocks / self.blocks if self.blocks else 0.0

    def as_dict(self) -> dict:
        result = {name: getattr(self, name) for name in self.NAMES}
        result["seconds"] = self.seconds
        result["hit_rate_percent"] = self.hit_rate
        result["get_bytes_per_second"] = self.got_bytes / (self.get_seconds or 1)
        result["put_bytes_per_second"] = self.put_bytes / (self.put_seconds or 1)
        result["latency_ms"] = {
            name: percentiles(values) for name, values in self.latencies.items()
        }
        return result


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p90, p99 and the greatest, in milliseconds; zeros for nothing."""
    ordered = sorted(seconds) or [0.0]
    picks = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {
        name: round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
        for name, share in picks.items()
    }


class Replayer:
    """Drives one backend object with requests of one trace."""

    def __init__(
        self, trace_name: str, endpoint: str, page_bytes: int, layout: str = "page_first", **extra
    ):
        if page_bytes < 64 or page_bytes % 2:
            raise ValueError(f"page bytes {page_bytes}: an even number from 64 on is due")
        self.trace_name = trace_name
        self.page_bytes = page_bytes
        self.pool = StandInPool(layout, page_num=BATCH, token_bytes=page_bytes // 2)
        config = SimpleNamespace(
            model_name=f"trace-{trace_name}",
            extra_config={"endpoint": endpoint, "interface_v1": 1, **extra},
        )
        self.storage = VarveStorage(config, {})
        self.storage.register_mem_pool_host(self.pool)

    def close(self) -> None:
        self.storage.close()

    def step(self, request: Request, tally: Tally) -> None:
        """One request: look up, read the hit prefix, write the rest."""
        started = time.perf_counter()
        ids = [block_id(self.trace_name, block) for block in request.blocks]
        keys = [page_id.hex() for page_id in ids]
        before = time.perf_counter()
        hit = self.storage.batch_exists(keys, _info([])) if keys else 0
        tally.latencies["lookup"].append(time.perf_counter() - before)
        got = 0
        while got < hit:
            end = min(got + BATCH, hit)
            good = self._get(ids, keys, got, end, tally)
            got += good
            if got < end:
                break
        tally.lost_blocks += hit - got
        for start in range(got, len(keys), BATCH):
            self._put(ids, keys, start, min(start + BATCH, len(keys)), tally)
        tally.requests += 1
        tally.blocks += len(keys)
        tally.hit_blocks += got
        tally.seconds += time.perf_counter() - started

    def _get(self, ids: list, keys: list, start: int, end: int, tally: Tally) -> int:
        """Reads a batch and compares it; the leading pages that came and are right."""
        before = time.perf_counter()
        good = self.storage.batch_get_v1(
            keys[start:end], list(range(end - start)), _info(keys[:start])
        )
        taken = time.perf_counter() - before
        tally.latencies["get"].append(taken)
        tally.get_seconds += taken
        count = good.index(False) if False in good else len(good)
        for i in range(count):
            tally.got_bytes += self.page_bytes
            found = self.pool.read_page(i)
            expected = page_content(ids[start + i], self.page_bytes)
            if found != expected:
                tally.wrong_pages += 1
                tally.wrong_bytes += sum(a != b for a, b in zip(found, expected, strict=True))
        return count

    def _put(self, ids: list, keys: list, start: int, end: int, tally: Tally) -> None:
        for i in range(end - start):
            self.pool.write_page(i, page_content(ids[start + i], self.page_bytes))
        before = time.perf_counter()
        good = self.storage.batch_set_v1(
            keys[start:end], list(range(end - start)), _info(keys[:start])
        )
        taken = time.perf_counter() - before
        tally.latencies["put"].append(taken)
        tally.put_seconds += taken
        stored = sum(good)
        tally.put_blocks += stored
        tally.put_bytes += stored * self.page_bytes
        tally.refused_blocks += len(good) - stored


def _info(prefix: list[str]) -> SimpleNamespace:
    return SimpleNamespace(prefix_keys=prefix[-HINT_KEYS:], extra_info=None)


class Progress:
    """A bar with an estimate on stderr, only where that is a terminal."""

    def __init__(self, total: int, label: str = "replay"):
        self.total, self.label = total, label
        self.shown = sys.stderr.isatty() and total > 0
        self.started = self.last = time.monotonic()

    def update(self, done: int) -> None:
        now = time.monotonic()
        if not self.shown or (now - self.last < 0.1 and done < self.total):
            return
        self.last = now
        share = min(done / self.total, 1.0)
        rest = (now - self.started) * (1 - share) / share if share else 0.0
        bar = "█" * int(30 * share)
        sys.stderr.write(f"\r{self.label} {bar:<30} {100 * share:5.1f} %, {rest:5.1f} s left ")
        sys.stderr.write("\n" if done >= self.total else "")
        sys.stderr.flush()


def report(tally: Tally, page_bytes: int) -> str:
    """The figures as lines for people."""
    figures = tally.as_dict()
    gib = 1 << 30
    lines = [
        f"requests         {tally.requests:>14,}",
        f"blocks           {tally.blocks:>14,}   of {page_bytes:,} bytes",
        f"prefix hit rate  {tally.hit_rate:>14.2f} % of blocks",
        f"bytes got        {tally.got_bytes:>14,}   "
        f"{figures['get_bytes_per_second'] / gib:.3f} GiB/s",
        f"bytes put        {tally.put_bytes:>14,}   "
        f"{figures['put_bytes_per_second'] / gib:.3f} GiB/s",
        f"lost, refused    {tally.lost_blocks:>14,} , {tally.refused_blocks:,} blocks",
        f"wrong bytes      {tally.wrong_bytes:>14,}",
        f"seconds          {tally.seconds:>14.2f}   closed loop, one worker",
    ]
    for name, values in figures["latency_ms"].items():
        shown = "  ".join(f"{share} {value:.3f}" for share, value in values.items())
        lines.append(f"{name + ' ms':<17}{shown}")
    return "\n".join(lines)


def _span(text: str) -> tuple[int, int]:
    try:
        first, _, last = text.partition(":")
        start, end = int(first or 0), int(last) if last else sys.maxsize
    except ValueError:
        start, end = 0, -1
    if not 0 <= start <= end:
        raise argparse.ArgumentTypeError(f"{text!r} is no range A:B")
    return start, end


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sglang_varve.replay", description=__doc__.split("\n")[0])
    parser.add_argument("trace", metavar="TRACE")
    parser.add_argument("--endpoint", default="127.0.0.1:4770")
    parser.add_argument("--page-bytes", type=int, default=16384)
    parser.add_argument("--requests", type=_span, default=(0, sys.maxsize), metavar="A:B")
    parser.add_argument("--layout", choices=LAYOUTS, default="page_first")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    tally = Tally()
    try:
        trace = Trace(options.trace)
        replayer = Replayer(trace.name, options.endpoint, options.page_bytes, options.layout)
        first, last = options.requests
        last = min(last, trace.request_count or last)
        progress = Progress(last - first if last < sys.maxsize else 0)
        for request in trace:
            if request.number >= last:
                break
            if request.number >= first:
                replayer.step(request, tally)
                progress.update(request.number + 1 - first)
    except ValueError as error:
        parser.error(str(error))
    except TraceError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1
    away = replayer.storage.counters.totals()["refused_away"]
    replayer.close()
    if away:
        print(f"replay: {options.endpoint} was away for {away} calls", file=sys.stderr)
    if options.json:
        head = {"trace": trace.name, "page_bytes": options.page_bytes, "calls_away": away}
        print(json.dumps({**head, **tally.as_dict()}))
    else:
        print(report(tally, options.page_bytes))
    return 1 if tally.wrong_bytes or away else 0


if __name__ == "__main__":
    sys.exit(main())

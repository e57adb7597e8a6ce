"""Traces of requests, and the page ids and page bytes that stand for their blocks.

A ``.kvt.jsonl`` file (or ``.zst`` of one) has a JSON head line and then one request a line:
``[t_ms, session, input_tokens, output_tokens, base, keep, [[start, count], …]]``. The blocks of a
request are the first ``keep`` of request number ``base`` (-1: none), then each range
start, start + 1, …; two requests that hold the same id share the whole prefix up to that block.

Every tool that replays a trace uses these two functions, so that what one wrote another verifies:

*Page id* of block ``b`` of the trace whose head says ``name``:
    SHA-256 over: the 11 ASCII bytes ``varve-trace`` ‖ name in UTF-8 ‖ b as u64 little-endian.

*Page bytes*, N of them, of the page with id ``P``:
    bytes 0 ..< min(32, N) are P; byte j from 32 on is R[(o + j) mod 2^20], where o is the first
    8 bytes of P as u64 little-endian, modulo 2^20, and R is 2^20 bytes: 131,072 outputs of
    SplitMix64 from state 0x5661727665 ("Varve"), each as u64 little-endian. One output: state +=
    0x9E3779B97F4A7C15; z = state; z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB; output z ^ z >> 31; all modulo 2^64.
"""

from __future__ import annotations

import functools
import hashlib
import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

POOL_BYTES = 1 << 20
POOL_SEED = 0x5661727665
_U64 = (1 << 64) - 1


class TraceError(Exception):
    """A trace that cannot be read; says which line and why."""


def block_id(trace_name: str, block: int) -> bytes:
    """The page id of a block."""
    data = b"varve-trace" + trace_name.encode() + struct.pack("<Q", block)
    return hashlib.sha256(data).digest()


@functools.cache
def _pool() -> bytes:
    state = POOL_SEED
    words = []
    for _ in range(POOL_BYTES // 8):
        state = (state + 0x9E3779B97F4A7C15) & _U64
        z = state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _U64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _U64
        words.append(z ^ z >> 31)
    return struct.pack(f"<{len(words)}Q", *words) * 2  # Twice: a slice need not wrap.


def page_content(page_id: bytes, size: int) -> bytes:
    """The bytes of the page with this id."""
    pool = _pool()
    offset = int.from_bytes(page_id[:8], "little") % POOL_BYTES
    pieces = [page_id[: min(32, size)]]
    at = 32
    while at < size:
        start = (offset + at) % POOL_BYTES
        length = min(size - at, POOL_BYTES)
        pieces.append(pool[start : start + length])
        at += length
    return b"".join(pieces)


class Request(NamedTuple):
    """One request: when it came (milliseconds) and the ids of its blocks, in order."""

    number: int
    time_ms: int
    blocks: list[int]


class Trace:
    """The requests of a trace file, read line by line; iterate once."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        lines = self._lines()
        try:
            self.head = json.loads(next(lines))
            self.name = str(self.head["name"])
        except (StopIteration, ValueError, KeyError, TypeError) as error:
            raise TraceError(f"{self.path}: line 1 is no head of a trace ({error!r})") from None
        self.request_count = int(self.head.get("requests", 0))
        self._rest = lines

    def _lines(self) -> Iterator[str]:
        if not self.path.is_file():
            raise TraceError(f"{self.path}: no such file")
        if self.path.suffix != ".zst":
            with open(self.path, encoding="utf-8") as file:
                yield from file
            return
        command = ["zstd", "-d", "--long=27", "-c", "-q", str(self.path)]
        try:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        except FileNotFoundError:
            raise TraceError(f"{self.path}: the command zstd is not installed") from None
        ended = False
        try:
            yield from process.stdout
            ended = True
        finally:
            process.stdout.close()
            code = process.wait()
            if ended and code:
                raise TraceError(f"{self.path}: zstd ended with {code}")

    def __iter__(self) -> Iterator[Request]:
        history: list[list[tuple[int, int]]] = []
        for number, line in enumerate(self._rest):
            try:
                time_ms, _, _, _, base, keep, ranges = json.loads(line)
                runs = _take(history[base], keep) if base >= 0 else []
                runs = runs + [(int(start), int(count)) for start, count in ranges]
            except (ValueError, TypeError, IndexError) as error:
                raise TraceError(
                    f"{self.path}: line {number + 2} is no request ({error!r})"
                ) from None
            history.append(runs)
            blocks = [b for start, count in runs for b in range(start, start + count)]
            yield Request(number, time_ms, blocks)


def _take(runs: list[tuple[int, int]], keep: int) -> list[tuple[int, int]]:
    """The first ``keep`` blocks of runs."""
    taken = []
    for start, count in runs:
        if keep <= 0:
            break
        taken.append((start, min(count, keep)))
        keep -= count
    if keep > 0:
        raise ValueError(f"keep is {keep} blocks more than the base has")
    return taken

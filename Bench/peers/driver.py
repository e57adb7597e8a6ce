"""Drives a store by its usual Python client, a process for each connection.

    python driver.py KIND --directory DIR [--port N]

Says ``{"configuration": ..., "pids": [...]}`` when it is ready. Each line of standard input,
``get|put PAGE_BYTES BATCH CONNECTIONS SECONDS``, is answered by one line of JSON with calls, bytes,
pages, seconds and processor seconds of all processes, or with an error. Ends with standard input.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import xxhash
from stores import STORES, Store

CONNECTIONS_MAX = 4
# Of each size: twice and more what the processor's caches hold for one core.
SET_BYTES = 64 << 20
PAGE_SIZES = (1 << 20, 64 << 10)
ROUND_SECONDS_MAX = 25.0


class Pages:
    """Random pages of one size and their checksums; forked processes share the memory."""

    def __init__(self, page_bytes: int) -> None:
        count = SET_BYTES // page_bytes
        self.memory = bytearray(os.urandom(SET_BYTES))
        view = memoryview(self.memory)
        self.views = [view[i * page_bytes : (i + 1) * page_bytes] for i in range(count)]
        self.checksums = [xxhash.xxh3_64_intdigest(page) for page in self.views]


class Worker:
    """One connection: stores its share of the pages, and asks for it."""

    def __init__(self, number: int, make: Callable[[], Store], pages: dict[int, Pages]) -> None:
        self.number = number
        self.store = make()
        self.pages = pages
        self.stored: set[tuple[int, int]] = set()

    def batches(self, operation: str, page_bytes: int, batch: int) -> list[tuple[list[str], range]]:
        per_worker = len(self.pages[page_bytes].views) // CONNECTIONS_MAX
        first = self.number * per_worker
        return [
            ([f"{operation}-{page_bytes}-{i}" for i in indices], indices)
            for at in range(first, first + per_worker - batch + 1, batch)
            for indices in [range(at, at + batch)]
        ]

    def prepare(self, operation: str, page_bytes: int, batch: int) -> None:
        """Stores what is to be fetched, and once what is to be overwritten.

        What puts since have pushed out is stored again.
        """
        is_new = (operation, page_bytes) not in self.stored
        self.stored.add((operation, page_bytes))
        for keys, indices in self.batches(operation, page_bytes, batch):
            if is_new or (operation != "put" and self._lacks(keys, page_bytes)):
                self.put(keys, indices, self.pages[page_bytes])

    def _lacks(self, keys: list[str], page_bytes: int) -> bool:
        return any(value is None for value in self.store.get(keys, page_bytes))

    def put(self, keys: list[str], indices: range, pages: Pages) -> None:
        for index in indices:
            if xxhash.xxh3_64_intdigest(pages.views[index]) != pages.checksums[index]:
                raise RuntimeError("a page changed in our own memory")
        self.store.put(keys, [pages.views[index] for index in indices])

    def get(self, keys: list[str], indices: range, pages: Pages) -> None:
        values = self.store.get(keys, len(pages.views[0]))
        for index, value in zip(indices, values, strict=True):
            if value is None or xxhash.xxh3_64_intdigest(value) != pages.checksums[index]:
                raise RuntimeError(f"page {index} is missing or came with other bytes")

    def round(
        self, operation: str, page_bytes: int, batch: int, begin: float, seconds: float
    ) -> dict:
        batches = self.batches(operation, page_bytes, batch)
        act = self.put if operation == "put" else self.get
        pages = self.pages[page_bytes]
        time.sleep(max(0.0, begin - time.monotonic()))
        cpu = _cpu_seconds()
        calls = 0
        while time.monotonic() < begin + seconds:
            keys, indices = batches[calls % len(batches)]
            act(keys, indices, pages)
            calls += 1
        return {"calls": calls, "end": time.monotonic(), "cpu": _cpu_seconds() - cpu}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _work(
    number: int, make: Callable[[], Store], pages: dict[int, Pages], pipe: Connection
) -> None:
    """The life of a worker process."""
    worker = None
    while (order := pipe.recv()) is not None:
        try:
            worker = worker or Worker(number, make, pages)
            step, *rest = order
            pipe.send({"ok": (worker.prepare if step == "prepare" else worker.round)(*rest)})
        except Exception as error:
            pipe.send({"error": f"{type(error).__name__}: {error}"})
    if worker is not None:
        with contextlib.suppress(Exception):
            worker.store.close()
    os._exit(0)  # Native clients have threads that do not end by themselves.


def _answers(pipes: list[Connection]) -> list:
    deadline = time.monotonic() + ROUND_SECONDS_MAX
    answers = []
    for pipe in pipes:
        if not pipe.poll(max(0.0, deadline - time.monotonic())):
            raise RuntimeError(f"no answer in {ROUND_SECONDS_MAX:.0f} s")
        said = pipe.recv()
        if "error" in said:
            raise RuntimeError(said["error"])
        answers.append(said["ok"])
    return answers


def _round(pipes: list[Connection], line: str) -> dict:
    operation, *numbers = line.split()
    page_bytes, batch, connections = map(int, numbers[:3])
    seconds = float(numbers[3])
    used = pipes[:connections]
    for pipe in used:
        pipe.send(("prepare", operation, page_bytes, batch))
    _answers(used)
    if seconds == 0:
        return {"calls": 0}
    begin = time.monotonic() + 0.02
    for pipe in used:
        pipe.send(("round", operation, page_bytes, batch, begin, seconds))
    answers = _answers(used)
    calls = sum(answer["calls"] for answer in answers)
    return {
        "calls": calls,
        "pages": calls * batch,
        "bytes": calls * batch * page_bytes,
        "seconds": max(answer["end"] for answer in answers) - begin,
        "cpu": sum(answer["cpu"] for answer in answers),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=sorted(STORES))
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    kind = STORES[options.kind]
    service = kind.serve(options.port, options.directory)
    try:
        pages = {size: Pages(size) for size in PAGE_SIZES}
        context = multiprocessing.get_context("fork")
        pipes: list[Connection] = []
        workers = []
        for number in range(CONNECTIONS_MAX):
            ours, theirs = context.Pipe()
            worker = context.Process(
                target=_work, args=(number, lambda: kind(service), pages, theirs), daemon=True
            )
            worker.start()
            pipes.append(ours)
            workers.append(worker)
        print(json.dumps({"configuration": kind.configuration, "pids": service.pids}), flush=True)
        for line in sys.stdin:
            try:
                answer = _round(pipes, line)
            except Exception as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)
        for pipe in pipes:
            pipe.send(None)
        for worker in workers:
            worker.join(3)
            if worker.is_alive():
                worker.kill()
    finally:
        service.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())

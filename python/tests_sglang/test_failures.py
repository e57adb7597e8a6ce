"""Failures at every stage through SGLang's controller: right pages or none, and no hang."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from rig import CONTROLLERS, INJECTOR, PAGE, Worker, hashes
from support import wait_until

PAGES = 260
TOKENS = [(i * 65_537) % 120_000 for i in range(PAGES * PAGE)]
KEYS = hashes(TOKENS)
FAST = {"lookup_timeout_ms": 500, "io_timeout_ms": 1500, "stall_timeout_ms": 400,
        "connect_timeout_ms": 300, "miss_cache_ms": 0}  # fmt: skip


def write(worker: Worker, seed: int) -> tuple[int, list[bytes]]:
    indices, contents = worker.fill(seed)
    done = worker.write(indices, TOKENS, KEYS, [])
    worker.host.clear()
    worker.wipe()
    return done // PAGE, contents


def read(worker: Worker, contents: list[bytes]) -> int:
    """Pages that came; every one of them must be right."""
    got, slots = worker.read(TOKENS, None, [])
    assert worker.contents(slots[: got * PAGE]) == contents[:got]
    worker.host.clear()
    worker.wipe()
    return got


@pytest.mark.skipif(INJECTOR is None, reason="this version has no injector")
@pytest.mark.parametrize("hybrid", CONTROLLERS.values(), ids=CONTROLLERS.keys())
def test_random_delays_and_failures_of_sglangs_own_injector(daemon, rng, monkeypatch, hybrid):
    monkeypatch.setenv("SGLANG_TEST_HICACHE_BACKEND_RANDOM_DELAY", "0.02")
    monkeypatch.setenv("SGLANG_TEST_HICACHE_BACKEND_RANDOM_FAILURE", "0.3")
    with Worker(daemon.endpoint, "page_first", PAGES, hybrid, **FAST) as worker:
        assert isinstance(worker.controller.storage_backend, INJECTOR)
        seed, seen = rng.randrange(1 << 30), set()
        for _ in range(12):
            _, contents = write(worker, seed)
            seen.add(read(worker, contents))
        assert len(seen) > 1, "some failed and some did not"
        assert worker.storage.counters.totals()["internal_errors"] == 0


STAGES = ("exists", "get", "set")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("what", ["killed", "paused", "restarted"])
def test_a_daemon_that_goes_in_the_middle_of_a_call(daemon, rng, monkeypatch, stage, what):
    if not hasattr(daemon, "process"):
        pytest.skip("needs a process")
    with Worker(daemon.endpoint, "page_first", PAGES, **FAST) as worker:
        done, contents = write(worker, rng.randrange(1 << 30))
        assert done == PAGES and read(worker, contents) == PAGES
        before = time.monotonic()
        with Trouble(daemon, worker, monkeypatch, stage, what):
            if stage == "set":
                worker.storage.clear()
                write(worker, rng.randrange(1 << 30))
            else:
                read(worker, contents)
        assert time.monotonic() - before < 30
        wait_until(lambda: not worker.storage.is_away, 30)
        if stage == "set":  # Whatever part came is whole pages of the second writing.
            worker.storage.clear()
            done, contents = write(worker, rng.randrange(1 << 30))
            assert done == PAGES
        assert read(worker, contents) == PAGES
        assert worker.storage.counters.totals()["internal_errors"] == 0


class Trouble:
    """Lets the daemon go while the storage works on a call of the stage, and brings it back."""

    def __init__(self, daemon, worker, monkeypatch, stage, what):
        self.daemon, self.what = daemon, what
        store = worker.storage._pools.kv.store
        name = {"exists": "exists", "get": "_get_batch", "set": "_put_batch"}[stage]
        inner, self.begun = getattr(store, name), threading.Event()

        def observed(*args, **options):
            self.begun.set()
            return inner(*args, **options)

        monkeypatch.setattr(store, name, observed)
        self.thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self):
        self.thread.start()

    def _go(self) -> None:
        assert self.begun.wait(30)
        if self.what == "paused":
            os.kill(self.daemon.process.pid, signal.SIGSTOP)
        else:
            self.daemon.kill()
            if self.what == "restarted":
                self.daemon.start()

    def __exit__(self, *_):
        self.thread.join(60)
        if self.what == "paused":
            os.kill(self.daemon.process.pid, signal.SIGCONT)
        elif self.what == "killed":
            self.daemon.start()


def test_a_daemon_that_is_away_at_attach_is_used_once_it_is_there(daemon, rng):
    daemon.kill()
    with Worker(daemon.endpoint, "page_first", PAGES, **FAST) as worker:
        assert worker.read(TOKENS, None, [])[0] == 0
        daemon.start()
        wait_until(lambda: not worker.storage.is_away, 30)
        done, contents = write(worker, rng.randrange(1 << 30))
        assert done == PAGES and read(worker, contents) == PAGES


def test_wrong_settings_fail_the_attach_in_words(daemon):
    for wrong, said in (
        ({"streams": 99}, "streams: 99"), ({"endpoints": ["nonsense"]}, "nonsense"),
        ({"durable": "yes"}, "durable: 'yes'"), ({"token_file": "/nowhere"}, "token_file"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            Worker(daemon.endpoint, "page_first", 4, **wrong)

"""300 pages through SGLang's controllers: written, the daemon killed, looked up, read, compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rig import CONTROLLERS, LAYOUTS, PAGE, StorageMetrics, Worker, hashes
from sglang.srt.mem_cache.hicache_storage import HiCacheStorage
from support import wait_until

from sglang_varve import VarveStorage

PAGES = 300
TOKENS = [(i * 2654435761) % 150_000 for i in range(PAGES * PAGE)]
KEYS = hashes(TOKENS)
MIDDLE = 113


def prefix(keys: list[str], way: str):
    """What SGLang passes before these keys: nothing, the truth, or what its versions get wrong."""
    return {"off": None, "on": list(keys), "gapped": list(keys[::3]), "empty": []}[way]


def write_chain(worker: Worker, seed: int, way: str, keys: list[str] = KEYS) -> list[bytes]:
    indices, contents = worker.fill(seed)
    assert worker.write(indices, TOKENS, keys, prefix([], way)) == PAGES * PAGE
    worker.host.free(indices)
    worker.wipe()
    return contents


def read_chain(worker: Worker, first: int, way: str) -> list[bytes]:
    last = KEYS[first - 1] if first else None
    got, slots = worker.read(TOKENS[first * PAGE :], last, prefix(KEYS[:first], way))
    assert worker.hit_pages == got == PAGES - first
    pages = worker.contents(slots)
    worker.host.free(slots)
    worker.wipe()
    return pages


@pytest.mark.parametrize("hybrid", CONTROLLERS.values(), ids=CONTROLLERS.keys())
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("keys_passed", ["on", "off"])
def test_300_pages_survive_a_kill(daemon, rng, layout, keys_passed, hybrid):
    with Worker(daemon.endpoint, layout, PAGES, hybrid) as worker:
        assert type(worker.storage) is VarveStorage and isinstance(worker.storage, HiCacheStorage)
        contents = write_chain(worker, rng.randrange(1 << 30), keys_passed)
        daemon.kill()
        daemon.start()
    with Worker(daemon.endpoint, layout, PAGES, hybrid) as worker:
        assert read_chain(worker, 0, keys_passed) == contents
        for page in (0, 1, PAGES - 1):
            assert worker.storage.get(KEYS[page]) == contents[page], "K and V as one object"
        assert worker.storage.counters.totals()["internal_errors"] == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("written", ["on", "off", "empty"])
def test_written_one_way_and_read_the_others_also_from_the_middle(daemon, rng, layout, written):
    with Worker(daemon.endpoint, layout, PAGES) as worker:
        contents = write_chain(worker, rng.randrange(1 << 30), written)
        for way in ("on", "off", "gapped", "empty"):
            assert read_chain(worker, 0, way) == contents, way
            assert read_chain(worker, MIDDLE, way) == contents[MIDDLE:], way


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_chain_written_in_parts_with_gapped_prefix_keys_is_whole(daemon, rng, layout):
    with Worker(daemon.endpoint, layout, PAGES) as worker:
        indices, contents = worker.fill(rng.randrange(1 << 30))
        cuts = [0, 70, 71, 200, PAGES]
        for start, end in zip(cuts, cuts[1:], strict=False):
            span = slice(start * PAGE, end * PAGE)
            way = "gapped" if start else "empty"
            done = worker.write(
                indices[span], TOKENS[span], KEYS[start:end], prefix(KEYS[:start], way)
            )
            assert done == (end - start) * PAGE
        worker.host.free(indices)
        worker.wipe()
        for first in (0, 1, 70, 150):
            assert read_chain(worker, first, "on") == contents[first:]


def test_layouts_do_not_meet(daemon, rng):
    with Worker(daemon.endpoint, "page_first", PAGES) as worker:
        write_chain(worker, rng.randrange(1 << 30), "on")
    for layout in ("page_first_direct", "layer_first"):
        with Worker(daemon.endpoint, layout, PAGES) as worker:
            assert worker.read(TOKENS, None, None)[0] == 0


def test_writing_again_succeeds_and_a_daemon_that_is_away_is_a_miss(daemon, rng):
    with Worker(daemon.endpoint, "page_first", PAGES) as worker:
        contents = write_chain(worker, rng.randrange(1 << 30), "on")
        write_chain(worker, rng.randrange(1 << 30), "off")
        assert read_chain(worker, 0, "on") == contents, "the first bytes of a page stay"
        daemon.kill()
        assert worker.read(TOKENS, None, None)[0] == 0
        indices, _ = worker.fill(1)
        assert worker.write(indices, TOKENS, KEYS, None) == 0
        worker.host.free(indices)
        daemon.start()
        wait_until(lambda: not worker.storage.is_away)
        assert read_chain(worker, 0, "off") == contents


def test_clear_and_stats_through_the_controller(daemon, rng):
    with Worker(daemon.endpoint, "page_first", PAGES) as worker:
        write_chain(worker, rng.randrange(1 << 30), "on")
        stats = worker.storage.get_stats()
        assert isinstance(stats, StorageMetrics), "SGLang's collector asserts its own class"
        assert sum(stats.backup_pgs) == PAGES and len(stats.backup_bandwidth) == 3
        assert worker.clear() is True
        assert worker.read(TOKENS, None, None)[0] == 0


def test_the_stand_in_hash_is_the_contracts():
    vectors = json.loads(
        (Path(__file__).resolve().parents[2] / "Tests/Fixtures/vectors.json").read_text()
    )
    from standins import get_native_hash

    for vector in vectors["page_ids"]:
        if vector["tokens"] == "1..200":
            ids = get_native_hash(list(range(1, 201)), None, vector["page_tokens"])
            assert ids[: len(vector["ids"])] == vector["ids"]

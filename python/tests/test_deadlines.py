"""SGLang's deadlines, and misses that are asked for again."""

from __future__ import annotations

import json
import time

import pytest
from support import fill, keys, make_pool, make_storage, wait_until, wipe

from sglang_varve import deadlines as d
from sglang_varve import frames as f
from sglang_varve import misses
from sglang_varve.deadlines import Deadlines
from sglang_varve.misses import Misses

KEYS = keys(300)


def made(policy: str = "timeout", base: float = 1.0, per: float = 0.25) -> Deadlines:
    deadlines = Deadlines(policy, base, per)
    deadlines.page_tokens = 64
    return deadlines


def test_every_batch_of_a_prefetch_has_the_deadline_of_its_lookup():
    deadlines = made()
    deadlines.looked_up(KEYS, 300, now=100.0)
    whole = 1.0 + 300 * 64 / 1024 * 0.25
    for start in (0, 128, 256):
        left = deadlines.left(KEYS[start : start + 128], now=101.0 + start)
        assert left == pytest.approx(max(whole - 1.0 - start - d.MARGIN_SECONDS, d.MARGIN_SECONDS))
    again = deadlines.left(KEYS[:128], now=200.0)
    assert again == pytest.approx(1.0 + 128 * 64 / 1024 * 0.25), "no lookup: its own pages' time"


def test_policies_without_a_deadline_have_none():
    for policy in ("wait_complete", "best_effort"):
        deadlines = made(policy)
        deadlines.looked_up(KEYS, 300, now=0.0)
        assert deadlines.left(KEYS, now=0.0) is None


def test_lookups_whose_reads_never_come_are_forgotten():
    deadlines = made()
    for i in range(d.KNOWN_MAX + 5):
        deadlines.looked_up([f"{i}"], 1, now=0.0)
    assert len(deadlines._ends) == d.KNOWN_MAX and "4" not in deadlines._ends


def test_sglangs_own_settings_are_read_where_they_are_told(monkeypatch, tmp_path):
    told = {"prefetch_timeout_base": 2, "prefetch_timeout_per_ki_token": 0.5}
    arguments = {"hicache_storage_prefetch_policy": "timeout"}
    monkeypatch.setattr(d, "server_argument", arguments.get)
    assert (Deadlines.of_server({}).base, Deadlines.of_server({}).per_ki_token) == (1.0, 0.25)
    (tmp_path / "extra.json").write_text(json.dumps(told))
    for text in (json.dumps(told), f"@{tmp_path / 'extra.json'}"):
        arguments["hicache_storage_backend_extra_config"] = text
        read = Deadlines.of_server({})
        assert (read.base, read.per_ki_token) == (2.0, 0.5)
    assert Deadlines.of_server({"prefetch_timeout_base": 3}).base == 3.0
    for odd in ("{", "[]", "@/nowhere", 5):
        arguments["hicache_storage_backend_extra_config"] = odd
        assert Deadlines.of_server({"prefetch_timeout_base": "soon"}).base == 1.0
    arguments["hicache_storage_prefetch_policy"] = "wait_complete"
    assert Deadlines.of_server({}).left(KEYS, 0.0) is None


def test_a_read_ends_at_sglangs_deadline_with_what_came_and_the_daemon_counts_as_there(
    server, rng
):
    pool = make_pool(page_num=20, token_bytes=400)
    extra = {"prefetch_timeout_base": 0.4, "prefetch_timeout_per_ki_token": 0}
    storage = make_storage(server.endpoint, pool, extra=extra)
    contents = fill(pool, rng)
    assert all(storage.batch_set_v1(KEYS[:20], pool.indices(range(20))))
    wipe(pool)
    assert storage.batch_exists(KEYS[:20]) == 20
    server.faults.chunk_pause = 0.05
    started = time.monotonic()
    good = storage.batch_get_v1(KEYS[:20], pool.indices(range(20)))
    assert 0.2 < time.monotonic() - started < 0.8
    count = good.index(False)
    assert count >= 1 and good == [True] * count + [False] * (20 - count)
    assert [pool.read_page(i) for i in range(count)] == contents[:count]
    server.faults.chunk_pause = 0.0
    assert not storage.is_away, "a slow read is no dead daemon"
    assert storage.batch_exists(KEYS[:20]) == 20
    totals = storage.counters.totals()
    assert totals["deadline_cuts"] == 1 and totals["failed_calls"] == 0
    storage.close()


def lookups(server) -> int:
    return sum(method == f.LOOKUP for method, _ in server.calls)


def test_a_repeated_miss_is_answered_here_and_asked_again_later(server):
    storage = make_storage(server.endpoint)
    for _ in range(5):
        assert storage.batch_exists(KEYS) == 0
        assert storage.batch_exists_v2(KEYS).kv_hit_pages == 0
    assert lookups(server) == 1 and storage.counters.totals()["repeated_misses"] == 9
    assert storage.batch_exists(KEYS[1:]) == 0 and lookups(server) == 2, "of another first page"
    wait_until(lambda: storage.batch_exists(KEYS) == 0 and lookups(server) == 3, 2.0)


def test_own_puts_are_found_at_once(server, rng):
    pool = make_pool(page_num=4)
    storage = make_storage(server.endpoint, pool)
    fill(pool, rng)
    for i in range(4):
        assert storage.batch_exists(KEYS[i : i + 1]) == 0
        assert storage.batch_set_v1(KEYS[i : i + 1], pool.indices([i])) == [True]
        assert storage.batch_exists(KEYS[: i + 1]) == i + 1


def test_a_miss_that_a_put_overtook_is_not_remembered():
    kept = Misses(60.0)
    generation = kept.generation
    kept.drop(["a"])
    kept.add("a", time.monotonic(), generation)
    assert not kept.has("a")
    kept.add("a", time.monotonic(), kept.generation)
    assert kept.has("a")
    kept.clear()
    assert not kept.has("a")


def test_remembered_misses_are_bounded_and_age():
    kept = Misses(60.0)
    for i in range(misses.ENTRIES_MAX + 3):
        kept.add(str(i), time.monotonic(), 0)
        assert kept.has(str(i))
    assert len(kept._until) <= misses.ENTRIES_MAX
    kept.add("old", time.monotonic() - 61.0, 0)
    assert not kept.has("old") and "old" not in kept._until
    never = Misses(0.0)
    never.add("a", time.monotonic(), 0)
    assert not never.has("a")


def test_a_repeated_miss_costs_microseconds(server):
    storage = make_storage(server.endpoint, extra={"miss_cache_ms": 60_000})
    assert storage.batch_exists(KEYS) == 0
    started = time.process_time()
    for _ in range(2000):
        storage.batch_exists(KEYS)
    each = (time.process_time() - started) / 2000
    assert each < 50e-6, f"{each * 1e6:.1f} µs; 3 are usual, a round trip is 100"

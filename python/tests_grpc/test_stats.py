"""Stats against a count of its own: a random mix of calls, each noted by who made it."""

from __future__ import annotations

import collections
from pathlib import Path

import grpc
import pytest

CALLS = 200


@pytest.fixture
def pb(stubs):
    from varve.v1 import varve_pb2

    return varve_pb2


class Noted:
    """Does one random call after the other on a store, and counts what must come of it."""

    def __init__(self, store, pb, rng):
        self.store, self.pb, self.rng = store, pb, rng
        self.calls = collections.Counter({"OpenNamespace": 1})
        self.counts: collections.Counter[str] = collections.Counter()
        self.problems: collections.Counter[str] = collections.Counter()
        self.chains: list[list[bytes]] = []
        self.pages: dict[bytes, bytes] = {}

    def present(self, ids: list[bytes]) -> int:
        """Leading ids that are there."""
        missing = (at for at, page in enumerate(ids) if page not in self.pages)
        return next(missing, len(ids))

    def some_chain(self) -> list[bytes]:
        known = self.chains and self.rng.random() < 0.8
        return self.rng.choice(self.chains) if known else self.store.ids(self.rng.randrange(1, 9))

    def put(self) -> None:
        self.calls["Put"] += 1
        ids = self.some_chain()
        pages = [self.pages.get(page) or self.store.random.randbytes(self.size()) for page in ids]
        requests = list(self.store.requests(ids, pages))
        spoilt = self.rng.randrange(len(ids)) if self.rng.random() < 0.2 else None
        if spoilt is not None and ids[spoilt] not in self.pages:
            requests[0].header.checksum[spoilt] ^= 1
        status = self.store.result(requests)
        for at, page in enumerate(ids):
            if page in self.pages:
                assert status[at] == self.pb.ALREADY_PRESENT
                self.counts["already_present"] += 1
            elif at == spoilt:
                assert status[at] == self.pb.CHECKSUM_MISMATCH
                self.counts["checksum_mismatch"] += 1
            else:
                assert status[at] == self.pb.STORED
                self.counts["stored"] += 1
                self.counts["bytes_in"] += len(pages[at])
                self.pages[page] = pages[at]
        self.chains.append(ids)

    def size(self) -> int:
        return self.rng.choice((100, 5000, 70_000, 300_000))

    def get(self) -> None:
        self.calls["Get"] += 1
        ids = self.some_chain()
        found = self.store.get(ids)
        assert list(found.values()) == [self.pages[page] for page in ids[: self.present(ids)]]
        self.counts["read"] += len(found)
        self.counts["bytes_out"] += sum(map(len, found.values()))

    def lookup(self) -> None:
        self.calls["Lookup"] += 1
        ids = self.some_chain()
        hit = self.present(ids)
        assert self.store.lookup(ids).hit_pages == hit
        self.counts["asked"] += len(ids)
        self.counts["hit"] += hit

    def delete(self) -> None:
        self.calls["Delete"] += 1
        ids = self.some_chain()
        there = [page for page in ids if page in self.pages]
        assert self.store.cache.Delete(self.store.run(ids)).affected == len(there)
        self.counts["deleted"] += len(there)
        for page in there:
            del self.pages[page]

    def fail(self) -> None:
        from store import refusal

        requests = {
            "Lookup": (self.pb.LookupRequest, grpc.StatusCode.NOT_FOUND),
            "Get": (self.pb.GetRequest, grpc.StatusCode.NOT_FOUND),
            "Pin": (self.pb.PagesRequest, grpc.StatusCode.UNIMPLEMENTED),
        }
        name = self.rng.choice(list(requests))
        kind, expected = requests[name]
        request = kind(namespace=1 << 20, chain=self.pb.Chain(page_ids=bytes(32)))
        assert refusal(lambda: getattr(self.store.cache, name)(request)).code() == expected
        self.calls[name] += 1
        self.problems[expected.name] += 1


def test_stats_agree_with_what_was_done(own_daemon, rng, stubs, pb):
    from store import Store

    with Store(own_daemon.endpoint, rng) as store:
        noted = Noted(store, pb, rng)
        steps = (noted.put, noted.put, noted.get, noted.lookup, noted.delete, noted.fail)
        for _ in range(CALLS):
            rng.choice(steps)()
        store.admin.Flush(pb.FlushRequest())
        noted.calls["Flush"] += 1
        stats = store.admin.Stats(pb.StatsRequest())
    hold_calls(noted, stats)
    hold_pages(noted, stats)
    disk = sum(path.stat().st_blocks * 512 for path in files(own_daemon.data_dir))
    assert disk <= stats.disk_bytes <= stats.capacity_bytes
    assert stats.ready and stats.writable and 0 < stats.memory_bytes <= stats.memory_limit_bytes


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def hold_calls(noted: Noted, stats) -> None:
    counters = stats.counters
    noted.calls["Stats"] = 1
    begun = {name: value for name, value in by_label(counters, "requests_total").items() if value}
    assert begun == dict(noted.calls)
    # Stats itself had not ended.
    ended = {part.name: part.count for part in stats.latencies if part.count and part.name in begun}
    assert ended == {name: count for name, count in noted.calls.items() if name != "Stats"}
    problems = {name: n for name, n in by_label(counters, "problems_total").items() if n}
    assert problems == dict(noted.problems)
    assert counters["connections_accepted_total"] == 1
    for moved, counted in (("received", "bytes_in"), ("sent", "bytes_out")):
        payload = noted.counts[counted]
        assert payload < counters[f"{moved}_bytes_total"]


def hold_pages(noted: Noted, stats) -> None:
    counts, counters = noted.counts, stats.counters
    outcomes = {name: n for name, n in by_label(counters, "put_pages_total").items() if n}
    expected = {name: counts[name] for name in ("stored", "already_present", "checksum_mismatch")}
    assert outcomes == {name: n for name, n in expected.items() if n}
    live = sum(map(len, noted.pages.values()))
    for name, value in {
        "pages_stored_total": counts["stored"],
        "page_bytes_stored_total": counts["bytes_in"],
        "pages_already_present_total": counts["already_present"],
        "put_checksum_mismatches_total": counts["checksum_mismatch"],
        "lookup_pages_asked_total": counts["asked"],
        "lookup_pages_hit_total": counts["hit"],
        "pages_read_total": counts["read"],
        "page_bytes_read_total": counts["bytes_out"],
        "pages_deleted_total": counts["deleted"],
        "pages_evicted_total": 0,
    }.items():
        assert counters[name] == value, name
    assert (stats.pages, stats.page_bytes) == (len(noted.pages), live)
    (ours,) = (info for info in stats.namespaces if info.name == noted.store.name)
    assert (ours.pages, ours.bytes) == (len(noted.pages), live)
    assert (ours.pages_asked, ours.pages_hit) == (counts["asked"], counts["hit"])
    assert (ours.bytes_in, ours.bytes_out) == (counts["bytes_in"], counts["bytes_out"])
    assert sum(segment.live_bytes for segment in stats.segments) == live


def by_label(counters, family: str) -> dict[str, int]:
    prefix = family + "{"
    return {
        name.split('"')[1]: value for name, value in counters.items() if name.startswith(prefix)
    }

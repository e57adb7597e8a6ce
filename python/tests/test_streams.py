"""Several connections at work on one call."""

from __future__ import annotations

import threading

import pytest
from support import fill, keys, make_pool, make_storage, wipe

from sglang_varve import store
from sglang_varve.streams import Streams

BATCHES = [(i, i + 1) for i in range(50)]


@pytest.mark.parametrize("count", [1, 2, 4, 16])
def test_every_batch_is_worked_once_and_taken_in_order(count):
    streams, taken, lock = Streams(count), [], threading.Lock()

    def work(start: int, end: int) -> bool:
        with lock:
            taken.append(start)
        return True

    streams.run(BATCHES, work)
    assert sorted(taken) == list(range(50))
    assert all(abs(start - place) < count + 1 for place, start in enumerate(taken))
    streams.run([], work)
    streams.close()


@pytest.mark.parametrize("count", [1, 4])
def test_the_first_that_ends_the_run_ends_it(count):
    streams, taken = Streams(count), []

    def work(start: int, end: int) -> bool:
        taken.append(start)
        return start != 5

    streams.run(BATCHES, work)
    assert 6 <= len(taken) <= 5 + 2 * count
    streams.close()


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("where", [0, 7, 49])
def test_an_error_of_any_stream_is_raised_once_all_have_ended(count, where):
    streams, running = Streams(count), []

    def work(start: int, end: int) -> bool:
        running.append(start)
        try:
            if start == where:
                raise KeyError(start)
            return True
        finally:
            running.remove(start)

    with pytest.raises(KeyError):
        streams.run(BATCHES, work)
    assert running == []
    streams.close()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_pages_come_back_over_several_connections(server, rng, monkeypatch, count):
    monkeypatch.setattr(store, "STREAM_BYTES", 3000)
    pool = make_pool(page_num=60)
    storage = make_storage(server.endpoint, pool, extra={"streams": count})
    contents = fill(pool, rng)
    assert storage.batch_set_v1(keys(60), pool.indices(range(60))) == [True] * 60
    wipe(pool)
    assert storage.batch_get_v1(keys(60), pool.indices(range(60))) == [True] * 60
    assert [pool.read_page(i) for i in range(60)] == contents
    space = server.spaces[storage.namespace]
    del space.pages[bytes.fromhex(keys(60)[20])]
    good = storage.batch_get_v1(keys(60), pool.indices(range(60)))
    assert good == [True] * 20 + [False] * 40, "pages behind a gap are of no use"
    assert storage.counters.totals()["internal_errors"] == 0
    assert len(server.sessions) <= 1 + count
    storage.close()

"""A daemon that breaks, stalls, lies or dies: never wrong bytes, never long, never an exception."""

from __future__ import annotations

import time

import pytest
from standin_server import StandInServer
from support import fill, info, keys, make_pool, make_storage, wait_until, wipe

from sglang_varve import frames as f
from sglang_varve import messages as m
from sglang_varve.client import Client, make_chain
from sglang_varve.errors import CallError, DeadlineExceeded, Unavailable
from sglang_varve.transfer import checksum

FAST = {"lookup_timeout_ms": 400, "io_timeout_ms": 600, "stall_timeout_ms": 300}
KEYS = keys(10)


@pytest.fixture
def stored(server, rng):
    """(server, storage, pool, contents) with ten pages stored."""
    pool = make_pool(page_num=10)
    storage = make_storage(server.endpoint, pool, extra=FAST)
    contents = fill(pool, rng)
    assert storage.batch_set_v1(KEYS, pool.indices(range(10))) == [True] * 10
    wipe(pool)
    yield server, storage, pool, contents
    storage.close()


def good_pages_are_right(pool, contents, good) -> None:
    for i, ok in enumerate(good):
        if ok:
            assert pool.read_page(i) == contents[i]


def get(stored) -> list[bool]:
    _, storage, pool, contents = stored
    good = storage.batch_get_v1(KEYS, pool.indices(range(10)), info([]))
    assert len(good) == 10
    good_pages_are_right(pool, contents, good)
    return good


def test_a_flipped_bit_is_no_hit_and_is_reported(stored):
    server = stored[0]
    page = bytes.fromhex(KEYS[3])
    server.faults.flip_page = page
    good = get(stored)
    assert good[3] is False and good[:3] == [True] * 3
    reports = [request for method, request in server.calls if method == f.REPORT_CORRUPT]
    assert [report.page_id for report in reports] == [page]
    assert stored[1].counters.totals()["corrupt_pages"] == 1


@pytest.mark.parametrize("cut", [0, 1, 100, 1000])
def test_a_connection_closed_inside_a_page(stored, cut):
    stored[0].faults.cut_get_after = cut
    assert not all(get(stored))
    stored[0].faults.cut_get_after = None
    wait_until(lambda: all(get(stored)))


RAW = {
    "garbage": b"\xde\xad\xbe\xef" * 16,
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "a cut prefix": f.encode_frame(f.RESPONSE, 1, 4, 1)[:20],
    "a prefix alone": f.encode_prefix(f.RESPONSE, 1, 4, 1, 50, 0),
    "a second hello": f.encode_frame(f.HELLO_OK, 0, 0, 0, m.HelloOk(version=1).encode()),
    "DATA first": f.encode_frame(f.DATA, 1, 4, 3, b"", b"x" * 10),
    "bad protobuf": f.encode_frame(f.RESPONSE, 1, 4, 3, b"\xff" * 12),
}


@pytest.mark.parametrize("method", [f.LOOKUP, f.GET, f.PUT, f.OPEN_NAMESPACE])
@pytest.mark.parametrize("what", RAW)
def test_answers_that_are_no_answers(stored, method, what):
    server, storage, pool, _ = stored
    server.faults.raw_answer[method] = RAW[what]
    if method == f.LOOKUP:
        assert storage.batch_exists(KEYS) == 0
    elif method == f.GET:
        assert get(stored) == [False] * 10
    elif method == f.PUT:
        assert storage.batch_set_v1(keys(3, "x"), pool.indices(range(3))) == [False] * 3
    else:
        other = make_storage(server.endpoint, extra=FAST, model_name="other")
        assert other.batch_exists(KEYS) == 0
        other.close()
    server.faults.raw_answer.clear()
    wait_until(lambda: storage.batch_exists(KEYS) == 10)
    wait_until(lambda: all(get(stored)))


def page_run(first, sizes, sums, status=(), payload=b"", flags=0, stream=3) -> bytes:
    run = m.PageRun(first=first, page_bytes=list(sizes), checksum=list(sums), status=list(status))
    return f.encode_frame(f.RESPONSE, flags, f.GET, stream, run.encode(), payload)


@pytest.mark.parametrize(
    "raw",
    [
        lambda s: page_run(9, [4, 4], [1, 2], stream=s),
        lambda s: page_run(0, [4, 4, 4], [1, 2], stream=s),
        lambda s: page_run(0, [4], [1], payload=b"12345", stream=s),
        lambda s: page_run(0, [4], [1], payload=b"123", flags=1, stream=s),
        lambda s: page_run(0, [], [], status=[12], stream=s),
        lambda s: page_run(0, [4], [1], status=[12, 12], stream=s),
        lambda s: page_run(0, [(128 << 20) + 1], [1] * 10, stream=s),
        lambda s: page_run(0, [0xFFFFFFFF], [1] * 10, payload=b"1234", stream=s),
        lambda s: f.encode_frame(f.RESPONSE, 0, f.GET, s),
        lambda s: page_run(0, [4], [1], stream=s) + page_run(1, [4], [1], stream=s),
    ],
)
def test_page_runs_that_do_not_add_up(server, raw):
    # The stream's number is known: HELLO, then OpenNamespace is 1 and this Get 3.
    with Client(server.endpoint, probe=False) as client:
        number = client.open_namespace("n").namespace_id
        server.faults.raw_answer[f.GET] = raw(3)
        targets = [[memoryview(bytearray(4))] for _ in range(10)]
        with pytest.raises(Unavailable):
            client.get(number, make_chain(bytes(320)), targets)


@pytest.mark.parametrize("method", [f.LOOKUP, f.GET, f.PUT])
def test_a_stalled_daemon_costs_its_timeout_once_and_then_nothing(stored, method):
    server, storage, pool, _ = stored
    server.faults.stall_on = {method}
    calls = {
        f.LOOKUP: lambda: storage.batch_exists(KEYS),
        f.GET: lambda: sum(get(stored)),
        f.PUT: lambda: sum(storage.batch_set_v1(keys(3, "x"), pool.indices(range(3)))),
    }
    server.faults.stall_hello = True  # Nor does it answer the probe.
    started = time.monotonic()
    assert calls[method]() == 0
    assert time.monotonic() - started < 2.0
    started = time.perf_counter()
    for _ in range(100):
        assert storage.batch_exists(KEYS) == 0
    assert time.perf_counter() - started < 0.1, "away must cost microseconds"
    server.unstall()
    wait_until(lambda: storage.batch_exists(KEYS) == 10)


def test_a_slow_daemon_is_cut_off_at_the_deadline(server, rng):
    pool = make_pool(page_num=10, token_bytes=400)
    storage = make_storage(server.endpoint, pool, extra=FAST)
    contents = fill(pool, rng)
    storage.batch_set_v1(KEYS, pool.indices(range(10)))
    wipe(pool)
    server.faults.chunk_pause = 0.1  # 24 pieces: 2.4 s where 0.6 are allowed, never a stall.
    started = time.monotonic()
    good = storage.batch_get_v1(KEYS, pool.indices(range(10)))
    assert 0.5 < time.monotonic() - started < 2.0
    assert good[0] and not good[9], "what came in time is good"
    good_pages_are_right(pool, contents, good)
    storage.close()


def test_a_call_that_had_hardly_any_time_says_nothing_of_the_daemon(server):
    with Client(server.endpoint, stall_seconds=1.0) as client:
        client.ping()
        server.faults.stall_on = {f.STATS}
        with pytest.raises(DeadlineExceeded):
            client.stats(seconds=0.02)
        assert not client.link.is_away
        with pytest.raises(DeadlineExceeded):
            client.stats(seconds=0.3)
        assert client.link.is_away, "silent for as long as a call may take"
        server.unstall()


def test_a_dead_daemon_is_zero_hits_at_once_and_comes_back_by_itself(stored):
    server, storage, pool, _ = stored
    server.stop()
    assert storage.batch_exists(KEYS) == 0
    started = time.perf_counter()
    for _ in range(200):
        assert storage.batch_exists(KEYS) == 0
    per_call = (time.perf_counter() - started) / 200
    assert per_call < 0.001, f"{per_call * 1e6:.0f} µs a call"
    assert get(stored) == [False] * 10
    assert storage.batch_set_v1(KEYS, pool.indices(range(10))) == [False] * 10
    assert storage.clear() is False
    assert storage.get_stats().counters["refused_away"] > 200
    server.start()
    wait_until(lambda: storage.batch_exists(KEYS) == 10)
    wait_until(lambda: all(get(stored)))


def test_a_restart_between_two_calls_is_not_noticed(stored):
    server, storage, _, _ = stored
    for _ in range(3):
        server.stop()
        server.start()
        assert storage.batch_exists(KEYS) == 10
        assert all(get(stored))


def test_no_daemon_at_the_start_is_no_error_and_is_found_later(server):
    server.stop()
    started = time.monotonic()
    storage = make_storage(server.endpoint, extra=FAST)
    assert storage.batch_exists(KEYS) == 0
    assert time.monotonic() - started < 1.0
    server.start()
    wait_until(lambda: storage.batch_set_v1(KEYS[:1], [0, 1, 2, 3]) == [True])
    storage.close()


@pytest.mark.parametrize("code", [3, 9, 14, 16])
def test_goaway(stored, code):
    server, storage, _, _ = stored
    server.faults.goaway[f.LOOKUP] = code
    assert storage.batch_exists(KEYS) == (10 if code == 14 else 0), "a drain ends what has begun"
    server.faults.goaway.clear()
    wait_until(lambda: storage.batch_exists(KEYS) == 10)


@pytest.mark.parametrize("code", [8, 10, 13, 14])
def test_an_error_answer_is_a_miss_and_the_connection_lives(stored, code):
    server, storage, pool, _ = stored
    greeted = server.greeted
    for method in (f.LOOKUP, f.GET, f.PUT):
        server.faults.problem[method] = (code, "no")
    assert storage.batch_exists(KEYS) == 0
    assert get(stored) == [False] * 10
    assert storage.batch_set_v1(keys(3, "x"), pool.indices(range(3))) == [False] * 3
    server.faults.problem.clear()
    assert storage.batch_exists(KEYS) == 10 and all(get(stored))
    assert server.greeted == greeted
    assert storage.counters.totals()["failed_calls"] == 3


@pytest.mark.parametrize("ask", [True, False])
def test_a_put_refused_before_its_end_leaves_the_connection_usable(rng, ask):
    with StandInServer(max_payload=1000) as server, Client(server.endpoint) as client:
        number = client.open_namespace("n").namespace_id
        server.faults.refuse_put_early = True
        page = [memoryview(bytearray(rng.randbytes(3_000_000)))]
        with pytest.raises(CallError, match="queue full"):
            client.put(number, make_chain(bytes(32)), [page], ask=ask)
        server.faults.refuse_put_early = False
        assert client.put(number, make_chain(bytes(32)), [page], ask=ask) == [m.STORED]
        assert server.greeted == 1


def test_a_connection_that_drained_while_idle_is_replaced(stored):
    server, storage, _, _ = stored
    for session in server.sessions:
        session.drain()
    assert storage.batch_exists(KEYS) == 10
    assert storage.counters.totals()["failed_calls"] == 0


def test_a_cleared_namespace_is_opened_again(stored):
    server, storage, pool, _ = stored
    server.clear_space(storage.namespace, drop=False)
    assert storage.batch_exists(KEYS) == 0
    assert storage.batch_set_v1(KEYS, pool.indices(range(10))) == [True] * 10
    server.clear_space(storage.namespace, drop=True)
    assert storage.batch_set_v1(KEYS, pool.indices(range(10))) == [True] * 10
    assert storage.batch_exists(KEYS) == 10
    assert storage.counters.totals()["failed_calls"] == 0


def test_a_client_says_what_went_wrong(server):
    with Client(server.endpoint, probe=False, stall_seconds=0.2) as client:
        server.faults.problem[f.STATS] = (8, "queue full")
        with pytest.raises(CallError, match="RESOURCE_EXHAUSTED: queue full"):
            client.stats()
        server.faults.stall_on = {f.FLUSH}
        with pytest.raises(DeadlineExceeded):
            client.flush()
        server.stop()
        with pytest.raises(Unavailable):
            client.ping()


def test_frames_that_concern_nobody_are_passed_over(stored):
    server, storage, _, _ = stored
    server.faults.noise = b"".join([
        f.encode_frame(f.PING, 0, 0, 0, b"", b"server's"),
        f.encode_frame(77, 0, 0, 0, b"header", b"payload"),
        f.encode_frame(f.RESPONSE, 1, 2, 0xFFFFFFFF, b"\xff\xff", b"of another stream"),
        f.encode_frame(f.WINDOW, 0, 2, 0xFFFFFFFF, m.Window(bytes=5).encode()),
        f.encode_frame(f.PONG, 0, 0, 0, b"", b"unasked"),
    ])  # fmt: skip
    for _ in range(3):
        assert storage.batch_exists(KEYS) == 10 and all(get(stored))
    assert storage.counters.totals()["failed_calls"] == 0


def test_a_random_daemon_never_gives_wrong_bytes(rng):
    """Answers with random damage behind right prefixes: misses or right pages, nothing else."""
    with StandInServer() as server:
        pool = make_pool(page_num=10)
        storage = make_storage(server.endpoint, pool, extra=FAST)
        contents = fill(pool, rng)
        storage.batch_set_v1(KEYS, pool.indices(range(10)))
        hits = 0
        for _ in range(120):
            header = bytearray(
                m.PageRun(
                    page_bytes=[pool.page_bytes], checksum=[checksum([c]) for c in contents]
                ).encode()
            )
            payload = bytearray(b"".join(contents))
            for damaged in rng.choice(([header], [payload], [header, payload])):
                for _ in range(rng.randrange(3)):
                    damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            end = rng.choice((len(payload), rng.randrange(len(payload))))
            raw = f.encode_frame(f.RESPONSE, 1, f.GET, 1, header, payload[:end])
            server.faults.raw_answer[f.GET] = raw[: rng.choice((len(raw), rng.randrange(len(raw))))]
            wait_until(lambda: not storage.is_away)
            wipe(pool)
            good = storage.batch_get_v1(KEYS, pool.indices(range(10)))
            good_pages_are_right(pool, contents, good)
            hits += sum(good)
        assert hits > 100, "damage to one page leaves the others"
        assert storage.counters.totals()["internal_errors"] == 0
        storage.close()

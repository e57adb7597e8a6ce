"""The backend against a real varved: what the stand-in cannot vouch for."""

from __future__ import annotations

import os
import threading

import pytest
from support import fill, info, keys, make_pool, make_storage, wait_until, wipe
from test_client import random_ids, views
from test_storage import HINTS

from sglang_varve import demo, replay
from sglang_varve import messages as m
from sglang_varve.client import Client, make_chain
from sglang_varve.connection import Connection
from sglang_varve.daemon_process import find_daemon
from sglang_varve.errors import CallError
from sglang_varve.standin_pool import LAYOUTS


def test_pages_survive_kill_and_restart_in_every_layout(daemon, rng):
    stored = []
    for layout in LAYOUTS:
        pool = make_pool(layout, page_num=150, token_bytes=200)
        storage = make_storage(daemon.endpoint, pool)
        contents = fill(pool, rng)
        names = keys(150, layout)
        assert storage.batch_set_v1(names, pool.indices(range(150)), info([])) == [True] * 150
        wipe(pool)
        stored.append((storage, pool, contents, names))
    daemon.kill()
    assert stored[0][0].batch_exists(stored[0][3]) == 0
    daemon.start()
    for storage, pool, contents, names in stored:
        wait_until(lambda storage=storage: not storage.is_away)
        assert storage.batch_exists(names) == 150
        assert storage.batch_get_v1(names, pool.indices(range(150))) == [True] * 150
        assert [pool.read_page(i) for i in range(150)] == contents


def test_no_answer_depends_on_a_hint(daemon, rng):
    pool = make_pool(page_num=100)
    storage = make_storage(daemon.endpoint, pool)
    for written, prefix in HINTS.items():
        contents = fill(pool, rng)
        names = keys(100, written)
        for start in range(0, 100, 30):
            end = min(start + 30, 100)
            good = storage.batch_set_v1(
                names[start:end], pool.indices(range(start, end)), prefix(names[:start])
            )
            assert good == [True] * (end - start)
        for hint in HINTS.values():
            wipe(pool)
            assert storage.batch_exists(names, hint([])) == 100
            assert storage.batch_exists(names[41:], hint(names[:41])) == 59
            good = storage.batch_get_v1(
                names[41:], pool.indices(range(41, 100)), hint(names[:41])
            )
            assert good == [True] * 59
            assert [pool.read_page(i) for i in range(41, 100)] == contents[41:]


def test_131072_keys(daemon):
    pool = make_pool(page_num=128, page_size=1, layer_num=1, token_bytes=32)
    storage = make_storage(daemon.endpoint, pool, extra={"lookup_timeout_ms": 10_000})
    names = keys(131_072)
    assert storage.batch_set_v1(names[:128], pool.indices(range(128))) == [True] * 128
    assert storage.batch_exists(names) == 128


def test_single_calls(daemon, rng):
    with Client(daemon.endpoint) as client:
        client.ping()
        opened = client.open_namespace("t/one", m.NamespaceOptions(page_tokens=64))
        assert opened.created
        number = opened.namespace_id
        ids = random_ids(rng, 6)
        pages = [bytearray(rng.randbytes(1000 * (i + 1))) for i in range(6)]
        for ask in (True, False):
            status = client.put(number, make_chain(ids), views(pages, 3), ask=ask, durable=True)
            assert set(status) == {m.STORED if ask else m.ALREADY_PRESENT}
        answer = client.lookup(number, make_chain(ids), want_present=True, exact=True)
        assert (answer.hit_pages, answer.hit_bytes, answer.present) == (6, 21_000, b"\x3f")
        assert client.delete(number, make_chain(ids), first=2, count=1) == 1
        targets = [bytearray(len(page)) for page in pages]
        received = client.get(number, make_chain(ids), views(targets), sparse=True)
        assert received.status == [m.PRESENT] * 2 + [m.MISSING] + [m.PRESENT] * 3
        pages[2] = bytearray(3000)
        assert targets == pages
        assert client.report_corrupt(number, ids[:32], 1, 2) is False
        client.flush()
        assert client.stats().pages == 5
        assert "t/one" in [space.name for space in client.list_namespaces()]
        assert client.clear_namespace("t/one") == 5
        with pytest.raises(CallError, match="NOT_FOUND"):
            client.lookup(number, make_chain(ids))
        client.open_namespace("t/one")
        client.drop_namespace("t/one")
        with pytest.raises(CallError, match="NOT_FOUND"):
            client.open_namespace("t/one", must_exist=True)


def test_a_size_that_differs_and_a_checksum_that_is_wrong(daemon, rng, monkeypatch):
    with Client(daemon.endpoint) as client:
        number = client.open_namespace("t/two").namespace_id
        ids = random_ids(rng, 2)
        assert client.put(number, make_chain(ids[:32]), views([bytearray(100)])) == [m.STORED]
        status = client.put(number, make_chain(ids[:32]), views([bytearray(101)]), ask=False)
        assert status == [m.SIZE_CONFLICT]
        monkeypatch.setattr("sglang_varve.transfer.checksum", lambda page: 1)
        status = client.put(number, make_chain(ids[32:]), views([bytearray(100)]))
        assert status == [m.CHECKSUM_MISMATCH]
        assert client.lookup(number, make_chain(ids[32:])).hit_pages == 0


def test_writers_and_readers_of_one_chain_agree(daemon, rng):
    """Eight threads put and get overlapping parts of one chain; nothing wrong, nothing lost."""
    names = keys(200)
    seed = rng.randbytes(16)
    failures: list[str] = []

    def content(i: int, size: int) -> bytes:
        return (seed + names[i].encode()) * (size // 80) + bytes(size % 80)

    def work(number: int) -> None:
        pool = make_pool(page_num=50, token_bytes=80)
        storage = make_storage(daemon.endpoint, pool)
        for start in range(0, 200, 25):
            start = (start + 25 * number) % 200
            part = names[start : start + 50]
            for i in range(len(part)):
                pool.write_page(i, content(start + i, pool.page_bytes))
            if not all(storage.batch_set_v1(part, pool.indices(range(len(part))))):
                failures.append(f"put at {start}")
            wipe(pool)
            good = storage.batch_get_v1(part, pool.indices(range(len(part))))
            for i in range(len(part)):
                if not good[i] or pool.read_page(i) != content(start + i, pool.page_bytes):
                    failures.append(f"page {start + i}")
        storage.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_many_connections_and_large_pages(daemon, rng):
    with Client(daemon.endpoint) as client:
        number = client.open_namespace("t/large").namespace_id
        ids = random_ids(rng, 2)
        pages = [bytearray(rng.randbytes(3 << 20)) for _ in range(2)]
        assert client.put(number, make_chain(ids), views(pages, 64)) == [m.STORED] * 2
        targets = [bytearray(3 << 20) for _ in range(2)]
        received = client.get(number, make_chain(ids), views(targets, 1000))
        assert received.status == [m.PRESENT] * 2 and targets == pages
    import time

    deadline = time.monotonic() + 20
    connections = [Connection(daemon.endpoint, deadline, 5, b"", "many") for _ in range(50)]
    for connection in connections:
        connection.ping(deadline)
        connection.close()


def test_replay_of_the_fixture(daemon, fixtures, capsys):
    last = os.environ.get("VARVE_REPLAY_REQUESTS", "150")
    path = str(fixtures / "weka_v8_ci.kvt.jsonl")
    arguments = [path, "--endpoint", daemon.endpoint, "--page-bytes", "512"]
    assert replay.main([*arguments, "--requests", f":{last}"]) == 0
    assert "wrong bytes                   0" in capsys.readouterr().out


def test_the_demonstration_on_few_requests(fixtures, capsys):
    from conftest import REPOSITORY

    binary = find_daemon(REPOSITORY)
    if binary is None:
        pytest.skip("no varved: build it, or name it in VARVED")
    code = demo.main(["--daemon", str(binary), "--requests", "60", "--page-bytes", "1024"])
    assert code == 0
    assert "SIGKILL in the middle" in capsys.readouterr().out

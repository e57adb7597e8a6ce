"""How calls and connections end: deadlines, cancellation, errors, drain, very many streams."""

from __future__ import annotations

import signal
import threading
import time

import grpc
import pytest

MIB = 1 << 20


@pytest.fixture
def pb(stubs):
    from varve.v1 import varve_pb2

    return varve_pb2


def test_a_deadline_ends_the_call_and_the_connection_lives(store, pb):
    from store import refusal

    ids, pages = store.ids(1), store.pages(MIB)
    gate = threading.Event()

    def requests():
        yield store.header(ids, pages)
        gate.wait(30)

    call = store.cache.Put(requests(), timeout=0.5)
    error = refusal(lambda: call)
    gate.set()
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert store.put_all(ids, pages) == [pb.STORED], "the claim of the late put was let go"


def test_cancelling_a_get_leaves_the_channel_alone(store, pb):
    ids, pages = store.ids(8), store.pages(*[4 * MIB] * 8)
    store.put_all(ids, pages)
    for _ in range(5):
        answers = store.cache.Get(store.request(ids), timeout=30)
        next(answers)
        answers.cancel()
        with pytest.raises(grpc.RpcError) as raised:
            list(answers)
        assert raised.value.code() == grpc.StatusCode.CANCELLED
    assert store.get(ids) == dict(enumerate(pages))


def test_cancelling_a_put_keeps_whole_pages(store, pb):
    ids, pages = store.ids(40), store.pages(*[64 << 10] * 40)
    gate = threading.Event()

    def requests():
        yield store.header(ids, pages)
        for index in range(35):
            yield from store.pieces(index, pages[index])
        gate.wait(30)

    call = store.cache.Put(requests(), timeout=30)
    deadline = time.monotonic() + 30
    # The first extent of 32 pages is stored while the put goes on.
    while store.lookup(ids).hit_pages < 32 and time.monotonic() < deadline:
        pass
    call.cancel()
    gate.set()
    while time.monotonic() < deadline:
        if set(store.put_all(ids, pages)) == {pb.ALREADY_PRESENT}:
            break
    assert store.get(ids) == dict(enumerate(pages))


def test_a_message_of_any_characters_comes_through(store, pb):
    from store import refusal

    method = store.channel.unary_unary("/varve.v1.Cache/No%20")
    error = refusal(lambda: method(b"", timeout=30))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "/varve.v1.Cache/No%20" in error.details()
    name = "ä" * 600
    error = refusal(lambda: store.cache.OpenNamespace(pb.OpenNamespaceRequest(name=name)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "1200" in error.details() and "1024" in error.details()
    options = pb.NamespaceOptions(description="50 % größer\n")
    first = pb.OpenNamespaceRequest(name=store.name + "ü", options=options)
    store.cache.OpenNamespace(first)
    other = pb.OpenNamespaceRequest(name=first.name, options=pb.NamespaceOptions(description="é"))
    error = refusal(lambda: store.cache.OpenNamespace(other))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "50 % größer\n" in error.details() and "é" in error.details()


def test_compressed_messages_are_refused(store, pb):
    from store import refusal

    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        error = refusal(
            lambda c=compression: store.cache.OpenNamespace(
                pb.OpenNamespaceRequest(name="x" * 900), timeout=30, compression=c
            )
        )
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_longest_message(store, pb):
    from store import refusal

    most = 8 * MIB
    lookup = store.channel.unary_unary("/varve.v1.Cache/Lookup")
    # A field nobody knows, which fills the message to the limit: taken.
    request = pb.LookupRequest(namespace=store.namespace).SerializeToString()
    body = most - len(request) - 2 - 4
    message = request + b"\xfa\x01" + varint(body) + bytes(body)
    assert len(message) == most
    lookup(message, timeout=30)
    message = request + b"\xfa\x01" + varint(body + 1) + bytes(body + 1)
    error = refusal(lambda: lookup(message, timeout=30))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(most) in error.details() and str(most + 1) in error.details()


def test_thousands_of_streams_on_one_connection(store, pb):
    ids = store.ids(2)
    store.put_all(ids, store.pages(100, 100))
    before = store.admin.Stats(pb.StatsRequest()).counters["connections_accepted_total"]
    for _ in range(5000):
        assert store.lookup(ids).hit_pages == 2
    after = store.admin.Stats(pb.StatsRequest()).counters["connections_accepted_total"]
    assert after == before


def test_the_token_in_the_metadata_is_taken(store, pb):
    request = pb.OpenNamespaceRequest(name=store.name)
    metadata = (("authorization", "Bearer abc"), ("x-other", "y"))
    assert store.cache.OpenNamespace(request, metadata=metadata).namespace_id == store.namespace


def test_health_changes_when_the_daemon_drains(own_daemon, rng, stubs):
    from store import Store
    from varve_grpc.health.v1 import health_pb2 as messages

    with Store(own_daemon.endpoint, rng) as store:
        watch = store.channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=messages.HealthCheckRequest.SerializeToString,
            response_deserializer=messages.HealthCheckResponse.FromString,
        )
        states = watch(messages.HealthCheckRequest(service="varve.v1.Cache"), timeout=30)
        assert next(states).status == messages.HealthCheckResponse.SERVING
        own_daemon.process.send_signal(signal.SIGTERM)
        assert next(states).status == messages.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as raised:
            next(states)
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert own_daemon.process.wait(30) == 0


def test_a_drain_by_call_is_seen_on_new_connections(own_daemon, rng, pb):
    """The process stays and says so: NOT_SERVING, and UNAVAILABLE to everything else."""
    from store import Store, refusal
    from varve_grpc.health.v1 import health_pb2 as messages

    with Store(own_daemon.endpoint, rng) as store:
        answer = store.admin.Drain(pb.DrainRequest(timeout_seconds=10), timeout=30)
        assert answer.drained and answer.in_flight == 0
    options = (("grpc.use_local_subchannel_pool", 1),)
    with grpc.insecure_channel(own_daemon.endpoint, options) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=messages.HealthCheckRequest.SerializeToString,
            response_deserializer=messages.HealthCheckResponse.FromString,
        )
        status = check(messages.HealthCheckRequest(), timeout=30).status
        assert status == messages.HealthCheckResponse.NOT_SERVING
        lookup = channel.unary_unary("/varve.v1.Cache/Lookup")
        error = refusal(lambda: lookup(b"", timeout=30))
        assert error.code() == grpc.StatusCode.UNAVAILABLE and "draining" in error.details()


def test_a_put_begun_is_finished_while_draining(own_daemon, rng, pb):
    from store import Store

    with Store(own_daemon.endpoint, rng) as store:
        ids, pages = store.ids(2), store.pages(MIB, MIB)
        ready, gate = threading.Event(), threading.Event()

        def requests():
            yield store.header(ids, pages, ask=True)
            ready.wait(30)
            yield from store.pieces(0, pages[0])
            gate.wait(30)
            yield from store.pieces(1, pages[1])

        answers = store.cache.Put(requests(), timeout=60)
        assert next(answers).need == b"\x03"
        ready.set()
        own_daemon.process.send_signal(signal.SIGTERM)
        while b"draining" not in own_daemon.log.read_bytes():
            pass
        gate.set()
        assert list(next(answers).result.status) == [pb.STORED] * 2
    assert own_daemon.process.wait(30) == 0


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])

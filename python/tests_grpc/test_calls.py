"""Every other call of varve.proto, and gRPC's own services."""

from __future__ import annotations

import grpc
import pytest

LATER = ("Touch", "Pin", "Unpin")


@pytest.fixture
def pb(stubs):
    from varve.v1 import varve_pb2

    return varve_pb2


def test_namespaces(store, pb):
    again = store.cache.OpenNamespace(pb.OpenNamespaceRequest(name=store.name))
    assert again.namespace_id == store.namespace and not again.created
    listed = store.admin.ListNamespaces(pb.ListNamespacesRequest()).namespaces
    assert store.name in [info.name for info in listed]
    ids = store.ids(4)
    store.put_all(ids, store.pages(10, 20, 30, 40))
    assert store.lookup(ids, want_present=True).present == b"\x0f"
    cleared = store.admin.ClearNamespace(pb.NamespaceName(name=store.name))
    assert cleared.affected == 4
    from store import refusal

    assert refusal(lambda: store.lookup(ids)).code() == grpc.StatusCode.NOT_FOUND
    dropped = store.admin.DropNamespace(pb.NamespaceName(name=store.name))
    assert dropped.affected == 0
    request = pb.OpenNamespaceRequest(name=store.name, must_exist=True)
    error = refusal(lambda: store.cache.OpenNamespace(request))
    assert error.code() == grpc.StatusCode.NOT_FOUND


def test_lookup_delete_and_report(store, pb):
    ids, pages = store.ids(5), store.pages(*[400] * 5)
    store.put_all(ids, pages)
    found = store.lookup(ids)
    assert (found.hit_pages, found.hit_bytes) == (5, 2000)
    assert store.cache.Delete(store.run(ids, first=2, count=1)).affected == 1
    assert store.lookup(ids).hit_pages == 2
    report = pb.ReportCorruptRequest(namespace=store.namespace, page_id=ids[0], expected=1, found=2)
    assert not store.cache.ReportCorrupt(report).confirmed
    assert store.get(ids[:1]) == {0: pages[0]}


def test_stats_and_flush(store, pb):
    store.put_all(store.ids(1), store.pages(100))
    stats = store.admin.Stats(pb.StatsRequest())
    assert stats.ready and stats.writable and stats.pages >= 1
    assert stats.counters["received_bytes_total"] > 100
    store.admin.Flush(pb.FlushRequest())
    steps = list(store.admin.Compact(pb.CompactRequest(), timeout=60))
    assert steps and all(step.done <= step.total for step in steps)


def test_settings_of_a_namespace(store, pb):
    from store import refusal

    options = pb.NamespaceOptions(description="mine", ttl_seconds=7)
    request = pb.SetNamespaceRequest(
        name=store.name, options=options, fields=["description", "ttl_seconds"]
    )
    info = store.admin.SetNamespace(request)
    assert (info.options.description, info.options.ttl_seconds) == ("mine", 7)
    request.fields.append("nonsense")
    error = refusal(lambda: store.admin.SetNamespace(request))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "nonsense" in error.details()


def test_scrub_reads_what_is_there(store, pb):
    store.put_all(store.ids(3), store.pages(*[100_000] * 3))
    steps = list(store.admin.Scrub(pb.ScrubRequest(), timeout=60))
    assert steps[-1].done == steps[-1].total >= 300_000


def test_capacity_moves(store, pb):
    now = store.admin.Stats(pb.StatsRequest()).capacity_bytes
    more = store.admin.SetCapacity(pb.SetCapacityRequest(capacity_bytes=now + (64 << 20)))
    assert more.capacity_bytes == now + (64 << 20)
    assert store.admin.SetCapacity(pb.SetCapacityRequest(capacity_bytes=now)).capacity_bytes == now


def test_the_tuner_says_what_there_is(store, pb):
    status = store.admin.TunerStatus(pb.TunerStatusRequest())
    assert status.mode and status.knobs
    assert store.admin.TunerHistory(pb.TunerHistoryRequest(last=5)) is not None
    assert store.admin.SetTuner(pb.SetTunerRequest()).mode == status.mode


def test_what_comes_later_says_so(store, pb):
    from store import refusal

    for name in LATER:
        error = refusal(lambda n=name: getattr(store.cache, n)(store.run(store.ids(1))))
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, name


def test_every_call_has_its_way(store, pb):
    """No method of the contract is unknown to the server."""
    for service in pb.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            call = store.channel.stream_stream(f"/{service.full_name}/{method.name}")
            answers = call(iter([b"\xff"]), timeout=30)
            with pytest.raises(grpc.RpcError) as raised:
                list(answers)
            assert "unknown" not in raised.value.details(), method.name
            expected = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED}
            assert raised.value.code() in expected, (method.name, raised.value)


def test_health(store, stubs):
    from store import refusal
    from varve_grpc.health.v1 import health_pb2 as messages

    check = store.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=messages.HealthCheckRequest.SerializeToString,
        response_deserializer=messages.HealthCheckResponse.FromString,
    )
    for name in ("", "varve.v1.Cache"):
        answer = check(messages.HealthCheckRequest(service=name), timeout=30)
        assert answer.status == messages.HealthCheckResponse.SERVING
    error = refusal(lambda: check(messages.HealthCheckRequest(service="other"), timeout=30))
    assert error.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_lists_the_services(store, stubs, version):
    import importlib

    from google.protobuf import descriptor_pb2

    messages = importlib.import_module(f"varve_grpc.reflection.{version}.reflection_pb2")
    ask = store.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=messages.ServerReflectionRequest.SerializeToString,
        response_deserializer=messages.ServerReflectionResponse.FromString,
    )
    requests = [
        messages.ServerReflectionRequest(list_services=""),
        messages.ServerReflectionRequest(file_containing_symbol="varve.v1.Cache.Put"),
        messages.ServerReflectionRequest(file_by_filename="grpc/health/v1/health.proto"),
        messages.ServerReflectionRequest(file_containing_symbol="varve.v1.Nothing"),
        messages.ServerReflectionRequest(all_extension_numbers_of_type="varve.v1.Chain"),
    ]
    listed, file, health, unknown, extensions = ask(iter(requests), timeout=30)
    names = {service.name for service in listed.list_services_response.service}
    assert names == {
        "varve.v1.Cache", "varve.v1.Admin", "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    }  # fmt: skip
    descriptor = descriptor_pb2.FileDescriptorProto.FromString(
        file.file_descriptor_response.file_descriptor_proto[0]
    )
    assert "Put" in [method.name for method in descriptor.service[0].method]
    assert health.file_descriptor_response.file_descriptor_proto
    assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert extensions.all_extension_numbers_response.base_type_name == "varve.v1.Chain"
    assert listed.original_request == requests[0]

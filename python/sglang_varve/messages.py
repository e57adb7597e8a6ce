"""The messages of ``varve.proto`` and ``frames.proto`` that this client speaks.

Names and numbers are the contract's. Admin calls the backend has no use for are left out.
"""

from __future__ import annotations

from .protobuf import Field as F
from .protobuf import Message

PAGE_BYTES_OF_ID = 32

STORED, ALREADY_PRESENT, CHECKSUM_MISMATCH, TOO_LARGE, NO_SPACE = 1, 2, 3, 4, 5
QUOTA_EXCEEDED, SIZE_CONFLICT, LENGTH_MISMATCH, DATA_LOSS = 6, 7, 8, 9
MISSING, NOT_ATTEMPTED, PRESENT = 10, 11, 12

CODEC_RAW, CODEC_PLANES = 1, 2


class Hello(Message):
    FIELDS = (
        F(1, "version_min", "uint32"), F(2, "version_max", "uint32"), F(3, "token", "bytes"),
        F(4, "client", "string"), F(5, "features", "strings"), F(6, "max_payload", "uint64"),
        F(7, "window_bytes", "uint64"),
    )  # fmt: skip


class HelloOk(Message):
    FIELDS = (
        F(1, "version", "uint32"), F(2, "features", "strings"), F(3, "max_payload", "uint64"),
        F(4, "max_pages", "uint32"), F(5, "window_bytes", "uint64"), F(6, "server", "string"),
        F(7, "boot_id", "string"), F(8, "max_streams", "uint32"),
    )  # fmt: skip


class Window(Message):
    FIELDS = (F(1, "bytes", "uint64"),)


class PageRun(Message):
    FIELDS = (
        F(1, "first", "uint32"), F(2, "page_bytes", "uint32s"), F(3, "checksum", "fixed64s"),
        F(4, "status", "uint32s"),
    )  # fmt: skip


class Problem(Message):
    FIELDS = (
        F(1, "code", "uint32"), F(2, "message", "string"), F(3, "limit", "string"),
        F(4, "limit_value", "uint64"), F(5, "value", "uint64"),
    )  # fmt: skip


class Chain(Message):
    FIELDS = (
        F(1, "page_ids", "bytes"), F(2, "before", "bytes"), F(3, "at_root", "bool"),
        F(4, "tokens", "uint32s"), F(5, "page_tokens", "uint32"), F(6, "seed", "bytes"),
    )  # fmt: skip


class NamespaceOptions(Message):
    FIELDS = (
        F(1, "page_tokens", "uint32"), F(2, "page_bytes_max", "uint32"),
        F(3, "ttl_seconds", "uint64"), F(4, "quota_bytes", "uint64"), F(5, "codec", "uint32"),
        F(6, "description", "string"), F(7, "weight", "uint32"),
    )  # fmt: skip


class NamespaceInfo(Message):
    FIELDS = (
        F(1, "name", "string"), F(2, "id", "uint32"), F(3, "options", "message", NamespaceOptions),
        F(4, "tenant", "string"), F(5, "pages", "uint64"), F(6, "bytes", "uint64"),
        F(7, "pinned_bytes", "uint64"), F(8, "lookups", "uint64"), F(9, "pages_asked", "uint64"),
        F(10, "pages_hit", "uint64"), F(11, "bytes_in", "uint64"), F(12, "bytes_out", "uint64"),
    )  # fmt: skip


class OpenNamespaceRequest(Message):
    FIELDS = (
        F(1, "name", "string"), F(2, "options", "message", NamespaceOptions),
        F(3, "must_exist", "bool"),
    )  # fmt: skip


class OpenNamespaceResponse(Message):
    FIELDS = (
        F(1, "namespace_id", "uint32"), F(2, "created", "bool"),
        F(3, "info", "message", NamespaceInfo),
    )  # fmt: skip


class LookupRequest(Message):
    FIELDS = (
        F(1, "namespace", "uint32"), F(2, "chain", "message", Chain), F(3, "first", "uint32"),
        F(4, "count", "uint32"), F(5, "want_present", "bool"), F(6, "exact", "bool"),
        F(7, "prefetch", "bool"),
    )  # fmt: skip


class LookupResponse(Message):
    FIELDS = (F(1, "hit_pages", "uint32"), F(2, "hit_bytes", "uint64"), F(3, "present", "bytes"))


class PutHeader(Message):
    FIELDS = (
        F(1, "namespace", "uint32"), F(2, "chain", "message", Chain), F(3, "first", "uint32"),
        F(4, "count", "uint32"), F(5, "page_bytes", "uint32s"), F(6, "checksum", "fixed64s"),
        F(7, "durable", "bool"), F(8, "ttl_seconds", "uint64"), F(9, "ask", "bool"),
    )  # fmt: skip


class PutResult(Message):
    FIELDS = (F(1, "status", "uint32s"),)


class PutResponse(Message):
    """A oneof: ``result`` is set, or this is ``need``."""

    FIELDS = (F(1, "need", "bytes"), F(2, "result", "message", PutResult))


class GetRequest(Message):
    FIELDS = (
        F(1, "namespace", "uint32"), F(2, "chain", "message", Chain), F(3, "first", "uint32"),
        F(4, "count", "uint32"), F(5, "sparse", "bool"),
    )  # fmt: skip


class PagesRequest(Message):
    FIELDS = (
        F(1, "namespace", "uint32"), F(2, "chain", "message", Chain), F(3, "first", "uint32"),
        F(4, "count", "uint32"), F(5, "seconds", "uint64"),
    )  # fmt: skip


class PagesResponse(Message):
    FIELDS = (F(1, "affected", "uint32"),)


class ReportCorruptRequest(Message):
    FIELDS = (
        F(1, "namespace", "uint32"), F(2, "page_id", "bytes"), F(3, "expected", "fixed64"),
        F(4, "found", "fixed64"),
    )  # fmt: skip


class ReportCorruptResponse(Message):
    FIELDS = (F(1, "confirmed", "bool"),)


class StatsRequest(Message):
    FIELDS = ()


class Level(Message):
    FIELDS = (
        F(1, "level", "uint32"), F(2, "runs", "uint32"), F(3, "runs_max", "uint32"),
        F(4, "entries", "uint64"), F(5, "bytes", "uint64"), F(6, "filter_bytes", "uint64"),
    )  # fmt: skip


class SegmentInfo(Message):
    FIELDS = (
        F(1, "id", "uint64"), F(2, "state", "string"), F(3, "bytes", "uint64"),
        F(4, "live_bytes", "uint64"), F(5, "pages", "uint64"), F(6, "score", "double"),
    )  # fmt: skip


class Latency(Message):
    FIELDS = (
        F(1, "name", "string"), F(2, "count", "uint64"), F(3, "p50_us", "double"),
        F(4, "p99_us", "double"), F(5, "p999_us", "double"), F(6, "max_us", "double"),
    )  # fmt: skip


class StatsResponse(Message):
    FIELDS = (
        F(1, "version", "string"), F(2, "uptime_seconds", "uint64"), F(3, "ready", "bool"),
        F(4, "writable", "bool"), F(5, "capacity_bytes", "uint64"), F(6, "disk_bytes", "uint64"),
        F(7, "memory_bytes", "uint64"), F(8, "memory_limit_bytes", "uint64"),
        F(9, "pages", "uint64"), F(10, "page_bytes", "uint64"),
        F(11, "levels", "messages", Level), F(12, "segments", "messages", SegmentInfo),
        F(13, "namespaces", "messages", NamespaceInfo), F(14, "counters", "map"),
        F(15, "latencies", "messages", Latency), F(16, "evicted_pages", "uint64"),
        F(17, "quarantined_pages", "uint64"), F(18, "boot_id", "string"),
    )  # fmt: skip


class FlushRequest(Message):
    FIELDS = ()


class FlushResponse(Message):
    FIELDS = ()


class ListNamespacesRequest(Message):
    FIELDS = ()


class ListNamespacesResponse(Message):
    FIELDS = (F(1, "namespaces", "messages", NamespaceInfo),)


class NamespaceName(Message):
    FIELDS = (F(1, "name", "string"),)

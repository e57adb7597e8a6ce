"""Both directions of every vector that was made independently of this codec."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest
import xxhash

from sglang_varve import frames as f
from sglang_varve import messages as m
from sglang_varve.crc32c import crc32c, crc32c_of_header
from sglang_varve.errors import BadFrame

IDS = bytes.fromhex(
    "0c8f462927e331f28e3f1a6d342957cd27118febc309bd3b2f646e2dfbaeec32"
    "e9c2a460fbc87d21beb32b8aba08b9a193d660e6706c659aa0d62b0af7ef6a56"
    "63ace40e799f7cec497974f756301bbed00914db509647c2e3d89eeb38af92a0"
)
HELLO_SUM = xxhash.xxh3_64_intdigest(b"hello")
# What each vector says in words: type, flags, method, stream, message, payload.
MEANING = [
    (f.HELLO, 0, 0, 0, m.Hello(version_min=1, version_max=1, client="vectors/1"), b""),
    (f.REQUEST, 1, 1, 1, m.OpenNamespaceRequest(name="model/bf16/page64"), b""),
    (
        f.REQUEST, 1, 2, 3,
        m.LookupRequest(
            namespace=7, chain=m.Chain(page_ids=IDS, at_root=True), want_present=True
        ), b"",
    ),
    (
        f.REQUEST, 0, 3, 5,
        m.PutHeader(
            namespace=7, chain=m.Chain(page_ids=IDS[:32], at_root=True), count=1, page_bytes=[5],
            checksum=[xxhash.xxh3_64_intdigest(b"\x07")],
        ), b"",
    ),
    (f.DATA, 1, 3, 5, None, b"hello"),
    (f.PING, 0, 0, 0, None, b"12345678"),
    (f.HELLO_OK, 0, 0, 0, m.HelloOk(version=1, max_payload=16 << 20, max_pages=131072), b""),
    (
        f.RESPONSE, 1, 2, 3,
        m.LookupResponse(hit_pages=3, hit_bytes=15, present=b"\x07"), b"",
    ),
    (f.RESPONSE, 0, 3, 5, m.PutResponse(need=b"\x01"), b""),
    (f.RESPONSE, 1, 3, 5, m.PutResponse(result=m.PutResult(status=[m.CHECKSUM_MISMATCH])), b""),
    (f.RESPONSE, 1, 4, 7, m.PageRun(page_bytes=[5], checksum=[HELLO_SUM]), b"hello"),
    (f.RESPONSE, 1, 4, 7, None, b""),
    (f.RESPONSE, 3, 2, 9, m.Problem(code=5, message="unknown namespace"), b""),
    (f.CANCEL, 1, 4, 7, None, b""),
    (f.WINDOW, 0, 4, 7, m.Window(bytes=1 << 20), b""),
    (f.PONG, 0, 0, 0, None, b"12345678"),
    (f.GOAWAY, 2, 0, 0, m.Problem(code=9), b""),
]  # fmt: skip


@pytest.fixture
def vectors(fixtures) -> dict:
    return json.loads((fixtures / "vectors.json").read_text())


def test_every_frame_is_encoded_byte_for_byte(vectors):
    assert len(vectors["frames"]) == len(MEANING)
    for vector, (kind, flags, method, stream, message, payload) in zip(
        vectors["frames"], MEANING, strict=True
    ):
        header = message.encode() if message is not None else b""
        frame = f.encode_frame(kind, flags, method, stream, header, payload)
        assert frame.hex() == vector["hex"], vector["what"]


def test_every_frame_is_decoded_to_its_meaning(vectors):
    for vector, (kind, flags, method, stream, message, payload) in zip(
        vectors["frames"], MEANING, strict=True
    ):
        data = bytes.fromhex(vector["hex"])
        prefix = f.decode_prefix(data[:32])
        header_end = 32 + prefix.header_bytes
        assert prefix[:4] == (kind, flags, method, stream), vector["what"]
        assert data[header_end:] == payload and prefix.payload_bytes == len(payload)
        if message is not None:
            assert type(message).decode(data[32:header_end]) == message, vector["what"]


def test_bad_frames_are_refused_each_for_its_own_reason(vectors):
    reasons = ["magic", "CRC32C", "4294967295", "reserved"]
    for vector, reason in zip(vectors["bad_frames"], reasons, strict=True):
        with pytest.raises(BadFrame, match=reason):
            f.decode_prefix(bytes.fromhex(vector["hex"]))


def test_crc32c(vectors):
    for vector in vectors["crc32c"]:
        data = vector["ascii"].encode() if "ascii" in vector else bytes.fromhex(vector["hex"])
        assert f"{crc32c(data):08x}" == vector["crc32c"]


def test_crc32c_of_a_header_is_that_of_any_28_bytes(rng):
    for _ in range(200):
        data = rng.randbytes(28)
        assert crc32c_of_header(data) == crc32c(data)
    for size in (0, 27, 29):
        with pytest.raises(ValueError, match="28"):
            crc32c_of_header(bytes(size))


def test_xxh3_of_whole_and_pieced_pages(vectors):
    from sglang_varve.transfer import checksum

    for vector in vectors["xxh3_64_seed0"]:
        data = bytes((i * 131 + 7) % 256 for i in range(vector["length"]))
        cut = len(data) // 3
        assert f"{xxhash.xxh3_64_intdigest(data):016x}" == vector["xxh3_64"]
        pieces = [memoryview(data)[:cut], memoryview(data)[cut:]]
        assert f"{checksum(pieces):016x}" == vector["xxh3_64"]
        assert f"{checksum([memoryview(data)]):016x}" == vector["xxh3_64"]


def test_page_ids_are_sha256_over_predecessor_and_tokens(vectors):
    for vector in vectors["page_ids"]:
        if ".." in vector["tokens"]:
            first, last = map(int, vector["tokens"].split(".."))
            tokens = list(range(first, last + 1))
        else:
            tokens = [int(token) for token in vector["tokens"].split(",")]
        page, previous, ids = vector["page_tokens"], bytes.fromhex(vector["seed"]), []
        for at in range(0, len(tokens) - page + 1, page):
            packed = struct.pack(f"<{page}I", *tokens[at : at + page])
            previous = hashlib.sha256(previous + packed).digest()
            ids.append(previous.hex())
        assert ids == vector["ids"]

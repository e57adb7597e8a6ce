"""The codec at its edges and under random input."""

from __future__ import annotations

import random
import struct

import pytest

from sglang_varve import frames as f
from sglang_varve import messages as m
from sglang_varve.crc32c import crc32c
from sglang_varve.errors import BadFrame, BadMessage
from sglang_varve.protobuf import Message

KINDS = [
    kind for kind in vars(m).values()
    if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
]  # fmt: skip


def random_message(rng: random.Random, kind: type[Message], depth: int = 0) -> Message:
    def number(bits: int) -> int:
        return rng.choice((0, 1, 127, 128, (1 << bits) - 1, rng.getrandbits(bits)))

    def text() -> str:
        return "".join(rng.choice("aé字\0😀") for _ in range(rng.randrange(5)))

    values = {}
    for field in kind.FIELDS:
        some = range(rng.choice((0, 1, 3)))
        values[field.name] = {
            "uint32": lambda: number(32),
            "uint64": lambda: number(64),
            "fixed64": lambda: number(64),
            "bool": lambda: rng.random() < 0.5,
            "double": lambda: rng.choice((0.0, -0.0, 1.5, 1e300)),
            "bytes": lambda: rng.randbytes(rng.choice((0, 1, 127, 128, 300))),
            "string": text,
            "uint32s": lambda some=some: [number(32) for _ in some],
            "fixed64s": lambda some=some: [number(64) for _ in some],
            "strings": lambda some=some: [text() for _ in some],
            "map": lambda some=some: {f"k{i}": number(64) for i in some},
            "message": lambda field=field: None
            if rng.random() < 0.3
            else random_message(rng, field.type, depth + 1),
            "messages": lambda field=field, some=some: [
                random_message(rng, field.type, depth + 1) for _ in some
            ],
        }[field.kind]()
    return kind(**values)


def test_random_messages_come_back_equal_and_encode_the_same(rng):
    for _ in range(60):
        for kind in KINDS:
            message = random_message(rng, kind)
            data = message.encode()
            again = kind.decode(data)
            assert again == message
            assert again.encode() == data


def test_unknown_fields_order_and_unpacked_numbers_are_accepted():
    data = bytes.fromhex("f23f03616263" "3205" + "08ffffff0f" "d83f07" "2807" "2809")
    header = m.PutHeader.decode(data[:6] + bytes.fromhex("2807" "2809" "0803"))
    assert header.page_bytes == [7, 9] and header.namespace == 3


def test_random_bytes_decode_or_are_refused_and_nothing_else(rng):
    refused = 0
    for _ in range(4000):
        data = bytearray(random_message(rng, rng.choice(KINDS)).encode())
        for _ in range(rng.randrange(4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        data = bytes(data[: rng.randrange(len(data) + 1)])
        try:
            rng.choice(KINDS).decode(data)
        except BadMessage:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("08", "cut off"), ("0a05", "cut off"), ("08" + "ff" * 10, "over 10 bytes"),
        ("00", "does not exist"), ("0b", "wire type 3"), ("0a02c328", "not UTF-8"),
        ("0d01000000", "wire type 5"),
    ],
)  # fmt: skip
def test_bad_messages_say_why(data, reason):
    with pytest.raises(BadMessage, match=reason):
        m.OpenNamespaceRequest.decode(bytes.fromhex(data))


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_numbers_outside_their_field_are_refused_with_the_limit(value):
    with pytest.raises(ValueError, match=f"{value} is outside"):
        m.LookupRequest(count=value).encode()
    with pytest.raises(ValueError, match=f"{value} is outside"):
        m.PutHeader(page_bytes=[300, value]).encode()


def test_deep_nesting_is_refused():
    class Nest(Message):
        pass

    Nest.FIELDS = (m.F(1, "inner", "message", Nest),)
    Nest._by_number = {1: Nest.FIELDS[0]}
    data = b""
    for _ in range(40):
        data = bytes([0x0A, len(data)]) + data
    with pytest.raises(BadMessage, match="nested"):
        Nest.decode(data)


def prefix_bytes(kind=5, flags=1, method=4, stream=1, header=0, payload=0, reserved=0) -> bytes:
    checked = struct.pack("<4sBBHIIQI", b"VRV1", kind, flags, method, stream, header, payload,
                          reserved)  # fmt: skip
    return checked + struct.pack("<I", crc32c(checked))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (dict(header=8 << 20), dict(header=(8 << 20) + 1)),
        (dict(payload=16 << 20), dict(payload=(16 << 20) + 1)),
        (dict(kind=1, flags=0, method=0, stream=0, header=16 << 10),
         dict(kind=1, flags=0, method=0, stream=0, header=(16 << 10) + 1)),
        (dict(kind=8, flags=0, method=0, stream=0, payload=64),
         dict(kind=8, flags=0, method=0, stream=0, payload=65)),
        (dict(flags=3), dict(flags=2)),
        (dict(flags=0), dict(flags=4)),
        (dict(kind=3, flags=0), dict(kind=3, flags=0, payload=1)),
        (dict(kind=4), dict(kind=4, header=1)),
        (dict(kind=6), dict(kind=6, flags=0)),
        (dict(stream=0xFFFFFFFF), dict(stream=2)),
        (dict(kind=10, flags=2, method=0, stream=0), dict(kind=10, flags=2, method=0, stream=1)),
        (dict(kind=77, flags=3), dict(kind=77, flags=8)),
    ],
)  # fmt: skip
def test_every_limit_of_a_frame_at_its_edge(good, bad):
    f.decode_prefix(prefix_bytes(**good))
    with pytest.raises(BadFrame):
        f.decode_prefix(prefix_bytes(**bad))


def test_payload_over_what_the_receiver_announced_is_refused():
    f.decode_prefix(prefix_bytes(payload=1000), 1000)
    with pytest.raises(BadFrame, match="1001"):
        f.decode_prefix(prefix_bytes(payload=1001), 1000)


def test_any_flipped_bit_of_a_prefix_is_refused(rng):
    data = prefix_bytes(payload=5, header=3)
    for bit in range(256):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(BadFrame):
            f.decode_prefix(flipped)
    with pytest.raises(BadFrame, match="31"):
        f.decode_prefix(data[:31])

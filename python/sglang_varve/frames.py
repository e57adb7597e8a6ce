"""Frames: the 32 bytes before every message and payload, and the rules a frame must keep.

    offset  bytes  field (little-endian)
    0       4      magic VRV1
    4       1      type
    5       1      flags: 1 last frame of this stream from this side, 2 error
    6       2      method
    8       4      stream id (0 = the connection)
    12      4      header length
    16      8      payload length
    24      4      reserved, 0
    28      4      CRC32C of bytes 0-27
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .crc32c import crc32c_of_header
from .errors import BadFrame

MAGIC = b"VRV1"
PREFIX_BYTES = 32
_CHECKED = struct.Struct("<4sBBHIIQI")
_CRC = struct.Struct("<I")

HELLO, HELLO_OK, REQUEST, DATA, RESPONSE = 1, 2, 3, 4, 5
CANCEL, WINDOW, PING, PONG, GOAWAY = 6, 7, 8, 9, 10
TYPE_NAMES = {
    1: "HELLO", 2: "HELLO_OK", 3: "REQUEST", 4: "DATA", 5: "RESPONSE",
    6: "CANCEL", 7: "WINDOW", 8: "PING", 9: "PONG", 10: "GOAWAY",
}  # fmt: skip

LAST, ERROR = 1, 2

OPEN_NAMESPACE, LOOKUP, PUT, GET, TOUCH, PIN, UNPIN, DELETE, REPORT_CORRUPT = range(1, 10)
STATS, COMPACT, FLUSH, SCRUB, LIST_NAMESPACES = 64, 65, 66, 67, 68
SET_NAMESPACE, CLEAR_NAMESPACE, DROP_NAMESPACE = 69, 70, 71

HEADER_BYTES_MAX = 8 << 20
HELLO_BYTES_MAX = 16 << 10
PAYLOAD_BYTES_MAX = 16 << 20
PING_BYTES_MAX = 64

# Types that may carry a payload; everything else must have none.
_WITH_PAYLOAD = frozenset((DATA, RESPONSE, PING, PONG))
# Types whose header must be empty.
_WITHOUT_HEADER = frozenset((DATA, CANCEL, PING, PONG))
_FLAGS_ALLOWED = {
    HELLO: (0,), HELLO_OK: (0,), REQUEST: (0, 1), DATA: (0, 1), RESPONSE: (0, 1, 3),
    CANCEL: (1,), WINDOW: (0,), PING: (0,), PONG: (0,), GOAWAY: (2,),
}  # fmt: skip
_CONNECTION_TYPES = frozenset((HELLO, HELLO_OK, PING, PONG, GOAWAY))


class Prefix(NamedTuple):
    """The decoded 32 bytes; lengths in bytes."""

    type: int
    flags: int
    method: int
    stream: int
    header_bytes: int
    payload_bytes: int


def encode_prefix(
    type: int, flags: int, method: int, stream: int, header_bytes: int, payload_bytes: int
) -> bytes:
    """The 32 bytes of a frame whose header and payload follow separately."""
    checked = _CHECKED.pack(
        MAGIC, type, flags, method, stream, header_bytes, payload_bytes, 0
    )
    return checked + _CRC.pack(crc32c_of_header(checked))


def encode_frame(
    type: int, flags: int, method: int, stream: int, header: bytes = b"", payload: bytes = b""
) -> bytes:
    """A whole small frame. Pages do not go this way: they are sent from where they lie."""
    prefix = encode_prefix(type, flags, method, stream, len(header), len(payload))
    return prefix + header + payload


def decode_prefix(data: bytes | bytearray | memoryview, payload_max: int = 0) -> Prefix:
    """Decodes and judges a prefix; raises BadFrame, naming the value and the limit.

    ``payload_max`` is what the receiver announced (0 = 16 MiB). Nothing behind the prefix needs to
    have arrived: lengths are judged before a byte of what they announce is buffered.
    """
    if len(data) != PREFIX_BYTES:
        raise BadFrame(f"a frame prefix has {PREFIX_BYTES} bytes, got {len(data)}")
    magic, type, flags, method, stream, header_bytes, payload_bytes, reserved = (
        _CHECKED.unpack_from(data)
    )
    if magic != MAGIC:
        raise BadFrame(f"magic {magic.hex()} is not {MAGIC.hex()}")
    (found,) = _CRC.unpack_from(data, 28)
    expected = crc32c_of_header(data[:28])
    if found != expected:
        raise BadFrame(f"CRC32C {found:08x} of the prefix, expected {expected:08x}")
    if reserved != 0:
        raise BadFrame(f"reserved field {reserved} is not 0")
    prefix = Prefix(type, flags, method, stream, header_bytes, payload_bytes)
    _judge(prefix, payload_max or PAYLOAD_BYTES_MAX)
    return prefix


def _judge(prefix: Prefix, payload_max: int) -> None:
    name = TYPE_NAMES.get(prefix.type, f"type {prefix.type}")
    if prefix.flags & ~(LAST | ERROR):
        raise BadFrame(f"unknown flag bits {prefix.flags:#x} on {name}")
    header_max = HELLO_BYTES_MAX if prefix.type == HELLO else HEADER_BYTES_MAX
    if prefix.header_bytes > header_max:
        raise BadFrame(f"{name} header of {prefix.header_bytes} bytes is over {header_max}")
    if prefix.payload_bytes > min(payload_max, PAYLOAD_BYTES_MAX):
        raise BadFrame(f"{name} payload of {prefix.payload_bytes} bytes is over {payload_max}")
    if prefix.type not in TYPE_NAMES:
        return  # Unknown types are skipped or refused by the stream, never by the frame.
    if prefix.flags not in _FLAGS_ALLOWED[prefix.type]:
        raise BadFrame(f"flags {prefix.flags} are not allowed on {name}")
    if prefix.payload_bytes and prefix.type not in _WITH_PAYLOAD:
        raise BadFrame(f"{name} may not carry a payload, has {prefix.payload_bytes} bytes")
    if prefix.header_bytes and prefix.type in _WITHOUT_HEADER:
        raise BadFrame(f"{name} may not carry a header, has {prefix.header_bytes} bytes")
    if prefix.type in (PING, PONG) and prefix.payload_bytes > PING_BYTES_MAX:
        raise BadFrame(f"{name} payload of {prefix.payload_bytes} bytes is over {PING_BYTES_MAX}")
    if prefix.type in _CONNECTION_TYPES:
        if prefix.stream or prefix.method:
            raise BadFrame(f"{name} on stream {prefix.stream}, method {prefix.method}; 0 is due")
    elif prefix.stream % 2 == 0:
        raise BadFrame(f"{name} on even stream {prefix.stream}")

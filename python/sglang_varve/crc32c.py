"""CRC32C (Castagnoli), the checksum of frame headers: reflected polynomial 0x82F63B78.

Table-driven and meant for the 28 bytes of a header; pages are guarded by XXH3-64 instead.
"""

from __future__ import annotations


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _make_table()


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """The CRC32C of ``data`` (any length; about 70 ns a byte)."""
    table = _TABLE
    value = 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF

"""The part of protobuf that Varve's messages need, in its canonical form.

Encoding: fields in ascending number, defaults omitted, repeated numbers packed. Decoding accepts
what any encoder may send (any order, unpacked numbers, unknown fields, the last value of a scalar
wins) and refuses everything that is not protobuf with BadMessage.

A message class lists its FIELDS; the codec below works from that table alone.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from .errors import BadMessage

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_U64_MAX = (1 << 64) - 1
_U32_MAX = (1 << 32) - 1
_DEPTH_MAX = 16

# kind: (wire type, is it repeated); "map" is map<string, uint64>.
_WIRE = {
    "uint32": _VARINT, "uint64": _VARINT, "bool": _VARINT, "fixed64": _FIXED64,
    "double": _FIXED64, "bytes": _BYTES, "string": _BYTES, "message": _BYTES,
    "uint32s": _BYTES, "fixed64s": _BYTES, "strings": _BYTES, "messages": _BYTES, "map": _BYTES,
}  # fmt: skip
_DEFAULTS = {
    "uint32": 0, "uint64": 0, "bool": False, "fixed64": 0, "double": 0.0, "bytes": b"",
    "string": "", "message": None,
}  # fmt: skip
_REPEATED = ("uint32s", "fixed64s", "strings", "messages")


class Field(NamedTuple):
    """One field: its number on the wire, its name here, its kind, its class if a message."""

    number: int
    name: str
    kind: str
    type: Any = None


class Message:
    """A message whose fields are plain attributes; absent ones hold their default."""

    FIELDS: tuple[Field, ...] = ()
    _fields: tuple[tuple[str, Field], ...] = ()
    _by_number: dict[int, Field] = {}
    _names: frozenset[str] = frozenset()
    _containers: tuple[tuple[str, type], ...] = ()

    def __init_subclass__(cls) -> None:
        numbers = [field.number for field in cls.FIELDS]
        assert numbers == sorted(set(numbers)), f"{cls.__name__}: FIELDS must ascend"
        cls._fields = tuple((field.name, field) for field in cls.FIELDS)
        cls._by_number = {field.number: field for field in cls.FIELDS}
        cls._names = frozenset(field.name for field in cls.FIELDS)
        cls._containers = tuple(
            (field.name, dict if field.kind == "map" else list)
            for field in cls.FIELDS if field.kind == "map" or field.kind in _REPEATED
        )  # fmt: skip
        for field in cls.FIELDS:  # Scalars that are not set are found at the class.
            if field.kind in _DEFAULTS:
                setattr(cls, field.name, _DEFAULTS[field.kind])

    def __init__(self, **values: Any) -> None:
        if not self._names.issuperset(values):
            unknown = next(name for name in values if name not in self._names)
            raise TypeError(f"{type(self).__name__} has no field {unknown!r}")
        for name, container in self._containers:
            if name not in values:
                setattr(self, name, container())
        self.__dict__.update(values)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            _same(getattr(self, f.name), getattr(other, f.name)) for f in self.FIELDS
        )

    __hash__ = None  # Messages are values that change; they are no keys.

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in self.FIELDS)
        return f"{type(self).__name__}({', '.join(shown)})"

    def encode(self) -> bytes:
        """The canonical bytes; ValueError for a number its field cannot hold."""
        out = bytearray()
        held = self.__dict__
        for name, field in self._fields:
            value = held.get(name)
            if value or value is not None and field.kind == "double":  # -0.0 is no default.
                _encode_field(out, field, value)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview, depth: int = 0) -> Message:
        """Decodes one message from exactly ``data``; BadMessage for anything else."""
        if depth > _DEPTH_MAX:
            raise BadMessage(f"{cls.__name__}: messages nested over {_DEPTH_MAX} deep")
        message = cls()
        view = memoryview(data)
        at = 0
        while at < len(view):
            tag, at = read_varint(view, at)
            number, wire = tag >> 3, tag & 7
            if number == 0 or tag > _U32_MAX:
                raise BadMessage(f"{cls.__name__}: field number {number} does not exist")
            value, at = _read_value(view, at, wire)
            field = cls._by_number.get(number)
            if field is not None:
                _accept(message, field, wire, value, depth)
        return message


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return list(a) == list(b)
    return a == b


def append_varint(out: bytearray, value: int) -> None:
    """Appends an unsigned LEB128 number below 2^64."""
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def read_varint(view: memoryview, at: int) -> tuple[int, int]:
    """(value modulo 2^64, position after it); at most 10 bytes, as protobuf has it."""
    value = shift = 0
    while shift < 70:
        if at >= len(view):
            raise BadMessage(f"varint cut off at byte {at}")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _U64_MAX, at
        shift += 7
    raise BadMessage(f"varint over 10 bytes at byte {at}")


def _checked(field: Field, value: int) -> int:
    limit = _U32_MAX if field.kind in ("uint32", "uint32s") else _U64_MAX
    if not 0 <= value <= limit:
        raise ValueError(f"{field.name}: {value} is outside 0 … {limit}")
    return int(value)


def _append_bytes(out: bytearray, number: int, data: bytes | bytearray | memoryview) -> None:
    append_varint(out, number << 3 | _BYTES)
    append_varint(out, len(data))
    out += data


def _encode_field(out: bytearray, field: Field, value: Any) -> None:
    kind, number = field.kind, field.number
    if kind in ("uint32", "uint64", "bool"):
        if value:
            append_varint(out, number << 3)
            append_varint(out, 1 if kind == "bool" else _checked(field, value))
    elif kind in ("fixed64", "double"):
        packed = struct.pack("<Q" if kind == "fixed64" else "<d", value)
        if any(packed):  # Also -0.0, which is not the default.
            append_varint(out, number << 3 | _FIXED64)
            out += packed
    elif kind in ("bytes", "string"):
        if value:
            _append_bytes(out, number, value.encode() if kind == "string" else value)
    elif kind == "message":
        if value is not None:
            _append_bytes(out, number, value.encode())
    elif value:
        _encode_repeated(out, field, value)


def _encode_repeated(out: bytearray, field: Field, values: Any) -> None:
    kind, number = field.kind, field.number
    if kind == "uint32s":
        packed = bytearray()
        if max(values) < 0x80 and min(values) >= 0:
            packed += bytes(values)
        else:
            for value in values:
                append_varint(packed, _checked(field, value))
        _append_bytes(out, number, packed)
    elif kind == "fixed64s":
        _append_bytes(out, number, struct.pack(f"<{len(values)}Q", *values))
    elif kind == "strings":
        for value in values:
            _append_bytes(out, number, value.encode())
    elif kind == "messages":
        for value in values:
            _append_bytes(out, number, value.encode())
    else:
        for key in sorted(values):
            entry = bytearray()
            _append_bytes(entry, 1, key.encode())
            append_varint(entry, 2 << 3)
            append_varint(entry, values[key])
            _append_bytes(out, number, entry)


def _read_value(view: memoryview, at: int, wire: int) -> tuple[Any, int]:
    if wire == _VARINT:
        return read_varint(view, at)
    if wire == _BYTES:
        size, at = read_varint(view, at)
    elif wire == _FIXED64:
        size = 8
    elif wire == _FIXED32:
        size = 4
    else:
        raise BadMessage(f"wire type {wire} at byte {at} does not exist")
    if size > len(view) - at:
        raise BadMessage(f"field of {size} bytes at byte {at} of {len(view)} is cut off")
    return view[at : at + size], at + size


def _accept(message: Message, field: Field, wire: int, value: Any, depth: int) -> None:
    kind, name = field.kind, field.name
    if kind in ("uint32s", "fixed64s"):
        getattr(message, name).extend(_numbers(field, wire, value))
        return
    if wire != _WIRE[kind]:
        raise BadMessage(f"{name}: wire type {wire}, expected {_WIRE[kind]}")
    if kind == "uint32":
        setattr(message, name, value & _U32_MAX)
    elif kind == "uint64":
        setattr(message, name, value)
    elif kind == "bool":
        setattr(message, name, value != 0)
    elif kind == "fixed64":
        setattr(message, name, int.from_bytes(value, "little"))
    elif kind == "double":
        setattr(message, name, struct.unpack("<d", value)[0])
    elif kind == "bytes":
        setattr(message, name, bytes(value))
    elif kind == "string":
        setattr(message, name, _text(name, value))
    elif kind == "message":
        setattr(message, name, field.type.decode(value, depth + 1))
    elif kind == "strings":
        getattr(message, name).append(_text(name, value))
    elif kind == "messages":
        getattr(message, name).append(field.type.decode(value, depth + 1))
    else:
        entry = _MapEntry.decode(value, depth + 1)
        getattr(message, name)[entry.key] = entry.value


def _text(name: str, value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise BadMessage(f"{name}: not UTF-8 ({error.reason} at {error.start})") from None


def _numbers(field: Field, wire: int, value: Any) -> list[int]:
    if field.kind == "fixed64s":
        if wire not in (_BYTES, _FIXED64) or len(value) % 8:
            raise BadMessage(f"{field.name}: not a run of 8-byte numbers")
        return list(struct.unpack(f"<{len(value) // 8}Q", value))
    if wire == _VARINT:
        return [value & _U32_MAX]
    if wire != _BYTES:
        raise BadMessage(f"{field.name}: wire type {wire}, expected {_BYTES}")
    if not value or max(value) < 0x80:
        return list(value)
    numbers = []
    at = 0
    while at < len(value):
        number, at = read_varint(value, at)
        numbers.append(number & _U32_MAX)
    return numbers


class _MapEntry(Message):
    FIELDS = (Field(1, "key", "string"), Field(2, "value", "uint64"))

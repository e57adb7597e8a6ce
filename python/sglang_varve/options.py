"""The settings of ``--hicache-storage-backend-extra-config``, read once and judged.

A value that cannot be meant raises ``OptionError`` naming the key, so that the mistake shows when
the backend is attached and not as a cache that never hits. A key that nobody knows is warned of
once in a process and does nothing. Secrets are wrapped, so that no log line can show them.
"""

from __future__ import annotations

import difflib
import json
import logging
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .connection import parse_endpoint

logger = logging.getLogger(__name__)

ENDPOINT_DEFAULT = "127.0.0.1:4770"
TOKEN_BYTES_MAX = 4096
STREAMS_MAX = 16
ENDPOINTS_MAX = 256

# Keys of SGLang's own and of its factory, which share the JSON object with ours.
FOREIGN = frozenset((
    "backend_name", "module_path", "class_name", "interface_v1", "tp_lcm_size",
    "prefetch_threshold", "prefetch_timeout_base", "prefetch_timeout_per_ki_token",
    "hicache_storage_pass_prefix_keys",
))  # fmt: skip

_warned: set[str] = set()


class OptionError(ValueError):
    """A setting that cannot be meant: which one, what it is and what it must be."""


class Secret:
    """Bytes that show themselves to nobody but ``reveal``."""

    def __init__(self, value: bytes = b""):
        self._value = value

    def reveal(self) -> bytes:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "<secret>" if self._value else "<none>"


@dataclass(frozen=True)
class Options:
    """What the backend was told; times in seconds."""

    endpoints: tuple[str, ...] = (ENDPOINT_DEFAULT,)
    token: Secret = field(default_factory=Secret)
    weights: str = ""
    kv_dtype: str = ""
    durable: bool = False
    verify: bool = True
    prefetch: bool = True
    ttl_seconds: int = 0
    streams: int = 1
    connect_seconds: float = 1.0
    lookup_seconds: float = 1.0
    io_seconds: float = 10.0
    stall_seconds: float = 3.0
    miss_seconds: float = 0.05
    log_seconds: float = 60.0

    @classmethod
    def read(cls, extra: dict[str, Any]) -> Options:
        """The settings in ``extra``; raises OptionError, warns once of keys nobody knows."""
        _warn_of_unknown(extra)
        values: dict[str, Any] = {"endpoints": _endpoints(extra), "token": _token(extra)}
        for name in ("weights", "kv_dtype"):
            if extra.get(name) is not None:
                values[name] = str(extra[name])
        for name in ("durable", "verify", "prefetch"):
            if extra.get(name) is not None:
                values[name] = _truth(name, extra[name])
        for key, name in _TIMES.items():
            if extra.get(key) is not None:
                values[name] = _number(key, extra[key], 0, 1e9) / 1000
        if extra.get("log_seconds") is not None:
            values["log_seconds"] = _number("log_seconds", extra["log_seconds"], 0, 1e9)
        if extra.get("ttl_seconds") is not None:
            values["ttl_seconds"] = int(_number("ttl_seconds", extra["ttl_seconds"], 0, 2**62))
        if extra.get("streams") is not None:
            values["streams"] = int(_number("streams", extra["streams"], 1, STREAMS_MAX))
        return cls(**values)

    def __str__(self) -> str:
        """The settings on one line, for the log; the token only as whether there is one."""
        return ", ".join(f"{f.name} {getattr(self, f.name)!r}" for f in fields(self))


_TIMES = {
    "connect_timeout_ms": "connect_seconds", "lookup_timeout_ms": "lookup_seconds",
    "io_timeout_ms": "io_seconds", "stall_timeout_ms": "stall_seconds",
    "miss_cache_ms": "miss_seconds",
}  # fmt: skip
KNOWN = frozenset((
    "endpoint", "endpoints", "token", "token_file", "weights", "kv_dtype", "durable", "verify",
    "prefetch", "ttl_seconds", "streams", "log_seconds", *_TIMES,
))  # fmt: skip


def _warn_of_unknown(extra: dict[str, Any]) -> None:
    for key in map(str, extra):
        if key in KNOWN or key in FOREIGN or key in _warned:
            continue
        _warned.add(key)
        near = difflib.get_close_matches(key, KNOWN, 1)
        advice = f"; did you mean {near[0]!r}?" if near else ""
        logger.warning("varve: the option %r is not known and does nothing%s", key, advice)


def _endpoints(extra: dict[str, Any]) -> tuple[str, ...]:
    value = extra.get("endpoints") or extra.get("endpoint") or ENDPOINT_DEFAULT
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not 0 < len(names) <= ENDPOINTS_MAX:
        raise OptionError(f"endpoints: {value!r} is no list of 1 to {ENDPOINTS_MAX} endpoints")
    names = [str(name).strip() for name in names]
    for name in names:
        try:
            parse_endpoint(name)
        except ValueError as error:
            raise OptionError(str(error)) from None
    if len(set(names)) != len(names):
        raise OptionError(f"endpoints: one is named twice in {', '.join(names)}")
    return tuple(names)


def _token(extra: dict[str, Any]) -> Secret:
    """The token itself or the first line of the file that holds it; errors never quote it."""
    value, path = extra.get("token"), extra.get("token_file")
    if value and path:
        raise OptionError("token and token_file: only one of them can be meant")
    if path:
        try:
            data = Path(str(path)).read_bytes()[: TOKEN_BYTES_MAX + 2]
        except OSError as error:
            raise OptionError(f"token_file: {error}") from None
        value = data.split(b"\n", 1)[0].strip()
        if not value:
            raise OptionError(f"token_file: the first line of {path} is empty")
    if not value:
        return Secret()
    if not isinstance(value, (str, bytes)):
        raise OptionError("token: neither text nor bytes")
    raw = value.encode() if isinstance(value, str) else bytes(value)
    if len(raw) > TOKEN_BYTES_MAX:
        raise OptionError(f"token: {len(raw)} bytes are over {TOKEN_BYTES_MAX}")
    return Secret(raw)


def _truth(name: str, value: Any) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise OptionError(f"{name}: {value!r} is neither true nor false")


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise OptionError(f"{name}: {value!r} is no number from {least:g} to {most:g}")
    return value


def extra_of(config: Any, kwargs: Any) -> dict[str, Any]:
    """The JSON object SGLang hands over, and what else the factory passes; OptionError if odd."""
    extra = getattr(config, "extra_config", None)
    if isinstance(extra, str):  # As it stands on the command line.
        try:
            extra = json.loads(extra)
        except ValueError as error:
            raise OptionError(f"extra config: no JSON ({error})") from None
    if extra is not None and not isinstance(extra, dict):
        raise OptionError(f"extra config: a JSON object is due, not {type(extra).__name__}")
    merged = dict(kwargs) if isinstance(kwargs, dict) else {}
    merged.update(extra or {})
    return merged

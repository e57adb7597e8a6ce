"""Names: which namespace a worker's pages belong to, and which page a key is.

A namespace holds pages that may be mixed. Its name therefore carries everything that changes their
bytes; two workers that differ in any of it never meet:

    sglang/<model>/<dtype>/<layout>/p<page size>/b<bytes a token>/<pool>/tp…-pp…-cp…-dcp…/<digest>

The readable part is for people and may be shortened; the digest, over the whole identity as JSON,
is what tells namespaces apart. Where all tensor-parallel ranks hold the same bytes (MLA), SGLang
lets one rank write for all: there the rank is named ``tpall``, so that the others find its pages.
Every side pool (draft, Mamba, sliding window, indexer …) has a namespace of its own.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from .base import server_kv_dtype

IDENTITY_VERSION = 1
_NAME_PART_MAX = 80
ID_BYTES = 32
BEFORE_MAX = 32


def _text(value: Any) -> str:
    return str(value).removeprefix("torch.")


def _number(source: Any, name: str, default: int) -> int:
    value = getattr(source, name, None)
    return default if value is None else int(value)


def _logical_dtype(pool: Any, extra: dict[str, Any]) -> str:
    """What the bytes of a byte-typed pool mean; empty for pools whose own dtype says it.

    SGLang keeps fp8_e4m3 and fp8_e5m2 alike as uint8 in its host pools; which of the two it is,
    only the device pool or the server's arguments know. ``kv_dtype`` in the configuration overrides
    both.
    """
    if extra.get("kv_dtype"):
        return _text(extra["kv_dtype"])
    if _text(getattr(pool, "dtype", "")) not in ("uint8", "int8"):
        return ""
    device_dtype = getattr(getattr(pool, "device_pool", None), "dtype", None)
    return _text(device_dtype) if device_dtype is not None else server_kv_dtype()


def is_replicated(config: Any, pool: Any, pool_name: str = "kv") -> bool:
    """Whether every tensor-parallel rank holds the same bytes in this pool.

    An MLA model's KV and most of its side pools do. Its Mamba state is sharded (every rank writes
    it), and so is an MHA draft or window on top of it, whose class tells.
    """
    if not getattr(config, "is_mla_model", False) or pool_name == "mamba":
        return False
    return pool_name == "kv" or not is_sharded_by_heads(pool)


def is_sharded_by_heads(pool: Any) -> bool:
    return any(kind.__name__ == "MHATokenToKVPoolHost" for kind in type(pool).__mro__)


def describe(
    config: Any,
    pool: Any,
    extra: dict[str, Any],
    pool_name: str = "kv",
    piece_sizes: Sequence[int] = (),
) -> dict:
    """The identity of what a worker with this configuration stores from this host pool.

    ``config`` is SGLang's HiCacheStorageConfig (or alike, or None); attributes that a version of
    SGLang lacks take the value of a machine without that kind of parallelism.
    """
    replicated = is_replicated(config, pool, pool_name)
    tp_rank = _number(config, "tp_rank", 0)
    identity = {
        "version": IDENTITY_VERSION,
        "model": _text(getattr(config, "model_name", None) or ""),
        "weights": _text(extra.get("weights", "")),
        "dtype": _text(getattr(pool, "dtype", "")),
        "logical_dtype": _logical_dtype(pool, extra),
        "layout": _text(getattr(pool, "layout", "")),
        "page_size": _number(pool, "page_size", 1),
        "logical_page_size": _number(config, "logical_page_size", 0),
        "bytes_per_token": _number(pool, "size_per_token", 0),
        "pool": f"{type(pool).__name__}:{pool_name}",
        "format": _text(getattr(pool, "storage_format_tag", None) or ""),
        "interface": "v1" if extra.get("interface_v1") else "generic",
        "replicated": replicated,
        "tp": ["all" if replicated else tp_rank, _number(config, "tp_size", 1)],
        "pp": [_number(config, "pp_rank", 0), _number(config, "pp_size", 1)],
        "cp": [_number(config, "attn_cp_rank", 0), _number(config, "attn_cp_size", 1)],
        "dcp": [_number(config, "dcp_rank", 0), _number(config, "dcp_size", 1)],
        "layers": [_number(pool, "start_layer", 0), _number(pool, "end_layer", 0)],
    }
    for name in ("layer_num", "head_num", "head_dim", "v_head_dim", "kv_cache_dim"):
        identity[name] = _number(pool, name, 0)
    if pool_name != "kv":  # What tells apart the pages of pools that have no heads or layers.
        identity["pieces"] = list(piece_sizes)
        for name in ("temporal_dtype", "conv_dtype", "indexer_dtype"):
            identity[name] = _text(getattr(pool, name, ""))
    return identity


def namespace_name(identity: dict) -> str:
    """The name of an identity's namespace: readable, at most about 200 characters."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:32]
    place = "-".join(
        f"{axis}{identity[axis][0]}of{identity[axis][1]}" for axis in ("tp", "pp", "cp", "dcp")
    )
    parts = (
        "sglang", identity["model"] or "model",
        identity["logical_dtype"] or identity["dtype"] or "dtype",
        identity["layout"] or "layout", f"p{identity['page_size']}",
        f"b{identity['bytes_per_token']}", identity["pool"].rpartition(":")[2], place, digest,
    )  # fmt: skip
    return "/".join(re.sub(r"[^A-Za-z0-9._-]+", "-", part)[:_NAME_PART_MAX] for part in parts)


def page_id(key: Any) -> bytes:
    """The 32 bytes of a key: a lower-case SHA-256 in hex is its own id, any other key is hashed."""
    if isinstance(key, str) and len(key) == 64:
        try:
            raw = bytes.fromhex(key)
        except ValueError:
            raw = b""
        if raw.hex() == key:
            return raw
    text = key if isinstance(key, (bytes, bytearray)) else str(key).encode("utf-8", "replace")
    return hashlib.sha256(b"sglang-varve key\0" + text).digest()


def page_ids(keys: Sequence) -> bytes:
    """The joined ids of keys; 131,072 plain ones take some tens of milliseconds."""
    try:
        # All are 64 long exactly if each 65th character is a separator; one that is in a key is no
        # digit, and upper case is another key.
        lines = "\n".join(keys)
        if len(lines) == 65 * len(keys) - 1 and lines[64::65].count("\n") == len(keys) - 1:
            joined = "".join(keys)
            raw = binascii.unhexlify(joined)
            if not any(map(joined.__contains__, "ABCDEF")):
                return raw
    except (TypeError, ValueError):
        pass
    return b"".join(map(page_id, keys))


def hint(extra_info: Any) -> tuple[bytes, bool]:
    """(ids before the keys, are the keys at the root), from ``prefix_keys`` if it has any.

    A hint is copied and never trusted: entries of another form end it, whatever their type, and
    no answer depends on it.
    """
    prefix = getattr(extra_info, "prefix_keys", None)
    if not isinstance(prefix, (list, tuple)):
        return b"", False
    before: list[bytes] = []
    for key in reversed(prefix[-BEFORE_MAX:]):
        if not isinstance(key, str) or len(key) != 64:
            break
        try:
            raw = bytes.fromhex(key)
        except ValueError:
            break
        if len(raw) != ID_BYTES:
            break
        before.append(raw)
    return b"".join(reversed(before)), not prefix

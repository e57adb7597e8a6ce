"""``VarveStorage``: SGLang's HiCache L3 interface over one Varve daemon.

The rules of this file: nothing is raised to SGLang, every call ends within its time, a daemon that
is away is 0 hits at once, and no page is called good before its XXH3-64 was verified. Pages move
straight between the socket and the host pool (``hostpool.py``); K and V of a page are one object.

Settings in ``--hicache-storage-backend-extra-config``, all optional but ``endpoint``:
``endpoint`` HOST:PORT or unix:PATH; ``token``; ``weights`` (a tag that tells apart weights of one
model name); ``kv_dtype`` (what a byte-typed pool holds, where SGLang does not tell); ``durable``
(puts wait for the disk); ``ttl_seconds``; ``connect_timeout_ms`` 1000, ``lookup_timeout_ms`` 1000,
``io_timeout_ms`` 10000, ``stall_timeout_ms`` 3000.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from . import identity
from .base import HiCacheStorage, new_stats, pool_transfer_result
from .client import Client
from .counters import Counters
from .errors import CallError, DeadlineExceeded, Unavailable
from .hostpool import HostPool, value_views
from .store import Store

logger = logging.getLogger(__name__)

ENDPOINT_DEFAULT = "127.0.0.1:4770"
LOG_EVERY_SECONDS = 10.0


class VarveStorage(HiCacheStorage):
    """One worker's door to the daemon; SGLang calls it from several threads."""

    def __init__(self, storage_config: Any = None, kwargs: Any = None):
        extra = getattr(storage_config, "extra_config", None)
        self._extra = dict(extra) if isinstance(extra, dict) else {}
        if isinstance(kwargs, dict):
            self._extra.update({k: v for k, v in kwargs.items() if k not in self._extra})
        self._config = storage_config
        self.counters = Counters()
        self._logged: float | None = None
        self._store: Store | None = None
        self._pool: HostPool | None = None
        self.namespace = ""
        self._guard("connect", None, self._connect)
        self._guard("name", None, self._use, None)

    def _setting(self, name: str, default: float) -> float:
        """A number of the configuration; what is no number at or above 0 counts as the default."""
        try:
            value = float(self._extra.get(name, default))
        except (TypeError, ValueError):
            value = -1.0
        if not 0 <= value < 1e12:
            logger.error("varve: %s = %r is no number, using %s", name, self._extra[name], default)
            return default
        return value

    def _connect(self) -> None:
        token = self._extra.get("token") or b""
        connect_seconds = self._setting("connect_timeout_ms", 1000) / 1000
        client = Client(
            str(self._extra.get("endpoint") or ENDPOINT_DEFAULT),
            token=token.encode() if isinstance(token, str) else bytes(token),
            connect_seconds=connect_seconds,
            stall_seconds=self._setting("stall_timeout_ms", 3000) / 1000,
        )
        self._store = Store(
            client,
            self.counters,
            lookup_seconds=self._setting("lookup_timeout_ms", 1000) / 1000,
            io_seconds=self._setting("io_timeout_ms", 10_000) / 1000,
            durable=bool(self._extra.get("durable", False)),
            ttl_seconds=int(self._setting("ttl_seconds", 0)),
        )
        client.ping(connect_seconds)

    def _use(self, pool: Any) -> None:
        """Takes the namespace of this pool's pages."""
        described = identity.describe(self._config, pool, self._extra)
        self.namespace = identity.namespace_name(described)
        if self._store is not None:
            self._store.use(self.namespace, described["page_size"] if pool is not None else 0)

    @property
    def is_away(self) -> bool:
        """Whether calls are misses at the moment because no daemon can be reached."""
        return self._store is None or self._store.client.link.is_away

    # ── SGLang's interface: pools ────────────────────────────────────

    def register_mem_pool_host(self, mem_pool_host: Any) -> None:
        """From here on pages lie in this pool, and the namespace is that of its pages."""
        self.mem_pool_host = mem_pool_host
        self._guard("register", None, self._register, mem_pool_host)

    def _register(self, mem_pool_host: Any) -> None:
        anchor = getattr(mem_pool_host, "anchor_entry", None)
        pool = mem_pool_host if anchor is None else anchor.host_pool
        self._pool = None
        self._use(pool)
        self._pool = HostPool(pool)

    # ── SGLang's interface: version 1 ────────────────────────────────

    def batch_exists(self, keys: list[str], extra_info: Any = None) -> int:
        """How many leading keys are stored."""
        return self._guard("exists", 0, self._exists, keys, extra_info)

    def _exists(self, keys: list[str], extra_info: Any) -> int:
        return self._open_store().exists(keys, identity.hint(extra_info)) if keys else 0

    def batch_get_v1(
        self, keys: list[str], host_indices: Any, extra_info: Any = None
    ) -> list[bool]:
        """Reads pages into the host pool; True for those in place and verified.

        Reading ends at the first page that is gone: SGLang uses the leading run only.
        """
        good = [False] * _length(keys)
        self._guard("get", None, self._get_v1, keys, host_indices, extra_info, good)
        return good

    def _get_v1(self, keys: Any, host_indices: Any, extra_info: Any, good: list[bool]) -> None:
        if keys:
            store = self._open_store()
            pages = self._host_pool().pages(host_indices, len(keys))
            store.get(keys, pages, identity.hint(extra_info), good)

    def batch_set_v1(
        self, keys: list[str], host_indices: Any, extra_info: Any = None
    ) -> list[bool]:
        """Writes pages of the host pool; True for those stored now, or there before."""
        good = [False] * _length(keys)
        self._guard("set", None, self._set_v1, keys, host_indices, extra_info, good)
        return good

    def _set_v1(self, keys: Any, host_indices: Any, extra_info: Any, good: list[bool]) -> None:
        if keys:
            store = self._open_store()
            pages = self._host_pool().pages(host_indices, len(keys))
            store.put(keys, pages, identity.hint(extra_info), good)

    def clear(self) -> bool:
        """Empties this worker's namespace, and no other, within 2 seconds."""
        return self._guard("clear", False, lambda: self._open_store().clear())

    def get_stats(self) -> Any:
        """SGLang's StorageMetrics: the samples since the last call, and ``counters``.

        Called by SGLang's scheduler in its loop: it waits for nothing.
        """
        return self._guard("stats", None, self._stats)

    def _stats(self) -> Any:
        stats = new_stats()
        if stats is not None:
            self.counters.drain_into(stats)
            stats.counters = self.counters.totals()
        return stats

    def close(self) -> None:
        """Gives the connections back; every later call is a miss."""
        if self._store is not None:
            self._guard("close", None, self._store.client.close)

    # ── SGLang's interface: single values ────────────────────────────

    def exists(self, key: str) -> bool:
        return self.batch_exists([key]) == 1

    def get(self, key: str, target_location: Any = None, target_sizes: Any = None) -> Any:
        """Reads a value into its target and returns the target; without one, returns bytes."""
        return self.batch_get([key], [target_location], [target_sizes])[0]

    def set(
        self, key: str, value: Any = None, target_location: Any = None, target_sizes: Any = None
    ) -> bool:
        return self.batch_set([key], [value], [target_location], [target_sizes])

    def batch_get(
        self, keys: list[str], target_locations: Any = None, target_sizes: Any = None
    ) -> list[Any]:
        """Reads each value into its target and returns the target, or None where it is missing."""
        result: list[Any] = [None] * _length(keys)
        self._guard("get", None, self._get_values, keys, target_locations, target_sizes, result)
        return result

    def _get_values(self, keys: Any, locations: Any, sizes: Any, result: list[Any]) -> None:
        store = self._open_store()
        targets, pages, places = [], [], []
        for i, key in enumerate(keys):
            target, size = _item(locations, i), _item(sizes, i)
            if target is None:
                target = bytearray(store.stored_bytes(key))
            views = value_views(target, size, writable=True)
            if views is not None:
                targets.append(target)
                pages.append(views)
                places.append(i)
        good = [False] * len(pages)
        try:
            store.get([keys[i] for i in places], pages, (b"", False), good, sparse=True)
        finally:
            for i, target, ok in zip(places, targets, good, strict=True):
                if ok:
                    result[i] = bytes(target) if _item(locations, i) is None else target

    def batch_set(
        self,
        keys: list[str],
        values: Any = None,
        target_locations: Any = None,
        target_sizes: Any = None,
    ) -> bool:
        """Stores a value (or the memory at a target) for each key; True if all are stored."""
        return self._guard(
            "set", False, self._set_values, keys, values, target_locations, target_sizes
        )

    def _set_values(self, keys: Any, values: Any, locations: Any, sizes: Any) -> bool:
        store = self._open_store()
        pages = []
        for i in range(len(keys)):
            value = _item(values, i)
            source = _item(locations, i) if value is None else value
            views = value_views(source, _item(sizes, i))
            if views is None:
                raise ValueError(f"value {i} of {len(keys)} is no memory that can be read")
            pages.append(views)
        good = [False] * len(pages)
        store.put(keys, pages, (b"", False), good)
        return all(good)

    # ── SGLang's interface: version 2, pages of several pools ────────

    def batch_exists_v2(
        self, keys: list[str], pool_transfers: Any = None, extra_info: Any = None
    ) -> Any:
        """Without side pools ``batch_exists``; with them 0 pages: they are not stored yet."""
        return pool_transfer_result(0 if pool_transfers else self.batch_exists(keys, extra_info))

    def batch_get_v2(self, transfers: list[Any], extra_info: Any = None) -> dict:
        """No page of a side pool is stored yet."""
        return {transfer.name: [False] * _length(transfer.keys) for transfer in transfers}

    def batch_set_v2(self, transfers: list[Any], extra_info: Any = None) -> dict:
        """Stores nothing and says so."""
        return {transfer.name: [False] * _length(transfer.keys) for transfer in transfers}

    # ── the wall ─────────────────────────────────────────────────────

    def _guard(self, what: str, otherwise: Any, work: Callable, *args: Any) -> Any:
        """The wall to SGLang: whatever goes wrong is counted, logged now and then, and a miss."""
        try:
            return work(*args)
        except Unavailable:
            self.counters.add(refused_away=1)
        except (CallError, DeadlineExceeded) as error:
            self.counters.add(failed_calls=1)
            self._log(logging.WARNING, f"varve: {what} failed: {error}")
        except Exception:
            self.counters.add(internal_errors=1)
            self._log(logging.ERROR, f"varve: {what} failed", exc_info=True)
        return otherwise

    def _log(self, level: int, message: str, **options: Any) -> None:
        """One line in ten seconds: a failing cache must not fill the log of what it serves."""
        now = time.monotonic()
        if self._logged is None or now - self._logged >= LOG_EVERY_SECONDS:
            self._logged = now
            logger.log(level, message, **options)

    def _open_store(self) -> Store:
        if self._store is None:
            raise Unavailable("no daemon is configured")
        self._store.require_daemon()
        return self._store

    def _host_pool(self) -> HostPool:
        if self._pool is None:
            raise ValueError("no host pool is registered")
        return self._pool


def _length(keys: Any) -> int:
    return len(keys) if keys is not None else 0


def _item(items: Any, i: int) -> Any:
    """Entry ``i`` of a list that may be absent or short."""
    return items[i] if isinstance(items, (list, tuple)) and i < len(items) else None

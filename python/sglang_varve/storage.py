"""``VarveStorage``: SGLang's HiCache L3 interface over one Varve daemon of one or several.

The rules of this file: a mistake in the configuration is raised when the backend is attached or a
pool registered, and never later; every call ends within its time; a daemon that is away is 0 hits
at once; and no page is called good before its XXH3-64 was verified. Pages move straight between the
socket and the host pool (``hostpool.py``); K and V of a page are one object.

The settings are those of ``options.py``; ``docs/sglang.md`` tells them to people.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from . import hybrid, identity
from .base import HiCacheStorage, new_stats, pool_transfer_result
from .counters import Counters, Report
from .deadlines import Deadlines
from .errors import CallError, DeadlineExceeded, Unavailable
from .hostpool import HostPool, value_views
from .options import Options, extra_of
from .pools import Pools
from .store import NamespaceMismatch, Store

logger = logging.getLogger(__name__)

LOG_EVERY_SECONDS = 10.0


class VarveStorage(HiCacheStorage):
    """One worker's door to the daemon; SGLang calls it from several threads."""

    def __init__(self, storage_config: Any = None, kwargs: Any = None):
        """Raises OptionError for settings that cannot be meant; an absent daemon is no error."""
        extra = extra_of(storage_config, kwargs)
        self.options = Options.read(extra)
        self.counters = Counters()
        self._logged: float | None = None
        self._deadlines = Deadlines.of_server(extra)
        self._pools = Pools(storage_config, extra, self.options, self.counters)
        self._report = Report(self.counters, self.options.log_seconds, self.namespace)
        self._guard("connect", None, self._pools.kv.store.client.ping, self.options.connect_seconds)

    @property
    def namespace(self) -> str:
        """The name of the namespace of the KV pool's pages."""
        return self._pools.kv.store.name

    @property
    def endpoint(self) -> str:
        """The daemon this worker's pages live on."""
        return self._pools.endpoint

    @property
    def is_away(self) -> bool:
        """Whether calls are misses at the moment because no daemon can be reached."""
        return self._pools.kv.store.client.link.is_away

    # ── SGLang's interface: pools ────────────────────────────────────

    def register_mem_pool_host(self, mem_pool_host: Any) -> None:
        """From here on KV pages lie in this pool, and the namespace is that of its pages.

        Raises UnsupportedPool where its pages cannot be reached as bytes, NamespaceMismatch where
        the namespace is there with options that do not fit.
        """
        self.mem_pool_host = mem_pool_host
        if mem_pool_host is None:
            return
        self._pools.add_kv(mem_pool_host)
        kv = self._pools.kv
        self._deadlines.page_tokens = kv.host.page_size if kv.host else kv.store.page_tokens
        self._report.what = self.namespace
        logger.info("varve: %s on %s; %s", self.namespace, self.endpoint, self.options)

    def register_mem_host_pool_v2(self, host_pool: Any, host_pool_name: Any) -> None:
        """A side pool (draft, Mamba, window, indexer …); raises like the registration of KV."""
        super().register_mem_host_pool_v2(host_pool, host_pool_name)
        self._pools.add(host_pool_name, host_pool)

    # ── SGLang's interface: version 1 ────────────────────────────────

    def batch_exists(self, keys: list[str], extra_info: Any = None) -> int:
        """How many leading keys are stored; what is hit the daemon begins to read."""
        return self._guard("exists", 0, self._exists, keys, extra_info)

    def _exists(self, keys: list[str], extra_info: Any) -> int:
        kv = self._pools.kv
        if not keys or kv.logical:  # Without its side pools nothing says what a prefix is worth.
            return 0
        if kv.store.misses.has(keys[0]):
            self.counters.add(repeated_misses=1)
            return 0
        asked = time.monotonic()
        hits = self._open_store().exists(keys, identity.hint(extra_info))
        self._deadlines.looked_up(keys, hits, asked)
        return hits

    def batch_get_v1(
        self, keys: list[str], host_indices: Any, extra_info: Any = None
    ) -> list[bool]:
        """Reads pages into the host pool; True for those in place and verified.

        Reading ends at the first page that is gone, and at SGLang's deadline: SGLang uses the
        leading run only.
        """
        good = [False] * _length(keys)
        self._guard("get", None, self._get_v1, keys, host_indices, extra_info, good)
        return good

    def _get_v1(self, keys: Any, host_indices: Any, extra_info: Any, good: list[bool]) -> None:
        if not keys:
            return
        if self._bytes_are_elsewhere():
            good[:] = [True] * len(good)
            return
        seconds = self._deadlines.left(keys, time.monotonic())
        store = self._open_store()
        pages = self._host_pool().pages(host_indices, len(keys))
        store.get(keys, pages, identity.hint(extra_info), good, seconds=seconds)

    def batch_set_v1(
        self, keys: list[str], host_indices: Any, extra_info: Any = None
    ) -> list[bool]:
        """Writes pages of the host pool; True for those stored now, or there before."""
        good = [False] * _length(keys)
        self._guard("set", None, self._set_v1, keys, host_indices, extra_info, good)
        return good

    def _set_v1(self, keys: Any, host_indices: Any, extra_info: Any, good: list[bool]) -> None:
        if not keys:
            return
        if self._bytes_are_elsewhere():
            good[:] = [True] * len(good)
            return
        store = self._open_store()
        pages = self._host_pool().pages(host_indices, len(keys))
        store.put(keys, pages, identity.hint(extra_info), good)

    def clear(self) -> bool:
        """Empties this worker's namespaces, and no other, within 2 seconds each."""
        return self._guard("clear", False, self._clear)

    def _clear(self) -> bool:
        self._open_store()
        return all([store.clear() for store in self._pools.stores()])

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
        self._guard("close", None, self._pools.close)

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
        """The greatest prefix that every pool can serve, each pool's own, and every legal end."""
        nothing = pool_transfer_result(0, {}, [])
        return self._guard("exists", nothing, self._exists_v2, keys, pool_transfers, extra_info)

    def _exists_v2(self, keys: list[str], transfers: Any, extra_info: Any) -> Any:
        kv = self._pools.kv
        if not keys:
            return pool_transfer_result(0, {}, [])
        if not kv.logical and kv.store.misses.has(keys[0]):
            self.counters.add(repeated_misses=1)
            return pool_transfer_result(0, {}, [])
        asked = time.monotonic()
        self._open_store()
        result = hybrid.exists(self._pools, keys, transfers or (), extra_info)
        self._deadlines.looked_up(keys, result.kv_hit_pages, asked)
        return result

    def batch_get_v2(self, transfers: list[Any], extra_info: Any = None) -> dict:
        """Reads each pool's pages; per pool one bool a key, as ``batch_get_v1``."""
        return self._move_v2(transfers, extra_info, False)

    def batch_set_v2(self, transfers: list[Any], extra_info: Any = None) -> dict:
        """Writes each pool's pages; per pool one bool a key, as ``batch_set_v1``."""
        return self._move_v2(transfers, extra_info, True)

    def _move_v2(self, transfers: Any, extra_info: Any, write: bool) -> dict:
        results = {t.name: [False] * _length(hybrid.keys_of(t)) for t in transfers or ()}
        what = "set" if write else "get"
        self._guard(
            what, None, hybrid.move, self._pools, transfers or (), extra_info, results,
            self._guard, write,
        )  # fmt: skip
        return results

    # ── the wall ─────────────────────────────────────────────────────

    def _guard(self, what: str, otherwise: Any, work: Callable, *args: Any) -> Any:
        """The wall to SGLang: whatever goes wrong is counted, logged now and then, and a miss."""
        self._report.tick()
        try:
            return work(*args)
        except Unavailable:
            self.counters.add(refused_away=1)
        except (CallError, DeadlineExceeded, NamespaceMismatch) as error:
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
        store = self._pools.kv.store
        store.require_daemon()
        return store

    def _host_pool(self) -> HostPool:
        if not self._pools.is_registered:
            raise ValueError("no host pool is registered")
        return self._pools.kv.host

    def _bytes_are_elsewhere(self) -> bool:
        """Whether the KV pool only hands out slots: nothing is to be moved here."""
        return self._pools.is_registered and self._pools.kv.host is None


def _length(keys: Any) -> int:
    return len(keys) if keys is not None else 0


def _item(items: Any, i: int) -> Any:
    """Entry ``i`` of a list that may be absent or short."""
    return items[i] if isinstance(items, (list, tuple)) and i < len(items) else None

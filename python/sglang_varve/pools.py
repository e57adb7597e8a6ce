"""The host pools of one worker: each with its namespace, all on one endpoint.

The KV pool's namespace names the worker; of several endpoints it picks the one where all of the
worker's pools live, so that one lookup of a hybrid model asks one daemon.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from . import identity
from .client import Client
from .counters import Counters
from .endpoints import choose
from .errors import VarveError
from .hostpool import HostPool, holds_no_bytes, is_logical
from .options import Options
from .store import Store
from .streams import Streams

logger = logging.getLogger(__name__)

KV = "kv"


class Pool:
    """One pool: where its pages lie (None: it has no bytes) and where they are stored."""

    def __init__(self, name: str, host: HostPool | None, store: Store, logical: bool):
        self.name, self.host, self.store = name, host, store
        self.logical = logical  # Its pages have no bytes on any rank.


class Pools:
    """Pools by their names; safe to use from several threads once they are registered."""

    def __init__(self, config: Any, extra: dict[str, Any], options: Options, counters: Counters):
        self._config, self._extra = config, extra
        self.options, self.counters = options, counters
        self.streams = Streams(options.streams)
        self._lock = threading.Lock()
        self._clients: dict[str, Client] = {}
        self._pools: dict[str, Pool] = {}
        self.endpoint = ""
        # Until the KV pool is known, single values live under the worker's bare name.
        self.kv = self._make(KV, None)

    def get(self, name: Any) -> Pool | None:
        return self._pools.get(plain(name))

    def stores(self) -> list[Store]:
        """Every store of this worker, the KV pool's first."""
        others = [p.store for name, p in self._pools.items() if name != KV and not p.logical]
        return others if self.kv.logical else [self.kv.store, *others]

    @property
    def is_registered(self) -> bool:
        return KV in self._pools

    def add_kv(self, pool: Any) -> None:
        """From here on KV pages lie in this pool. UnsupportedPool, NamespaceMismatch if not."""
        anchor = getattr(pool, "anchor_entry", None)
        pool = pool if anchor is None else anchor.host_pool
        self._pools.pop(KV, None)
        self.kv = self._make(KV, pool)
        self._attach(self.kv)
        self._pools[KV] = self.kv

    def add(self, name: Any, pool: Any) -> None:
        """A side pool; the KV pool named once more is passed over."""
        name = plain(name)
        if name == KV and self.is_registered:
            return
        made = self._make(name, pool)
        self._attach(made)
        self._pools[name] = made
        rank = getattr(self._config, "tp_rank", 0)
        mla = getattr(self._config, "is_mla_model", False)
        if mla and rank and name != "mamba" and identity.is_sharded_by_heads(pool):
            logger.warning(
                "varve: pool %s is sharded by heads under an MLA model: SGLang writes it on rank 0 "
                "alone, so rank %d, and with it every rank, will find no prefix", name, rank,
            )  # fmt: skip

    def _make(self, name: str, pool: Any) -> Pool:
        host = None if pool is None or holds_no_bytes(pool) else HostPool(pool)
        described = identity.describe(
            self._config, pool, self._extra, name, host.piece_sizes if host else ()
        )
        namespace = identity.namespace_name(described)
        if name == KV:
            self.endpoint = choose(self.options.endpoints, namespace)
        tokens = described["page_size"] if pool is not None else 0
        store = Store(
            self._client(self.endpoint), self.counters, self.options, self.streams, namespace,
            tokens, host.page_bytes if host else 0,
        )  # fmt: skip
        return Pool(name, host, store, pool is not None and is_logical(pool))

    def _client(self, endpoint: str) -> Client:
        with self._lock:
            client = self._clients.get(endpoint)
            if client is None:
                options = self.options
                client = self._clients[endpoint] = Client(
                    endpoint,
                    token=options.token.reveal(),
                    connect_seconds=options.connect_seconds,
                    stall_seconds=options.stall_seconds,
                )
            return client

    def _attach(self, pool: Pool) -> None:
        """Opens the namespace, so that a mistake shows now; a daemon that is away is none."""
        if pool.logical:
            return
        try:
            pool.store.open(time.monotonic() + self.options.connect_seconds)
        except VarveError as error:
            logger.warning(
                "varve: %s: namespace %s is not open yet: %s", self.endpoint, pool.store.name, error
            )

    def close(self) -> None:
        for client in list(self._clients.values()):
            client.close()
        self.streams.close()


def plain(name: Any) -> str:
    """A pool's name as text, whether SGLang gives its enumeration or text."""
    return str(getattr(name, "value", name))

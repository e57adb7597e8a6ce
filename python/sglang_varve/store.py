"""Pages of one namespace on one daemon: the calls of any length and any hint cut into legal ones.

``Store`` sits between SGLang's interface (``storage.py``) and the client. It knows keys, hints,
batches and deadlines; it raises VarveError, and leaves with the caller what was done before that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import identity
from .client import Client, make_chain
from .counters import Counters
from .errors import NOT_FOUND, CallError, DeadlineExceeded, Unavailable, VarveError
from .messages import PRESENT, NamespaceOptions
from .transfer import Page, Received, is_stored, page_size

IO_PAGES_MAX = 128  # SGLang's own batch; larger calls are cut to it.
IO_BYTES_MAX = 512 << 20
LOOKUP_PAGES_FIRST = 2048  # A long question begins short: most misses are at the first page.
LOOKUP_PAGES_MAX = 131_072
LOOKUP_SECONDS_PER_PAGE = 20e-6  # Added to a lookup's time, so that long ones are not cut short.
CLEAR_SECONDS = 2.0
ID = identity.ID_BYTES

Hint = tuple[bytes, bool]


def batches(pages: Sequence[Page], pages_max: int) -> Iterator[tuple[int, int]]:
    """Cuts pages into [start, end) of at most ``pages_max`` pages and IO_BYTES_MAX bytes."""
    start = size = 0
    for i, page in enumerate(pages):
        more = page_size(page)
        if i > start and (i - start >= pages_max or size + more > IO_BYTES_MAX):
            yield start, i
            start, size = i, 0
        size += more
    if start < len(pages):
        yield start, len(pages)


def left(deadline: float) -> float:
    """Seconds until ``deadline``; raises when there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise DeadlineExceeded("the call's time is used up")
    return seconds


class Store:
    """Safe to use from several threads; the namespace may be renamed between calls."""

    def __init__(
        self,
        client: Client,
        counters: Counters,
        *,
        lookup_seconds: float,
        io_seconds: float,
        durable: bool = False,
        ttl_seconds: int = 0,
    ):
        self.client = client
        self.counters = counters
        self._lookup_seconds = lookup_seconds
        self._io_seconds = io_seconds
        self._durable = durable
        self._ttl_seconds = ttl_seconds
        self._lock = threading.Lock()
        self._name = ""
        self._page_tokens = 0
        self._number: int | None = None

    def use(self, name: str, page_tokens: int) -> None:
        """Works in this namespace from the next call on; it is opened when first needed."""
        with self._lock:
            self._name, self._page_tokens, self._number = name, page_tokens, None

    def require_daemon(self) -> None:
        """Raises Unavailable at once if the daemon is known to be away."""
        if self.client.link.is_away:
            raise Unavailable("the daemon is away")

    def _batches(self, pages: Sequence[Page]) -> Iterator[tuple[int, int]]:
        return batches(pages, min(IO_PAGES_MAX, self.client.link.max_pages))

    def exists(self, keys: Sequence[str], hint: Hint) -> int:
        """Leading keys that are stored; trouble half-way ends the run there."""
        self.require_daemon()
        seconds = self._lookup_seconds + len(keys) * LOOKUP_SECONDS_PER_PAGE
        deadline = time.monotonic() + seconds
        ids = identity.page_ids(list(keys))
        before, at_root = hint
        hits, size = 0, LOOKUP_PAGES_FIRST
        while hits < len(keys):
            size = min(size, self.client.link.max_pages)
            chain = make_chain(ids[hits * ID : (hits + size) * ID], before, at_root)
            asked = len(chain.page_ids) // ID
            try:
                found = self._lookup(chain, deadline)
            except VarveError:
                if not hits:
                    raise
                break
            hits += min(found, asked)
            if found < asked:
                break
            before, at_root = chain.page_ids, False
            size = min(size * 8, LOOKUP_PAGES_MAX)
        self.counters.add(lookups=1, lookup_pages=len(keys), lookup_hit_pages=hits)
        return hits

    def _lookup(self, chain: Any, deadline: float) -> int:
        return self._in_namespace(
            deadline, lambda n: self.client.lookup(n, chain, seconds=left(deadline))
        ).hit_pages

    def stored_bytes(self, key: str) -> int:
        """The size of one value; 0 if it is not stored."""
        self.require_daemon()
        deadline = time.monotonic() + self._lookup_seconds
        chain = make_chain(identity.page_id(key))
        answer = self._in_namespace(
            deadline, lambda n: self.client.lookup(n, chain, seconds=left(deadline))
        )
        return answer.hit_bytes if answer.hit_pages else 0

    def get(
        self,
        keys: Sequence[str],
        pages: Sequence[Page],
        hint: Hint,
        good: list[bool],
        sparse: bool = False,
    ) -> None:
        """Reads pages into their memory and marks in ``good`` those that are in place, verified.

        Without ``sparse`` the reading ends at the first page that is not.
        """
        started = time.monotonic()
        deadline = started + self._io_seconds
        ids = identity.page_ids(list(keys))
        before, at_root = hint
        size = corrupt = 0
        try:
            for start, end in self._batches(pages):
                chain = make_chain(ids[start * ID : end * ID], before, at_root)
                received = Received(end - start)
                try:
                    self._get_batch(chain, pages[start:end], received, sparse, deadline)
                finally:
                    good[start:end] = [status == PRESENT for status in received.status]
                    size += received.bytes
                    corrupt += len(received.corrupt)
                if not sparse and not all(good[start:end]):
                    return
                before, at_root = chain.page_ids, False
        finally:
            hit = sum(good)
            self.counters.add(
                get_calls=1, get_pages=len(keys), get_hit_pages=hit, get_bytes=size,
                corrupt_pages=corrupt,
            )  # fmt: skip
            self.counters.sample_get(hit, size, time.monotonic() - started)

    def _get_batch(
        self, chain: Any, pages: Sequence[Page], received: Received, sparse: bool, deadline: float
    ) -> None:
        def work(number: int) -> None:
            self.client.get(
                number, chain, pages, sparse=sparse, seconds=left(deadline), received=received
            )

        self._in_namespace(deadline, work)

    def put(
        self, keys: Sequence[str], pages: Sequence[Page], hint: Hint, good: list[bool]
    ) -> None:
        """Stores pages from their memory and marks in ``good`` those that are stored now.

        The daemon is asked first which pages it lacks; only their bytes travel.
        """
        started = time.monotonic()
        deadline = started + self._io_seconds
        ids = identity.page_ids(list(keys))
        before, at_root = hint
        try:
            for start, end in self._batches(pages):
                chain = make_chain(ids[start * ID : end * ID], before, at_root)
                status = self._put_batch(chain, pages[start:end], deadline)
                good[start:end] = [is_stored(value) for value in status]
                before, at_root = chain.page_ids, False
        finally:
            size = sum(page_size(page) for page, ok in zip(pages, good, strict=True) if ok)
            self.counters.add(
                set_calls=1, set_pages=len(keys), set_ok_pages=sum(good), set_bytes=size
            )
            self.counters.sample_set(sum(good), size, time.monotonic() - started)

    def _put_batch(self, chain: Any, pages: Sequence[Page], deadline: float) -> list[int]:
        def work(number: int) -> list[int]:
            return self.client.put(
                number, chain, pages, ask=True, durable=self._durable,
                ttl_seconds=self._ttl_seconds, seconds=left(deadline),
            )  # fmt: skip

        return self._in_namespace(deadline, work)

    def clear(self) -> bool:
        """Empties the namespace; one that is not there is empty."""
        self.require_daemon()
        with self._lock:
            name = self._name
        try:
            self.client.clear_namespace(name, seconds=CLEAR_SECONDS)
        except CallError as error:
            if error.code != NOT_FOUND:
                raise
        with self._lock:
            self._number = None
        return True

    def _in_namespace(self, deadline: float, work: Callable[[int], Any]) -> Any:
        """``work(namespace id)``: the namespace is opened first, and again if it was cleared."""
        self.require_daemon()
        for attempt in (0, 1):
            number = self._open(deadline)
            try:
                return work(number)
            except CallError as error:
                if error.code != NOT_FOUND or attempt:
                    raise
                with self._lock:
                    if self._number == number:
                        self._number = None
        raise VarveError("not reached")

    def _open(self, deadline: float) -> int:
        with self._lock:
            number, name, tokens = self._number, self._name, self._page_tokens
        if number is not None:
            return number
        options = NamespaceOptions(page_tokens=tokens) if tokens else None
        answer = self.client.open_namespace(name, options, seconds=left(deadline))
        with self._lock:
            if self._name == name:
                self._number = answer.namespace_id
        return answer.namespace_id

"""Pages of one namespace on one daemon: calls of any length and any hint cut into legal ones.

``Store`` sits between SGLang's interface (``storage.py``) and the client. It knows keys, hints,
batches and deadlines; it raises VarveError, and leaves with the caller what was done before that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any

from . import identity
from .client import Client, make_chain
from .counters import Counters
from .errors import (
    FAILED_PRECONDITION,
    NOT_FOUND,
    CallError,
    DeadlineExceeded,
    Unavailable,
    VarveError,
)
from .messages import PRESENT, LookupRequest, LookupResponse, NamespaceOptions
from .misses import Doubts, Misses
from .options import Options
from .page_list import PageList
from .streams import Streams
from .transfer import Page, Received, is_stored, sizes_of

IO_PAGES_MAX = 128  # SGLang's own batch; larger calls are cut to it.
IO_BYTES_MAX = 512 << 20
STREAM_BYTES = 16 << 20  # What one connection of several takes at a time.
LOOKUP_PAGES_FIRST = 2048  # A long question begins short: most misses are at the first page.
LOOKUP_PAGES_MAX = 131_072
LOOKUP_SECONDS_PER_PAGE = 20e-6  # Added to a lookup's time, so that long ones are not cut short.
CLEAR_SECONDS = 2.0
LOOK_FIRST_BYTES = 1 << 20  # From here on a put looks whether its pages are there already.
ID = identity.ID_BYTES

Hint = tuple[bytes, bool]


class NamespaceMismatch(ValueError):
    """The namespace is there with other options than these pages need: nothing may be mixed."""


def batches(pages: Sequence[Page], pages_max: int, bytes_max: int) -> Iterator[tuple[int, int]]:
    """Cuts pages into [start, end) of at most so many pages and bytes; one page at least."""
    start = size = 0
    for i, more in enumerate(sizes_of(pages)):
        if i > start and (i - start >= pages_max or size + more > bytes_max):
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


def _part(pages: Sequence[Page], start: int, end: int) -> Sequence[Page]:
    return pages.part(start, end) if isinstance(pages, PageList) else pages[start:end]


class Store:
    """Safe to use from several threads."""

    def __init__(
        self,
        client: Client,
        counters: Counters,
        options: Options,
        streams: Streams,
        name: str,
        page_tokens: int = 0,
        page_bytes: int = 0,
    ):
        self.client, self.counters, self.options = client, counters, options
        self.name, self.page_tokens, self.page_bytes = name, page_tokens, page_bytes
        self.misses = Misses(options.miss_seconds)
        self.doubts = Doubts()
        self._streams = streams
        self._number: int | None = None
        self._lock = threading.Lock()

    # ── the namespace ────────────────────────────────────────────────

    def require_daemon(self) -> None:
        """Raises Unavailable at once if the daemon is known to be away."""
        if self.client.link.is_away:
            raise Unavailable("the daemon is away")

    def open(self, deadline: float) -> int:
        """The namespace's number; opens it if need be. NamespaceMismatch if its options differ."""
        number = self._number
        if number is not None:
            return number
        options = NamespaceOptions(page_tokens=self.page_tokens) if self.page_tokens else None
        try:
            answer = self.client.open_namespace(self.name, options, seconds=left(deadline))
        except CallError as error:
            if error.code == FAILED_PRECONDITION:
                raise NamespaceMismatch(f"namespace {self.name}: {error.message}") from None
            raise
        most = answer.info.options.page_bytes_max if answer.info and answer.info.options else 0
        if most and self.page_bytes > most:
            raise NamespaceMismatch(
                f"namespace {self.name}: pages of {self.page_bytes} bytes are over its "
                f"page_bytes_max of {most}"
            )
        self._number = answer.namespace_id
        return answer.namespace_id

    def forget(self, number: int) -> None:
        """The daemon does not know this number any more: the namespace was cleared or dropped."""
        with self._lock:
            if self._number == number:
                self._number = None

    def _in_namespace(self, deadline: float, work: Callable[[int], Any]) -> Any:
        """``work(namespace id)``: the namespace is opened first, and again if it was cleared."""
        self.require_daemon()
        for attempt in (0, 1):
            number = self.open(deadline)
            try:
                return work(number)
            except CallError as error:
                if error.code != NOT_FOUND or attempt:
                    raise
                self.forget(number)
        raise VarveError("not reached")

    def clear(self) -> bool:
        """Empties the namespace; one that is not there is empty."""
        self.require_daemon()
        try:
            self.client.clear_namespace(self.name, seconds=CLEAR_SECONDS)
        except CallError as error:
            if error.code != NOT_FOUND:
                raise
        self._number = None
        self.misses.clear()
        self.doubts.clear()
        return True

    # ── lookups ──────────────────────────────────────────────────────

    def lookup_deadline(self, count: int) -> float:
        seconds = self.options.lookup_seconds + count * LOOKUP_SECONDS_PER_PAGE
        return time.monotonic() + seconds

    def exists(self, keys: Sequence[str], hint: Hint) -> int:
        """Leading keys that are stored; trouble half-way ends the run there."""
        self.require_daemon()
        asked_at, generation = time.monotonic(), self.misses.generation
        deadline = self.lookup_deadline(len(keys))
        ids = identity.page_ids(keys)
        before, at_root = hint
        hits, size = 0, LOOKUP_PAGES_FIRST
        exact = self.doubts.concern(keys)
        while hits < len(keys):
            size = min(size, self.client.link.max_pages)
            chain = make_chain(ids[hits * ID : (hits + size) * ID], before, at_root)
            asked = len(chain.page_ids) // ID
            try:
                found = self._lookup(chain, deadline, exact).hit_pages
            except VarveError:
                if not hits:
                    raise
                break
            hits += min(found, asked)
            if found < asked:
                break
            before, at_root = chain.page_ids, False
            size = min(size * 8, LOOKUP_PAGES_MAX)
        if not hits and keys:
            self.misses.add(keys[0], asked_at, generation)
        self.counters.add(lookups=1, lookup_pages=len(keys), lookup_hit_pages=hits)
        return hits

    def _lookup(self, chain: Any, deadline: float, exact: bool = False) -> LookupResponse:
        prefetch = self.options.prefetch
        return self._in_namespace(deadline, lambda n: self.client.lookup(
            n, chain, prefetch=prefetch, exact=exact, seconds=left(deadline)
        ))  # fmt: skip

    def presence_request(self, number: int, keys: Sequence[str], hint: Hint) -> LookupRequest:
        """The question which of these keys are there, one bit each."""
        chain = make_chain(identity.page_ids(keys), *hint)
        exact = self.doubts.concern(keys)
        return LookupRequest(namespace=number, chain=chain, want_present=True, exact=exact)

    def presence(self, keys: Sequence[str], hint: Hint, deadline: float) -> bytes:
        """One bit a key, in as many calls as the daemon's limit demands."""
        most = self.client.link.max_pages & ~7
        bits = bytearray()
        for start in range(0, len(keys), most):
            part = keys[start : start + most]

            def ask(number: int, part: Sequence[str] = part) -> LookupResponse:
                request = self.presence_request(number, part, hint)
                return self.client.lookup(
                    number, request.chain, want_present=True, exact=request.exact,
                    seconds=left(deadline),
                )  # fmt: skip

            bits += self._in_namespace(deadline, ask).present.ljust((len(part) + 7) // 8, b"\0")
        return bytes(bits)

    def stored_bytes(self, key: str) -> int:
        """The size of one value; 0 if it is not stored."""
        answer = self._lookup(make_chain(identity.page_id(key)), self.lookup_deadline(1))
        return answer.hit_bytes if answer.hit_pages else 0

    # ── reading ──────────────────────────────────────────────────────

    def get(
        self,
        keys: Sequence[str],
        pages: Sequence[Page],
        hint: Hint,
        good: list[bool],
        sparse: bool = False,
        seconds: float | None = None,
    ) -> None:
        """Reads pages into their memory and marks in ``good`` those that are in place, verified.

        Without ``sparse`` the reading ends at the first page that is not. ``seconds`` is SGLang's
        own deadline: what came by then is good, and running out of it is no fault of the daemon.
        """
        started = time.monotonic()
        most = self.options.io_seconds
        deadline = started + (most if seconds is None else min(seconds, most))
        ids = identity.page_ids(keys)
        totals = [0, 0]

        def work(start: int, end: int) -> bool:
            chain = _chain_of(ids, start, end, hint)
            received = Received(end - start)
            try:
                self._get_batch(chain, _part(pages, start, end), received, sparse, deadline)
            finally:
                good[start:end] = [status == PRESENT for status in received.status]
                totals[0] += received.bytes
                totals[1] += len(received.corrupt)
            if False in good[start:end]:
                self.doubts.add(keys[good.index(False, start)])
                return sparse
            return True

        try:
            self._streams.run(self._cut(pages), work)
        except DeadlineExceeded:
            if seconds is None or time.monotonic() - started >= most or self.client.link.is_away:
                raise
            self.counters.add(deadline_cuts=1)
        finally:
            if not sparse and False in good:  # Several streams may be ahead of one that ended.
                end = good.index(False)
                good[end:] = [False] * (len(good) - end)
            if isinstance(pages, PageList):
                pages.landed(good)
            hit = sum(good)
            self.counters.add(
                get_calls=1, get_pages=len(keys), get_hit_pages=hit, get_bytes=totals[0],
                corrupt_pages=totals[1],
            )  # fmt: skip
            self.counters.sample_get(hit, totals[0], time.monotonic() - started)

    def _cut(self, pages: Sequence[Page]) -> list[tuple[int, int]]:
        bytes_max = STREAM_BYTES if self._streams.count > 1 else IO_BYTES_MAX
        return list(batches(pages, min(IO_PAGES_MAX, self.client.link.max_pages), bytes_max))

    def _get_batch(
        self, chain: Any, pages: Sequence[Page], received: Received, sparse: bool, deadline: float
    ) -> None:
        def work(number: int) -> None:
            self.client.get(
                number, chain, pages, sparse=sparse, verify=self.options.verify,
                seconds=left(deadline), patience=self.options.io_seconds, received=received,
            )  # fmt: skip

        self._in_namespace(deadline, work)

    # ── writing ──────────────────────────────────────────────────────

    def put(
        self, keys: Sequence[str], pages: Sequence[Page], hint: Hint, good: list[bool]
    ) -> None:
        """Stores pages from their memory and marks in ``good`` those that are stored now.

        The daemon is asked first which pages it lacks; only their bytes travel.
        """
        started = time.monotonic()
        deadline = started + self.options.io_seconds
        ids = identity.page_ids(keys)

        def work(start: int, end: int) -> bool:
            self._put_batch(keys, ids, pages, (start, end), hint, good, deadline)
            return True

        try:
            self._streams.run(self._cut(pages), work)
        finally:
            self.misses.drop(keys)
            self.doubts.drop(compress(keys, good))
            size = sum(compress(sizes_of(pages), good))
            self.counters.add(
                set_calls=1, set_pages=len(keys), set_ok_pages=sum(good), set_bytes=size
            )
            self.counters.sample_set(sum(good), size, time.monotonic() - started)

    def _put_batch(
        self,
        keys: Sequence[str],
        ids: bytes,
        pages: Sequence[Page],
        span: tuple[int, int],
        hint: Hint,
        good: list[bool],
        deadline: float,
    ) -> None:
        start, end = span
        ask = True
        if not self.options.durable and sum(sizes_of(pages)[start:end]) >= LOOK_FIRST_BYTES:
            lacks = self._lacks(keys, start, end, deadline)
            if lacks is not None:
                good[start:end] = [True] * (end - start)
                if not lacks:
                    return
                for i in lacks:
                    good[i] = False
                if lacks[-1] - lacks[0] + 1 == len(lacks):  # One run: it needs no asking.
                    start, end, ask = lacks[0], lacks[-1] + 1, False
        chain = _chain_of(ids, start, end, hint)
        part = _part(pages, start, end)

        def work(number: int) -> list[int]:
            return self.client.put(
                number, chain, part, ask=ask, durable=self.options.durable,
                ttl_seconds=self.options.ttl_seconds, seconds=left(deadline),
            )  # fmt: skip

        good[start:end] = [is_stored(status) for status in self._in_namespace(deadline, work)]

    def _lacks(
        self, keys: Sequence[str], start: int, end: int, deadline: float
    ) -> list[int] | None:
        """The pages that are missing; None if the last one is, and so likely all of them.

        Pages that are there need no checksum, which a put with ``ask`` makes of all. Whoever waits
        for the disk (``durable``) must put all the same: there, present means synced.
        """
        hint = (b"", False)
        if not self.presence(keys[end - 1 : end], hint, deadline)[0] & 1:
            return None
        bits = self.presence(keys[start:end], hint, deadline)
        return [i for i in range(start, end) if not bits[(i - start) >> 3] >> ((i - start) & 7) & 1]


def _hint_at(ids: bytes, start: int, hint: Hint) -> Hint:
    """What precedes page ``start`` of a call: the pages of the call itself, else its hint."""
    return (ids[: start * ID], False) if start else hint


def _chain_of(ids: bytes, start: int, end: int, hint: Hint) -> Any:
    before, at_root = _hint_at(ids, start, hint)
    return make_chain(ids[start * ID : end * ID], before[-32 * ID :], at_root)

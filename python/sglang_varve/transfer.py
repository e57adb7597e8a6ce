"""Put and Get on one connection: pages between the socket and the memory they live in.

A page is a list of writable byte views (its pieces, in stored order). Nothing is copied on the way;
the work a page costs here is its checksum and a few list operations.
"""

from __future__ import annotations

from collections.abc import Sequence

import xxhash

from . import frames
from .connection import Connection, Frame
from .errors import ConnectionLost
from .messages import (
    ALREADY_PRESENT,
    CHECKSUM_MISMATCH,
    DATA_LOSS,
    MISSING,
    PRESENT,
    Chain,
    GetRequest,
    PageRun,
    PutHeader,
    PutResponse,
)
from .scatter import Scatter

Page = Sequence[memoryview]
DATA_BYTES = 4 << 20  # A DATA frame; large enough that its prefix is lost in the noise.
PAGE_BYTES_MAX = 128 << 20  # Half of the largest segment: no page of any daemon is larger.
_SCRATCH = bytearray(64 << 10)


def checksum(page: Page) -> int:
    """XXH3-64, seed 0, of a page's pieces in order."""
    if len(page) == 1:
        return xxhash.xxh3_64_intdigest(page[0])
    state = xxhash.xxh3_64()
    for piece in page:
        state.update(piece)
    return state.intdigest()


def page_size(page: Page) -> int:
    return sum(map(len, page))


def sizes_of(pages: Sequence[Page]) -> list[int]:
    """Bytes of each page; pages of a host pool know them."""
    known = getattr(pages, "sizes", None)
    return known if known is not None else list(map(page_size, pages))


def _views_of(pages: Sequence[Page], numbers: Sequence[int]) -> list[memoryview]:
    """The views of these pages; neighbours in memory as one where the pages know it."""
    joined = getattr(pages, "joined", None)
    return joined(numbers) if joined else [view for i in numbers for view in pages[i]]


def put(
    connection: Connection,
    namespace: int,
    chain: Chain,
    pages: Sequence[Page],
    deadline: float,
    *,
    ask: bool = True,
    durable: bool = False,
    ttl_seconds: int = 0,
) -> tuple[list[int], int]:
    """Puts one page for each id of ``chain``; (a PageStatus each, payload bytes sent).

    With ``ask`` the daemon first says which pages it lacks, and only those are sent.
    """
    sizes = sizes_of(pages)
    header = PutHeader(
        namespace=namespace,
        chain=chain,
        count=len(pages),
        page_bytes=sizes[:1] if len(set(sizes)) == 1 else sizes,
        checksum=[checksum(page) for page in pages],
        durable=durable,
        ttl_seconds=ttl_seconds,
        ask=ask,
    )
    connection.begin(frames.PUT, header.encode(), False, deadline)
    needed = range(len(pages))
    early: Frame | None = None
    if ask:
        answer = connection.next_frame(deadline)
        response = connection.decode(PutResponse, answer.header)
        if response.result is not None:
            early = answer
        else:
            need = response.need
            if len(need) * 8 < len(pages):
                raise ConnectionLost(f"need of {len(need)} bytes for {len(pages)} pages")
            needed = [i for i in range(len(pages)) if need[i >> 3] >> (i & 7) & 1]
    sent = 0
    if early is None and len(needed):
        early, sent = _send_pages(connection, _views_of(pages, needed), deadline)
    return _put_result(connection, early or connection.next_frame(deadline), len(pages)), sent


def _send_pages(
    connection: Connection, views: list[memoryview], deadline: float
) -> tuple[Frame | None, int]:
    """Sends ``views`` as DATA frames; an answer that comes before the end ends the sending."""
    total = sum(map(len, views))
    sent = at = 0
    while sent < total:
        early = connection.wait_credit(deadline)
        if early is not None:
            return early, sent
        room = min(DATA_BYTES, connection.max_payload, connection.credit)
        batch: list[memoryview] = []
        size = 0
        while size < room and at < len(views):
            view = views[at]
            if len(view) > room - size:
                views[at] = view[room - size :]
                view = view[: room - size]
            else:
                at += 1
            batch.append(view)
            size += len(view)
        sent += size
        connection.send_data(batch, size, sent == total, deadline)
    return None, sent


def _put_result(connection: Connection, frame: Frame, count: int) -> list[int]:
    response = connection.decode(PutResponse, frame.header)
    if frame.payload_bytes or not frame.flags & frames.LAST or response.result is None:
        raise ConnectionLost("the answer to Put is no result")
    status = response.result.status
    if len(status) != count:
        raise ConnectionLost(f"{len(status)} statuses for {count} pages")
    return status


def is_stored(status: int) -> bool:
    """Whether a page of a Put is in the daemon now."""
    return status in (1, ALREADY_PRESENT)


class Received:
    """What a Get brought: a PageStatus each (PRESENT = in place and verified), and the trouble."""

    def __init__(self, count: int):
        self.count = count
        self.reset()

    def reset(self) -> None:
        """Forgets everything: the call is made again."""
        self.status = [MISSING] * self.count
        self.bytes = 0
        self.corrupt: list[tuple[int, int, int]] = []  # (page, expected, found)


def get(
    connection: Connection,
    namespace: int,
    chain: Chain,
    pages: Sequence[Page],
    deadline: float,
    received: Received,
    *,
    sparse: bool = False,
    verify: bool = True,
) -> None:
    """Gets pages into the memory of ``pages``, one for each id of ``chain``.

    ``received`` is filled as pages complete, so that it is true even when this raises half-way. A
    page whose stored size is not the size of its memory counts as missing.
    """
    request = GetRequest(namespace=namespace, chain=chain, count=len(pages), sparse=sparse)
    connection.begin(frames.GET, request.encode(), True, deadline)
    if hasattr(pages, "lay_out"):
        pages.lay_out()  # While the daemon is at work.
    while True:
        frame = connection.next_frame(deadline)
        if frame.type != frames.RESPONSE:
            raise ConnectionLost("DATA where a PageRun was due")
        if not frame.header and not frame.payload_bytes:
            if not frame.flags & frames.LAST:
                raise ConnectionLost("an empty RESPONSE that is not the last")
            return
        run = connection.decode(PageRun, frame.header)
        if _receive_run(connection, frame, run, pages, deadline, received, verify):
            return


def _nowhere(size: int) -> list[memoryview]:
    """Views that take ``size`` bytes nobody wants, in little memory whatever the daemon says."""
    if size > PAGE_BYTES_MAX:
        raise ConnectionLost(f"a page of {size} bytes is over {PAGE_BYTES_MAX}")
    count, rest = divmod(size, len(_SCRATCH))
    return [memoryview(_SCRATCH)] * count + [memoryview(_SCRATCH)[:rest]]


def _run_sizes(run: PageRun, count: int) -> tuple[list[int], list[int]]:
    number = len(run.checksum)
    sizes = run.page_bytes
    sizes = sizes * number if len(sizes) == 1 else sizes or [0] * number
    status = run.status or [PRESENT] * number
    if not number or len(sizes) != number or len(status) != number:
        raise ConnectionLost(
            f"PageRun of {number} checksums, {len(sizes)} sizes, {len(status)} statuses"
        )
    if run.first + number > count:
        raise ConnectionLost(f"PageRun {run.first} + {number} is beyond {count} pages")
    return sizes, status


def _receive_run(
    connection: Connection,
    frame: Frame,
    run: PageRun,
    pages: Sequence[Page],
    deadline: float,
    received: Received,
    verify: bool,
) -> bool:
    """Reads the bytes of one run; whether the stream ended with them."""
    sizes, status = _run_sizes(run, len(pages))
    mine = sizes_of(pages)[run.first : run.first + len(sizes)]
    if mine == sizes:
        scatter = Scatter(_views_of(pages, range(run.first, run.first + len(sizes))))
    else:
        views: list[memoryview] = []
        for i, size in enumerate(sizes):
            views.extend(pages[run.first + i] if mine[i] == size else _nowhere(size))
        scatter = Scatter([view for view in views if len(view)])
    left = scatter.total
    done = ends = 0
    while True:
        if frame.payload_bytes > left:
            raise ConnectionLost(f"payload of {frame.payload_bytes} bytes where {left} are due")
        left -= frame.payload_bytes
        due = scatter.done + frame.payload_bytes
        while True:
            # Pages are settled as they complete: a connection that breaks takes none of them along.
            first = done
            while done < len(sizes) and ends + sizes[done] <= scatter.done:
                ends += sizes[done]
                done += 1
            _settle(run, range(first, done), sizes, status, mine, pages, received, verify)
            if scatter.done == due:
                break
            connection.read_into(scatter, due - scatter.done, deadline)
        last = bool(frame.flags & frames.LAST)
        if last or not left:
            break
        frame = connection.next_frame(deadline)
        if frame.type != frames.DATA:
            raise ConnectionLost("a RESPONSE where DATA of a run was due")
    if left:
        raise ConnectionLost(f"the answer ended {left} bytes early")
    return last


def _settle(
    run: PageRun,
    which: range,
    sizes: Sequence[int],
    status: Sequence[int],
    mine: Sequence[int],
    pages: Sequence[Page],
    received: Received,
    verify: bool,
) -> None:
    """Gives the pages that arrived whole their status: PRESENT only if their bytes check."""
    for i in which:
        number = run.first + i
        if status[i] != PRESENT:
            # Also takes back a page that was padded and announced as lost afterwards.
            received.status[number] = DATA_LOSS if status[i] == DATA_LOSS else MISSING
        elif mine[i] == sizes[i]:
            expected = run.checksum[i]
            found = checksum(pages[number]) if verify else expected
            if found == expected:
                received.status[number] = PRESENT
                received.bytes += sizes[i]
            else:
                received.status[number] = CHECKSUM_MISMATCH
                received.corrupt.append((number, expected, found))

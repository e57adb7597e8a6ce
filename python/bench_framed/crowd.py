"""Many framed connections on one thread, which send when a schedule says and drop what they get.

What is offered does not wait for answers: a call that is due while a connection's last one has not
left yet is *untaken*, that is the daemon's (or TCP's) back-pressure at work.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable

from sglang_varve.frames import (
    DATA,
    ERROR,
    GET,
    GOAWAY,
    HELLO,
    HELLO_OK,
    LAST,
    PREFIX_BYTES,
    PUT,
    REQUEST,
    RESPONSE,
    decode_prefix,
    encode_frame,
    encode_prefix,
)  # fmt: skip
from sglang_varve.messages import GetRequest, Hello, Problem, PutHeader

RECEIVE_BYTES = 1 << 20
#: Streams a connection may have open (contract: 256), with some to spare.
STREAMS_MAX = 200


class Peer:
    """One connection: bytes to send, and a parser that skips what comes."""

    def __init__(self, endpoint: str, counts: Counter, read: bool = True):
        host, _, port = endpoint.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), 30)
        self.counts = counts
        self.reads = read
        hello = Hello(version_min=1, version_max=1, client="crowd").encode()
        self.socket.sendall(encode_frame(HELLO, 0, 0, 0, hello))
        self._greet()
        self.socket.setblocking(False)
        self.unsent: deque[memoryview] = deque()
        self.stream = -1
        self.started: dict[int, float] = {}
        self.nanos: list[float] = []
        self.is_over = False
        self._rest = b""
        self._skip = 0
        #: (kind, flags, stream, bytes of header wanted) while a header is being collected.
        self._head: tuple[int, int, int, int, int] | None = None

    def _greet(self) -> None:
        head = self.socket.recv(PREFIX_BYTES, socket.MSG_WAITALL)
        prefix = decode_prefix(head)
        if prefix.type != HELLO_OK:
            raise ConnectionError("no HELLO_OK")
        self.socket.recv(prefix.header_bytes, socket.MSG_WAITALL)

    @property
    def open(self) -> int:
        return len(self.started)

    def _begin(self) -> int:
        self.stream += 2
        self.started[self.stream] = time.perf_counter()
        return self.stream

    def get(self, request: GetRequest) -> None:
        stream = self._begin()
        self.unsent.append(memoryview(encode_frame(REQUEST, LAST, GET, stream, request.encode())))

    def put(self, header: PutHeader, payload: memoryview) -> None:
        stream = self._begin()
        self.unsent.append(memoryview(encode_frame(REQUEST, 0, PUT, stream, header.encode())))
        self.unsent.append(memoryview(encode_prefix(DATA, LAST, PUT, stream, 0, len(payload))))
        self.unsent.append(payload)

    def send(self) -> None:
        while self.unsent:
            try:
                sent = self.socket.send(self.unsent[0])
            except BlockingIOError:
                return
            except OSError:
                self.is_over = True
                return
            if sent < len(self.unsent[0]):
                self.unsent[0] = self.unsent[0][sent:]
            else:
                self.unsent.popleft()

    def receive(self, scratch: memoryview) -> None:
        try:
            count = self.socket.recv_into(scratch)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count == 0:
            self.is_over = True
            return
        self.counts["bytes"] += count
        self._take(scratch[:count])

    def _take(self, bytes_: memoryview) -> None:
        at = 0
        while at < len(bytes_):
            if self._skip and self._head is None:
                step = min(self._skip, len(bytes_) - at)
                self._skip -= step
                at += step
                continue
            wanted = (self._head[3] if self._head else PREFIX_BYTES) - len(self._rest)
            piece = bytes_[at : at + wanted]
            self._rest += bytes(piece)
            at += len(piece)
            if len(piece) < wanted:
                return
            whole, self._rest = self._rest, b""
            if self._head is None:
                prefix = decode_prefix(whole)
                self._head = (prefix.type, prefix.flags, prefix.stream, prefix.header_bytes,
                              prefix.payload_bytes)  # fmt: skip
                if prefix.header_bytes:
                    continue
                whole = b""
            kind, flags, stream, _, self._skip = self._head
            self._head = None
            self._frame(kind, flags, stream, whole)

    def _frame(self, kind: int, flags: int, stream: int, header: bytes) -> None:
        if kind == GOAWAY:
            self.counts["goaway"] += 1
            self.is_over = True
        if kind not in (RESPONSE, DATA) or not flags & LAST:
            return
        started = self.started.pop(stream, None)
        if flags & ERROR:
            problem = Problem.decode(header)
            self.counts[f"refused {problem.limit or problem.code}"] += 1
            self.counts["refused"] += 1
        elif started is not None:
            self.counts["served"] += 1
            self.nanos.append(time.perf_counter() - started)

    def close(self) -> None:
        self.socket.close()


def drive(
    peers: list[Peer], seconds: float, next_call: Callable[[Peer], None], *,
    rate: float | None = None, watch: Callable[[], None] | None = None,
) -> float:  # fmt: skip
    """Runs for `seconds`; a call each 1/`rate` s over all of them, or one at a time each (None).

    Returns the seconds it took. `watch` is called some twenty times a second.
    """
    counts = peers[0].counts
    scratch = memoryview(bytearray(RECEIVE_BYTES))
    began = time.perf_counter()
    end, due, turn, looked = began + seconds, began, 0, 0.0
    with selectors.EpollSelector() as selector:
        for peer in peers:
            selector.register(peer.socket, selectors.EVENT_READ if peer.reads else 0, peer)
        while (now := time.perf_counter()) < end:
            if watch and now - looked > 0.05:
                looked = now
                watch()
            ready = []
            if rate is None:
                ready = [peer for peer in peers if not peer.open and not peer.unsent]
            while rate and due <= now:
                due += 1 / rate
                counts["offered"] += 1
                peer = peers[turn % len(peers)]
                turn += 1
                if peer.is_over or peer.unsent or peer.open >= STREAMS_MAX:
                    counts["untaken"] += 1
                else:
                    ready.append(peer)
            for peer in ready:
                if not peer.is_over:
                    next_call(peer)
                    peer.send()
            for key, events in selector.select(0.002):
                peer = key.data
                if events & selectors.EVENT_READ and peer.reads:
                    peer.receive(scratch)
                if peer.unsent:
                    peer.send()
                if peer.is_over:
                    selector.unregister(peer.socket)
            for peer in peers:
                if peer.unsent and not peer.is_over:
                    peer.send()
    return time.perf_counter() - began

"""One connection: a non-blocking socket, HELLO, and frames in and out under a deadline.

It owns the socket and the numbering of streams and knows nothing of pages or calls. A connection
serves one call at a time; whoever holds it may use it, and after any error but a CallError it must
be closed, because what is left in the socket belongs to nobody.

Every wait is bounded twice: by the call's deadline and by ``stall_seconds`` without a byte moving.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import queue
import select
import socket
import threading
import time
from typing import NamedTuple

from . import frames
from .errors import BadFrame, BadMessage, CallError, ConnectionLost, DeadlineExceeded
from .messages import Hello, HelloOk, Problem, Window
from .protobuf import Message
from .scatter import IOV_MAX, Scatter

UNLIMITED = 1 << 63
VERSION = 1
_DISCARD_BYTES = 1 << 16
# Read with a frame's head: a small answer whole, of a large one a part that copying costs nothing.
AHEAD_BYTES = 4096


class Frame(NamedTuple):
    """A frame whose header was read; its payload still waits in the socket."""

    type: int
    flags: int
    header: bytes
    payload_bytes: int
    stream: int = 0
    problem: CallError | None = None  # Instead of a header.


def parse_endpoint(endpoint: str) -> tuple[int, object]:
    """``HOST:PORT``, ``[IPv6]:PORT`` or ``unix:PATH`` as (address family, address)."""
    if endpoint.startswith("unix:"):
        if len(endpoint) == 5:
            raise ValueError(f"endpoint {endpoint!r}: a path must follow unix:")
        return socket.AF_UNIX, endpoint[5:]
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise ValueError(f"endpoint {endpoint!r} is neither HOST:PORT nor unix:PATH")
    if not 0 < int(port) < 65536:
        raise ValueError(f"endpoint {endpoint!r}: port {port} is outside 1 … 65535")
    return socket.AF_UNSPEC, (host.strip("[]"), int(port))


def _resolve(host: str, port: int, timeout: float) -> tuple[str, int]:
    """An address of ``host``; a resolver that hangs costs ``timeout`` and a waiting thread."""
    try:
        ipaddress.ip_address(host)
        return host, port
    except ValueError:
        pass
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][:2])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="varve-resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"{host} was not resolved within {timeout:.3f} s") from None
    if isinstance(answer, Exception):
        raise OSError(f"{host}: {answer}")
    return answer


def _connect(endpoint: str, timeout: float) -> socket.socket:
    family, address = parse_endpoint(endpoint)
    if family == socket.AF_UNIX:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock
    sock = socket.create_connection(_resolve(*address, timeout), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sock.getpeername()[0] in ("127.0.0.1", "::1"):
        # bbr halves the throughput of the loopback; a machine without cubic keeps what it has.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return sock


class Connection:
    """A connection after HELLO. Raises ConnectionLost, DeadlineExceeded or CallError only."""

    def __init__(
        self, endpoint: str, deadline: float, stall_seconds: float, token: bytes, client: str
    ):
        timeout = deadline - time.monotonic()
        if timeout <= 0:
            raise DeadlineExceeded(f"{endpoint}: no time left to connect")
        try:
            self._socket = _connect(endpoint, timeout)
        except TimeoutError:
            raise DeadlineExceeded(f"{endpoint}: no connection within {timeout:.3f} s") from None
        except OSError as error:
            raise ConnectionLost(f"{endpoint}: {error}") from None
        self.endpoint = endpoint
        self.reused = False
        self.draining = False
        self._stall = stall_seconds
        self._stream = self._first_stream = -1
        self._moved = time.monotonic()
        self._credit = UNLIMITED
        self._socket.setblocking(False)
        self._ahead = memoryview(b"")  # What came behind a frame's head, not yet asked for.
        self._scratch = memoryview(bytearray(AHEAD_BYTES))
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._writable.register(self._socket, select.POLLOUT)
        try:
            self.hello = self._greet(deadline, token, client)
        except BaseException:
            self.close()
            raise

    def _greet(self, deadline: float, token: bytes, client: str) -> HelloOk:
        hello = Hello(version_min=VERSION, version_max=VERSION, token=token, client=client)
        self.send([frames.encode_frame(frames.HELLO, 0, 0, 0, hello.encode())], deadline)
        frame = self._next_frame(deadline, frames.HELLO_OK)
        answer = self.decode(HelloOk, frame.header)
        if answer.version != VERSION:
            raise ConnectionLost(f"{self.endpoint} speaks version {answer.version}, not {VERSION}")
        self.max_payload = min(answer.max_payload or frames.PAYLOAD_BYTES_MAX,
                               frames.PAYLOAD_BYTES_MAX)
        self.max_pages = answer.max_pages or 131_072
        return answer

    def close(self) -> None:
        self._socket.close()

    # ── streams ──────────────────────────────────────────────────────

    @property
    def credit(self) -> int:
        """Payload bytes the server lets us send on the current stream now."""
        return self._credit

    def begin(self, method: int, request: bytes, last: bool, deadline: float) -> None:
        """Opens the next stream with a REQUEST; only one stream is in flight here."""
        if self._stream > 0xFFFF_FFF0:
            raise ConnectionLost("stream numbers are used up")
        if len(request) > frames.HEADER_BYTES_MAX:
            raise ValueError(
                f"request of {len(request)} bytes is over {frames.HEADER_BYTES_MAX}"
            )
        self._stream += 2
        self._first_stream = self._stream
        self._method = method
        self._moved = time.monotonic()
        self._credit = self.hello.window_bytes or UNLIMITED
        flags = frames.LAST if last else 0
        prefix = frames.encode_prefix(
            frames.REQUEST, flags, method, self._stream, len(request), 0
        )
        self.send([prefix, request], deadline)

    def send_data(self, views: list[memoryview], size: int, last: bool, deadline: float) -> None:
        """One DATA frame of ``size`` bytes, which are exactly those of ``views``."""
        flags = frames.LAST if last else 0
        prefix = frames.encode_prefix(frames.DATA, flags, self._method, self._stream, 0, size)
        self._credit -= size
        self.send([prefix, *views], deadline)

    def next_frame(self, deadline: float) -> Frame:
        """The next RESPONSE or DATA of the current stream; its payload must be read next."""
        frame = self._next_frame(deadline, frames.RESPONSE)
        if frame.problem is not None:
            raise frame.problem
        return frame

    @property
    def silent_seconds(self) -> float:
        """How long no byte has moved, counted from the beginning of the call at most."""
        return time.monotonic() - self._moved

    def wait_credit(self, deadline: float) -> Frame | None:
        """Reads what the server has for us: None once there is credit, else an early answer."""
        while self._credit <= 0 or self._ahead or self._readable.poll(0):
            frame = self._next_frame(deadline, frames.WINDOW)
            if frame.problem is not None:
                raise frame.problem
            if frame.type != frames.WINDOW:
                return frame
        return None

    def call(self, method: int, request: Message, response: type[Message], deadline: float):
        """A unary call."""
        self.begin(method, request.encode(), True, deadline)
        return self._unary_answer(self.next_frame(deadline), response)

    def calls(
        self, method: int, requests: list[Message], response: type[Message], deadline: float
    ) -> list:
        """Unary calls sent together and answered together: one way there and back for all.

        Each entry is a response, or the CallError of that call.
        """
        if self._stream > 0xFFFF_FFF0 - 2 * len(requests):
            raise ConnectionLost("stream numbers are used up")
        first = self._first_stream = self._stream + 2
        self._moved = time.monotonic()
        views = []
        for request in requests:
            self._stream += 2
            views.append(frames.encode_frame(
                frames.REQUEST, frames.LAST, method, self._stream, request.encode()
            ))  # fmt: skip
        self.send(views, deadline)
        answers: list = [None] * len(requests)
        for _ in requests:
            frame = self._next_frame(deadline, frames.RESPONSE)
            place = (frame.stream - first) // 2
            if answers[place] is not None:
                raise ConnectionLost(f"a second answer to a call of method {method}")
            answers[place] = frame.problem or self._unary_answer(frame, response)
        return answers

    def _unary_answer(self, frame: Frame, response: type[Message]):
        if frame.type != frames.RESPONSE or not frame.flags & frames.LAST or frame.payload_bytes:
            raise ConnectionLost("the answer to a unary call is not one RESPONSE with flag 1")
        return self.decode(response, frame.header)

    def ping(self, deadline: float) -> None:
        """PING, and waits for the PONG that repeats its payload."""
        payload = b"sglangva"
        self.send([frames.encode_frame(frames.PING, 0, 0, 0, b"", payload)], deadline)
        frame = self._next_frame(deadline, frames.PONG)
        if frame.header != payload:
            raise ConnectionLost("PONG does not repeat the payload of its PING")

    @staticmethod
    def decode(kind: type[Message], data: bytes):
        try:
            return kind.decode(data)
        except BadMessage as error:
            raise ConnectionLost(f"bad answer: {error}") from None

    # ── frames ───────────────────────────────────────────────────────

    def _next_frame(self, deadline: float, wanted: int) -> Frame:
        """Reads frames until one concerns the caller; a PONG's payload comes as its header."""
        while True:
            try:
                prefix = frames.decode_prefix(self._read(frames.PREFIX_BYTES, deadline))
            except BadFrame as error:
                raise ConnectionLost(f"bad frame: {error}") from None
            header = self._read(prefix.header_bytes, deadline)
            kind = prefix.type
            mine = self._first_stream <= prefix.stream <= self._stream and prefix.stream & 1
            if kind == frames.GOAWAY:
                self._go_away(self.decode(Problem, header))
            elif kind == frames.PING:
                payload = self._read(prefix.payload_bytes, deadline)
                self.send([frames.encode_frame(frames.PONG, 0, 0, 0, b"", payload)], deadline)
            elif kind == frames.PONG:
                payload = self._read(prefix.payload_bytes, deadline)
                if wanted == frames.PONG:
                    return Frame(kind, 0, payload, 0)
            elif kind == frames.WINDOW and mine:
                self._credit += self.decode(Window, header).bytes
                if wanted == frames.WINDOW:
                    return Frame(kind, 0, b"", 0)
            elif kind == frames.HELLO_OK:
                if wanted != kind:
                    raise ConnectionLost("a second HELLO_OK")
                return Frame(kind, 0, header, 0)
            elif kind in (frames.RESPONSE, frames.DATA) and mine:
                problem = self._problem(header) if prefix.flags & frames.ERROR else None
                return Frame(
                    kind, prefix.flags, header, prefix.payload_bytes, prefix.stream, problem
                )
            else:
                self.discard(prefix.payload_bytes, deadline)

    def _problem(self, header: bytes) -> CallError:
        problem = self.decode(Problem, header)
        return CallError(problem.code, problem.message, problem.limit, problem.limit_value)

    def _go_away(self, problem: Problem) -> None:
        if problem.code != 14:  # UNAVAILABLE: draining; what has begun is finished.
            raise ConnectionLost(f"GOAWAY {problem.code}: {problem.message}")
        self.draining = True

    # ── bytes ────────────────────────────────────────────────────────

    def _wait(self, poller: select.poll, deadline: float) -> None:
        left = min(deadline - time.monotonic(), self._stall)
        if left <= 0 or not poller.poll(math.ceil(left * 1000)):
            raise DeadlineExceeded(f"{self.endpoint}: no progress before the deadline")

    def send(self, views: list, deadline: float) -> None:
        """Sends all bytes of ``views`` from where they lie; ``views`` is used up."""
        at = 0
        while at < len(views):
            try:
                sent = self._socket.sendmsg(views[at : at + IOV_MAX])
            except (BlockingIOError, InterruptedError):
                self._wait(self._writable, deadline)
                continue
            except OSError as error:
                raise ConnectionLost(f"{self.endpoint}: {error}") from None
            self._moved = time.monotonic()
            while at < len(views) and sent >= len(views[at]):
                sent -= len(views[at])
                at += 1
            if sent:
                views[at] = memoryview(views[at])[sent:]
            if self._moved > deadline:
                raise DeadlineExceeded(f"{self.endpoint}: deadline passed while sending")

    def read_into(self, scatter: Scatter, size: int, deadline: float) -> int:
        """Puts at most ``size`` bytes that come next where ``scatter`` says; how many came."""
        if self._ahead:
            got = scatter.copy(self._ahead[:size])
            self._ahead = self._ahead[got:]
            return got
        got = self._receive(scatter.views(size), deadline)
        scatter.done += got
        return got

    def _receive(self, buffers: list, deadline: float) -> int:
        while True:
            try:
                if len(buffers) == 1:
                    got = self._socket.recv_into(buffers[0])
                else:
                    got = self._socket.recvmsg_into(buffers)[0]
            except (BlockingIOError, InterruptedError):
                self._wait(self._readable, deadline)
                continue
            except OSError as error:
                raise ConnectionLost(f"{self.endpoint}: {error}") from None
            if not got:
                raise ConnectionLost(f"{self.endpoint}: closed by the daemon")
            self._moved = time.monotonic()
            if self._moved > deadline:
                raise DeadlineExceeded(f"{self.endpoint}: deadline passed while receiving")
            return got

    def _read(self, size: int, deadline: float) -> bytes:
        """Exactly ``size`` bytes, a frame's head; what came with them is kept for later."""
        if len(self._ahead) >= size:
            data, self._ahead = bytes(self._ahead[:size]), self._ahead[size:]
            return data
        data = bytearray(self._ahead)
        self._ahead = memoryview(b"")
        while len(data) < size:
            self._wait(self._readable, deadline)  # An answer is hardly ever there when asked for.
            got = self._receive([self._scratch], deadline)
            need = size - len(data)
            data += self._scratch[: min(got, need)]
            if got > need:
                self._ahead = memoryview(bytes(self._scratch[need:got]))
        return bytes(data)

    def discard(self, size: int, deadline: float) -> None:
        """Reads and forgets ``size`` bytes."""
        ahead = min(size, len(self._ahead))
        self._ahead, size = self._ahead[ahead:], size - ahead
        scratch = memoryview(bytearray(min(size, _DISCARD_BYTES)))
        while size:
            size -= self._receive([scratch[: min(size, len(scratch))]], deadline)

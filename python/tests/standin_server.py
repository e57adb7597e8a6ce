"""A daemon in memory that speaks the framed contract, and breaks it on demand.

This file holds what outlives a connection: listener, namespaces and pages, and ``Faults``, which
say what goes wrong; they are read at each use, so a test may change them while the server runs.
One thread a connection works the requests (``standin_session.py``).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field

from standin_session import Session


@dataclass
class Faults:
    """What to do wrong; methods are frame methods, None means never."""

    problem: dict[int, tuple[int, str]] = field(default_factory=dict)  # method: error
    raw_answer: dict[int, bytes] = field(default_factory=dict)  # method: bytes instead
    close_on: set[int] = field(default_factory=set)
    goaway: dict[int, int] = field(default_factory=dict)  # method: code
    stall_on: set[int] = field(default_factory=set)
    stall_hello: bool = False
    flip_page: bytes | None = None  # Id of a page sent with one bit wrong.
    lose_page: bytes | None = None  # Id of a page padded and then announced as lost.
    cut_get_after: int | None = None  # Payload bytes after which a Get's connection closes.
    chunk_pause: float = 0.0  # Seconds between pieces of 4 KiB of a Get.
    refuse_put_early: bool = False  # Answers a put with an error after its first DATA.
    noise: bytes = b""  # Sent before each answer.
    collide: set[bytes] = field(default_factory=set)  # Absent, and present to inexact lookups.
    put_status: dict[bytes, int] = field(default_factory=dict)  # id: status without storing


@dataclass
class Space:
    name: str
    number: int
    page_tokens: int = 0
    page_bytes_max: int = 0
    pages: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)


class StandInServer:
    """``with StandInServer() as server``: listens on ``server.endpoint``."""

    def __init__(
        self,
        *,
        window_bytes: int = 0,
        max_pages: int = 0,
        max_payload: int = 0,
        data_bytes: int = 100_000,
        run_pages: int = 5,
        last_on_bytes: bool = False,
    ):
        self.window_bytes, self.max_pages, self.max_payload = window_bytes, max_pages, max_payload
        self.data_bytes, self.run_pages, self.last_on_bytes = data_bytes, run_pages, last_on_bytes
        self.faults = Faults()
        self.sessions: list[Session] = []
        self.spaces: dict[str, Space] = {}
        self.calls: list[tuple[int, object]] = []
        self.put_payload_bytes = 0
        self.greeted = 0
        self._next_number = 1
        self._port = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._release = threading.Event()
        self.start()

    def start(self) -> None:
        """Listens, after the first time on the same port as before."""
        self._release.clear()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        self.endpoint = f"127.0.0.1:{self._port}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Dies as by SIGKILL: every connection is reset; what is stored stays for ``start``."""
        self._release.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.shutdown(socket.SHUT_RDWR)

    def unstall(self) -> None:
        self.faults.stall_on.clear()
        self.faults.stall_hello = False
        self._release.set()

    def __enter__(self) -> StandInServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            session = Session(self, connection)
            self.sessions.append(session)
            session.run()
        except (OSError, EOFError):
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def stall(self) -> None:
        """Waits until the test ends it; never longer than a minute."""
        self._release.wait(60)

    # ── the store ────────────────────────────────────────────────────

    def open_space(self, name: str) -> tuple[Space, bool]:
        with self._lock:
            created = name not in self.spaces
            if created:
                self.spaces[name] = Space(name, self._next_number)
                self._next_number += 1
            return self.spaces[name], created

    def clear_space(self, name: str, drop: bool) -> int | None:
        with self._lock:
            space = self.spaces.pop(name, None)
            if space is None:
                return None
            if not drop:
                self.spaces[name] = Space(name, self._next_number)
                self._next_number += 1
            return len(space.pages)

    def space(self, number: int) -> Space | None:
        with self._lock:
            return next((s for s in self.spaces.values() if s.number == number), None)

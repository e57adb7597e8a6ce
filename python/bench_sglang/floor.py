"""The least that the way of a page through a second process costs on this machine: a program.

A peer process sends pages from memory over a loopback connection, or receives them, verifies their
checksums and writes them to the disk past the page cache. No protocol, no index, no page work.
Nothing that serves pages from another process can be faster; where that is slower than reading a
file into the same memory, no ratio against files can be won.
"""

from __future__ import annotations

import hashlib
import mmap
import multiprocessing
import os
import socket
import time
from pathlib import Path

import xxhash
from contestants import BATCH, cpu_of

CHUNK = 4 << 20


def _cubic(connection: socket.socket) -> socket.socket:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return connection


def _receive(connection: socket.socket, view: memoryview) -> None:
    at = 0
    while at < len(view):
        at += connection.recv_into(view[at : at + CHUNK])


def _peer(listener: socket.socket, page: int, path: str) -> None:
    """Sends a batch for each b"g", takes one for each b"p"; ends with the connection."""
    connection = _cubic(listener.accept()[0])
    memory = mmap.mmap(-1, BATCH * page)
    view = memoryview(memory)
    view[:] = os.urandom(len(view))
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_DIRECT", 0)
    descriptor = os.open(path, flags, 0o600)
    while command := connection.recv(1):
        if command == b"g":
            connection.sendall(view)
            continue
        _receive(connection, view)
        for start in range(0, len(view), page):
            xxhash.xxh3_64_intdigest(view[start : start + page])
        for start in range(0, len(view), 16 << 20):
            os.write(descriptor, view[start : start + (16 << 20)])
        connection.sendall(b"!")


class Floor:
    """One page size; a round of it is measured between the rounds of the others."""

    def __init__(self, raw, size: str, page: int, folder: Path):
        self._raw, self._size, self._page = raw, size, page
        self._file = folder / "floor"
        listener = _cubic(socket.create_server(("127.0.0.1", 0)))
        self._peer = multiprocessing.get_context("fork").Process(
            target=_peer, args=(listener, page, str(self._file)), daemon=True
        )
        self._peer.start()
        self._connection = _cubic(socket.create_connection(listener.getsockname()))
        listener.close()
        self._view = memoryview(mmap.mmap(-1, BATCH * page))
        self._get()

    def _verify(self) -> None:
        for start in range(0, len(self._view), self._page):
            xxhash.xxh3_64_intdigest(self._view[start : start + self._page])

    def _get(self) -> None:
        self._connection.sendall(b"g")
        _receive(self._connection, self._view)
        self._verify()

    def _put(self) -> None:
        self._verify()
        self._connection.sendall(b"p")
        self._connection.sendall(self._view)
        self._connection.recv(1)

    def measure(self) -> None:
        times = max(1, (512 << 20) // len(self._view))
        for what, work in (("get hot", self._get), ("set", self._put)):
            worker, other = time.process_time(), cpu_of(self._peer.pid)
            started = time.perf_counter()
            for _ in range(times):
                work()
            self._raw.add(
                what=what, size=self._size, count=0, who="floor", amount=times * len(self._view),
                seconds=time.perf_counter() - started, worker_cpu=time.process_time() - worker,
                daemon_cpu=cpu_of(self._peer.pid) - other,
            )  # fmt: skip

    def close(self) -> None:
        self._connection.close()
        self._peer.join(10)
        self._file.unlink()


def _echo(listener: socket.socket, size: int) -> None:
    """Answers each ``size`` bytes with 32."""
    connection = listener.accept()[0]
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    view = memoryview(bytearray(size))
    at = 0
    while got := connection.recv_into(view[at:]):
        at = (at + got) % size
        if not at:
            connection.sendall(view[:32])


def measure_asking(raw, size: str, pages: int, times: int) -> None:
    """The way there and back of a question with so many ids, between pauses as a case makes them.

    Most of it is the other process waking up, which no work that is saved makes shorter.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    question = bytes(32 * pages)
    peer = multiprocessing.get_context("fork").Process(
        target=_echo, args=(listener, len(question)), daemon=True
    )
    peer.start()
    connection = socket.create_connection(listener.getsockname())
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(times):
        for i in range(pages):  # What a case does between its questions: it makes keys.
            hashlib.sha256(f"pause{i}".encode()).hexdigest()
        started = time.perf_counter()
        connection.sendall(question)
        connection.recv(32)
        seconds = time.perf_counter() - started
        for what in ("exists", "miss"):
            raw.add(what=what, size=size, count=0, who="floor", amount=1, seconds=seconds)
    connection.close()
    peer.join(10)
    listener.close()

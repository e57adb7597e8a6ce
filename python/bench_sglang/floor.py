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


def measure_floor(raw, size: str, page: int, folder: Path, rounds: int) -> None:
    listener = _cubic(socket.create_server(("127.0.0.1", 0)))
    context = multiprocessing.get_context("fork")
    peer = context.Process(target=_peer, args=(listener, page, str(folder / "floor")), daemon=True)
    peer.start()
    connection = _cubic(socket.create_connection(listener.getsockname()))
    view = memoryview(mmap.mmap(-1, BATCH * page))

    def get() -> None:
        connection.sendall(b"g")
        _receive(connection, view)
        for start in range(0, len(view), page):
            xxhash.xxh3_64_intdigest(view[start : start + page])

    def put() -> None:
        for start in range(0, len(view), page):
            xxhash.xxh3_64_intdigest(view[start : start + page])
        connection.sendall(b"p")
        connection.sendall(view)
        connection.recv(1)

    get()
    times = max(1, (512 << 20) // len(view))
    for _ in range(rounds):
        for what, work in (("get hot", get), ("set", put)):
            worker, other, started = time.process_time(), cpu_of(peer.pid), time.perf_counter()
            for _ in range(times):
                work()
            raw.add(
                what=what, size=size, count=0, who="floor", amount=times * len(view),
                seconds=time.perf_counter() - started, worker_cpu=time.process_time() - worker,
                daemon_cpu=cpu_of(peer.pid) - other,
            )  # fmt: skip
    connection.close()
    peer.join(10)
    listener.close()
    (folder / "floor").unlink()


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

"""The stores that the driver asks, each by the client its users use.

A store is made in each worker process; ``serve`` is called once, before those are forked.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

Values = list  # Of bytes-likes, or None where nothing was found.


class Service:
    """Where a store listens, and the servers started for it, ended by their own pids."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self.metadata = 0
        self.directory = directory
        self.processes: list[subprocess.Popen] = []

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def start(self, command: list[str], port: int, seconds: float = 40.0) -> None:
        """Starts a server and waits until it listens."""
        log = self.directory / f"{Path(command[0]).name}-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        self.processes.append(process)
        deadline = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                self.end()
                said = log.read_text(errors="replace").strip().splitlines()
                print(said[-1] if said else f"{command[0]} does not listen", file=sys.stderr)
                sys.exit(1)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Store:
    """What every store does."""

    configuration = ""

    @classmethod
    def serve(cls, port: int, directory: Path) -> Service:
        return Service(port, directory)

    def __init__(self, service: Service) -> None:
        raise NotImplementedError

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        raise NotImplementedError

    def get(self, keys: list[str], page_bytes: int) -> Values:
        raise NotImplementedError

    def close(self) -> None:
        pass


class RedisPy(Store):
    configuration = "redis-py with hiredis, MGET and MSET"

    def __init__(self, service: Service) -> None:
        import redis

        self.client = redis.Redis("127.0.0.1", service.port, socket_timeout=20)

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        self.client.mset(dict(zip(keys, pages, strict=True)))

    def get(self, keys: list[str], page_bytes: int) -> Values:
        return self.client.mget(keys)


class ValkeyPy(RedisPy):
    configuration = "valkey-py, MGET and MSET"

    def __init__(self, service: Service) -> None:
        import valkey

        self.client = valkey.Valkey("127.0.0.1", service.port, socket_timeout=20)


class Pymemcache(Store):
    configuration = "pymemcache, get_many and set_many"

    def __init__(self, service: Service) -> None:
        from pymemcache.client.base import Client

        self.client = Client(("127.0.0.1", service.port), timeout=20, no_delay=True)

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        values = {key: bytes(page) for key, page in zip(keys, pages, strict=True)}
        if failed := self.client.set_many(values, noreply=False):
            raise RuntimeError(f"{len(failed)} pages were not stored")

    def get(self, keys: list[str], page_bytes: int) -> Values:
        found = self.client.get_many(keys)
        return [found.get(key) for key in keys]


class VarvePy(Store):
    """Page ids are hashes of the key, and for puts of a turn too: every page put is new."""

    configuration = "sglang_varve's client, get into memory it has, put of new pages"

    def __init__(self, service: Service) -> None:
        from sglang_varve.client import Client, make_chain
        from sglang_varve.messages import PRESENT, STORED
        from sglang_varve.transfer import Received

        self.client = Client(f"127.0.0.1:{service.port}", seconds=20)
        self.namespaces: dict[int, int] = {}
        self.make_chain = make_chain
        self.memory: dict[int, list[memoryview]] = {}
        self.turn = 0
        self.stored, self.present, self.received = STORED, PRESENT, Received

    def _space(self, page_bytes: int) -> int:
        """The namespace of a page size, as each model has its own."""
        if page_bytes not in self.namespaces:
            opened = self.client.open_namespace(f"peers-{os.getpid()}-{page_bytes}")
            self.namespaces[page_bytes] = opened.namespace_id
        return self.namespaces[page_bytes]

    def _chain(self, keys: list[str], turn: int):
        import hashlib

        ids = b"".join(hashlib.sha256(f"{turn} {key}".encode()).digest() for key in keys)
        return self.make_chain(ids, at_root=True)

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        turn = 0
        if keys[0].startswith("put"):
            self.turn += 1
            turn = self.turn
        pieces = [[page] for page in pages]
        space = self._space(len(pages[0]))
        status = self.client.put(space, self._chain(keys, turn), pieces, ask=False)
        if any(code != self.stored for code in status):
            raise RuntimeError(f"a put was answered {status}")

    def get(self, keys: list[str], page_bytes: int) -> Values:
        if page_bytes not in self.memory:
            self.memory[page_bytes] = [memoryview(bytearray(page_bytes)) for _ in keys]
        into = self.memory[page_bytes]
        # The driver verifies what every store returns: once is enough.
        pieces = [[page] for page in into]
        received = self.received(len(keys))
        self.client.get(
            self._space(page_bytes), self._chain(keys, 0), pieces, verify=False, received=received
        )
        # The memory still holds what came before: only the status tells what is there.
        return [
            page if status == self.present else None
            for page, status in zip(into, received.status, strict=True)
        ]

    def close(self) -> None:
        self.client.close()


class Files(Store):
    configuration = "a file a page by Python's open, written and renamed, not synced"

    def __init__(self, service: Service) -> None:
        self.directory = service.directory

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        for key, page in zip(keys, pages, strict=True):
            path = self.directory / key
            new = path.with_suffix(f".{os.getpid()}")
            new.write_bytes(page)
            new.replace(path)

    def get(self, keys: list[str], page_bytes: int) -> Values:
        return [(self.directory / key).read_bytes() for key in keys]


class Lmcache(Store):
    """LMCache's server by its own messages, as its remote connector sends them."""

    configuration = "lmcache_server, cpu; LMCache's messages, a page each, over one socket"

    @classmethod
    def serve(cls, port: int, directory: Path) -> Service:
        import lmcache.v1.server.__main__  # noqa: F401 (what is missing shows early)

        service = Service(free_port(), directory)
        module = [sys.executable, "-m", "lmcache.v1.server"]
        # Its imports take 20 s of a busy processor.
        service.start([*module, "127.0.0.1", str(service.port), "cpu"], service.port, 90)
        return service

    def __init__(self, service: Service) -> None:
        import torch
        from lmcache.utils import CacheEngineKey
        from lmcache.v1 import protocol
        from lmcache.v1.memory_management import MemoryFormat

        self.protocol, self.torch, self.key_type = protocol, torch, CacheEngineKey
        self.format = MemoryFormat.BINARY
        self.socket = socket.create_connection(("127.0.0.1", service.port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _send(self, command, key: str, page: memoryview | None) -> None:
        import xxhash

        chunk = xxhash.xxh3_64_intdigest(key.encode())
        name = self.key_type("bench", 1, 0, chunk, self.torch.uint8)
        length = 0 if page is None else len(page)
        shape = self.torch.Size((length, 0, 0, 0))
        message = self.protocol.ClientMetaMessage(
            command, name, length, self.format, self.torch.uint8, shape
        )
        self.socket.sendall(message.serialize())
        if page is not None:
            self.socket.sendall(page)

    def _receive(self, count: int) -> bytearray:
        memory = bytearray(count)
        view = memoryview(memory)
        while view:
            came = self.socket.recv_into(view)
            if came == 0:
                raise RuntimeError("lmcache_server closed the connection")
            view = view[came:]
        return memory

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        command = self.protocol.ClientCommand
        for key, page in zip(keys, pages, strict=True):
            self._send(command.PUT, key, page)
        # Puts have no answer; this one comes when all before it were taken.
        self._send(command.EXIST, keys[-1], None)
        self._answer()

    def _answer(self):
        message = self.protocol.ServerMetaMessage
        answer = message.deserialize(bytes(self._receive(message.packlength())))
        if answer.code != self.protocol.ServerReturnCode.SUCCESS:
            raise RuntimeError("lmcache_server answered FAIL")
        return answer

    def get(self, keys: list[str], page_bytes: int) -> Values:
        values = []
        for key in keys:
            self._send(self.protocol.ClientCommand.GET, key, None)
            values.append(self._receive(self._answer().length))
        return values


class Mooncake(Store):
    """Mooncake's store: a master, a node that holds the memory, and a client in each worker."""

    configuration = (
        "mooncake_master and a node of 2 GiB, tcp; registered memory, batch_get_into and "
        "batch_upsert_from"
    )
    NODE_BYTES = 2 << 30
    BUFFER_BYTES = 64 << 20
    REGISTERED_BYTES = 32 << 20

    @classmethod
    def serve(cls, port: int, directory: Path) -> Service:
        import mooncake.store  # noqa: F401 (what is missing shows early)

        service = Service(free_port(), directory)
        service.metadata = free_port()
        master = [
            str(Path(sys.executable).parent / "mooncake_master"),
            f"--rpc_port={service.port}",
            "--enable_http_metadata_server=true",
            "--http_metadata_server_host=127.0.0.1",
            f"--http_metadata_server_port={service.metadata}",
            f"--metrics_port={free_port()}",
        ]
        service.start(master, service.port)
        told = free_port()
        node = [sys.executable, __file__, str(service.port), str(service.metadata), str(told)]
        service.start(node, told)
        return service

    @staticmethod
    def connect(port: int, metadata: int, share: int):
        from mooncake.store import MooncakeDistributedStore

        store = MooncakeDistributedStore()
        code = store.setup(
            f"127.0.0.1:{free_port()}",
            f"http://127.0.0.1:{metadata}/metadata",
            share,
            Mooncake.BUFFER_BYTES,
            "tcp",
            "",
            f"127.0.0.1:{port}",
        )
        if code != 0:
            raise RuntimeError(f"mooncake's setup gave {code}")
        return store

    def __init__(self, service: Service) -> None:
        import ctypes

        self.client = self.connect(service.port, service.metadata, 0)
        self.memory = bytearray(self.REGISTERED_BYTES)
        self.view = memoryview(self.memory)
        whole = (ctypes.c_char * len(self.memory)).from_buffer(self.memory)
        self.address = ctypes.addressof(whole)
        if code := self.client.register_buffer(self.address, len(self.memory)):
            raise RuntimeError(f"mooncake's register_buffer gave {code}")

    def _places(self, count: int, page_bytes: int) -> list[int]:
        return [self.address + i * page_bytes for i in range(count)]

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        size = len(pages[0])
        for i, page in enumerate(pages):
            self.view[i * size : (i + 1) * size] = page
        places = self._places(len(keys), size)
        codes = self.client.batch_upsert_from(keys, places, [size] * len(keys))
        if any(codes):
            raise RuntimeError(f"mooncake's batch_upsert_from gave {codes}")

    def get(self, keys: list[str], page_bytes: int) -> Values:
        places = self._places(len(keys), page_bytes)
        counts = self.client.batch_get_into(keys, places, [page_bytes] * len(keys))
        return [
            self.view[i * page_bytes : (i + 1) * page_bytes] if count == page_bytes else None
            for i, count in enumerate(counts)
        ]

    def close(self) -> None:
        self.client.close()


class MooncakeUsual(Mooncake):
    configuration = "mooncake_master and a node of 2 GiB, tcp; upsert_batch and get_batch of bytes"

    def put(self, keys: list[str], pages: list[memoryview]) -> None:
        if code := self.client.upsert_batch(keys, [bytes(page) for page in pages]):
            raise RuntimeError(f"mooncake's upsert_batch gave {code}")

    def get(self, keys: list[str], page_bytes: int) -> Values:
        return self.client.get_batch(keys)


STORES: dict[str, type[Store]] = {
    "redis-py": RedisPy,
    "valkey-py": ValkeyPy,
    "pymemcache": Pymemcache,
    "varve-py": VarvePy,
    "files-py": Files,
    "lmcache": Lmcache,
    "mooncake": Mooncake,
    "mooncake-py": MooncakeUsual,
}


def hold_memory(port: int, metadata: int, told: int) -> None:
    """A node of Mooncake's store: gives its memory, and listens on ``told`` once it has."""
    node = Mooncake.connect(port, metadata, Mooncake.NODE_BYTES)
    with socket.create_server(("127.0.0.1", told)) as listener:
        while node:
            listener.accept()[0].close()


if __name__ == "__main__":
    hold_memory(*map(int, sys.argv[1:]))

"""One connection of the stand-in daemon: frames in, answers out.

It is written from the contract alone and shares with the client only the codec, which the vectors
judge. Requests of a connection are worked one after the other, which the contract allows.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import xxhash

from sglang_varve import frames as f
from sglang_varve import messages as m
from sglang_varve.frames import decode_prefix, encode_frame, encode_prefix

if TYPE_CHECKING:
    from standin_server import Space, StandInServer


class Session:
    """One connection of the stand-in."""

    def __init__(self, server: StandInServer, connection: socket.socket):
        self.server, self.socket = server, connection
        self.stream = self.method = 0
        self.drained = False

    def run(self) -> None:
        prefix, header, _ = self.read_frame()
        if prefix.type != f.HELLO:
            self.send(f.GOAWAY, f.ERROR, m.Problem(code=3, message="no HELLO"), connection=True)
            return
        m.Hello.decode(header)
        if self.server.faults.stall_hello:
            self.server.stall()
        server = self.server
        self.send(
            f.HELLO_OK, 0, m.HelloOk(
                version=1, max_payload=server.max_payload, max_pages=server.max_pages,
                window_bytes=server.window_bytes, server="stand-in", boot_id="b",
            ), connection=True,
        )  # fmt: skip
        server.greeted += 1
        while True:
            prefix, header, payload = self.read_frame()
            if prefix.type == f.PING:
                self.socket.sendall(encode_frame(f.PONG, 0, 0, 0, b"", payload))
            elif prefix.type == f.REQUEST:
                self.stream, self.method = prefix.stream, prefix.method
                if not self.work(header):
                    return

    def drain(self) -> None:
        """Says GOAWAY UNAVAILABLE and refuses every later request."""
        self.drained = True
        self.send(f.GOAWAY, f.ERROR, m.Problem(code=14, message="draining"), connection=True)

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            got = self.socket.recv(size - len(data))
            if not got:
                raise EOFError
            data += got
        return bytes(data)

    def read_frame(self) -> tuple[f.Prefix, bytes, bytes]:
        prefix = decode_prefix(self.read(f.PREFIX_BYTES), self.server.max_payload)
        return prefix, self.read(prefix.header_bytes), self.read(prefix.payload_bytes)

    def send(self, kind: int, flags: int, message=None, payload=b"", connection=False) -> None:
        header = message.encode() if message is not None else b""
        method, stream = (0, 0) if connection else (self.method, self.stream)
        self.socket.sendall(encode_frame(kind, flags, method, stream, header, payload))

    def answer(self, message) -> bool:
        self.send(f.RESPONSE, f.LAST, message)
        return True

    def fail(self, code: int, text: str) -> bool:
        self.send(f.RESPONSE, f.LAST | f.ERROR, m.Problem(code=code, message=text))
        return True

    def work(self, header: bytes) -> bool:
        """Works one request; whether the connection goes on."""
        faults, method = self.server.faults, self.method
        if method in faults.stall_on:
            self.server.stall()
        if method in faults.close_on:
            return False
        self.socket.sendall(faults.noise)
        if self.drained:
            return self.fail(14, "draining")
        if method in faults.goaway:
            problem = m.Problem(code=faults.goaway[method], message="away")
            self.send(f.GOAWAY, f.ERROR, problem, connection=True)
            if faults.goaway[method] != 14:
                return False
        if method in faults.raw_answer:
            self.socket.sendall(faults.raw_answer[method])
            return False
        if method in faults.problem:
            return self.fail(*faults.problem[method])
        handler = _HANDLERS.get(method)
        if handler is None:
            return self.fail(12, f"method {method} is not implemented")
        kind, function = handler
        request = kind.decode(header)
        self.server.calls.append((method, request))
        if hasattr(request, "namespace"):
            space = self.server.space(request.namespace)
            if space is None:
                return self.fail(5, "unknown namespace")
            return function(self, request, space)
        return function(self, request)

    def chain_ids(self, request) -> list[bytes] | None:
        ids = request.chain.page_ids if request.chain else b""
        count = len(ids) // 32
        if len(ids) % 32 or request.first + request.count > count:
            self.fail(3, "chain")
            return None
        if count > (self.server.max_pages or 131_072):
            self.fail(8, "max_pages")
            return None
        every = [ids[i : i + 32] for i in range(0, len(ids), 32)]
        end = request.first + request.count if request.count else count
        return every[request.first : end]

    # ── calls ────────────────────────────────────────────────────────

    def open_namespace(self, request) -> bool:
        if request.must_exist and request.name not in self.server.spaces:
            return self.fail(5, "unknown namespace")
        space, created = self.server.open_space(request.name)
        asked = request.options.page_tokens if request.options else 0
        space.page_tokens = space.page_tokens or asked
        if asked and asked != space.page_tokens:
            return self.fail(9, f"page_tokens is {space.page_tokens}, not {asked}")
        options = m.NamespaceOptions(
            page_tokens=space.page_tokens, page_bytes_max=space.page_bytes_max
        )
        info = m.NamespaceInfo(
            name=space.name, id=space.number, options=options, pages=len(space.pages)
        )
        return self.answer(
            m.OpenNamespaceResponse(namespace_id=space.number, created=created, info=info)
        )

    def lookup(self, request, space: Space) -> bool:
        ids = self.chain_ids(request)
        if ids is None:
            return True
        bits = bytearray((len(ids) + 7) // 8)
        hit, size, unbroken = 0, 0, True
        for i, page_id in enumerate(ids):
            page = space.pages.get(page_id)
            collides = not request.exact and page_id in self.server.faults.collide
            if page is None and not collides:
                unbroken = False
                continue
            bits[i >> 3] |= 1 << (i & 7)
            if unbroken:
                hit += 1
                size += len(page[0]) if page else 0
        present = bytes(bits) if request.want_present else b""
        return self.answer(m.LookupResponse(hit_pages=hit, hit_bytes=size, present=present))

    def put(self, request, space: Space) -> bool:
        ids = self.chain_ids(request)
        if ids is None:
            return True
        sizes = request.page_bytes
        sizes = sizes * len(ids) if len(sizes) == 1 else sizes
        if len(sizes) != len(ids) or len(request.checksum) != len(ids) or 0 in sizes:
            return self.fail(3, "sizes or checksums")
        wanted = list(range(len(ids)))
        if request.ask:
            wanted = [i for i in wanted if ids[i] not in space.pages]
            bits = bytearray((len(ids) + 7) // 8)
            for i in wanted:
                bits[i >> 3] |= 1 << (i & 7)
            self.send(f.RESPONSE, 0, m.PutResponse(need=bytes(bits)))
        if wanted and self.server.faults.refuse_put_early:
            self.read_frame()
            return self.fail(8, "queue full")  # The DATA still under way is dropped.
        status = [m.ALREADY_PRESENT] * len(ids)
        data = self.receive(sum(sizes[i] for i in wanted)) if wanted else b""
        at = 0
        for i in wanted:
            page = data[at : at + sizes[i]]
            at += sizes[i]
            status[i] = self.store(space, ids[i], page, sizes[i], request.checksum[i])
        return self.answer(m.PutResponse(result=m.PutResult(status=status)))

    def receive(self, total: int) -> bytes:
        """The DATA of a put; grants back what was received where there is a window."""
        data = bytearray()
        while True:
            prefix, _, payload = self.read_frame()
            assert prefix.type == f.DATA and prefix.stream == self.stream
            data += payload
            self.server.put_payload_bytes += len(payload)
            if prefix.flags & f.LAST:
                assert len(data) == total, "the client sent another number of bytes"
                return bytes(data)
            if self.server.window_bytes:
                self.send(f.WINDOW, 0, m.Window(bytes=len(payload)))

    def store(self, space: Space, page_id: bytes, page: bytes, size: int, digest: int) -> int:
        forced = self.server.faults.put_status.get(page_id)
        if forced is not None:
            return forced
        if len(page) < size:
            return m.LENGTH_MISMATCH if page else m.NOT_ATTEMPTED
        if xxhash.xxh3_64_intdigest(page) != digest:
            return m.CHECKSUM_MISMATCH
        there = space.pages.get(page_id)
        if there is not None:
            return m.ALREADY_PRESENT if len(there[0]) == size else m.SIZE_CONFLICT
        space.pages[page_id] = (page, digest)
        return m.STORED

    def get(self, request, space: Space) -> bool:
        ids = self.chain_ids(request)
        if ids is None:
            return True
        if not request.sparse:
            for i, page_id in enumerate(ids):
                if page_id not in space.pages:
                    ids = ids[:i]
                    break
        step = self.server.run_pages
        for start in range(0, len(ids), step):
            last = start + step >= len(ids) and self.server.last_on_bytes
            if not self.send_run(request.first + start, ids[start : start + step], space, last):
                return False
        if not ids or not self.server.last_on_bytes:
            self.send(f.RESPONSE, f.LAST)
        return True

    def send_run(self, first: int, ids: list[bytes], space: Space, last: bool) -> bool:
        faults = self.server.faults
        sizes, digests, status, data = [], [], [], bytearray()
        lost = None
        for i, page_id in enumerate(ids):
            page, digest = space.pages.get(page_id, (b"", 0))
            if page and page_id == faults.flip_page:
                page = bytes([page[0] ^ 1]) + page[1:]
            if page and page_id == faults.lose_page:
                page, lost = bytes(len(page)), first + i
            sizes.append(len(page))
            digests.append(digest)
            status.append(m.PRESENT if page else m.MISSING)
            data += page
        if set(status) == {m.PRESENT}:
            status = []
        sizes = sizes[:1] if len(set(sizes)) == 1 else sizes
        run = m.PageRun(first=first, page_bytes=sizes, checksum=digests, status=status)
        pieces = [bytes(data[i : i + self.server.data_bytes]) for i in
                  range(0, len(data), self.server.data_bytes)] or [b""]  # fmt: skip
        for i, piece in enumerate(pieces):
            flags = f.LAST if last and lost is None and i + 1 == len(pieces) else 0
            kind, header = (f.RESPONSE, run.encode()) if i == 0 else (f.DATA, b"")
            prefix = encode_prefix(kind, flags, self.method, self.stream, len(header), len(piece))
            self.socket.sendall(prefix + header)
            if not self.send_payload(piece):
                return False
        if lost is not None:
            gone = m.PageRun(first=lost, page_bytes=[0], checksum=[0], status=[m.DATA_LOSS])
            self.send(f.RESPONSE, f.LAST if last else 0, gone)
        return True

    def send_payload(self, piece: bytes) -> bool:
        faults = self.server.faults
        if faults.cut_get_after is not None and faults.cut_get_after < len(piece):
            self.socket.sendall(piece[: faults.cut_get_after])
            return False
        step = 4096 if faults.chunk_pause else len(piece) or 1
        for i in range(0, len(piece), step):
            self.socket.sendall(piece[i : i + step])
            if faults.chunk_pause:
                time.sleep(faults.chunk_pause)  # The fault itself: a daemon this slow.
        return True

    def delete(self, request, space: Space) -> bool:
        ids = self.chain_ids(request)
        if ids is None:
            return True
        gone = [page_id for page_id in ids if space.pages.pop(page_id, None) is not None]
        return self.answer(m.PagesResponse(affected=len(gone)))

    def report_corrupt(self, request, space: Space) -> bool:
        page, digest = space.pages.get(request.page_id, (b"", 0))
        bad = bool(page) and xxhash.xxh3_64_intdigest(page) != digest
        return self.answer(m.ReportCorruptResponse(confirmed=bad))

    def stats(self, request) -> bool:
        spaces = list(self.server.spaces.values())
        pages = sum(len(space.pages) for space in spaces)
        return self.answer(
            m.StatsResponse(version="stand-in", ready=True, pages=pages, counters={"gets_total": 1})
        )

    def flush(self, request) -> bool:
        return self.answer(m.FlushResponse())

    def list_namespaces(self, request) -> bool:
        infos = [
            m.NamespaceInfo(name=s.name, id=s.number, pages=len(s.pages))
            for s in self.server.spaces.values()
        ]
        return self.answer(m.ListNamespacesResponse(namespaces=infos))

    def clear_namespace(self, request) -> bool:
        gone = self.server.clear_space(request.name, self.method == f.DROP_NAMESPACE)
        if gone is None:
            return self.fail(5, "unknown namespace")
        return self.answer(m.PagesResponse(affected=gone))


_HANDLERS = {
    f.OPEN_NAMESPACE: (m.OpenNamespaceRequest, Session.open_namespace),
    f.LOOKUP: (m.LookupRequest, Session.lookup),
    f.PUT: (m.PutHeader, Session.put),
    f.GET: (m.GetRequest, Session.get),
    f.DELETE: (m.PagesRequest, Session.delete),
    f.REPORT_CORRUPT: (m.ReportCorruptRequest, Session.report_corrupt),
    f.STATS: (m.StatsRequest, Session.stats),
    f.FLUSH: (m.FlushRequest, Session.flush),
    f.LIST_NAMESPACES: (m.ListNamespacesRequest, Session.list_namespaces),
    f.CLEAR_NAMESPACE: (m.NamespaceName, Session.clear_namespace),
    f.DROP_NAMESPACE: (m.NamespaceName, Session.clear_namespace),
}

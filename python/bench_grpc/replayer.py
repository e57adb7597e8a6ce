"""The least a server can do: answers Get with frames made ahead and drops what Put sends.

It decodes no header, checks and keeps nothing but the first put of each page size, whose pages its
Gets give back. What a client reaches against it is the client's own ceiling on this machine.
Prints its port, then serves until its input ends.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from pathlib import Path

from google.protobuf.message import DecodeError

FRAME = 16384
PIECE = (1 << 20) - 64
WINDOW = (1 << 31) - 1
RENEWED = 256 << 20
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: str, value: str) -> bytes:
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


HEAD = literal(":status", "200") + literal("content-type", "application/grpc")
TRAILERS = literal("grpc-status", "0")


def message(body: bytes) -> bytes:
    return b"\0" + struct.pack(">I", len(body)) + body


class Pages:
    """Answers to Gets, by the ids asked for."""

    def __init__(self, pb):
        self.pb = pb
        self.sizes: set[int] = set()
        self.answers: dict[bytes, list[memoryview]] = {}

    def wants(self, size: int) -> bool:
        return size not in self.sizes

    def keep(self, messages: list[bytes]) -> None:
        header, parts = None, {}
        for body in messages:
            request = self.pb.PutRequest.FromString(body)
            if request.WhichOneof("part") == "header":
                header = request.header
            else:
                parts.setdefault(request.data.page, []).append(request.data.bytes)
        self.sizes.add(header.page_bytes[0])
        answer = b""
        for page, pieces in sorted(parts.items()):
            data = b"".join(pieces)
            for offset in range(0, len(data), PIECE):
                response = self.pb.GetResponse(
                    page=page, page_bytes=len(data), checksum=header.checksum[page],
                    offset=offset, bytes=data[offset : offset + PIECE], status=self.pb.PRESENT,
                )  # fmt: skip
                answer += message(response.SerializeToString())
        whole = memoryview(answer)
        cut = [whole[at : at + FRAME] for at in range(0, len(answer), FRAME)]
        self.answers[header.chain.page_ids] = cut


class Stream:
    def __init__(self) -> None:
        self.body = bytearray()
        self.kind = ""
        self.pages = 0
        self.window = 0


class Connection:
    def __init__(self, peer: socket.socket, pages: Pages, pb):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer, self.pages, self.pb = peer, pages, pb
        self.buffer = bytearray(1 << 20)
        self.used = 0
        self.streams: dict[int, Stream] = {}
        self.sending: dict[int, list[memoryview]] = {}
        self.initial = self.window = 65_535
        self.renewed = 0

    def run(self) -> None:
        opening = struct.pack(">HI", 4, WINDOW) + struct.pack(">HI", 3, 1000)
        grant = struct.pack(">I", WINDOW - 65_535)
        self.peer.sendall(frame(SETTINGS, 0, 0, opening) + frame(WINDOW_UPDATE, 0, 0, grant))
        at = 24  # the preface
        while count := self.peer.recv_into(memoryview(self.buffer)[self.used :]):
            self.used += count
            while self.used - at >= 9:
                length = int.from_bytes(self.buffer[at : at + 3], "big")
                if self.used - at < 9 + length:
                    break
                kind, flags = self.buffer[at + 3], self.buffer[at + 4]
                stream = int.from_bytes(self.buffer[at + 5 : at + 9], "big")
                self.take(kind, flags, stream, at + 9, length)
                at += 9 + length
            rest = max(0, self.used - at)
            self.buffer[:rest] = self.buffer[at : at + rest]
            at, self.used = max(0, at - self.used), rest
            self.send()

    def take(self, kind: int, flags: int, number: int, at: int, length: int) -> None:
        if kind == DATA:
            self.data(number, at, length)
        elif kind == HEADERS:
            self.streams[number] = Stream()
            self.streams[number].window = self.initial
        elif kind == SETTINGS and not flags:
            for pair in range(at, at + length, 6):
                name, value = struct.unpack_from(">HI", self.buffer, pair)
                if name == 4:
                    for stream in self.streams.values():
                        stream.window += value - self.initial
                    self.initial = value
            self.peer.sendall(frame(SETTINGS, 1, 0))
        elif kind == PING and not flags:
            self.peer.sendall(frame(PING, 1, 0, bytes(self.buffer[at : at + length])))
        elif kind == WINDOW_UPDATE:
            (more,) = struct.unpack_from(">I", self.buffer, at)
            if number == 0:
                self.window += more
            elif number in self.streams:
                self.streams[number].window += more
        if flags & END_STREAM and kind in (DATA, HEADERS):
            self.answer(number)

    def data(self, number: int, at: int, length: int) -> None:
        stream = self.streams[number]
        self.renewed += length
        if self.renewed >= RENEWED:
            grant = struct.pack(">I", self.renewed)
            self.peer.sendall(frame(WINDOW_UPDATE, 0, 0, grant))
            self.renewed = 0
        if stream.kind == "drop":
            return
        stream.body += memoryview(self.buffer)[at : at + length]
        if not stream.kind and len(stream.body) > 5:
            self.judge(stream)

    def judge(self, stream: Stream) -> None:
        """By the first message: a GetRequest begins with its namespace, a PutRequest with a header
        that has checksums; what is neither opens the namespace."""
        length = int.from_bytes(stream.body[1:5], "big")
        if len(stream.body) < 5 + length:
            return
        first = bytes(stream.body[5 : 5 + length])
        if first[0] == 0x08:
            stream.kind = "get"
            return
        try:
            header = self.pb.PutRequest.FromString(first).header
            stream.kind = "keep" if self.pages.wants(header.page_bytes[0]) else "drop"
            stream.pages = len(header.checksum)
        except (DecodeError, IndexError):
            stream.kind = "open"

    def answer(self, number: int) -> None:
        stream = self.streams[number]
        if stream.kind == "get":
            length = int.from_bytes(stream.body[1:5], "big")
            request = self.pb.GetRequest.FromString(bytes(stream.body[5 : 5 + length]))
            self.peer.sendall(frame(HEADERS, END_HEADERS, number, HEAD))
            self.sending[number] = list(reversed(self.pages.answers[request.chain.page_ids]))
            return
        if stream.kind == "open":
            body = self.pb.OpenNamespaceResponse(namespace_id=1, created=True)
        else:
            if stream.kind == "keep":
                self.pages.keep(list(split(bytes(stream.body))))
            result = self.pb.PutResult(status=[self.pb.STORED] * stream.pages)
            body = self.pb.PutResponse(result=result)
        answer = message(body.SerializeToString())
        # The connection's window counts these as well: some hundred bytes made Gets pass it later.
        self.window -= len(answer)
        self.peer.sendall(
            frame(HEADERS, END_HEADERS, number, HEAD)
            + frame(DATA, 0, number, answer)
            + frame(HEADERS, END_HEADERS | END_STREAM, number, TRAILERS)
        )
        del self.streams[number]

    def send(self) -> None:
        """What the windows allow, streams in turn, in few system calls."""
        parts: list[bytes | memoryview] = []
        moved = True
        while moved:
            moved = False
            for number in list(self.sending):
                rest, stream = self.sending[number], self.streams[number]
                if rest and len(rest[-1]) <= min(self.window, stream.window):
                    piece = rest.pop()
                    self.window -= len(piece)
                    stream.window -= len(piece)
                    parts += [head(len(piece), number), piece]
                    moved = True
                if not rest:
                    parts.append(frame(HEADERS, END_HEADERS | END_STREAM, number, TRAILERS))
                    del self.sending[number], self.streams[number]
        for at in range(0, len(parts), 512):
            self.send_parts(parts[at : at + 512])

    def send_parts(self, parts: list) -> None:
        total = sum(len(part) for part in parts)
        sent = self.peer.sendmsg(parts)
        if sent < total:
            self.peer.sendall(b"".join(parts)[sent:])


def head(length: int, stream: int) -> bytes:
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", DATA, 0, stream)


def split(body: bytes):
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at + 1 : at + 5], "big")
        yield body[at + 5 : at + 5 + length]
        at += 5 + length


def main(stubs: str) -> None:
    sys.path.insert(0, stubs)
    from varve.v1 import varve_pb2 as pb

    pages = Pages(pb)
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=Connection(peer, pages, pb).run, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(str(Path(sys.argv[1])))

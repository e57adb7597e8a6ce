"""What a store must hold, may hold and must not hold: written *before* and *after* each operation.

The model is RocksDB's expected-state file: an operation is pending from before it is sent until its
acknowledgement came. A crash leaves pending ones undecided; the first check after it decides them,
and what it found must stay.
"""

from __future__ import annotations

import enum
import hashlib
import struct
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))
from sglang_varve.trace import page_content


class State(enum.Enum):
    PUTTING = "put sent, not acknowledged"
    STORED = "put acknowledged"
    DELETING = "delete sent, not acknowledged"
    DELETED = "delete acknowledged"
    ABSENT = "never sent, or found missing after a crash"


@dataclass
class Page:
    """One page: its bytes follow from its id and size alone."""

    name: bytes
    size: int
    state: State
    touched: bool = True  # Since the last check.
    durable: bool = False  # Acknowledged as durable, or found after a restart.
    late: bool = False  # Answered as durable while its disk was being taken away.

    def content(self) -> bytes:
        return page_content(self.name, self.size)


class Chain:
    """Pages of one sequence, in order; worked by one thread at a time."""

    def __init__(self, namespace: str, root: bytes):
        self.namespace = namespace
        self.root = root
        self.pages: list[Page] = []

    def extend(self, sizes: list[int]) -> list[Page]:
        """New pages at the end, not sent yet."""
        added = []
        for size in sizes:
            previous = self.pages[-1].name if self.pages else self.root
            name = hashlib.sha256(previous + struct.pack("<Q", len(self.pages))).digest()
            added.append(Page(name, size, State.ABSENT))
            self.pages.append(added[-1])
        return added

    def hint(self, index: int) -> bytes:
        """The ids just before page ``index``, as a client that tells the truth gives them."""
        return b"".join(page.name for page in self.pages[max(0, index - 32) : index])


class Expected:
    """All chains of one data directory."""

    def __init__(self) -> None:
        self.chains: list[Chain] = []
        self.bytes_sent = 0
        # Set before the power of the disk goes, looked at after an answer was received: an answer
        # that counts was received before the cut began.
        self.is_cut = False
        self._lock = threading.Lock()

    def new_chain(self, namespace: str, root: bytes) -> Chain:
        chain = Chain(namespace, root)
        with self._lock:
            self.chains.append(chain)
        return chain

    def add_bytes(self, count: int) -> None:
        with self._lock:
            self.bytes_sent += count

    def count(self, state: State) -> int:
        return sum(page.state is state for chain in self.chains for page in chain.pages)

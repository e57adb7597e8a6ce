"""Clients that put, put durably, put again and delete, until the daemon dies under them."""

from __future__ import annotations

import random
import threading

from expected import Chain, Expected, Page, State
from sglang_varve.client import Client, make_chain
from sglang_varve.errors import RESOURCE_EXHAUSTED, CallError, VarveError
from sglang_varve.messages import ALREADY_PRESENT, STORED

NAMESPACES = ("kill/a", "kill/b")
CHAIN_PAGES_MAX = 400
PUT_PAGES_MAX = 48
PAGE_BYTES_MAX = 256 << 10
PAGE_BYTES_LARGE = 3 << 20
CALL_SECONDS = 10.0


def random_size(source: random.Random) -> int:
    """Mostly some KiB; now and then one byte, a block's edge, or megabytes."""
    pick = source.random()
    if pick < 0.05:
        return source.choice((1, 31, 4095, 4096, 4097))
    if pick < 0.06:
        return source.randint(PAGE_BYTES_MAX, PAGE_BYTES_LARGE)
    return int(2 ** source.uniform(5, 16.5))


class Worker:
    """One connection on a thread; works on chains of its own."""

    def __init__(
        self, number: int, endpoint: str, expected: Expected, chains: list[Chain], seed: int
    ):
        self.name = f"worker-{number}"
        self.thread = threading.Thread(target=self._run, name=self.name)
        self.random = random.Random(seed)
        self.expected = expected
        self.chains = chains
        self.endpoint = endpoint
        self.dying = threading.Event()  # Set when the kill is sent: from then on errors are due.
        self.acknowledged = 0
        self.refused = 0
        self.complaint = ""

    def _run(self) -> None:
        try:
            with Client(self.endpoint, seconds=CALL_SECONDS, probe=False) as client:
                ids = {name: client.open_namespace(name).namespace_id for name in NAMESPACES}
                while True:
                    self._step(client, ids)
        except VarveError as error:
            # The kill comes as one of these; before the kill it is a fault of the daemon.
            if not self.dying.is_set():
                self.complaint = f"{self.name}: {type(error).__name__}: {error}"
        except Exception as error:  # A fault of this harness must not look like a kill.
            self.complaint = f"{self.name}: harness: {error!r}"

    def _step(self, client: Client, ids: dict[str, int]) -> None:
        pick = self.random.random()
        chain = self._chain()
        try:
            if pick < 0.02:
                client.flush()  # Tables and their merges, too, must be where the kill finds them.
            elif pick < 0.12 and chain.pages:
                self._remove(client, ids[chain.namespace], chain)
            elif pick < 0.22 and chain.pages:
                start = self.random.randrange(len(chain.pages))
                end = min(len(chain.pages), start + self.random.randint(1, PUT_PAGES_MAX))
                self._put(client, ids[chain.namespace], chain, start, end)
            else:
                start = len(chain.pages)
                sizes = [
                    random_size(self.random) for _ in range(self.random.randint(1, PUT_PAGES_MAX))
                ]
                chain.extend(sizes)
                self._put(client, ids[chain.namespace], chain, start, len(chain.pages))
        except CallError as error:
            if error.code != RESOURCE_EXHAUSTED:
                raise
            self.refused += 1  # Asked to come later; the pages stay pending.

    def _chain(self) -> Chain:
        open_chains = [c for c in self.chains if len(c.pages) < CHAIN_PAGES_MAX]
        if open_chains and self.random.random() < 0.9:
            return self.random.choice(open_chains)
        chain = self.expected.new_chain(self.random.choice(NAMESPACES), self.random.randbytes(32))
        self.chains.append(chain)
        return chain

    def _put(self, client: Client, namespace: int, chain: Chain, start: int, end: int) -> None:
        pages = chain.pages[start:end]
        contents = [bytearray(page.content()) for page in pages]
        known = []
        for page in pages:
            known.append(page.state)
            # An acknowledged page stays acknowledged, whatever becomes of putting it again.
            if page.state is not State.STORED:
                page.state = State.PUTTING
            page.touched = True
        self.expected.add_bytes(sum(page.size for page in pages))
        hint, at_root = self._hint(chain, start)
        durable = self.random.random() < 0.2
        statuses = client.put(
            namespace,
            make_chain(b"".join(page.name for page in pages), hint, at_root),
            [[memoryview(content)] for content in contents],
            ask=self.random.random() < 0.3,
            durable=durable,
        )
        if self.expected.is_cut:
            # Heard after the power went: nobody would have. Kept apart, to see what such answers
            # are worth.
            for page, status in zip(pages, statuses, strict=True):
                page.late = durable and status in (STORED, ALREADY_PRESENT)
            return
        for page, status, before in zip(pages, statuses, known, strict=True):
            if status not in (STORED, ALREADY_PRESENT) and self.dying.is_set():
                continue  # Its disk is gone; the page stays pending.
            if status not in (STORED, ALREADY_PRESENT):
                raise RuntimeError(f"page {page.name.hex()} of {page.size} bytes: status {status}")
            if status == ALREADY_PRESENT and before in (State.ABSENT, State.DELETED):
                raise RuntimeError(f"page {page.name.hex()} ({before.value}) was there already")
            page.state = State.STORED
            page.durable = durable or (page.durable and before is State.STORED)
            self.acknowledged += 1

    def _hint(self, chain: Chain, start: int) -> tuple[bytes, bool]:
        """Right, absent or wrong: no answer may depend on it."""
        pick = self.random.random()
        if pick < 0.6:
            return chain.hint(start), start == 0
        if pick < 0.8:
            return b"", False
        return self.random.randbytes(32 * self.random.randint(1, 32)), False

    def _remove(self, client: Client, namespace: int, chain: Chain) -> None:
        start = self.random.randrange(len(chain.pages))
        pages: list[Page] = chain.pages[start : start + self.random.randint(1, 12)]
        for page in pages:
            page.state = State.DELETING
            page.touched = True
        client.delete(namespace, make_chain(b"".join(page.name for page in pages)))
        if self.expected.is_cut:
            return
        for page in pages:
            page.state = State.DELETED
            self.acknowledged += 1

"""Compares a restarted store with what it must hold; decides what a crash left undecided."""

from __future__ import annotations

import random

from expected import Chain, Expected, Page, State
from sglang_varve.client import Client, make_chain
from sglang_varve.messages import PRESENT
from workload import NAMESPACES

BATCH_PAGES = 128
BATCH_BYTES = 64 << 20
OLD_PAGES_READ = 300
CHECK_SECONDS = 60.0
FINDINGS_SHOWN = 20


class Checker:
    """One check of one store; ``findings`` is empty when it is as it must be."""

    def __init__(self, client: Client, expected: Expected, source: random.Random):
        self.client = client
        self.expected = expected
        self.random = source
        self.ids = {name: client.open_namespace(name).namespace_id for name in NAMESPACES}
        self.findings: list[str] = []
        self.pages_looked_up = 0
        self.pages_read = 0
        # Pages answered late, and those of them that are not there.
        self.late = self.late_missing = 0

    def run(self, read_all: bool) -> list[str]:
        evicted = self.client.stats(seconds=CHECK_SECONDS).evicted_pages
        if evicted:
            self._find(f"{evicted} pages were evicted: the capacity is too small for this test")
        for chain in self.expected.chains:
            self._check_chain(chain, read_all)
        self._check_strangers()
        return self.findings

    def _find(self, what: str) -> None:
        self.findings.append(what)
        if len(self.findings) <= FINDINGS_SHOWN:
            print(f"  FOUND {what}", flush=True)

    def _check_chain(self, chain: Chain, read_all: bool) -> None:
        share = 1.0 if read_all else OLD_PAGES_READ / max(1, self._page_count)
        for batch in batches(chain.pages):
            present = self._present(chain.namespace, [page.name for page in batch])
            wanted = []
            for page, there in zip(batch, present, strict=True):
                self._judge(chain, page, there)
                if there and (page.touched or self.random.random() < share):
                    wanted.append(page)
                page.touched = False
            if wanted:
                self._read(chain.namespace, wanted)

    @property
    def _page_count(self) -> int:
        return sum(len(chain.pages) for chain in self.expected.chains)

    def _present(self, namespace: str, names: list[bytes]) -> list[bool]:
        answer = self.client.lookup(
            self.ids[namespace],
            make_chain(b"".join(names)),
            want_present=True,
            exact=True,
            seconds=CHECK_SECONDS,
        )
        self.pages_looked_up += len(names)
        return [bool(answer.present[i // 8] >> i % 8 & 1) for i in range(len(names))]

    def _judge(self, chain: Chain, page: Page, there: bool) -> None:
        """Presence against the state; an undecided state becomes what was found."""
        label = f"{chain.namespace} {page.name.hex()} ({page.size} bytes, {page.state.value})"
        if page.state is State.STORED and not there:
            self._find(f"{label} is missing")
        elif page.state in (State.DELETED, State.ABSENT) and there:
            self._find(f"{label} is served")
        if page.state is State.PUTTING:
            self.late += page.late
            self.late_missing += page.late and not there
            page.state = State.STORED if there else State.ABSENT
        elif page.state is State.DELETING:
            page.state = State.STORED if there else State.DELETED
        page.late = False

    def _read(self, namespace: str, pages: list[Page]) -> None:
        buffers = [bytearray(page.size) for page in pages]
        received = self.client.get(
            self.ids[namespace],
            make_chain(b"".join(page.name for page in pages)),
            [[memoryview(buffer)] for buffer in buffers],
            sparse=True,
            seconds=CHECK_SECONDS,
        )
        for page, status, buffer in zip(pages, received.status, buffers, strict=True):
            label = f"{namespace} {page.name.hex()} ({page.size} bytes)"
            if status != PRESENT:
                self._find(f"{label} was looked up and cannot be read: status {status}")
            elif bytes(buffer) != page.content():
                self._find(f"{label} has wrong bytes")
            self.pages_read += 1

    def _check_strangers(self) -> None:
        """Names nobody put, and names of one namespace asked in the other."""
        strangers = [self.random.randbytes(32) for _ in range(64)]
        for namespace in NAMESPACES:
            if any(self._present(namespace, strangers)):
                self._find(f"{namespace} serves a page that was never put")
        for chain in self.random.sample(self.expected.chains, min(8, len(self.expected.chains))):
            names = [page.name for page in chain.pages[:BATCH_PAGES]]
            (other,) = (name for name in NAMESPACES if name != chain.namespace)
            if names and any(self._present(other, names)):
                self._find(f"{other} serves a page of {chain.namespace}")


def batches(pages: list[Page]) -> list[list[Page]]:
    """Consecutive pages, bounded in number and bytes."""
    result: list[list[Page]] = []
    size = 0
    for page in pages:
        if not result or len(result[-1]) >= BATCH_PAGES or size + page.size > BATCH_BYTES:
            result.append([])
            size = 0
        result[-1].append(page)
        size += page.size
    return result

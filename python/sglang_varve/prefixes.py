"""Where a prefix may end when several pools must agree: SGLang's hit policies, as pure functions.

A prefix of p pages is *legal* for a pool with ``all_pages`` if the pool has all p of them, with
``trailing_pages`` if it has the last N of them. ``block_groups`` never makes an end illegal; it
only reports what its leading complete groups cover. The usable prefix is the greatest end that is
legal for every pool, which may be far below the least of their lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ALL_PAGES, TRAILING_PAGES, BLOCK_GROUPS = "all_pages", "trailing_pages", "block_groups"


def policy_of(transfer: Any) -> str:
    """The hit policy's name; a transfer without one (older versions) means every page."""
    policy = getattr(transfer, "hit_policy", None)
    if policy is None:
        return ALL_PAGES
    return str(getattr(policy, "value", policy))


def present_list(bits: bytes, count: int) -> list[bool]:
    """The bitmap of a lookup's answer as one bool a page."""
    digits = f"{int.from_bytes(bits, 'little'):0{count}b}"[::-1] if count else ""
    return [digit == "1" for digit in digits[:count]]


def leading(present: Sequence[bool]) -> int:
    """How many pages from the first on are there."""
    for i, there in enumerate(present):
        if not there:
            return i
    return len(present)


def trailing_ends(present: Sequence[bool], window: int) -> list[int]:
    """The ends p, ascending from 1, whose last ``window`` pages (or all p, if fewer) are there."""
    ends, run = [], 0
    for i, there in enumerate(present):
        run = run + 1 if there else 0
        if run >= min(window, i + 1):
            ends.append(i + 1)
    return ends


def window_of(transfer: Any) -> int:
    return max(1, len(getattr(transfer, "keys", None) or ()))


def group_keys(transfer: Any, keys: Sequence[str]) -> tuple[list[str], int, int]:
    """The keys of a transfer's groups, keys a group, FULL pages a block; no keys if it has none.

    The transfer lists them itself, or they are the last ones of each whole block of the span, whose
    hashes stand for the block. No pool of SGLang up to 0.5.23 uses this policy.
    """
    block = int(getattr(transfer, "block_pages", 0) or 0)
    group = int(getattr(transfer, "group_pages", 0) or 0)
    if not 0 < group <= block:
        return [], 0, 0
    own = list(getattr(transfer, "keys", None) or ())
    if own:
        return own[: len(own) // group * group], group, block
    ends = range(block, len(keys) + 1, block)
    return [key for end in ends for key in keys[end - group : end]], group, block


def group_cover(present: Sequence[bool], group: int, block: int, span: int) -> int:
    """FULL pages that the leading complete groups cover, at most ``span``."""
    if not group:
        return 0
    return min(leading(present) // group * block, span)


class Fold:
    """Takes one pool's verdict after the other; ``ends`` are the ends that are still legal."""

    def __init__(self, kv_pages: int):
        self.ends = range(1, kv_pages + 1) if kv_pages else range(0)
        self.hits: dict[Any, int] = {}

    def all_pages(self, name: Any, present: Sequence[bool]) -> None:
        self._keep(name, range(1, leading(present) + 1))

    def trailing(self, name: Any, present: Sequence[bool], window: int) -> None:
        self._keep(name, trailing_ends(present, window))

    def _keep(self, name: Any, legal: Sequence[int]) -> None:
        if legal:
            self.hits[name] = legal[-1]
        allowed = legal if isinstance(legal, range) else set(legal)
        self.ends = [end for end in self.ends if end in allowed]

    @property
    def pages(self) -> int:
        return self.ends[-1] if self.ends else 0

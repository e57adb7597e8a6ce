"""Version 2 of SGLang's interface: pages of a model that has several pools.

A lookup asks the KV pool first and then every other pool together, and folds their answers by
their hit policies (``prefixes.py``). Reads and writes go pool by pool; a logical pool has no bytes
and is always True.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from . import prefixes
from .base import kv_name, pool_transfer_result
from .errors import NOT_FOUND, CallError
from .identity import hint as hint_of
from .pools import KV, Pool, Pools, plain
from .store import Hint, left

logger = logging.getLogger(__name__)

_unknown: set[str] = set()


def keys_of(transfer: Any) -> list[str]:
    return list(getattr(transfer, "keys", None) or ())


def exists(pools: Pools, keys: Sequence[str], transfers: Sequence[Any], extra_info: Any) -> Any:
    """The greatest end at which every pool can serve the prefix, and what each pool has."""
    hint = hint_of(extra_info)
    asked = [transfer for transfer in transfers if plain(transfer.name) != KV]
    gates = [t for t in asked if prefixes.policy_of(t) != prefixes.BLOCK_GROUPS]
    if not pools.kv.logical:
        kv_pages = pools.kv.store.exists(keys, hint) if keys else 0
    else:  # No object of its own: what the other pools have is all there is to know.
        kv_pages = len(keys) if gates else 0
    if not kv_pages:
        return pool_transfer_result(0, {}, [])
    fold = prefixes.Fold(kv_pages)
    fold.hits[kv_name()] = kv_pages
    questions = [_question(transfer, keys, kv_pages) for transfer in asked]
    answers = _presence(pools, [(t.name, q[0]) for t, q in zip(asked, questions, strict=True)],
                        hint)  # fmt: skip
    for transfer, (_, group, block), present in zip(asked, questions, answers, strict=True):
        if not fold.ends:  # As SGLang's own backends: pools behind the miss get no verdict.
            break
        policy = prefixes.policy_of(transfer)
        if policy == prefixes.BLOCK_GROUPS:
            cover = prefixes.group_cover(present, group, block, len(keys))
            if cover:
                fold.hits[transfer.name] = cover
        elif policy == prefixes.TRAILING_PAGES:
            fold.trailing(transfer.name, present, prefixes.window_of(transfer))
        elif policy == prefixes.ALL_PAGES:
            fold.all_pages(transfer.name, present)
        else:
            raise ValueError(f"hit policy {policy!r} of pool {transfer.name} is not known")
    return pool_transfer_result(fold.pages, fold.hits, list(fold.ends))


def _question(transfer: Any, keys: Sequence[str], kv_pages: int) -> tuple[list[str], int, int]:
    if prefixes.policy_of(transfer) == prefixes.BLOCK_GROUPS:
        return prefixes.group_keys(transfer, keys)
    return list(keys[:kv_pages]), 0, 0


def _presence(pools: Pools, questions: list[tuple[Any, list[str]]], hint: Hint) -> list[list[bool]]:
    """One bool a key for each pool; pools that are not registered have nothing."""
    bits: list[bytes] = [b""] * len(questions)
    wanted: list[tuple[int, Pool]] = []
    for i, (name, keys) in enumerate(questions):
        pool = pools.get(name)
        if pool is None:
            _say_unknown(name)
        elif pool.logical:
            bits[i] = b"\xff" * (len(keys) // 8 + 1)
        elif keys:
            wanted.append((i, pool))
    if wanted:
        store = wanted[0][1].store
        store.require_daemon()
        longest = max(len(questions[i][1]) for i, _ in wanted)
        deadline = store.lookup_deadline(longest * len(wanted))
        if longest > store.client.link.max_pages:
            for i, pool in wanted:
                bits[i] = pool.store.presence(questions[i][1], hint, deadline)
        else:
            numbers = [pool.store.open(deadline) for _, pool in wanted]
            answers = store.client.lookups(
                [
                    pool.store.presence_request(number, questions[i][1], hint)
                    for (i, pool), number in zip(wanted, numbers, strict=True)
                ],
                seconds=left(deadline),
            )
            for (i, pool), number, answer in zip(wanted, numbers, answers, strict=True):
                if not isinstance(answer, CallError):
                    bits[i] = answer.present
                elif answer.code == NOT_FOUND:  # Cleared or dropped since it was opened.
                    pool.store.forget(number)
                    bits[i] = pool.store.presence(questions[i][1], hint, deadline)
                else:
                    raise answer
    return [
        prefixes.present_list(bits[i], len(keys)) for i, (_, keys) in enumerate(questions)
    ]


def move(
    pools: Pools, transfers: Sequence[Any], extra_info: Any, results: dict, guard: Callable,
    write: bool,
) -> None:  # fmt: skip
    """Reads or writes the pages of each transfer into ``results``: pool name to one bool a key."""
    hint = hint_of(extra_info)
    for transfer in transfers:
        keys = keys_of(transfer)
        good = results[transfer.name] = [False] * len(keys)
        pool = pools.get(transfer.name)
        if pool is None:
            _say_unknown(transfer.name)
        elif pool.host is None:
            good[:] = [True] * len(keys)
        elif keys:
            guard("set" if write else "get", None, _move_one, pool, transfer, hint, good, write)


def _move_one(pool: Pool, transfer: Any, hint: Hint, good: list[bool], write: bool) -> None:
    keys = keys_of(transfer)
    pool.store.require_daemon()
    pages = pool.host.pages(transfer.host_indices, len(keys))
    if write:
        pool.store.put(keys, pages, hint, good)
    else:
        pool.store.get(keys, pages, hint, good)


def _say_unknown(name: Any) -> None:
    if plain(name) not in _unknown:
        _unknown.add(plain(name))
        logger.error("varve: pool %s was never registered: its pages are misses", plain(name))

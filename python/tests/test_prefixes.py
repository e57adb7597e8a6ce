"""Where a prefix may end when pools disagree."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sglang_varve import prefixes as p


def transfer(policy=None, keys=None, block=0, group=0) -> SimpleNamespace:
    return SimpleNamespace(hit_policy=policy, keys=keys, block_pages=block, group_pages=group)


def bits(text: str) -> list[bool]:
    return [c == "1" for c in text]


def test_bitmaps_of_any_length():
    for count in (0, 1, 7, 8, 9, 64, 100):
        wanted = [i % 3 == 0 for i in range(count)]
        packed = bytearray((count + 7) // 8)
        for i, there in enumerate(wanted):
            packed[i >> 3] |= there << (i & 7)
        assert p.present_list(bytes(packed), count) == wanted
        assert p.present_list(bytes(packed) + b"\xff", count) == wanted
    assert p.present_list(b"", 3) == [False] * 3


@pytest.mark.parametrize(
    ("present", "window", "ends"),
    [
        ("11111", 1, [1, 2, 3, 4, 5]), ("11111", 3, [1, 2, 3, 4, 5]), ("00100", 1, [3]),
        ("00110", 2, [4]), ("01111", 3, [4, 5]), ("10111", 3, [1, 5]), ("00000", 1, []),
        ("11011", 9, [1, 2]), ("", 1, []),
    ],
)  # fmt: skip
def test_ends_of_trailing_windows(present, window, ends):
    assert p.trailing_ends(bits(present), window) == ends


def test_the_usable_prefix_is_the_greatest_common_legal_end_not_a_minimum():
    fold = p.Fold(8)
    fold.trailing("mamba", bits("01000001"), 1)
    fold.trailing("swa", bits("11100111"), 2)
    assert fold.hits == {"mamba": 8, "swa": 8} and fold.ends == [2, 8] and fold.pages == 8
    fold.all_pages("indexer", bits("11111110"))
    assert fold.hits["indexer"] == 7
    assert fold.ends == [2] and fold.pages == 2, "the least of 8, 8, 7 is 7 and illegal"
    fold.all_pages("draft", bits("01111111"))
    assert fold.pages == 0 and "draft" not in fold.hits


def test_random_pools_against_the_definition(rng):
    for _ in range(300):
        pages = rng.randrange(1, 14)
        fold, legal = p.Fold(pages), set(range(1, pages + 1))
        for name in range(rng.randrange(1, 4)):
            there = [rng.random() < 0.8 for _ in range(pages)]
            if rng.random() < 0.5:
                fold.all_pages(name, there)
                legal &= {e for e in range(1, pages + 1) if all(there[:e])}
            else:
                window = rng.randrange(1, 5)
                fold.trailing(name, there, window)
                legal &= {e for e in range(1, pages + 1) if all(there[max(0, e - window) : e])}
        assert list(fold.ends) == sorted(legal) and fold.pages == max(legal, default=0)


def test_block_groups_report_what_they_cover():
    keys = [str(i) for i in range(10)]
    assert p.group_keys(transfer(block=4, group=1), keys) == (["3", "7"], 1, 4)
    assert p.group_keys(transfer(block=4, group=2), keys) == (["2", "3", "6", "7"], 2, 4)
    own = transfer(keys=["a", "b", "c"], block=4, group=2)
    assert p.group_keys(own, keys) == (["a", "b"], 2, 4), "whole groups only"
    for odd in (transfer(), transfer(block=2, group=3), transfer(block=-1, group=1)):
        assert p.group_keys(odd, keys) == ([], 0, 0)
    assert p.group_cover(bits("1111"), 2, 4, 10) == 8
    assert p.group_cover(bits("1101"), 2, 4, 10) == 4
    assert p.group_cover(bits("0111"), 2, 4, 10) == 0
    assert p.group_cover(bits("111"), 1, 4, 10) == 10, "at most the span"
    assert p.group_cover([], 0, 0, 10) == 0


def test_policies_by_name_or_enumeration():
    from enum import Enum

    class Policy(str, Enum):
        TRAILING = "trailing_pages"

    assert p.policy_of(transfer(Policy.TRAILING)) == p.TRAILING_PAGES
    assert p.policy_of(transfer("all_pages")) == p.ALL_PAGES == p.policy_of(SimpleNamespace())
    assert p.window_of(transfer()) == 1 and p.window_of(transfer(keys=["a", "b"])) == 2

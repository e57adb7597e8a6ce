"""Bytes that come in pieces of any size end where they belong."""

from __future__ import annotations

import pytest

from sglang_varve.scatter import IOV_MAX, Scatter


@pytest.mark.parametrize("seed", range(40))
def test_any_pieces_fill_any_views_in_order(rng, seed):
    rng.seed(seed)
    buffers = [bytearray(rng.choice((0, 1, 7, 100, 5000))) for _ in range(rng.randrange(1, 30))]
    buffers.append(bytearray(1))
    data = rng.randbytes(sum(map(len, buffers)))
    scatter = Scatter([memoryview(buffer) for buffer in buffers])
    assert scatter.total == len(data)
    while scatter.done < len(data):
        size = rng.choice((1, 3, 100, 6000, 10**6))
        if rng.random() < 0.5:
            piece = data[scatter.done : scatter.done + size]
            assert scatter.copy(memoryview(piece)) == len(piece)
            continue
        room = scatter.views(size)
        assert 0 < sum(map(len, room)) <= size and all(len(view) for view in room[:1])
        come = rng.randrange(1, sum(map(len, room)) + 1)  # As a receive that brings less.
        for view in room:
            part = data[scatter.done : scatter.done + min(come, len(view))]
            view[: len(part)] = part
            scatter.done += len(part)
            come -= len(part)
            if not come:
                break
    assert b"".join(buffers) == data


def test_no_more_views_at_once_than_the_kernel_takes():
    buffers = [bytearray(3) for _ in range(IOV_MAX + 5)]
    scatter = Scatter([memoryview(buffer) for buffer in buffers])
    assert len(scatter.views(10**9)) == IOV_MAX
    assert sum(map(len, scatter.views(3 * IOV_MAX - 1))) == 3 * IOV_MAX - 1
    scatter.done = 3 * 5
    assert len(scatter.views(10**9)) == IOV_MAX
    scatter.done = scatter.total
    with pytest.raises(ValueError):
        scatter.views(1)

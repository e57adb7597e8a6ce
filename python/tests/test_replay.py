"""Traces, what stands for their blocks, and the replay and the demonstration over them."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
from pathlib import Path

import pytest
from standin_server import StandInServer

from sglang_varve import demo, replay
from sglang_varve.trace import POOL_BYTES, Trace, TraceError, block_id, page_content

HEAD = {"name": "small", "block_tokens": 64, "requests": 4}
LINES = [
    [0, 0, 300, 1, -1, 0, [[0, 4]]],
    [5, 1, 300, 1, 0, 3, [[4, 2], [9, 1]]],
    [9, 0, 300, 1, 1, 4, []],
    [9, 2, 0, 0, -1, 0, []],
]


def write(path: Path, head=HEAD, lines=LINES) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in [head, *lines]))
    return path


def test_a_trace_is_read_as_described(tmp_path):
    path = write(tmp_path / "small.kvt.jsonl")
    expected = [[0, 1, 2, 3], [0, 1, 2, 4, 5, 9], [0, 1, 2, 4], []]
    assert [request.blocks for request in Trace(path)] == expected
    subprocess.run(["zstd", "-q", str(path)], check=True)
    assert [request.blocks for request in Trace(str(path) + ".zst")] == expected


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([[0, 0, 1, 1, 0, 1, []]], "line 2"), ([[0, 0, 1]], "line 2"), (["x"], "line 2"),
        ([*LINES[:1], [0, 0, 1, 1, 0, 5, []]], "line 3.*1 blocks more"),
        ([*LINES[:1], [0, 0, 1, 1, 7, 1, []]], "line 3"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path, lines, reason):
    with pytest.raises(TraceError, match=reason):
        list(Trace(write(tmp_path / "bad.kvt.jsonl", lines=lines)))


def test_a_bad_file_is_named(tmp_path):
    with pytest.raises(TraceError, match="no such file"):
        Trace(tmp_path / "none.jsonl")
    (tmp_path / "empty").write_text("")
    with pytest.raises(TraceError, match="line 1"):
        Trace(tmp_path / "empty")
    (tmp_path / "bad.zst").write_bytes(b"no zstd")
    with pytest.raises(TraceError):
        Trace(tmp_path / "bad.zst")


def test_ids_and_bytes_are_as_documented():
    page_id = block_id("weka_v8_ci", 5)
    assert page_id == hashlib.sha256(b"varve-traceweka_v8_ci" + struct.pack("<Q", 5)).digest()
    state, words = 0x5661727665, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        words.append(z ^ z >> 31)
    zero = page_content(bytes(32), POOL_BYTES + 100)
    assert zero[:32] == bytes(32), "the id comes first"
    # At offset 0 the pool shows through from byte 32 on, and comes around after 2^20 bytes.
    assert zero[POOL_BYTES : POOL_BYTES + 24] == struct.pack("<3Q", *words)
    shifted = page_content(struct.pack("<Q", 1000) + bytes(24), 100)
    assert shifted[32:] == zero[1032:1100]
    assert page_content(page_id, 40)[:32] == page_id and len(page_content(page_id, 10)) == 10


def test_the_bytes_of_a_block_are_golden():
    """What varvectl makes of the same block must have these digests."""
    digest = hashlib.sha256(page_content(block_id("weka_v8_ci", 0), 3_000_000)).hexdigest()
    assert block_id("weka_v8_ci", 0).hex() == GOLDEN_ID
    assert digest == GOLDEN_BYTES


GOLDEN_ID = "0ddf521eed95451adb782d5acb87f091984e44702c54a136b66d633a902b7c90"
GOLDEN_BYTES = "76f382f61cc2ad96d24c1b0a16bd1cca6919c314bc53defb52338c25050f5807"


def test_replay_counts_prefix_hits_and_verifies(tmp_path, capsys):
    path = write(tmp_path / "small.kvt.jsonl")
    with StandInServer() as server:
        arguments = [str(path), "--endpoint", server.endpoint, "--page-bytes", "256", "--json"]
        assert replay.main(arguments) == 0
        first = json.loads(capsys.readouterr().out)
        assert (first["requests"], first["blocks"], first["hit_blocks"]) == (4, 14, 7)
        assert first["hit_rate_percent"] == 50.0
        assert (first["got_bytes"], first["put_bytes"], first["wrong_bytes"]) == (7 * 256, 1792, 0)
        assert replay.main([*arguments, "--requests", "1:3"]) == 0
        again = json.loads(capsys.readouterr().out)
        assert (again["requests"], again["hit_rate_percent"]) == (2, 100.0)
        assert replay.main(arguments[:-1]) == 0
        assert "prefix hit rate" in capsys.readouterr().out


def test_replay_sees_bytes_that_are_wrong_though_their_checksum_is_right(tmp_path, capsys):
    import xxhash

    path = write(tmp_path / "small.kvt.jsonl")
    with StandInServer() as server:
        arguments = [str(path), "--endpoint", server.endpoint, "--page-bytes", "256", "--json"]
        replay.main(arguments)
        capsys.readouterr()
        (space,) = [space for space in server.spaces.values() if space.pages]
        forged = bytes(256)
        space.pages[block_id("small", 1)] = (forged, xxhash.xxh3_64_intdigest(forged))
        assert replay.main(arguments) == 1
        assert json.loads(capsys.readouterr().out)["wrong_pages"] == 3


def test_replay_says_that_the_daemon_is_away(tmp_path, capsys):
    path = write(tmp_path / "small.kvt.jsonl")
    with StandInServer() as server:
        endpoint = server.endpoint
    assert replay.main([str(path), "--endpoint", endpoint, "--page-bytes", "256"]) == 1
    assert "away" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--page-bytes", "63"], ["--requests", "5:1"], ["--requests", "x"], ["--layout", "none"]],
)
def test_replay_refuses_bad_usage_with_2(tmp_path, arguments):
    path = write(tmp_path / "small.kvt.jsonl")
    with pytest.raises(SystemExit) as exit:
        replay.main([str(path), *arguments])
    assert exit.value.code == 2


def test_the_fixture_has_the_hit_rate_its_source_states(fixtures, capsys):
    """An infinite cache hits 94.9 % of the blocks of weka_v8_ci; here of its first requests."""
    trace = Trace(fixtures / "weka_v8_ci.kvt.jsonl")
    seen: set[int] = set()
    hits = blocks = 0
    for request in trace:
        hit = next((i for i, b in enumerate(request.blocks) if b not in seen), len(request.blocks))
        hits, blocks = hits + hit, blocks + len(request.blocks)
        seen.update(request.blocks)
    assert (blocks, len(seen)) == (463_490, 23_712) and round(100 * hits / blocks, 1) == 94.9


def test_the_verdict_of_the_demonstration(capsys):
    without, killed = demo.Run(), demo.Run()
    for one in (without, killed):
        for tally in one.halves:
            tally.blocks, tally.hit_blocks = 1000, 900
    assert demo.verdict("t", 1, 64, without, killed) == 0
    killed.halves[1].hit_blocks = 894
    assert demo.verdict("t", 1, 64, without, killed) == 1
    killed.halves[1].hit_blocks = 895
    assert demo.verdict("t", 1, 64, without, killed) == 0
    killed.halves[0].wrong_bytes = 1
    assert demo.verdict("t", 1, 64, without, killed) == 1
    assert "wrong bytes                  1" in capsys.readouterr().out

"""Three tensor-parallel ranks at once, each a process, agreeing through SGLang's all-reduce."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

RANKS = 3
SECONDS = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(endpoint: str, stage: str, seed: int) -> list[dict]:
    """What each rank saw; all of them must end well."""
    script, port = Path(__file__).with_name("rank_process.py"), free_port()
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(RANKS), str(port), endpoint, stage,
             str(seed)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(RANKS)
    ]  # fmt: skip
    try:
        outputs = [process.communicate(timeout=SECONDS) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-4000:]
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in outputs]


def test_three_ranks_write_and_read_at_once_and_agree(daemon, rng):
    seed = rng.randrange(1 << 20)
    wrote = run(daemon.endpoint, "write", seed)
    assert [seen["pages"] for seen in wrote] == [300, 300, 230]
    assert len({seen["namespace"] for seen in wrote}) == RANKS
    daemon.kill()
    daemon.start()
    read = run(daemon.endpoint, "read", seed)
    assert [seen["pages"] for seen in read] == [230] * RANKS, "what every rank has"
    assert all(seen["right"] and not seen["errors"] for seen in read)

"""One of several tensor-parallel ranks: a process with SGLang's controller and a gloo group.

    rank_process.py RANK SIZE PORT ENDPOINT STAGE SEED

Stage ``write`` backs up a chain with its own bytes, ``read`` looks it up and reads it back through
the controller, whose ranks agree by all-reduce. The last line is JSON: what this rank saw.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

import standins  # noqa: E402

standins.install()

import torch  # noqa: E402
from rig import PAGE, Worker, hashes, state_rank  # noqa: E402

PAGES = 300
TOKENS = [(i * 7919) % 90_000 for i in range(PAGES * PAGE)]
KEYS = hashes(TOKENS)


def digest(pages: list[bytes]) -> str:
    return hashlib.sha256(b"".join(pages)).hexdigest()


def main(rank: int, size: int, port: int, endpoint: str, stage: str, seed: int) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size
    )
    group = torch.distributed.group.WORLD
    state_rank(rank, size)
    seen: dict = {"rank": rank}
    with Worker(endpoint, "page_first", PAGES, tp_group=group, log_seconds=0) as worker:
        indices, contents = worker.fill(1000 * seed + rank)
        seen["namespace"] = worker.storage.namespace
        if stage == "write":
            # The last rank stops short: no rank may read more than all have.
            pages = PAGES if rank < size - 1 else PAGES - 70
            done = worker.write(indices[: pages * PAGE], TOKENS[: pages * PAGE], KEYS[:pages], [])
            seen["pages"] = done // PAGE
        else:
            worker.host.free(indices)
            worker.wipe()
            got, slots = worker.read(TOKENS, None, [])
            seen["pages"] = got
            seen["right"] = digest(worker.contents(slots)) == digest(contents[:got])
        seen["errors"] = worker.storage.counters.totals()["internal_errors"]
        torch.distributed.barrier()
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), sys.argv[4], sys.argv[5], int(sys.argv[6]))

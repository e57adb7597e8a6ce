"""Fixtures and the closing line ``N passed, N failed[, N skipped]`` that scripts read."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402
from standin_server import StandInServer  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("VARVE_SEED") or random.SystemRandom().randrange(1 << 32))


def pytest_report_header(config) -> str:
    return f"VARVE_SEED={SEED} replays this run's random inputs"


def pytest_unconfigure(config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {name: len(reporter.stats.get(name, ())) for name in
             ("passed", "failed", "error", "skipped")}  # fmt: skip
    line = f"{count['passed']} passed, {count['failed'] + count['error']} failed"
    if count["skipped"]:
        line += f", {count['skipped']} skipped"
    print(line, flush=True)


@pytest.fixture
def rng(request) -> random.Random:
    """Random inputs of one test, the same for the same VARVE_SEED whatever else runs."""
    print(f"VARVE_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def fixtures() -> Path:
    return REPOSITORY / "Tests" / "Fixtures"


@pytest.fixture
def server():
    with StandInServer() as standin:
        yield standin


@pytest.fixture
def daemon(tmp_path):
    """A real varved on a directory of its own."""
    binary = find_daemon(REPOSITORY)
    if binary is None:
        pytest.skip("no varved: build it, or name it in VARVED")
    with Daemon(binary, tmp_path / "data") as running:
        yield running

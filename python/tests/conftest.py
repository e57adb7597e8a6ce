"""Fixtures of the backend's tests."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from closing_line import (  # noqa: E402, F401
    SEED,
    pytest_report_header,
    pytest_runtest_setup,
    pytest_terminal_summary,
    pytest_unconfigure,
)
from standin_server import StandInServer  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]


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

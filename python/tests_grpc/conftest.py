"""Stubs made from Protos with default options, and a real daemon: what any client would have."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "tests"))

from closing_line import (  # noqa: E402, F401
    SEED,
    pytest_report_header,
    pytest_runtest_setup,
    pytest_terminal_summary,
    pytest_unconfigure,
)
from stubs import make_stubs  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def stubs(tmp_path_factory) -> Path:
    """The generated modules, importable as varve.v1.varve_pb2 and so on."""
    folder = tmp_path_factory.mktemp("stubs")
    make_stubs(REPOSITORY / "Protos", folder)
    return folder


@pytest.fixture
def rng(request) -> random.Random:
    """Random inputs of one test, the same for the same VARVE_SEED whatever else runs."""
    print(f"VARVE_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


def start_daemon(folder: Path) -> Daemon:
    binary = find_daemon(REPOSITORY)
    if binary is None:
        pytest.skip("no varved: build it, or name it in VARVED")
    # Pages of 16 MiB need segments of at least twice that; 64 MiB as a deployment would have.
    os.environ["VARVE_SEGMENT_BYTES"] = "64MiB"
    return Daemon(binary, folder / "data", capacity="1GiB")


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory):
    with start_daemon(tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture
def own_daemon(tmp_path):
    """For tests that stop it."""
    with start_daemon(tmp_path) as running:
        yield running


@pytest.fixture
def store(shared_daemon, stubs, rng):
    from store import Store

    with Store(shared_daemon.endpoint, rng) as opened:
        yield opened

"""Runs SGLang's own classes here: stand-ins first, then a daemon, real or (by option) in memory."""

from __future__ import annotations

import random
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
OLDER = version("sglang") in ("0.5.9", "0.5.15")  # Their rig goes before 0.5.23's.
collect_ignore = [] if OLDER else ["older"]
sys.path[:0] = [*[str(HERE / "older")] * OLDER, str(HERE), str(HERE.parent / "tests")]

if OLDER:
    from standins_older import install  # noqa: E402
else:
    from standins import install  # noqa: E402

install()

from closing_line import (  # noqa: E402, F401
    SEED,
    pytest_report_header,
    pytest_runtest_setup,
    pytest_terminal_summary,
    pytest_unconfigure,
)
from rig import state_single_rank  # noqa: E402
from standin_server import StandInServer  # noqa: E402

from sglang_varve.daemon_process import Daemon, find_daemon  # noqa: E402

state_single_rank()


def pytest_addoption(parser) -> None:
    parser.addoption("--daemon", choices=("real", "standin"), default="real")


class _StandIn:
    """The stand-in server with the ways of a daemon."""

    def __init__(self) -> None:
        self.server = StandInServer()
        self.endpoint = self.server.endpoint
        self.kill, self.start = self.server.stop, self.server.start


@pytest.fixture
def daemon(request, tmp_path):
    if request.config.getoption("--daemon") == "standin":
        standin = _StandIn()
        yield standin
        standin.kill()
        return
    binary = find_daemon(REPOSITORY)
    if binary is None:
        pytest.skip("no varved: build it, or name it in VARVED; --daemon=standin does without")
    with Daemon(binary, tmp_path / "data") as running:
        yield running


@pytest.fixture
def rng(request) -> random.Random:
    print(f"VARVE_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")

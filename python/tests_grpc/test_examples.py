"""The examples of docs/examples do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "docs" / "examples"


def test_python(shared_daemon, stubs):
    command = [sys.executable, str(EXAMPLES / "pages.py"), shared_daemon.endpoint]
    environment = {**os.environ, "PYTHONPATH": str(stubs)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (told.returncode, told.stdout) == (0, "ok\n"), told.stderr


def test_shell(shared_daemon):
    program = Path(shared_daemon.binary).with_name("varvectl")
    if not program.is_file():
        pytest.skip("no varvectl beside varved: make build")
    environment = {
        **os.environ, "VARVECTL": str(program), "VARVE_ENDPOINT": shared_daemon.endpoint,
    }  # fmt: skip
    told = subprocess.run(
        [EXAMPLES / "pages.sh"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (told.returncode, told.stdout) == (0, "ok\n"), told.stderr

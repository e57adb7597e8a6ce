"""What every suite here has: a seed, a budget of time, and a closing line that scripts read."""

from __future__ import annotations

import os
import random
import time

import pytest

SEED = int(os.environ.get("VARVE_SEED") or random.SystemRandom().randrange(1 << 32))
BUDGET_SECONDS = float(os.environ.get("VARVE_TEST_SECONDS") or "inf")
STARTED = time.monotonic()
CUT: list[str] = []


def pytest_report_header(config) -> str:
    return f"VARVE_SEED={SEED} replays this run's random inputs"


def pytest_runtest_setup(item) -> None:
    """Skips what is left once VARVE_TEST_SECONDS are used up; the summary names what was cut."""
    if time.monotonic() - STARTED > BUDGET_SECONDS:
        CUT.append(item.nodeid)
        pytest.skip(f"cut: VARVE_TEST_SECONDS={BUDGET_SECONDS:g} are used up")


def pytest_terminal_summary(terminalreporter) -> None:
    if CUT:
        terminalreporter.write_line(f"cut for want of time: {len(CUT)} tests")
        for name in CUT:
            terminalreporter.write_line(f"  {name}")


def pytest_unconfigure(config) -> None:
    """Prints ``N passed, N failed[, N skipped]`` alone, as the last line."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    count = {name: len(reporter.stats.get(name, ())) for name in
             ("passed", "failed", "error", "skipped")}  # fmt: skip
    line = f"{count['passed']} passed, {count['failed'] + count['error']} failed"
    if count["skipped"]:
        line += f", {count['skipped']} skipped"
    print(line, flush=True)

"""The seed of a run's random inputs, and the closing line that scripts read."""

from __future__ import annotations

import os
import random

SEED = int(os.environ.get("VARVE_SEED") or random.SystemRandom().randrange(1 << 32))


def pytest_report_header(config) -> str:
    return f"VARVE_SEED={SEED} replays this run's random inputs"


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

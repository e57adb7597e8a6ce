"""The periodic line in the log."""

from __future__ import annotations

import logging

from support import keys, make_storage, wait_until

from sglang_varve.counters import Counters, Report


def lines(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if " lookups hit " in r.getMessage()]


def test_a_line_says_what_was_done_since_the_last_and_silence_is_none(server, caplog):
    caplog.set_level(logging.INFO)
    storage = make_storage(server.endpoint, extra={"log_seconds": 0.1})
    storage.batch_set_v1(keys(3), list(range(12)))
    storage.batch_exists(keys(5))
    wait_until(lambda: storage.get_stats() and lines(caplog))
    line = lines(caplog)[0]
    assert storage.namespace in line and "lookups hit 3 of 5 pages" in line
    assert "put 3 of 3 pages" in line and "0 pages corrupt" in line
    said = len(lines(caplog))
    storage.batch_exists(keys(5))
    wait_until(lambda: storage.get_stats() and len(lines(caplog)) > said)
    assert "put 0 of 0 pages" in lines(caplog)[-1], "what was said is not said again"


def test_it_can_be_turned_off_and_says_nothing_of_nothing(caplog):
    caplog.set_level(logging.INFO)
    counters = Counters()
    for seconds in (0, 1e-9):
        Report(counters, seconds).tick()
    counters.add(lookups=1)
    Report(counters, 0).tick()
    assert lines(caplog) == []

"""The table of ``make bench-sglang``, made from its raw results alone: table.py FILE.

Medians with the least and the most; a ratio over 1 says that Varve is better.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

GIB = 1 << 30
WHO = ("file", "file tuned", "varve", "floor")
TARGETS = {
    ("exists", None): 8, ("exists cold entries", None): 20, ("get hot", "64K"): 2,
    ("get hot", "1M"): 1.2, ("get hot", "4M"): 1.2, ("get cold", None): 1.5,
    ("set", "64K"): 2, ("set", "1M"): 1, ("set", "4M"): 1, ("in time", None): 1.5,
}  # fmt: skip
LATENCIES = ("exists", "exists cold entries", "miss", "miss again")
THROUGHPUTS = ("get hot", "get cold", "set", "set, synced")


def _span(values: list[float], form: str) -> str:
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:{form}} ({least:{form}}–{most:{form}})"


def _target(what: str, size: str) -> str:
    target = TARGETS.get((what, size), TARGETS.get((what, None)))
    return f"≥ {target:g}" if target else ""


def _ratio(mine: list[float], other: list[float], more_is_better: bool) -> str:
    a, b = statistics.median(mine), statistics.median(other)
    if not (b if more_is_better else a):
        return "–" if not (a if more_is_better else b) else "∞"
    return f"{a / b if more_is_better else b / a:.2f}"


def _rows(lines: list[dict], what: str, value) -> dict:
    """(size, count): {who: values} of one measurement."""
    found: dict = {}
    for line in lines:
        if line["what"] == what:
            case = found.setdefault((line["size"], line["count"]), {})
            case.setdefault(line["who"], []).append(value(line))
    return found


def _latency_table(lines: list[dict]) -> list[str]:
    out = ["", f"{'µs a call':<22}{'pages':>16}{'file':>28}{'file tuned':>28}{'varve':>28}"
           f"{'floor':>22}{'ratio':>8}{'tuned':>8}{'aim':>7}"]  # fmt: skip
    for what in LATENCIES:
        rows = _rows(lines, what, lambda x: 1e6 * x["seconds"])
        floor = [value for case in rows.values() for value in case.get("floor", [])]
        for (size, count), who in rows.items():
            if len(who) < 3:  # The floor alone; or the run goes on, or was cut short.
                continue
            cells = "".join(f"{_span(who[name], ',.1f'):>28}" for name in WHO[:3])
            cells += f"{_span(floor, ',.0f') if floor else '':>22}"
            ratios = "".join(f"{_ratio(who['varve'], who[name], False):>8}" for name in WHO[:2])
            out.append(f"{what:<22}{f'{size} × {count:,}':>16}{cells}{ratios}"
                       f"{_target(what, size):>7}")  # fmt: skip
    return out


def _throughput_table(lines: list[dict]) -> list[str]:
    out = ["", f"{'GiB/s':<12}{'pages':>14}{'file':>22}{'file tuned':>22}{'varve':>22}"
           f"{'floor':>22}{'ratio':>8}{'tuned':>8}{'aim':>7}   CPU-s a GiB: file | varve = worker"
           " + daemon | floor"]  # fmt: skip
    for what in THROUGHPUTS:
        rows = _rows(lines, what, lambda x: x)
        floors = {size: who for (size, count), who in rows.items() if not count}
        measured = {size for size, count in rows if count}
        for (size, count), who in rows.items():
            if not count and size in measured:
                continue
            who = {**who, **floors.get(size, {})}
            rate = {
                name: [x["amount"] / GIB / x["seconds"] for x in found]
                for name, found in who.items()
            }
            cells = "".join(
                f"{_span(rate[name], '.2f') if name in rate else '':>22}" for name in WHO
            )
            ratios = "".join(
                f"{_rated(rate, name):>8}"
                for name in WHO[:2]
            )
            cpu = " | ".join(_cpu(who.get(name, [])) for name in ("file", "varve", "floor"))
            pages = f"{size} × {count:,}" if count else size
            out.append(f"{what:<12}{pages:>14}{cells}{ratios}{_target(what, size):>7}   {cpu}")
    return out


def _rated(rate: dict, other: str) -> str:
    return _ratio(rate["varve"], rate[other], True) if {"varve", other} <= set(rate) else ""


def _cpu(found: list[dict]) -> str:
    if not found:
        return "–"
    gib = sum(x["amount"] for x in found) / GIB
    worker = sum(x["worker_cpu"] for x in found) / gib
    daemon = sum(x["daemon_cpu"] for x in found) / gib
    return f"{worker:.2f} + {daemon:.2f}" if daemon else f"{worker:.2f}"


def _in_time_table(lines: list[dict]) -> list[str]:
    found: dict = {}
    for line in lines:
        if line["what"] == "in time":
            case = found.setdefault((line["size"], line["count"], line["wait_ms"]), {})
            case.setdefault(line["who"], []).append(line["tokens"])
    out = ["", f"{'tokens in time, cold':<22}{'wait':>10}{'file':>28}{'file tuned':>28}"
           f"{'varve':>28}{'ratio':>8}{'tuned':>8}{'aim':>7}"] if found else []  # fmt: skip
    for (size, count, wait), who in found.items():
        if len(who) < 3:
            continue
        cells = "".join(f"{_span(who[name], ',.0f'):>28}" for name in WHO[:3])
        ratios = "".join(f"{_ratio(who['varve'], who[name], True):>8}" for name in WHO[:2])
        out.append(f"{f'{size} × {count:,}':<22}{f'{wait} ms':>10}{cells}{ratios}"
                   f"{_target('in time', size):>7}")  # fmt: skip
    return out


def table_of(path: Path) -> str:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    head = next((line for line in lines if line["what"] == "machine"), {})
    end = next((line for line in lines if line["what"] == "end"), {})
    out = [
        f"commit {head.get('commit')}, {head.get('cpus')} CPUs, load {head.get('load', 0):.1f} at "
        f"the start and {end.get('load', 0):.1f} at the end, SGLang {head.get('sglang')}; "
        "median (least–most), ratio: Varve against file",
    ]
    parts = (_latency_table, _throughput_table, _in_time_table)
    return "\n".join(out + [row for part in parts for row in part(lines)])


if __name__ == "__main__":
    print(table_of(Path(sys.argv[1])))

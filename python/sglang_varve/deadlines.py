"""How long a read may take before SGLang stops waiting for it.

With the policy ``timeout`` SGLang gives a prefetch ``prefetch_timeout_base`` seconds (1) and
``prefetch_timeout_per_ki_token`` (0.25) more for every 1,024 tokens; what its batches of 128 pages
brought by then counts, and of the batch under way nothing. So a read ends just before that time
with the leading pages that made it. ``wait_complete`` and ``best_effort`` know no such time.

The clock of SGLang is not passed to a backend: 0.5.9 and 0.5.15 start it when the prefetch is
queued, 0.5.23 when the scheduler first waits for it. It is taken to start with the lookup, the only
moment between the two that a backend sees.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from .base import server_argument

BATCH_PAGES = 128  # SGLang's own; its reads start at multiples of it.
KNOWN_MAX = 4096  # Reads looked up and not yet begun; older ones are forgotten.
MARGIN_SECONDS = 0.02  # For the way back through SGLang's queues.
BASE_SECONDS = 1.0
SECONDS_PER_KI_TOKEN = 0.25


class Deadlines:
    """Remembers lookups and tells the reads that follow them how long they have."""

    def __init__(self, policy: str, base: float, per_ki_token: float):
        self.policy, self.base, self.per_ki_token = policy, base, per_ki_token
        self.page_tokens = 0
        self._lock = threading.Lock()
        self._ends: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def of_server(cls, extra: dict[str, Any]) -> Deadlines:
        """SGLang's own settings, where its version tells them, else its defaults."""
        told = dict(_server_extra())
        told.update(extra)  # SGLang takes its keys out before a backend sees the rest.
        return cls(
            str(server_argument("hicache_storage_prefetch_policy") or "timeout"),
            _seconds(told.get("prefetch_timeout_base"), BASE_SECONDS),
            _seconds(told.get("prefetch_timeout_per_ki_token"), SECONDS_PER_KI_TOKEN),
        )

    def looked_up(self, keys: Sequence[str], hits: int, now: float) -> None:
        """Says that the first ``hits`` of ``keys`` were found: their prefetch has begun."""
        if not hits or self.policy != "timeout":
            return
        end = now + self.base + hits * self.page_tokens / 1024 * self.per_ki_token
        with self._lock:
            for i in range(0, hits, BATCH_PAGES):
                self._ends[keys[i]] = end
                self._ends.move_to_end(keys[i])
            while len(self._ends) > KNOWN_MAX:
                self._ends.popitem(last=False)

    def left(self, keys: Sequence[str], now: float) -> float | None:
        """Seconds a read of ``keys`` has; None where SGLang has no deadline for it.

        Reads without a lookup (``assume_stored``, trimmed ones) get the time of their own pages. A
        read whose time is over already still gets a moment: SGLang asked for it all the same.
        """
        if self.policy != "timeout" or not keys:
            return None
        with self._lock:
            end = self._ends.pop(keys[0], None)
        if end is None:
            return self.base + len(keys) * self.page_tokens / 1024 * self.per_ki_token
        return max(end - now - MARGIN_SECONDS, MARGIN_SECONDS)


def _seconds(value: Any, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        return default
    return float(value)


def _server_extra() -> dict[str, Any]:
    """The JSON of the command line as the server got it; empty where it cannot be read."""
    text = server_argument("hicache_storage_backend_extra_config")
    try:
        if isinstance(text, str) and text.startswith("@"):
            with open(text[1:], encoding="utf-8") as file:
                text = file.read()
        value = json.loads(text) if isinstance(text, str) else text
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}

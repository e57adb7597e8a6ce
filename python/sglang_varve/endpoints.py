"""Which daemon of several keeps a rank's pages: rendezvous hashing of its name.

Every worker that computes the same name picks the same endpoint of the same list, in whatever order
the list stands; taking one endpoint away moves the pages of that one alone. A daemon that is down
is a miss for its ranks: moving them would find nothing there, and find less after moving back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def choose(endpoints: Sequence[str], name: str) -> str:
    """The endpoint of the pages called ``name``; the same for every order of ``endpoints``."""
    if not endpoints:
        raise ValueError("no endpoint to choose from")
    return max(endpoints, key=lambda endpoint: (_weight(endpoint, name), endpoint))


def _weight(endpoint: str, name: str) -> bytes:
    return hashlib.sha256(f"{endpoint}\0{name}".encode()).digest()

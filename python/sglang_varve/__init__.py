"""Varve's SGLang backend: a HiCache L3 store that speaks Varve's framed TCP.

``VarveStorage`` is loaded on first use, so that the client, the codec and the replay tool can be
imported where neither SGLang nor torch is installed, without paying for their import where they
are. SGLang's ``dynamic`` factory reads the class with ``getattr``, which is what ``__getattr__``
below answers.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["Client", "VarveStorage"]


def __getattr__(name: str):
    if name == "VarveStorage":
        from .storage import VarveStorage

        return VarveStorage
    if name == "Client":
        from .client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

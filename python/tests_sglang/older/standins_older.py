"""What SGLang 0.5.9 and 0.5.15 import besides, and what their wheels' pins would have brought.

Beside the GPU-bound packages (``standins.py``) they import openai for the types of their HTTP
interface and a constant from a file of Triton kernels, and register models with transformers that
the version installed here has itself. None of it has a part in the cache.
"""

from __future__ import annotations

import sys
import types

import standins
from pydantic_core import core_schema

CHUNK_FILE = "sglang.srt.layers.attention.fla.chunk_delta_h"


def install() -> None:
    """Must run before anything of SGLang is imported."""
    standins.GPU_BOUND += ("openai",)
    standins.BODY["__get_pydantic_core_schema__"] = classmethod(
        lambda cls, source, handler: core_schema.any_schema()
    )
    standins.install()
    chunks = types.ModuleType(CHUNK_FILE)
    chunks.CHUNK_SIZE = 64
    sys.modules[CHUNK_FILE] = chunks
    from transformers.models.auto import auto_factory, configuration_auto

    for mapping in (configuration_auto._LazyConfigMapping, auto_factory._LazyAutoMapping):
        _take_known_names(mapping)


def _take_known_names(mapping: type) -> None:
    register = mapping.register

    def tolerant(self, key, value, exist_ok=True):
        return register(self, key, value, exist_ok=True)

    mapping.register = tolerant

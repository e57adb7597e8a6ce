"""Stand-ins for what SGLang imports and a machine without a GPU cannot have.

``install()`` answers imports of the GPU-bound packages below with empty modules: any name in them
is an inert class that can be called, subclassed, indexed or used as a decorator. None of it runs in
the paths under test; what does run there (the controllers, the host pools, the factory) is SGLang's
own code, unchanged. The native hash extension, which SGLang compiles on first use, is replaced by
the same SHA-256 chain through hashlib; ``Tests/Fixtures/vectors.json`` judges it.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.machinery
import struct
import sys
import types

GPU_BOUND = ("triton", "tvm_ffi", "sgl_kernel", "flashinfer", "torchvision")
BODY: dict = {}  # What every inert class has besides.
HASH_MODULE = "sglang.srt.mem_cache.cpp_utils.native_hash"


class _Inert(type):
    """The class of everything in a stand-in module."""

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return _inert(name)

    def __call__(cls, *args, **options):
        if len(args) == 1 and not options and callable(args[0]):
            return args[0]  # Used as a decorator.
        return cls if cls.__module__ == __name__ else super().__call__(*args, **options)

    def __getitem__(cls, _):
        return cls

    def __or__(cls, other):
        return cls

    __ror__ = __or__

    def __bool__(cls) -> bool:
        return False


def _inert(name: str) -> _Inert:
    return _Inert(name, (), {"__module__": __name__, **BODY})


class _Module(types.ModuleType):
    __version__ = "0.0.0"

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return _inert(name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GPU_BOUND:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module) -> None:
        module.__path__ = []


def get_native_hash(token_ids, prior_digest: bytes | None = None, page_size: int | None = None):
    """SHA-256 over (previous id, tokens as u32 little-endian), a page at a time, in hex."""
    tokens = list(getattr(token_ids, "token_ids", token_ids))
    if page_size is None:
        data = (prior_digest or b"") + struct.pack(f"<{len(tokens)}I", *tokens)
        return hashlib.sha256(data).hexdigest()
    digest, ids = prior_digest or b"", []
    for at in range(0, len(tokens), page_size):
        page = tokens[at : at + page_size]
        digest = hashlib.sha256(digest + struct.pack(f"<{len(page)}I", *page)).digest()
        ids.append(digest.hex())
    return ids


def _uncompiled(function=None, **_):
    return function if function is not None else lambda inner: inner


def install() -> None:
    """Must run before anything of SGLang is imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        hashing = types.ModuleType(HASH_MODULE)
        hashing.get_native_hash = get_native_hash
        sys.modules[HASH_MODULE] = hashing
        import torch

        # Compiling would look for the real Triton; nothing here is compiled.
        torch.compile = _uncompiled

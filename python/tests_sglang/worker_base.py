"""What every version's worker has: its host pool's bytes, and a controller to be detached."""

from __future__ import annotations

from typing import Any

import torch
from sglang.srt.mem_cache.memory_pool import MHATokenToKVPool

PAGE, LAYERS, HEADS, HEAD_DIM = 8, 4, 2, 16
SECONDS = 60.0
LAYOUTS = ("page_first", "page_first_direct", "layer_first", "page_head")


def backend_config(endpoint: str, extra: dict) -> dict:
    """The JSON of a server that is told to use Varve."""
    return {
        "backend_name": "varve", "module_path": "sglang_varve", "class_name": "VarveStorage",
        "interface_v1": 1, "endpoint": endpoint, **extra,
    }  # fmt: skip


class BaseWorker:
    """``host`` and ``controller`` are the rig's; ``with`` it, or detach."""

    host: Any
    controller: Any
    pages: int

    def __enter__(self) -> BaseWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.detach_storage_backend()

    @property
    def storage(self) -> Any:
        """The backend, behind SGLang's fault injector where there is one."""
        backend = self.controller.storage_backend
        return getattr(backend, "_backend", backend)

    def make_device_pool(self) -> MHATokenToKVPool:
        """The pool of a small model, one page larger than the worker's."""
        return MHATokenToKVPool(
            size=(self.pages + 1) * PAGE, page_size=PAGE, dtype=torch.bfloat16, head_num=HEADS,
            head_dim=HEAD_DIM, layer_num=LAYERS, device="cpu", enable_memory_saver=False,
        )  # fmt: skip

    def write(
        self, indices: torch.Tensor, tokens: list[int], keys: list[str], prefix, sides=None
    ) -> int:
        """Backs up pages; how many tokens the controller says are stored."""
        more = {"extra_pools": sides} if sides else {}
        self.controller.write_storage(indices, tokens, hash_value=keys, prefix_keys=prefix, **more)
        return self.controller.ack_backup_queue.get(timeout=SECONDS).completed_tokens

    def fill(self, seed: int) -> tuple[torch.Tensor, list[bytes]]:
        """Random bytes in newly allocated host pages: (slots, the bytes of each page)."""
        generator = torch.Generator().manual_seed(seed)
        indices = self.host.alloc(self.pages * PAGE)
        raw = self.host.kv_buffer.view(torch.uint8)
        raw.copy_(torch.randint(0, 256, raw.shape, generator=generator, dtype=torch.uint8))
        return indices, self.contents(indices)

    def contents(self, indices: torch.Tensor) -> list[bytes]:
        """The bytes of the pages at these slots, by SGLang's own reading of its layout."""
        return [
            self.host.get_data_page(int(indices[i]), flat=True).view(torch.uint8).numpy().tobytes()
            for i in range(0, len(indices), PAGE)
        ]

    def wipe(self) -> None:
        self.host.kv_buffer.zero_()

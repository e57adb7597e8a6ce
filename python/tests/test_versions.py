"""The versions of SGLang that are served, by the fields their classes have.

The lists are those of ``hicache_storage.py`` in the wheels of 0.5.9, 0.5.15 and 0.5.23.
"""

from __future__ import annotations

from dataclasses import make_dataclass
from types import SimpleNamespace

import pytest
from support import fill, keys, make_pool, wipe

from sglang_varve import base
from sglang_varve.storage import VarveStorage

OLDEST = ("tp_rank", "tp_size", "pp_rank", "pp_size", "is_mla_model", "is_page_first_layout",
          "model_name", "extra_config")  # fmt: skip
MIDDLE = (*OLDEST, "attn_cp_rank", "attn_cp_size", "enable_storage_metrics", "tp_lcm_size",
          "should_split_heads")  # fmt: skip
FIELDS = {
    "0.5.9": OLDEST, "0.5.15": MIDDLE,
    "0.5.23": (*MIDDLE, "dp_rank", "dcp_size", "dcp_rank", "logical_page_size"),
}  # fmt: skip
RESULTS = {
    "0.5.15": ("kv_hit_pages", "extra_pool_hit_pages"),
    "0.5.23": ("kv_hit_pages", "extra_pool_hit_pages", "restorable_prefix_pages"),
}
VALUES = dict(
    tp_rank=1, tp_size=2, pp_rank=0, pp_size=1, attn_cp_rank=0, attn_cp_size=1, is_mla_model=False,
    enable_storage_metrics=True, is_page_first_layout=True, model_name="m", tp_lcm_size=None,
    should_split_heads=False, dp_rank=0, dcp_size=1, dcp_rank=0, logical_page_size=None,
)  # fmt: skip


def worker(server, version: str) -> VarveStorage:
    values = {**VALUES, "extra_config": {"endpoint": server.endpoint, "interface_v1": 1}}
    config = SimpleNamespace(**{name: values[name] for name in FIELDS[version]})
    return VarveStorage(config, {})


@pytest.mark.parametrize("version", FIELDS)
def test_version_1_calls_of_each_version(server, rng, version):
    storage, pool = worker(server, version), make_pool(page_num=8)
    storage.register_mem_pool_host(pool)
    contents = fill(pool, rng)
    for extra_info in (None, SimpleNamespace(prefix_keys=(None,)), SimpleNamespace()):
        assert storage.batch_set_v1(keys(8), pool.indices(range(8)), extra_info) == [True] * 8
        assert storage.batch_exists(keys(9), extra_info) == 8
    wipe(pool)
    assert storage.batch_get_v1(keys(8), pool.indices(range(8))) == [True] * 8
    assert [pool.read_page(i) for i in range(8)] == contents
    assert storage.counters.totals()["internal_errors"] == 0


def test_pages_written_by_one_version_are_read_by_every_other(server, rng):
    pool = make_pool(page_num=8)
    fill(pool, rng)
    for version in FIELDS:
        storage = worker(server, version)
        storage.register_mem_pool_host(pool)
        assert storage.batch_set_v1(keys(8), pool.indices(range(8))) == [True] * 8
        if version != "0.5.9":
            assert server.put_payload_bytes == 8 * pool.page_bytes, "they were there already"


@pytest.mark.parametrize("version", RESULTS)
def test_answers_to_version_2_lookups_have_the_form_of_the_version(monkeypatch, version):
    kind = make_dataclass("PoolTransferResult", RESULTS[version])
    monkeypatch.setattr(base, "_named", lambda *places: kind)
    result = base.pool_transfer_result(3, {"kv": 3}, [1, 3])
    assert type(result) is kind and result.kv_hit_pages == 3
    assert getattr(result, "restorable_prefix_pages", None) in (None, [1, 3])
    monkeypatch.setattr(base, "_named", lambda *places: None)
    assert base.pool_transfer_result(3, {}, [3]).restorable_prefix_pages == [3]

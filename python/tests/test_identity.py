"""Names of namespaces and ids of keys."""

from __future__ import annotations

import hashlib
import itertools
from types import SimpleNamespace

import pytest
from support import config, info, keys, make_pool, make_storage

from sglang_varve.identity import describe, hint, namespace_name, page_id, page_ids


def name(pool=None, extra=None, **values) -> str:
    settings = config("h:1", extra=extra, **values)
    return namespace_name(describe(settings, pool or make_pool(), settings.extra_config))


def byte_pool(dtype: str):
    """A host pool of bytes over a device pool that knows what they are."""
    pool = make_pool(dtype="torch.uint8")
    pool.device_pool = SimpleNamespace(dtype=dtype)
    return pool


DIFFERENT = {
    "model": lambda: name(model_name="org/other"),
    "a model of the same readable name": lambda: name(model_name="org-model"),
    "weights": lambda: name(extra={"weights": "step 2000"}),
    "dtype": lambda: name(make_pool(dtype="float8_e4m3fn")),
    "dtype of the same size": lambda: name(make_pool(dtype="float16")),
    "bytes": lambda: name(make_pool(dtype="uint8")),
    "bytes that are e4m3": lambda: name(byte_pool("torch.float8_e4m3fn")),
    "bytes that are e5m2": lambda: name(byte_pool("torch.float8_e5m2")),
    "bytes that are said to be": lambda: name(make_pool(dtype="uint8"), extra={"kv_dtype": "x"}),
    "layout": lambda: name(make_pool("layer_first")),
    "direct layout": lambda: name(make_pool("page_first_direct")),
    "page size": lambda: name(make_pool(page_size=8)),
    "bytes a token": lambda: name(make_pool(token_bytes=80)),
    "layers": lambda: name(make_pool(layer_num=6, token_bytes=20)),
    "tp rank": lambda: name(tp_rank=1, tp_size=2),
    "tp size": lambda: name(tp_size=2),
    "pp rank": lambda: name(pp_rank=1, pp_size=2),
    "pp size": lambda: name(pp_size=2),
    "cp rank": lambda: name(attn_cp_rank=1, attn_cp_size=2),
    "cp size": lambda: name(attn_cp_size=2),
    "dcp size": lambda: name(dcp_size=2),
    "dcp rank": lambda: name(dcp_size=2, dcp_rank=1),
    "logical page size": lambda: name(logical_page_size=128),
    "replicated": lambda: name(is_mla_model=True),
    "interface": lambda: name(extra={"interface_v1": 0}),
}


def test_workers_that_differ_in_anything_never_meet():
    names = {"the same": name(), **{what: make() for what, make in DIFFERENT.items()}}
    for (a, first), (b, second) in itertools.combinations(names.items(), 2):
        assert first != second, f"{a} and {b}"


def test_workers_that_differ_in_nothing_that_matters_meet():
    assert name() == name()
    assert name() == name(make_pool(page_num=9)), "the size of the pool is no identity"
    assert name() == name(dp_rank=3), "data-parallel ranks hold the same bytes"
    assert name() == name(extra={"endpoint": "elsewhere:1"})
    assert name(is_mla_model=True, tp_size=4) == name(is_mla_model=True, tp_size=4, tp_rank=3)


def test_names_are_readable_short_and_plain():
    text = name(model_name="org/a model\n" + "é" * 500)
    assert text.isascii() and len(text) < 255 and "\n" not in text
    assert text.startswith("sglang/org-a-model-")
    assert "/page_first/p4/b240/kv/tp0of1-pp0of1-cp0of1-dcp0of1/" in text


def test_stored_pages_of_one_worker_are_no_hit_of_another(server):
    base = make_storage(server.endpoint)
    assert base.batch_set_v1(keys(2), list(range(8))) == [True] * 2
    for values in (dict(tp_size=2), dict(model_name="m"), dict(pp_size=2), dict(attn_cp_size=2)):
        assert make_storage(server.endpoint, **values).batch_exists(keys(2)) == 0
    for pool in (make_pool("layer_first"), make_pool(dtype="float16"), make_pool(page_size=8)):
        assert make_storage(server.endpoint, pool).batch_exists(keys(2)) == 0
    assert make_storage(server.endpoint).batch_exists(keys(2)) == 2


def test_versions_of_sglang_that_lack_attributes_have_a_name():
    old = SimpleNamespace(tp_rank=1, tp_size=2, is_mla_model=False, model_name=None)
    assert "/tp1of2-" in namespace_name(describe(old, object(), {}))
    assert namespace_name(describe(None, None, {}))


def test_ids_of_keys():
    plain = keys(3)
    assert page_ids(plain) == b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(3))
    odd = [plain[0].upper(), plain[0] + "_k", "", "ab " * 21 + "a", 5, b"raw", None, "é" * 64]
    ids = [page_id(key) for key in [*plain, *odd]]
    assert len(set(ids)) == len(ids) and all(len(i) == 32 for i in ids)
    assert page_ids([*plain, *odd]) == b"".join(ids)
    halves = ["0" * 63, "0" * 65]
    assert page_ids(halves) == page_id(halves[0]) + page_id(halves[1])
    assert page_ids([]) == b""
    # Keys that look like separated ones when they are joined.
    for names in (["a" * 31 + "\n" + "b" * 32], ["a" * 64 + "\n" + "b" * 64]):
        assert page_ids(names) == b"".join(map(page_id, names))


@pytest.mark.parametrize(
    "prefix", [None, 5, "text", {}, [None], [b"x"], ["f" * 63], ["g" * 64], [" " * 64]]
)
def test_hints_of_odd_form_are_no_hint(prefix):
    assert hint(info(prefix)) == (b"", False)
    assert hint(None) == (b"", False)
    assert hint(info([])) == (b"", True)

"""What the JSON of the command line may say, and how it is told when it cannot be meant."""

from __future__ import annotations

import logging

import pytest
from support import config

from sglang_varve import options as o
from sglang_varve.options import OptionError, Options, extra_of
from sglang_varve.storage import VarveStorage


def test_nothing_said_is_the_defaults():
    options = Options.read({})
    assert str(options) == str(Options.read({"backend_name": "varve", "interface_v1": 1}))
    assert options.endpoints == ("127.0.0.1:4770",) and options.verify and options.prefetch
    assert (options.lookup_seconds, options.io_seconds, options.miss_seconds) == (1.0, 10.0, 0.05)


def test_everything_said_is_taken(tmp_path):
    (tmp_path / "token").write_text("s3cret \nanother line\n")
    options = Options.read({
        "endpoints": ["a:1", "unix:/run/v.sock", "[::1]:3"], "token_file": str(tmp_path / "token"),
        "weights": "step 5", "kv_dtype": "fp8_e5m2", "durable": True, "verify": False,
        "prefetch": 0, "ttl_seconds": 60, "streams": 4, "log_seconds": 5, "miss_cache_ms": 0,
        "connect_timeout_ms": 100, "lookup_timeout_ms": 200, "io_timeout_ms": 300,
        "stall_timeout_ms": 400.5,
    })  # fmt: skip
    assert options.endpoints == ("a:1", "unix:/run/v.sock", "[::1]:3")
    assert options.token.reveal() == b"s3cret"
    assert (options.weights, options.kv_dtype, options.durable) == ("step 5", "fp8_e5m2", True)
    assert (options.verify, options.prefetch, options.ttl_seconds) == (False, False, 60)
    assert (options.streams, options.log_seconds, options.miss_seconds) == (4, 5, 0)
    assert (options.connect_seconds, options.lookup_seconds) == (0.1, 0.2)
    assert (options.io_seconds, options.stall_seconds) == (0.3, 0.4005)
    assert Options.read({"endpoints": "a:1, b:2"}).endpoints == ("a:1", "b:2")


WRONG = {
    "endpoint": ["no port", "h:0", "h:65536", "unix:"],
    "endpoints": [["a:1", "a:1"], ["a"], 5, ["h:1"] * 300],
    "token": [5, "x" * 5000], "token_file": ["/nowhere/at/all"],
    "durable": ["yes", 2], "verify": ["no"], "prefetch": [[]],
    "ttl_seconds": [-1, "soon", True], "streams": [0, 17, "many"],
    "lookup_timeout_ms": ["soon", -1, float("nan"), 1e12], "io_timeout_ms": [None, {}][1:],
    "miss_cache_ms": ["x"], "log_seconds": [-5],
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(k, v) for k in WRONG for v in WRONG[k]])
def test_a_value_that_cannot_be_meant_names_its_key(key, value):
    with pytest.raises(OptionError, match=key.removesuffix("s")):
        VarveStorage(config("127.0.0.1:1", extra={key: value}), {})


def test_limits_hold_at_their_edge(tmp_path):
    assert Options.read({"streams": o.STREAMS_MAX}).streams == o.STREAMS_MAX
    assert len(Options.read({"token": "x" * o.TOKEN_BYTES_MAX}).token.reveal()) == 4096
    many = [f"h:{i + 1}" for i in range(o.ENDPOINTS_MAX)]
    assert len(Options.read({"endpoints": many}).endpoints) == o.ENDPOINTS_MAX
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(OptionError, match="empty"):
        Options.read({"token_file": str(tmp_path / "empty")})
    with pytest.raises(OptionError, match="only one"):
        Options.read({"token": "a", "token_file": str(tmp_path / "empty")})


def test_unknown_keys_are_warned_of_once_and_do_nothing(caplog):
    extra = {"endpont": "elsewhere:1", "utterly_unknown_key": 1, "prefetch_threshold": 5}
    for _ in range(3):
        assert Options.read(extra).endpoints == ("127.0.0.1:4770",)
    text = [record.getMessage() for record in caplog.records]
    assert len(text) == 2
    assert "'endpont'" in text[0] and "did you mean 'endpoint" in text[0]
    assert "'utterly_unknown_key' is not known and does nothing" in text[1]


def test_secrets_are_in_no_log_line_and_in_no_text(server, caplog):
    caplog.set_level(logging.DEBUG)
    storage = VarveStorage(config(server.endpoint, extra={"token": "s3cret-token"}), {})
    from support import make_pool

    storage.register_mem_pool_host(make_pool())
    storage.batch_exists(["0" * 64])
    storage.close()
    with pytest.raises(OptionError) as raised:
        Options.read({"token": "s3cret-token", "durable": "s3cret"})
    shown = caplog.text + repr(storage.options) + str(storage.options)
    assert "s3cret-token" not in shown + str(raised.value) and "<secret>" in shown


def test_the_json_itself():
    from types import SimpleNamespace

    assert extra_of(SimpleNamespace(extra_config='{"endpoint": "h:1"}'), {}) == {"endpoint": "h:1"}
    assert extra_of(None, {"endpoint": "h:1"}) == {"endpoint": "h:1"}
    for wrong in ('{"endpoint": ', "[]", 5, ["a"]):
        with pytest.raises(OptionError, match="extra config"):
            extra_of(SimpleNamespace(extra_config=wrong), {})

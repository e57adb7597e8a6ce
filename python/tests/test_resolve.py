"""Names of hosts: resolved within the call's time, whatever the resolver does."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from sglang_varve.client import Client
from sglang_varve.errors import Unavailable


def test_a_name_is_resolved(server):
    with Client(f"localhost:{server.endpoint.rpartition(':')[2]}") as client:
        client.ping()


def test_a_resolver_that_hangs_costs_the_connect_timeout(monkeypatch):
    release = threading.Event()

    def hang(*_, **__):
        release.wait(30)
        raise socket.gaierror(-3, "late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with Client("no.such.host:1", connect_seconds=0.2, probe=False) as client:
        with pytest.raises(Unavailable):
            client.ping()
    release.set()
    assert time.monotonic() - started < 2


def test_a_name_that_is_not_known_is_said(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with Client("no.such.host:1", probe=False) as client:
        with pytest.raises(Unavailable, match="no.such.host: .*not known"):
            client.ping()

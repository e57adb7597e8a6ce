"""The way to one daemon: idle connections, and a breaker that makes a dead daemon cost nothing.

While the breaker is closed, a call takes an idle connection or opens one. When a connection cannot
be opened, breaks, or says nothing for as long as a call may take, the breaker opens: calls are
refused at once, in a microsecond, and a background thread tries HELLO and PING with growing pauses
until the daemon answers; then the breaker closes. Neither an error that the daemon itself answered
nor a call that ran out of time while its bytes were flowing opens it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .connection import Connection, parse_endpoint
from .errors import UNAVAILABLE, CallError, ConnectionLost, DeadlineExceeded, Unavailable

logger = logging.getLogger(__name__)

IDLE_MAX = 8
BACKOFF_MIN_SECONDS = 0.02
BACKOFF_MAX_SECONDS = 1.0
PATIENCE_MIN_SECONDS = 0.2  # A call whose own time was nearly used up says nothing of the daemon.

Result = TypeVar("Result")


class Link:
    """Runs work on connections to one endpoint; safe to use from several threads."""

    def __init__(
        self,
        endpoint: str,
        *,
        token: bytes = b"",
        connect_seconds: float = 1.0,
        stall_seconds: float = 3.0,
        client: str = "sglang_varve/0.1.0",
        probe: bool = True,
    ):
        parse_endpoint(endpoint)  # A mistake in the configuration is told at once.
        self.endpoint = endpoint
        self._token = token
        self._connect_seconds = connect_seconds
        self._stall_seconds = stall_seconds
        self._client = client
        self._probes = probe
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._open = False  # The breaker: open means refuse.
        self._closed = threading.Event()
        self.max_pages = 131_072  # Of a call, as the daemon said last.
        self.trips = 0
        self.connects = 0

    @property
    def is_away(self) -> bool:
        """Whether calls are refused at the moment."""
        return self._open or self._closed.is_set()

    def run(
        self,
        work: Callable[[Connection, float], Result],
        seconds: float,
        patience: float | None = None,
    ) -> Result:
        """``work(connection, deadline)`` on a connection; once more if an idle one was dead.

        Raises Unavailable, DeadlineExceeded or CallError. Every call of Varve may be repeated, so
        a connection that died while idle (a restarted daemon) is no reason to fail. ``patience``
        is the silence after which a call that ran out of time counts the daemon as away; give it
        where ``seconds`` is shorter than a daemon may need.
        """
        deadline = time.monotonic() + seconds
        patience = max(seconds, PATIENCE_MIN_SECONDS) if patience is None else patience
        patience = min(self._stall_seconds, patience)
        while True:
            connection = self._take(deadline)
            try:
                result = work(connection, deadline)
            except CallError as error:
                self._give(connection)
                if error.code == UNAVAILABLE and connection.draining and connection.reused:
                    continue  # It drained while idle; whoever listens now may serve.
                raise
            except ConnectionLost as error:
                connection.close()
                if connection.reused:
                    self._drop_idle()
                    continue
                self._trip(error)
                raise Unavailable(str(error)) from error
            except DeadlineExceeded as error:
                connection.close()
                if connection.silent_seconds >= 0.9 * patience:
                    self._trip(error)
                raise
            except BaseException:
                connection.close()
                raise
            self._give(connection)
            return result

    def close(self) -> None:
        """Refuses everything from now on and closes what is idle."""
        self._closed.set()
        self._drop_idle()

    def _take(self, deadline: float) -> Connection:
        if self.is_away:
            raise Unavailable(f"{self.endpoint} is away")
        with self._lock:
            if self._idle:
                connection = self._idle.pop()
                connection.reused = True
                return connection
        try:
            return self._connect(deadline)
        except (ConnectionLost, DeadlineExceeded) as error:
            self._trip(error)
            raise Unavailable(str(error)) from error

    def _connect(self, deadline: float) -> Connection:
        deadline = min(deadline, time.monotonic() + self._connect_seconds)
        self.connects += 1
        try:
            connection = Connection(
                self.endpoint, deadline, self._stall_seconds, self._token, self._client
            )
        except CallError as error:
            raise ConnectionLost(str(error)) from error
        self.max_pages = connection.max_pages
        return connection

    def _give(self, connection: Connection) -> None:
        with self._lock:
            if (
                not connection.draining
                and not self.is_away
                and len(self._idle) < IDLE_MAX
            ):
                self._idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _trip(self, error: Exception) -> None:
        """Opens the breaker; the first to do so starts the probing."""
        with self._lock:
            if self._open or not self._probes:
                return
            self._open = True
            self.trips += 1
        self._drop_idle()
        logger.warning("varve: %s is away (%s); the cache goes on without it", self.endpoint, error)
        threading.Thread(target=self._probe, name="varve-probe", daemon=True).start()

    def _probe(self) -> None:
        pause = BACKOFF_MIN_SECONDS
        while not self._closed.wait(pause * random.uniform(0.75, 1.25)):
            pause = min(pause * 2, BACKOFF_MAX_SECONDS)
            try:
                deadline = time.monotonic() + self._connect_seconds
                connection = self._connect(deadline)
            except (ConnectionLost, DeadlineExceeded):
                continue
            try:
                connection.ping(deadline)
            except (ConnectionLost, DeadlineExceeded, CallError):
                connection.close()
                continue
            self._open = False
            self._give(connection)
            logger.warning("varve: %s is back", self.endpoint)
            return

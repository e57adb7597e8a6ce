"""A varved of one's own, for tests and the demonstration: started, killed, started again.

It reads the daemon's standard output for ``listening on …`` and ``ready`` and ends only the process
that it started.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from pathlib import Path

READY_SECONDS = 30.0


def find_daemon(repository: Path) -> Path | None:
    """The daemon named by VARVED, else the checkout's own build; None where there is none."""
    named = os.environ.get("VARVED")
    if named:
        path = Path(named).resolve()
        if not path.is_file():
            raise FileNotFoundError(f"VARVED names {named}, which is no file")
        return path
    built = repository / ".build" / "release" / "varved"
    return built if built.is_file() else None


class Daemon:
    """``with Daemon(binary, data_dir) as daemon``: serves on ``daemon.endpoint``."""

    def __init__(
        self,
        binary: Path,
        data_dir: Path,
        *,
        capacity: str = "1GiB",
        log: Path | None = None,
        arguments: tuple[str, ...] = (),
    ):
        self.binary, self.data_dir, self.capacity = binary, data_dir, capacity
        self.log = log or data_dir.with_name(data_dir.name + ".log")
        self.arguments = arguments
        self.endpoint = self.http = ""
        self.ready_seconds = 0.0
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, after the first time on the same port, and waits for ``ready``."""
        listen = self.endpoint or "127.0.0.1:0"
        command = [
            str(self.binary), "--data-dir", str(self.data_dir), "--listen", listen,
            "--http", "127.0.0.1:0", "--capacity", self.capacity, *self.arguments,
        ]  # fmt: skip
        started = time.monotonic()
        with open(self.log, "ab") as log:
            # A test's daemon needs no quarter of the machine; the caller's environment wins.
            environment = {"VARVE_MEMORY_MAX": "1GiB", **os.environ}
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environment
            )
        try:
            self._wait_ready(started + READY_SECONDS)
        except BaseException:
            self.kill()
            raise
        self.ready_seconds = time.monotonic() - started

    def _wait_ready(self, deadline: float) -> None:
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"varved not ready in {READY_SECONDS} s; see {self.log}")
                chunk = os.read(self.process.stdout.fileno(), 4096)
                if not chunk:
                    code = self.process.wait()
                    raise RuntimeError(f"varved ended with {code}: {self._last_words()}")
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    if self._take(line.decode("utf-8", "replace").strip()):
                        return

    def _take(self, line: str) -> bool:
        if line.startswith("listening on ") and "unix:" not in line and not self.endpoint:
            self.endpoint = line.removeprefix("listening on ")
        elif line.startswith("http on "):
            self.http = line.removeprefix("http on ")
        return line == "ready"

    def _last_words(self) -> str:
        try:
            return self.log.read_text(errors="replace")[-2000:].strip()
        except OSError:
            return ""

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._end(signal.SIGKILL, 10.0)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not end it within 20 seconds."""
        self._end(signal.SIGTERM, 20.0)

    def _end(self, number: int, seconds: float) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

"""Cuts the power of a real file system under varved and checks what durable means.

    python Tests/kill/power_cut.py [--cuts N] [--fs ext4|xfs] [--seed S] [--canary] [--varved PATH]

The data directory lies on a loop-mounted image. Each round puts load on the daemon, shuts the file
system down by its ioctl without writing its journal (nothing that was not on the device by then
gets there), kills the daemon, unmounts, mounts again (which replays the journal), starts, checks.
What was answered as durable must be there, and every delete that was answered; what was put without
may be there or not; nothing may be wrong. `--canary` answers before it syncs, as it were: it calls
every acknowledged put durable, and the run must fail.

Needs root and loop devices; where they cannot be had it says so and passes nothing. Exit codes: 0
all cuts passed (or nothing could be tried), 1 some failed, 2 usage. The closing line is
`N passed, N failed`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from expected import State
from kill_loop import Loop
from sglang_varve.daemon_process import find_daemon

# _IOR('X', 125, __u32) of linux/fs.h, the same number for ext4 and XFS; 2: do not flush the log.
IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_NOLOGFLUSH = 2
IMAGE_BYTES = 3 << 30
OWN_NAMESPACE = "VARVE_POWER_CUT_NAMESPACE"
# The Debian packages of the tools.
PACKAGES = {
    "mkfs.ext4": "e2fsprogs", "mkfs.xfs": "xfsprogs", "mount": "mount", "losetup": "mount",
    "unshare": "util-linux",
}  # fmt: skip
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}


class Image:
    """A file system in a file, mounted on a folder."""

    def __init__(self, folder: Path, kind: str):
        self.kind = kind
        self.image = folder / "disk.img"
        self.mount_point = folder / "disk"
        self.mount_point.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        run([*MAKE[kind], str(self.image)])

    def mount(self) -> None:
        run(["mount", "-o", "loop", str(self.image), str(self.mount_point)])

    def cut(self) -> None:
        descriptor = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, IOC_SHUTDOWN, struct.pack("I", SHUTDOWN_NOLOGFLUSH))
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        deadline = time.monotonic() + 20
        while subprocess.run(["umount", str(self.mount_point)], capture_output=True).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.mount_point} cannot be unmounted")
            os.sched_yield()


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


class PowerLoop(Loop):
    """The kill loop's rounds with the disk going away under the daemon."""

    def __init__(self, binary: Path, folder: Path, seed: int, canary: bool, kind: str):
        self.image = Image(folder, kind)
        self.image.mount()
        self.calls_all_durable = canary
        super().__init__(binary, self.image.mount_point, seed, canary=False)
        self.daemon.log = folder / "varved.log"

    def _new_store(self) -> None:
        super()._new_store()
        self.daemon.log = self.folder.parent / "varved.log"

    def end_load(self) -> None:
        # An answer that comes while the file system is being shut down proves nothing: a machine
        # without power would not have given it.
        self.expected.is_cut = True
        self.image.cut()
        self.daemon.kill()

    def _kill_early(self) -> float:
        """Recovery loses its disk as well."""
        millis = super()._kill_early()
        self._remount()
        return millis

    def _remount(self) -> None:
        self.image.cut()
        self.image.unmount()
        self.image.mount()

    def before_check(self) -> None:
        self.image.unmount()
        self.image.mount()
        for chain in self.expected.chains:
            for page in chain.pages:
                if page.state is State.STORED and not (page.durable or self.calls_all_durable):
                    page.state = State.PUTTING

    def after_check(self) -> None:
        """The start before the check sealed and synced what it found."""
        self.expected.is_cut = False
        for chain in self.expected.chains:
            for page in chain.pages:
                page.durable = page.state is State.STORED


def in_own_namespace() -> None:
    """Goes on in a mount namespace of its own.

    In the common one, a process that makes its namespace while the image is mounted takes a copy of
    the mount along; the file system then outlives its unmounting, and the next mount finds the one
    that was shut down instead of reading the image.
    """
    if os.environ.get(OWN_NAMESPACE):
        return
    os.environ[OWN_NAMESPACE] = "1"
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
    os.execvp(command[0], command)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--fs", choices=sorted(MAKE), default="ext4")
    parser.add_argument("--seed", type=int, default=os.environ.get("VARVE_SEED"))
    parser.add_argument("--canary", action="store_true")
    parser.add_argument("--varved", type=Path)
    options = parser.parse_args()
    if options.cuts < 1:
        parser.error(f"--cuts {options.cuts}: at least 1 is due")
    binary = options.varved or find_daemon(Path(__file__).resolve().parents[2])
    if binary is None or not binary.is_file():
        parser.error("no varved: 'make build' makes .build/release/varved, --varved names another")
    seed = options.seed if options.seed is not None else random.getrandbits(32)
    budget = float(os.environ.get("VARVE_TEST_SECONDS", "inf"))
    needed = (MAKE[options.fs][0], "mount", "losetup", "unshare")
    missing = [name for name in needed if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        packages = sorted({PACKAGES[name] for name in missing})
        install = f"{', '.join(missing)} missing: apt-get install {' '.join(packages)}"
        why = install if missing else "not root"
        print(f"skipped: power cuts of {options.fs} need root and its tools ({why})")
        print("0 passed, 0 failed")
        return 0
    in_own_namespace()
    print(f"power cuts: {options.fs}, seed {seed}, {options.cuts} cuts", flush=True)
    passed = failed = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="varve-power-") as folder:
        try:
            loop = PowerLoop(binary, Path(folder), int(seed), options.canary, options.fs)
        except RuntimeError as error:
            print(f"skipped: no loop-mounted {options.fs} here: {error}")
            print("0 passed, 0 failed")
            return 0
        try:
            for number in range(1, options.cuts + 1):
                if time.monotonic() - started > budget:
                    print(f"cut: {number - 1} of {options.cuts} cuts in {budget:.0f} s")
                    break
                try:
                    findings, note = loop.round(number == options.cuts)
                except (RuntimeError, TimeoutError) as error:
                    findings, note = [f"the daemon did not start: {error}"], ""
                passed, failed = passed + (not findings), failed + bool(findings)
                verdict = f"{len(findings)} FINDINGS" if findings else "ok"
                print(f"cut {number}: {verdict}: {note}", flush=True)
                for finding in findings[:5]:
                    print(f"  {finding}")
                if findings:
                    break
        finally:
            loop.daemon.kill()
            loop.image.unmount()
        print(
            f"{passed + failed} cuts of {options.fs}, {loop.acknowledged_total} pages "
            f"acknowledged, {loop.looked_up_total} looked up, {loop.read_total} read and compared, "
            f"{time.monotonic() - started:.0f} s"
        )
        print(
            f"answers that came while the disk was taken away, not counted: {loop.late_total} "
            f"pages called durable, {loop.late_missing_total} of them not there"
        )
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

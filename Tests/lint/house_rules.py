"""The house rules that no formatter knows, checked over every file that git would commit.

    python3 Tests/lint/house_rules.py ROOT

Prints ``path:line: rule: what`` for each finding; exit code 1 if there is one. Needs only the
standard library, so that it runs before anything is set up.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 100
GENERATED = re.compile(r"^Sources/CVarveProto/.*\.pb-c\.[ch]$|^Protos/.*\.proto$")
DATA = re.compile(r"^Tests/Fixtures/|/Fixtures/|\.(jsonl|zst|txt|hex|bin)$")
CODE = (".swift", ".py", ".c", ".h", ".sh")
# Foundation brings locales, objects and copies: these targets stand below all that.
NO_FOUNDATION = re.compile(r"^Sources/(VarveBase|VarveFile|VarveEngine|VarveWire)/")
SELF = "Tests/lint/"

# Written in pieces, so that this file does not find itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "op" + "t")) + r")/[\w.]"
)
MARK = re.compile(r"\b(?:" + "|".join(("FIX" + "ME", "TO" + "DO", "XX" + "X")) + r")\b")
SWIFT_BANS = (
    (re.compile(r"\btry!"), "try! (throw, or state a precondition)"),
    (re.compile(r"\bas!"), "as! (use as? and say what is wrong)"),
    (re.compile(r"\bfatalError\("), "fatalError (a precondition says what is broken)"),
)
FOUNDATION = re.compile(r"^\s*(?:\w+\s+)?import\s+Foundation\b")


class Finding(NamedTuple):
    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


def check(path: str, text: str) -> Iterator[Finding]:
    """Every finding in one file; ``path`` is relative to the root of the checkout."""
    if GENERATED.search(path) or DATA.search(path):
        return
    lines = text.splitlines()
    is_code = path.endswith(CODE)
    if is_code and len(lines) > FILE_LINES_MAX:
        yield Finding(
            path, FILE_LINES_MAX + 1, "file length", f"{len(lines)} lines, {FILE_LINES_MAX} allowed"
        )
    if text and not text.endswith("\n"):
        yield Finding(path, len(lines), "last line", "does not end in a newline")
    for number, line in enumerate(lines, 1):
        yield from _check_line(path, number, line, is_code)


def _check_line(path: str, number: int, line: str, is_code: bool) -> Iterator[Finding]:
    if line != line.rstrip() and not path.endswith(".md"):
        yield Finding(path, number, "trailing space", repr(line[-10:]))
    if match := MACHINE_PATH.search(line):
        yield Finding(path, number, "path of a machine", match.group())
    if not is_code:
        return
    if len(line) > LINE_COLUMNS_MAX:
        yield Finding(
            path, number, "line length", f"{len(line)} columns, {LINE_COLUMNS_MAX} allowed"
        )
    if not path.startswith(SELF) and (match := MARK.search(line)):
        yield Finding(path, number, "unfinished", match.group())
    if path.endswith(".swift"):
        for pattern, what in SWIFT_BANS:
            if pattern.search(line.split("//")[0]):
                yield Finding(path, number, "banned", what)
        if NO_FOUNDATION.search(path) and FOUNDATION.search(line):
            yield Finding(path, number, "layer", "Foundation below the daemon and the tools")


def committed_files(root: Path) -> list[str]:
    """What git tracks and what it would track: not what it ignores."""
    command = ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True).stdout
    return sorted({name for name in listed.decode().split("\0") if name})


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: house_rules.py ROOT", file=sys.stderr)
        return 2
    root = Path(arguments[0])
    count = 0
    for name in committed_files(root):
        path = root / name
        if not path.is_file() or path.is_symlink():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # Binary data.
        for finding in check(name, text):
            print(finding)
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

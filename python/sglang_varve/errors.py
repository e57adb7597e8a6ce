"""The closed set of what can go wrong between this client and a daemon.

Only ``CallError`` comes from a living daemon that understood us; the others mean that the
connection in question is of no more use.
"""

from __future__ import annotations

CANCELLED = 1
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16

CODE_NAMES = {
    1: "CANCELLED", 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND",
    7: "PERMISSION_DENIED", 8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION", 10: "ABORTED",
    12: "UNIMPLEMENTED", 13: "INTERNAL", 14: "UNAVAILABLE", 15: "DATA_LOSS", 16: "UNAUTHENTICATED",
}  # fmt: skip


class VarveError(Exception):
    """Anything this package raises on purpose."""


class BadMessage(VarveError):
    """Bytes that are no encoding of the message they were given as."""


class BadFrame(VarveError):
    """A frame that the contract forbids: the connection it came on must be closed."""


class CallError(VarveError):
    """The daemon answered a call with a Problem; the connection lives."""

    def __init__(self, code: int, message: str, limit: str = "", limit_value: int = 0):
        name = CODE_NAMES.get(code, str(code))
        super().__init__(f"{name}: {message}" if message else name)
        self.code = code
        self.message = message
        self.limit = limit
        self.limit_value = limit_value


class ConnectionLost(VarveError):
    """The peer closed, reset, sent GOAWAY or broke the protocol."""


class DeadlineExceeded(VarveError):
    """No answer, or no progress, within the time given to the call."""


class Unavailable(VarveError):
    """No daemon can be reached; said at once, without trying, while the breaker is open."""

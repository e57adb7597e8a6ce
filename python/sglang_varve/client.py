"""A blocking client for one daemon: each call of the contract as one method.

Methods raise ``CallError`` (the daemon refused), ``Unavailable`` (no daemon) or
``DeadlineExceeded``, always within ``seconds``. Page ids are given as joined bytes, 32 each; pages
as lists of byte views, so that their bytes go straight between the socket and the caller's memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from . import frames, transfer
from .connection import Connection
from .errors import CallError
from .link import Link
from .messages import (
    Chain,
    FlushRequest,
    FlushResponse,
    HelloOk,
    ListNamespacesRequest,
    ListNamespacesResponse,
    LookupRequest,
    LookupResponse,
    NamespaceInfo,
    NamespaceName,
    NamespaceOptions,
    OpenNamespaceRequest,
    OpenNamespaceResponse,
    PagesRequest,
    PagesResponse,
    ReportCorruptRequest,
    ReportCorruptResponse,
    StatsRequest,
    StatsResponse,
)
from .protobuf import Message
from .transfer import Page, Received

BEFORE_IDS_MAX = 32
ID_BYTES = 32


def make_chain(page_ids: bytes, before: bytes = b"", at_root: bool = False) -> Chain:
    """A chain with at most the nearest 32 ids of the hint ``before``."""
    for name, ids in (("page_ids", page_ids), ("before", before)):
        if len(ids) % ID_BYTES:
            raise ValueError(f"{name}: {len(ids)} bytes are no multiple of {ID_BYTES}")
    return Chain(page_ids=page_ids, before=before[-BEFORE_IDS_MAX * ID_BYTES :], at_root=at_root)


class Client:
    """Calls on one daemon; several threads may use one client at once."""

    def __init__(self, endpoint: str, *, seconds: float = 5.0, **link_options):
        self.link = Link(endpoint, **link_options)
        self.seconds = seconds

    def close(self) -> None:
        self.link.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unary(self, method: int, request: Message, answer: type[Message], seconds: float | None):
        def work(connection: Connection, deadline: float):
            return connection.call(method, request, answer, deadline)

        return self.link.run(work, self.seconds if seconds is None else seconds)

    def hello(self, seconds: float | None = None) -> HelloOk:
        """What the daemon said of itself when greeted; connects if need be."""
        return self.link.run(
            lambda connection, _: connection.hello, self.seconds if seconds is None else seconds
        )

    def ping(self, seconds: float | None = None) -> None:
        self.link.run(
            lambda connection, deadline: connection.ping(deadline),
            self.seconds if seconds is None else seconds,
        )

    def open_namespace(
        self,
        name: str,
        options: NamespaceOptions | None = None,
        must_exist: bool = False,
        seconds: float | None = None,
    ) -> OpenNamespaceResponse:
        request = OpenNamespaceRequest(name=name, options=options, must_exist=must_exist)
        return self._unary(frames.OPEN_NAMESPACE, request, OpenNamespaceResponse, seconds)

    def lookup(
        self,
        namespace: int,
        chain: Chain,
        *,
        first: int = 0,
        count: int = 0,
        want_present: bool = False,
        exact: bool = False,
        prefetch: bool = False,
        seconds: float | None = None,
    ) -> LookupResponse:
        request = LookupRequest(
            namespace=namespace, chain=chain, first=first, count=count,
            want_present=want_present, exact=exact, prefetch=prefetch,
        )  # fmt: skip
        return self._unary(frames.LOOKUP, request, LookupResponse, seconds)

    def lookups(
        self, requests: list[LookupRequest], *, seconds: float | None = None
    ) -> list[LookupResponse | CallError]:
        """Several lookups for the time of one; an answer or an error each."""

        def work(connection: Connection, deadline: float) -> list:
            return connection.calls(frames.LOOKUP, requests, LookupResponse, deadline)

        return self.link.run(work, self.seconds if seconds is None else seconds)

    def put(
        self,
        namespace: int,
        chain: Chain,
        pages: Sequence[Page],
        *,
        ask: bool = True,
        durable: bool = False,
        ttl_seconds: int = 0,
        seconds: float | None = None,
    ) -> list[int]:
        """Puts one page for each id; a PageStatus each."""
        if not pages or len(pages) * ID_BYTES != len(chain.page_ids):
            raise ValueError(f"{len(pages)} pages for {len(chain.page_ids)} bytes of ids")

        def work(connection: Connection, deadline: float) -> list[int]:
            return transfer.put(
                connection, namespace, chain, pages, deadline,
                ask=ask, durable=durable, ttl_seconds=ttl_seconds,
            )[0]  # fmt: skip

        return self.link.run(work, self.seconds if seconds is None else seconds)

    def get(
        self,
        namespace: int,
        chain: Chain,
        pages: Sequence[Page],
        *,
        sparse: bool = False,
        verify: bool = True,
        seconds: float | None = None,
        patience: float | None = None,
        received: Received | None = None,
    ) -> Received:
        """Gets pages into their memory; PRESENT only for those whose bytes were verified.

        Give ``received`` to learn what came even if this raises. A page that does not verify is
        reported to the daemon. ``patience`` is the link's. Without ``verify`` PRESENT means that
        the bytes arrived.
        """
        if not pages or len(pages) * ID_BYTES != len(chain.page_ids):
            raise ValueError(f"{len(pages)} pages for {len(chain.page_ids)} bytes of ids")
        result = received if received is not None else Received(len(pages))

        def work(connection: Connection, deadline: float) -> None:
            result.reset()
            transfer.get(
                connection, namespace, chain, pages, deadline, result,
                sparse=sparse, verify=verify,
            )  # fmt: skip
            for number, expected, found in result.corrupt:
                page_id = chain.page_ids[number * ID_BYTES : (number + 1) * ID_BYTES]
                request = ReportCorruptRequest(
                    namespace=namespace, page_id=page_id, expected=expected, found=found
                )
                with contextlib.suppress(CallError):  # The report is a courtesy.
                    connection.call(
                        frames.REPORT_CORRUPT, request, ReportCorruptResponse, deadline
                    )

        self.link.run(work, self.seconds if seconds is None else seconds, patience)
        return result

    def delete(
        self,
        namespace: int,
        chain: Chain,
        first: int = 0,
        count: int = 0,
        seconds: float | None = None,
    ) -> int:
        request = PagesRequest(namespace=namespace, chain=chain, first=first, count=count)
        return self._unary(frames.DELETE, request, PagesResponse, seconds).affected

    def report_corrupt(
        self,
        namespace: int,
        page_id: bytes,
        expected: int,
        found: int,
        seconds: float | None = None,
    ) -> bool:
        request = ReportCorruptRequest(
            namespace=namespace, page_id=page_id, expected=expected, found=found
        )
        answer = self._unary(frames.REPORT_CORRUPT, request, ReportCorruptResponse, seconds)
        return answer.confirmed

    def stats(self, seconds: float | None = None) -> StatsResponse:
        return self._unary(frames.STATS, StatsRequest(), StatsResponse, seconds)

    def flush(self, seconds: float | None = None) -> None:
        self._unary(frames.FLUSH, FlushRequest(), FlushResponse, seconds)

    def list_namespaces(self, seconds: float | None = None) -> list[NamespaceInfo]:
        return self._unary(
            frames.LIST_NAMESPACES, ListNamespacesRequest(), ListNamespacesResponse, seconds
        ).namespaces

    def clear_namespace(self, name: str, seconds: float | None = None) -> int:
        return self._unary(
            frames.CLEAR_NAMESPACE, NamespaceName(name=name), PagesResponse, seconds
        ).affected

    def drop_namespace(self, name: str, seconds: float | None = None) -> int:
        return self._unary(
            frames.DROP_NAMESPACE, NamespaceName(name=name), PagesResponse, seconds
        ).affected

"""Races: concurrent calls with the calls that come before them, run round after round."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from threading import Barrier
from uuid import uuid4

from tests.support.calls import (
    Ack,
    Batch,
    Call,
    Delete,
    Extend,
    Get,
    Ingest,
    Page,
    Purge,
    Receive,
    Release,
    Requeue,
)
from tests.support.orders import UNKNOWN
from tests.support.witness import Send, Witness

Race = tuple[tuple[Call, ...], tuple[Call, ...]]
"""The calls that come before, in sequence, and the concurrent calls."""

A, ONCE = Ingest("a"), Ingest("a", "key")
RACES: dict[str, Race] = {
    "ack, ack": ((A,), (Ack("a"), Ack("a"))),
    "four acks": ((A,), (Ack("a"),) * 4),
    "ack, delete": ((A,), (Ack("a"), Delete("a"))),
    "ack, ack, delete, get": ((A,), (Ack("a"), Ack("a"), Delete("a"), Get("a"))),
    "ingest, ingest with one key": ((), (ONCE, ONCE)),
    "four ingests with one key": ((), (ONCE,) * 4),
    "two requests with one key": ((), (ONCE, Ingest("b", "key"), ONCE)),
    "ingest again, delete": ((ONCE,), (ONCE, Delete("a"), ONCE)),
    "ingest again, ack": ((ONCE,), (ONCE, Ack("a"), Page())),
    "page, ack": ((A, Ingest("b")), (Page(), Ack("a"), Page())),
    "page, ack, ack": ((A, Ingest("b")), (Page(), Ack("a"), Ack("b"), Page())),
    "page, ack, ingest, delete": ((A, Ingest("b")), (Page(), Ack("a"), Ingest("c"), Delete("b"))),
    "get, ack, get": ((A,), (Get("a"), Ack("a"), Get("a"), Get("a"))),
}

TWO = (A, Ingest("b"))
HELD = (*TWO, Receive("r"))
DONE = (A, Ack("a"))
QUEUE_RACES: dict[str, Race] = {
    "four receives": (TWO, tuple(Receive(name) for name in "rstu")),
    "receive, ack": (TWO, (Receive("r"), Ack("a"), Receive("s"))),
    "receive, delete, page": (TWO, (Receive("r"), Delete("a"), Page())),
    "receive, ingest, receive": ((A,), (Receive("r"), Ingest("b"), Receive("s"))),
    "ack under the lease, ack without": (HELD, (Ack("a", "r"), Ack("a"), Ack("a", "r"))),
    "ack under the lease, release": (HELD, (Ack("a", "r"), Release("a", "r"), Receive("s"))),
    "ack under the lease, release as dead": (HELD, (Ack("a", "r"), Release("a", "r", dead=True), Get("a"))),
    "two releases, two receives": (HELD, (Release("a", "r"), Release("a", "r"), Receive("s"), Receive("t"))),
    "extend, release, receive": (HELD, (Extend("a", "r"), Release("a", "r"), Receive("s"))),
    "extend, ack, delete": (HELD, (Extend("a", "r"), Ack("a", "r"), Delete("a"))),
    "late ack, receive": ((*HELD, Release("a", "r")), (Ack("a", "r"), Receive("s"), Extend("a", "r"))),
    "requeue, requeue": (DONE, (Requeue("a"), Requeue("a"), Get("a"))),
    "requeue, ack": (DONE, (Requeue("a"), Ack("a"), Requeue("a"))),
    "requeue, receive": (DONE, (Requeue("a"), Receive("r"), Receive("s"))),
    "requeue, delete": (DONE, (Requeue("a"), Delete("a"), Page())),
    "requeue of a dead event, receive": (
        (*HELD, Release("a", "r", dead=True)),
        (Requeue("a"), Receive("s"), Extend("a", "r")),
    ),
    "purge, ack": ((A,), (Purge("pending"), Ack("a"), Get("a"))),
    "purge, receive": ((A,), (Purge("pending"), Receive("r"), Receive("s"))),
    "purge, requeue": (DONE, (Purge("acknowledged"), Requeue("a"), Ack("a"))),
    "batch of acks, acks": (
        HELD,
        (Batch((Ack("a", "r"), Ack("b"))), Batch((Ack("a"), Ack("b", "r"))), Ack("b")),
    ),
    "batch of releases, receive": (
        HELD,
        (Batch((Release("a", "r"), Release("b", "r"))), Receive("s"), Batch((Extend("a", "r"),))),
    ),
    "batch of deletes, batch of acks": (
        TWO,
        (Batch((Delete("a"), Delete("b"))), Batch((Ack("a"), Ack("b")))),
    ),
    "batches with one key": ((), (Batch((ONCE, Ingest("b"))), Batch((ONCE, Ingest("c"))), ONCE)),
}
"""Races for leases, batches, requeue and purge."""


def run(race: Race, ways: Sequence[Send], rounds: int, *, shards: int = 1) -> None:
    """Run the calls concurrently, through the ways in turn; fail if no order explains the result.

    `shards`: how many a page reads.
    """
    before, calls = race
    with ThreadPoolExecutor(len(calls)) as pool:
        for _ in range(rounds):
            name = f"round {uuid4()}"
            witness = Witness(ways[0], name)
            for call in before:
                witness.do_all(_of_round(name, call))
            barrier = Barrier(len(calls), timeout=30)
            running = [
                pool.submit(witness.do_all, _of_round(name, call), after=barrier, through=way)
                for call, way in zip(calls, cycle(ways), strict=False)
            ]
            for one in running:
                one.result(timeout=60)
            witness.look("a", "b", "c")
            assert UNKNOWN not in {operation.outcome for operation in witness.history}
            witness.explain(shards=shards)


def _of_round(name: str, call: Call) -> Call:
    """Give each round an idempotency key of its own; its source it has already."""
    if isinstance(call, Ingest) and call.key is not None:
        return Ingest(call.tag, f"{call.key} {name}")
    if isinstance(call, Batch) and isinstance(call.entries[0], Ingest):
        entries = [entry for entry in call.entries if isinstance(entry, Ingest)]
        return Batch([Ingest(entry.tag, entry.key and f"{entry.key} {name}") for entry in entries])
    return call

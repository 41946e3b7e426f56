"""Races: concurrent calls with the calls that come before them, run round after round."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from threading import Barrier
from uuid import uuid4

from tests.support.models import Ack, Call, Delete, Get, Ingest, Page
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


def run(race: Race, ways: Sequence[Send], rounds: int) -> None:
    """Run the calls concurrently, through the ways in turn; fail if no order explains the result."""
    before, calls = race
    with ThreadPoolExecutor(len(calls)) as pool:
        for _ in range(rounds):
            name = f"round {uuid4()}"
            witness = Witness(ways[0], name)
            for call in before:
                witness.do(_of_round(name, call))
            barrier = Barrier(len(calls), timeout=30)
            running = [
                pool.submit(witness.do, _of_round(name, call), after=barrier, through=way)
                for call, way in zip(calls, cycle(ways), strict=False)
            ]
            for one in running:
                one.result(timeout=60)
            witness.look("a", "b", "c")
            assert UNKNOWN not in {operation.outcome for operation in witness.history}
            witness.explain()


def _of_round(name: str, call: Call) -> Call:
    """Give each round an idempotency key of its own; its source it has already."""
    if isinstance(call, Ingest) and call.key is not None:
        return Ingest(call.tag, f"{call.key} {name}")
    return call

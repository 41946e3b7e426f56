"""The CPU of the ingests of 400 KiB that cost most: many numbers, levels, names, strings or unknown fields.

Each carries an idempotency key, so that its values are compared too. The store does nothing. One process
serves many clients in `triggers dev`, and Lambda bills by the millisecond.
"""

from collections.abc import Callable
from functools import partial

from tests.bench.bench import Bench
from tests.bench.lambda_requests import ingest
from tests.bench.processes import Function
from tests.bench.samples import Row, Sample, Tick, interleaved
from triggers_api.core.strict_json import MAX_BODY_BYTES

_HEAD, _TAIL = b'{"source":"shop","event_type":"order.paid","payload":{"a":', b"}}"
_ROOM = MAX_BODY_BYTES - len(_HEAD) - len(_TAIL)


def listed(item: bytes) -> bytes:
    """Return a list of as many copies of an item as fit into a body."""
    return b"[" + b",".join([item] * ((_ROOM - 2) // (len(item) + 1))) + b"]"


def text(part: bytes) -> bytes:
    """Return a string of as many copies of a part as fit into a body."""
    return b'"' + part * ((_ROOM - 2) // len(part)) + b'"'


def members(room: int) -> bytes:
    """Return an object of as many members as fit."""
    return b"{" + b",".join(b'"%06x":0' % number for number in range((room - 1) // 11)) + b"}"


PAYLOADS = {
    "integers": listed(b"1"),
    "zeros": listed(b"0"),
    "fractions": listed(b"0.1"),
    "exponents": listed(b"1e-999999"),
    "integers of 308 digits": listed(b"7" * 308),
    "one number": b"0." + b"7" * (_ROOM - 2),
    "empty objects": listed(b"{}"),
    "lists, 90 levels": listed(b"[" * 87 + b"]" * 87),
    "objects, 90 levels": listed(b'{"":' * 87 + b"0" + b"}" * 87),
    "names": members(_ROOM),
    "strings": listed(b'""'),
    "spaced strings": listed(b' "" \n'),
    "backslashes": text(rb"\\"),
    "quotes": text(rb"\""),
    "surrogate pairs": text(rb"\ud83d\ude00"),
    "text": text(b"abcdefg "),
}
BODIES = {
    **{name: (_HEAD + payload + _TAIL, 201) for name, payload in PAYLOADS.items()},
    "unknown fields": (members(MAX_BODY_BYTES), 400),
}


def large_bodies(bench: Bench, tick: Tick) -> list[Row]:
    """Return the CPU of an ingest of each of these bodies."""
    with Function(bench.product, entry=bench.product.without_store) as function:
        measures = {
            name: _measure(function, ingest(bench.product.key, body, idempotency_key="k"), expected)
            for name, (body, expected) in BODIES.items()
        }
        found = interleaved(bench.rounds(11, 3), measures, tick)
    return [
        Row(
            f"large body: {name}",
            f"ingest of 400 KiB with an idempotency key, CPU: {name}",
            "ms",
            Sample.of(values, scale=1e3),
        )
        for name, values in found.items()
    ]


def _measure(function: Function, event: dict[str, object], expected: int) -> Callable[[], float]:
    call = partial(function.call, event, expected=expected)
    return lambda: call().cpu_each

"""The body's limit: 409,600 bytes are taken *and* stored, however badly they compress; one more is not."""

import json
import random
from collections.abc import Callable

import pytest

from tests.api.driver import Api

LIMIT = 409_600
HEAD = b'{"source":"shop","event_type":"order.paid","payload":{"data":'
TAIL = b"}}"
ROOM = LIMIT - len(HEAD) - len(TAIL)

rng = random.Random(20240117)


def quoted(data: bytes) -> bytes:
    """Return a JSON string of exactly `ROOM` bytes that begins as `data` does."""
    data = data[: ROOM - 2]
    whole = data.decode(errors="ignore").encode()  # a character cut in two is dropped
    return b'"' + whole + b"x" * (ROOM - 2 - len(whole)) + b'"'


def random_ascii() -> bytes:
    letters = [chr(code) for code in range(0x20, 0x7F) if chr(code) not in '"\\']
    return quoted("".join(rng.choices(letters, k=ROOM)).encode())


def random_utf8() -> bytes:
    """The worst mix found: deflate takes it to 97 % only, for every byte is about as likely as the others."""
    kinds = [(0x20, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0x10000, 0x10FFFF)]
    text = "".join(chr(rng.randint(*kind)) for kind in rng.choices(kinds, [12, 4, 2, 0.5], k=ROOM))
    return quoted(text.replace('"', "'").replace("\\", "/").encode())


def wide_utf8() -> bytes:
    ranges = rng.choices([(0x80, 0x7FF), (0x800, 0xD7FF), (0x10000, 0x10FFFF)], k=ROOM // 2)
    return quoted("".join(chr(rng.randint(*one)) for one in ranges).encode())


def small_floats() -> bytes:
    numbers = ",".join(f"{rng.randint(1, 9)}e{rng.randint(1, 9)}" for _ in range(ROOM // 4 - 1)).encode()
    return b"[" + numbers + b" " * (ROOM - 2 - len(numbers)) + b"]"


def floats_that_grow() -> bytes:
    numbers = ",".join(f"{rng.randint(1, 9)}e15" for _ in range(ROOM // 5 - 1)).encode()
    return b"[" + numbers + b" " * (ROOM - 2 - len(numbers)) + b"]"


def empty_objects() -> bytes:
    objects = b",".join([b"{}"] * (ROOM // 3 - 1))
    return b"[" + objects + b" " * (ROOM - 2 - len(objects)) + b"]"


def control_characters() -> bytes:
    return b'"' + b"\\u0001" * ((ROOM - 2) // 6) + b"x" * ((ROOM - 2) % 6) + b'"'


@pytest.mark.parametrize(
    "make",
    [random_ascii, random_utf8, wide_utf8, small_floats, floats_that_grow, empty_objects, control_characters],
)
def test_a_body_of_exactly_the_limit_is_stored_and_comes_back_json_equal(
    api: Api, make: Callable[[], bytes]
) -> None:
    body = HEAD + make() + TAIL
    assert len(body) == LIMIT
    answer = api.post("/v1/events", body=body, headers=[("Idempotency-Key", "k" * 256)])
    assert answer.status == 201, answer.body
    sent = json.loads(body)["payload"]
    assert api.get(f"/v1/events/{answer.json['event_id']}").json["payload"] == sent
    (listed,) = api.inbox().json["events"]
    assert listed["payload"] == sent


@pytest.mark.parametrize("size", [LIMIT + 1, 401 * 1024, 2 * LIMIT, 6_000_000, 11_000_000])
@pytest.mark.promise(9)
def test_a_larger_body_is_refused_with_the_limit_and_nothing_is_stored(each_door: Api, size: int) -> None:
    body = HEAD + b'"' + b"x" * (size - len(HEAD) - len(TAIL) - 2) + b'"' + TAIL
    assert len(body) == size
    answer = each_door.post("/v1/events", body=body)
    assert answer.refusal == (413, "PAYLOAD_TOO_LARGE")
    assert answer.error["details"]["limit_bytes"] == LIMIT
    assert each_door.pending() == []


def test_a_larger_body_is_refused_whatever_it_holds(local_api: Api) -> None:
    assert local_api.post("/v1/events", body=b" " * (LIMIT + 1)).status == 413
    assert local_api.post("/v1/events", body=b"\xff" * (LIMIT + 1)).status == 413


def test_the_limit_counts_bytes_and_not_characters(local_api: Api) -> None:
    body = HEAD + b'"' + "é".encode() * 205_000 + b'"' + TAIL
    assert len(body.decode()) < LIMIT < len(body)
    assert local_api.post("/v1/events", body=body).status == 413


def test_many_large_events_come_in_pages_that_lambda_can_answer(api: Api) -> None:
    body = HEAD + quoted("é😀".encode() * 70_000) + TAIL
    added = [api.post("/v1/events", body=body).json["event_id"] for _ in range(12)]
    pages: list[list[str]] = []
    cursor: dict[str, str | int] = {}
    while True:
        page = api.inbox("", limit=100, **cursor)
        pages.append([event["event_id"] for event in page.json["events"]])
        assert len(json.dumps(page.body.decode())) < 6_000_000, "as Lambda encodes it, and AWS takes it"
        if "next_cursor" not in page.json["pagination"]:
            break
        cursor = {"cursor": page.json["pagination"]["next_cursor"]}
    assert [event_id for page_ids in pages for event_id in page_ids] == added
    assert len(pages) > 1

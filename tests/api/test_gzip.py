"""Compressed request bodies: gzip is taken, bounded after inflating; other codings are named and refused."""

import gzip
import json
import random
import tracemalloc
import zlib

import pytest

from tests.api.driver import Answer, Api, lambda_handler
from tests.api.lambda_events import rest_event
from triggers_api.core.strict_json import MAX_BODY_BYTES

EVENT = {"source": "shop", "event_type": "order.paid", "payload": {"text": "Zoë 🙂", "amount": 10.5}}
PLAIN = json.dumps(EVENT, ensure_ascii=False).encode()
GZIPPED = gzip.compress(PLAIN, mtime=0)


def post(api: Api, body: bytes, coding: str | None = "gzip", *, key: str | None = "") -> Answer:
    headers = [] if coding is None else [("Content-Encoding", coding)]
    return api.post("/v1/events", body=body, headers=headers, key=key)


def of_size(size: int, filling: str = "x") -> bytes:
    """Return an event of exactly that many bytes."""
    head, tail = b'{"source":"s","event_type":"t","payload":{"data":"', b'"}}'
    return head + (filling * size).encode()[: size - len(head) - len(tail)] + tail


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZip", " gzip ", "identity, gzip", "gzip,"])
def test_gzip_body_is_stored_as_its_content(each_door: Api, coding: str) -> None:
    answer = post(each_door, GZIPPED, coding)
    assert answer.status == 201
    assert each_door.get(f"/v1/events/{answer.json['event_id']}").json["payload"] == EVENT["payload"]


@pytest.mark.parametrize("coding", ["identity", "", "Identity", "identity, identity"])
def test_body_without_a_coding_may_say_so(each_door: Api, coding: str) -> None:
    assert post(each_door, PLAIN, coding).status == 201


def test_gzip_of_several_members_is_one_body(each_door: Api) -> None:
    assert post(each_door, gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:])).status == 201


def test_compressed_repeat_of_a_request_is_a_replay(each_door: Api) -> None:
    first = each_door.post("/v1/events", body=PLAIN, headers=[("Idempotency-Key", "one")])
    headers = [("Idempotency-Key", "one"), ("Content-Encoding", "gzip")]
    second = each_door.post("/v1/events", body=GZIPPED, headers=headers)
    assert second.json["event_id"] == first.json["event_id"]


@pytest.mark.slow("compresses megabytes")
@pytest.mark.parametrize("level", [0, 1, 9])
def test_limit_counts_the_inflated_bytes(each_door: Api, level: int) -> None:
    letters = "".join(chr(letter) for letter in range(0x20, 0x7F) if chr(letter) not in '"\\')
    noise = "".join(random.Random(20240117).choices(letters, k=1000))
    for filling in ("x", noise):
        assert post(each_door, gzip.compress(of_size(MAX_BODY_BYTES, filling), level)).status == 201
        answer = post(each_door, gzip.compress(of_size(MAX_BODY_BYTES + 1, filling), level))
        assert answer.refusal == (413, "PAYLOAD_TOO_LARGE")
        assert answer.error["details"]["limit_bytes"] == MAX_BODY_BYTES


def test_plain_body_keeps_its_limit_whatever_coding_it_names(each_door: Api) -> None:
    assert post(each_door, of_size(MAX_BODY_BYTES + 1), "identity").status == 413


@pytest.mark.slow("compresses gigabytes")
@pytest.mark.promise(9)
def test_bomb_is_refused_and_never_inflated(local_api: Api) -> None:
    pump = zlib.compressobj(9, wbits=31)
    bomb = b"".join(pump.compress(b"x" * 1_000_000) for _ in range(300)) + pump.flush()
    assert len(bomb) < MAX_BODY_BYTES
    tracemalloc.start()
    try:
        assert post(local_api, bomb).refusal == (413, "PAYLOAD_TOO_LARGE")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MAX_BODY_BYTES


@pytest.mark.parametrize(
    "damaged",
    [
        GZIPPED + b"x",
        GZIPPED + PLAIN,
        GZIPPED[:-1],
        GZIPPED[: len(GZIPPED) // 2],
        GZIPPED[:-8] + b"\0" * 8,
        GZIPPED[:12] + b"\xff" * 20 + GZIPPED[32:],
        GZIPPED[:2],
        b"\x1f\x8b\x09" + GZIPPED[3:],
    ],
    ids=["more", "the content again", "cut", "half", "wrong sum", "damaged", "two bytes", "another method"],
)
def test_damaged_gzip_is_refused(each_door: Api, damaged: bytes) -> None:
    answer = post(each_door, damaged)
    assert answer.refusal == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "gzip" in answer.error["message"]
    assert each_door.pending() == []


@pytest.mark.parametrize(
    "body", [PLAIN, b"", zlib.compress(PLAIN), b"\x1f"], ids=["plain", "empty", "deflate", "a byte"]
)
def test_body_that_is_not_gzip_is_refused_where_no_gateway_inflates(local_api: Api, body: bytes) -> None:
    answer = local_api.call("POST", "/v1/events", body=body, headers=[("Content-Encoding", "gzip")])
    assert answer.refusal == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "not gzip" in answer.error["message"]


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "BR"])
def test_another_coding_is_named_and_refused(each_door: Api, coding: str) -> None:
    answer = post(each_door, PLAIN, coding)
    assert answer.refusal == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert coding.lower() in answer.error["message"]
    assert answer.headers["accept-encoding"] == "gzip"


def test_deflate_is_refused_where_no_gateway_inflates(local_api: Api) -> None:
    answer = post(local_api, zlib.compress(PLAIN), "deflate")
    assert answer.refusal == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "deflate" in answer.error["message"]


@pytest.mark.parametrize("coding", ["gzip, gzip", "br, gzip", "gzip, identity, br"])
def test_several_codings_are_refused(local_api: Api, coding: str) -> None:
    answer = post(local_api, gzip.compress(GZIPPED), coding)
    assert answer.refusal == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_unknown_coding_is_not_quoted(each_door: Api) -> None:
    answer = post(each_door, PLAIN, "s3cret-canary")
    assert answer.status == 415
    assert b"s3cret" not in answer.body


@pytest.mark.parametrize(
    ("body", "coding"),
    [(PLAIN, "br"), (GZIPPED[:9], "gzip"), (GZIPPED, "gzip")],
    ids=["another", "cut", "gzip"],
)
def test_missing_key_comes_before_the_coding(each_door: Api, body: bytes, coding: str) -> None:
    assert post(each_door, body, coding, key=None).status == 401


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": NaN}', b"\xff"])
def test_inflated_body_is_parsed_as_strictly_as_any(each_door: Api, content: bytes) -> None:
    assert post(each_door, gzip.compress(content)).refusal == (400, "VALIDATION_ERROR")


def test_call_without_a_body_ignores_the_coding(each_door: Api) -> None:
    assert each_door.get("/v1/inbox", headers=[("Content-Encoding", "br")]).status == 200


@pytest.mark.parametrize("coding", [None, "gzip", "GZIP", "x-gzip", "deflate", "identity"])
@pytest.mark.parametrize("body", [PLAIN, GZIPPED], ids=["inflated", "left"])
def test_gateway_may_inflate_the_body_and_leave_the_header(
    each_door: Api, coding: str | None, body: bytes
) -> None:
    """API Gateway inflates by default. It leaves a body as it is if the API declares binary media types."""
    headers = [("X-API-Key", each_door.key), ("Content-Type", "application/json")]
    headers += [] if coding is None else [("Content-Encoding", coding)]
    handler = lambda_handler(each_door.app)
    for as_base64 in {True, body is GZIPPED}:
        event = rest_event("POST", "/v1/events", headers=headers, body=body, as_base64=as_base64)
        assert handler(event)["statusCode"] == 201

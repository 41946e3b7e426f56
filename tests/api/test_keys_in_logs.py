"""An API key that a client sends in the wrong place gets into no log line, error or request id."""

import json
from collections.abc import Callable

import pytest

from tests.api.driver import Answer, Api
from tests.support.service_log import written
from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, is_well_formed

GENERATED = "trg_prod_OQCfwWHR0-ddq811tMPTLfe07YlfbdQrUapp6gfZDiU_1RRFnm"
OWN = "a-key-that-I-chose-0001"
EVENT = "/v1/events/01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"

Send = Callable[[Api, str], Answer]
PLACES: dict[str, Send] = {
    "query": lambda api, key: api.inbox(key, source=key),
    "event type": lambda api, key: api.inbox(key, event_type=key),
    "cursor": lambda api, key: api.inbox(key, cursor=key),
    "unknown parameter": lambda api, key: api.inbox(key, **{key: key}),
    "source": lambda api, key: api.ingest(source=key, key=key),
    "unknown field": lambda api, key: api.post("/v1/events", {key: key}, key=key),
    "request id": lambda api, key: api.get("/v1/health", key=key, headers=[("X-Request-ID", key)]),
    "part of an id": lambda api, key: api.get("/no", key=key, headers=[("X-Request-ID", f"job.{key}:1")]),
    "method": lambda api, key: api.call(key, "/v1/inbox", key=key),
    "path": lambda api, key: api.get(f"/v1/events/{key}", key=key),
    "idempotency key": lambda api, key: api.ingest(key=key, headers=[("Idempotency-Key", key)]),
    "content type": lambda api, key: api.post("/v1/events", body=b"{}", headers=[("Content-Type", key)]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", [GENERATED, OWN, LOCAL_KEY], ids=["generated", "own", "test key"])
@pytest.mark.promise(11)
def test_key_in_the_wrong_place_is_not_logged(local_api: Api, place: str, key: str) -> None:
    assert is_well_formed(key)
    for valid in (False, True):
        if valid:
            assert local_api.stores.keys.add(KeyRecord(digest_of(key), is_active=True))
        for in_lambda in (True, False):
            with written("DEBUG", in_lambda=in_lambda) as log:
                answer = PLACES[place](local_api, key)
            assert " request " in log.getvalue() or '"request"' in log.getvalue()
            parts = {key[start : start + 8] for start in range(len(key) - 7)}
            assert [part for part in parts if part in log.getvalue()] == []
            assert key not in str(answer.headers)


@pytest.mark.parametrize("key", [GENERATED, GENERATED[:-7], GENERATED[:-20], f"x{GENERATED}x", LOCAL_KEY])
@pytest.mark.parametrize("header", ["not-a-valid-key-at-all", None])
def test_key_of_the_usual_form_is_masked_also_if_another_or_none_authenticates(
    local_api: Api, key: str, header: str | None
) -> None:
    with written("INFO", in_lambda=True) as log:
        answer = local_api.get("/v1/inbox", key=header, headers=[("X-Request-ID", key)])
        local_api.ingest(source=key)
    assert key[-30:] not in log.getvalue()
    logged, ingested = (json.loads(line) for line in log.getvalue().splitlines())
    assert logged["request_id"] == answer.headers["x-request-id"] != key, "and the answer's id finds the line"
    assert ingested["source"].strip("x") == "***"


@pytest.mark.parametrize(
    "text", ["trg_", "trg_orders", "trg_orders_paid", "order-4711", "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34"]
)
def test_other_values_are_logged_as_they_are(local_api: Api, text: str) -> None:
    with written("INFO", in_lambda=True) as log:
        local_api.ingest(source=text, headers=[("X-Request-ID", text)])
    line = json.loads(log.getvalue())
    assert (line["source"], line["request_id"]) == (text, text)


@pytest.mark.promise(11)
def test_error_does_not_quote_a_key_that_was_sent_as_a_field(local_api: Api) -> None:
    for answer in (
        local_api.post("/v1/events", {GENERATED: 1, "source": "s", "event_type": "t", "payload": {}}),
        local_api.inbox(**{GENERATED: "x"}),
        local_api.inbox(cursor=GENERATED),
    ):
        assert GENERATED not in answer.body.decode()

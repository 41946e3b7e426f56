"""Deliveries to hooks: what is stored of them, how each is answered, what is refused and logged."""

import gzip
import json
import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.conftest import door_of
from tests.api.driver import SECRET, Answer, Api, with_events
from tests.api.log import Log
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.contract import ENDPOINTS
from tests.support.failing_events import FailingEvents
from tests.support.forms import examples
from tests.support.sample_events import webhook_event
from triggers_api.core.hooks.generic import scheme_to_text
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.records import generate, hook_digest_of
from triggers_api.core.hooks.schemes import SecretScheme
from triggers_api.core.ports import NewEvent
from triggers_api.core.strict_json import MAX_BODY_BYTES
from triggers_api.core.times import format_time
from triggers_api.errors import CorruptRecordError, StoreUnavailableError
from triggers_api.ops.events.record import to_line

BODY = b'{"action": "opened",\n "number": 10.0, "text": "Zo\xc3\xab"}'
GITHUB = [
    ("X-GitHub-Event", "issues"),
    ("X-GitHub-Delivery", "72d3162e"),
    ("User-Agent", "GitHub-Hookshot/1"),
]
DAY = 24 * 3600


def fields_of(log: Log) -> dict[str, Any]:
    """Return the access line of the last request."""
    return log.lines("request")[-1]


def assert_taken(answer: Answer) -> None:
    assert (answer.status, answer.body) == (200, b"")


def test_delivery_is_an_event_of_its_source_with_the_type_of_its_provider(api: Api) -> None:
    path = api.make_hook()
    headers = [*GITHUB, ("Content-Type", "application/json")]
    assert_taken(api.deliver(path, BODY, headers=headers, query="utm=1&utm=2"))
    (event,) = api.inbox().json["events"]
    assert (event["source"], event["event_type"], event["status"]) == ("shop", "issues.opened", "pending")
    assert event["payload"] == json.loads(BODY)
    webhook = event["metadata"]["webhook"]
    assert webhook["hook"] == path.rpartition("/")[2][:9]
    assert (webhook["content_type"], webhook["delivery_id"]) == ("application/json", "72d3162e")
    assert webhook["headers"]["x-github-event"] == "issues"
    assert webhook["headers"]["x-hub-signature-256"].startswith("sha256=")
    assert "host" not in webhook["headers"]


@pytest.mark.parametrize("details", [{}, {"content_type": None, "delivery_id": None, "headers": None}])
def test_webhook_is_the_same_in_every_answer(
    local_api: Api, clock: FakeClock, details: dict[str, Any]
) -> None:
    """Each answer is also checked against its model, which documents every member."""
    event = webhook_event(BODY, expires_at=clock() // 1_000_000 + 100, details=details)
    assert local_api.stores.events.add([NewEvent(event)], now=0) == [event.event_id]
    assert event.webhook is not None
    listed = local_api.inbox().json["events"]
    received = local_api.post("/v1/inbox/receive", {}).json["events"]
    found = [*listed, *received, local_api.get(f"/v1/events/{event.event_id}").json]
    assert [one["metadata"]["webhook"] for one in found] == [json.loads(event.webhook.details)] * 3


def test_body_of_a_webhook_is_returned_byte_for_byte(api: Api) -> None:
    headers = [*GITHUB, ("Content-Type", "application/json; charset=utf-8")]
    assert_taken(api.deliver(api.make_hook(), BODY, headers=headers))
    (event_id,) = api.pending()
    answer = api.get(f"/v1/events/{event_id}/body")
    assert (answer.status, answer.body) == (200, BODY)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_body_of_any_other_event_is_its_payload(api: Api) -> None:
    event_id = api.add({"n": 1})
    answer = api.get(f"/v1/events/{event_id}/body")
    assert (answer.body, answer.headers["content-type"]) == (b'{"n":1}', "application/json")


def test_body_of_another_source_does_not_exist_for_a_key_that_is_bound(api: Api) -> None:
    assert_taken(api.deliver(api.make_hook(), BODY, headers=GITHUB))
    (event_id,) = api.pending()
    key = api.make_key("elsewhere")
    assert api.get(f"/v1/events/{event_id}/body", key=key).refusal == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "payload"),
    [
        (b'[{"sg_event_id": "a", "n": 1.50}]', '{"body":[{"sg_event_id":"a","n":1.50}],"encoding":"json"}'),
        (b'"text"', '{"body":"text","encoding":"json"}'),
        (b"a=1&payload=%7B%7D", '{"body":"a=1&payload=%7B%7D","encoding":"text"}'),
        (b'{"a":1},"b":2', '{"body":"{\\"a\\":1},\\"b\\":2","encoding":"text"}'),
        (b'{"a":1,"a":2}', '{"body":"{\\"a\\":1,\\"a\\":2}","encoding":"text"}'),
        (b"", '{"body":"","encoding":"text"}'),
        (b"\xef\xbb\xbf{}", "{}"),
        (b'{"body": 1, "encoding": "text"}', '{"body":1,"encoding":"text"}'),
        (b"[" * 101 + b"]" * 101, '{"body":"' + "[" * 101 + "]" * 101 + '","encoding":"text"}'),
    ],
)
def test_body_that_is_no_object_is_wrapped(api: Api, body: bytes, payload: str) -> None:
    assert_taken(api.deliver(api.make_hook(), body, headers=GITHUB))
    (event,) = api.inbox().json["events"]
    answer = api.get(f"/v1/events/{event['event_id']}")
    assert f'"payload":{payload},"metadata"' in answer.body.decode()
    assert api.get(f"/v1/events/{event['event_id']}/body").body == body


def test_body_that_is_not_utf8_is_kept_in_base64(local_api: Api) -> None:
    assert_taken(local_api.deliver(local_api.make_hook(), b"\xff\x00", headers=GITHUB))
    (event,) = local_api.inbox().json["events"]
    assert event["payload"] == {"body": "/wA=", "encoding": "base64"}
    assert local_api.get(f"/v1/events/{event['event_id']}/body").body == b"\xff\x00"


def test_gzip_is_inflated_before_the_signature_is_checked(each_door: Api) -> None:
    path = each_door.make_hook()
    signed = each_door.deliver(path, BODY, headers=[*GITHUB, ("X-GitHub-Delivery-2", "1")])
    assert_taken(signed)
    (event,) = each_door.inbox().json["events"]
    signature = event["metadata"]["webhook"]["headers"]["x-hub-signature-256"]
    headers = [
        *(("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "2"), ("Content-Encoding", "gzip")),
        ("X-Hub-Signature-256", signature),
    ]
    assert_taken(each_door.call("POST", path, key=None, body=gzip.compress(BODY), headers=headers))
    assert len(each_door.pending()) == 2


@pytest.mark.parametrize("second", [BODY, b'{"another": "body"}'])
def test_repeated_delivery_is_answered_and_not_stored(api: Api, log: Log, second: bytes) -> None:
    path = api.make_hook()
    for body in (BODY, BODY, second):
        assert_taken(api.deliver(path, body, headers=GITHUB))
    (event,) = api.inbox().json["events"]
    assert event["payload"] == json.loads(BODY)
    warned = "delivery differs from the first with its id" in log.text
    assert warned == (second != BODY)
    assert "another" not in log.text
    assert all(len(line["hook_id"]) == 12 for line in log.lines() if line["level"] == "WARNING")


def test_two_hooks_do_not_share_the_ids_of_deliveries(api: Api) -> None:
    for path in (api.make_hook(), api.make_hook()):
        assert_taken(api.deliver(path, BODY, headers=GITHUB))
    assert len(api.pending()) == 2


@pytest.mark.parametrize(
    ("after", "stored"), [(7 * DAY - 1, 1), (7 * DAY, 2)], ids=["within 7 days", "after 7 days"]
)
def test_id_of_a_delivery_is_remembered_for_a_week(
    api: Api, clock: FakeClock, after: int, stored: int
) -> None:
    path = api.make_hook(event_type="t")
    assert_taken(api.deliver(path, BODY, headers=GITHUB))
    (first,) = api.pending()
    clock.advance(seconds=after)
    assert_taken(api.deliver(path, BODY, headers=GITHUB))
    assert len({first, *api.pending()}) == stored


@pytest.mark.parametrize(("after", "stored"), [(3599, 1), (3600, 2)])
def test_delivery_without_an_id_is_recognised_by_its_body_for_an_hour(
    api: Api, clock: FakeClock, after: int, stored: int
) -> None:
    path = api.make_hook(event_type="t")
    assert_taken(api.deliver(path, BODY))
    clock.advance(seconds=after)
    assert_taken(api.deliver(path, BODY))
    assert len(api.pending()) == stored
    assert_taken(api.deliver(path, BODY + b" "))
    assert len(api.pending()) == stored + 1, "another body is another delivery"


def test_hook_without_dedupe_stores_every_delivery(api: Api) -> None:
    path = api.make_hook(dedupe="none")
    for _ in range(2):
        assert_taken(api.deliver(path, BODY, headers=GITHUB))
    assert len(api.pending()) == 2


@pytest.mark.parametrize(
    ("event_type", "sent", "expected"),
    [
        ("mine", None, "mine"),
        (None, None, "webhook"),
        ("mine", "push", "push.opened"),
        ("mine", "x" * 94, "mine"),
        (None, "a\tb", "webhook"),
    ],
)
def test_type_is_that_of_the_hook_if_the_provider_names_none(
    local_api: Api, event_type: str | None, sent: str | None, expected: str
) -> None:
    headers = [] if sent is None else [("X-GitHub-Event", sent)]
    assert_taken(local_api.deliver(local_api.make_hook(event_type=event_type), BODY, headers=headers))
    (event,) = local_api.inbox().json["events"]
    assert event["event_type"] == expected


def test_wrong_signature_is_refused_and_the_log_has_the_reason(api: Api, log: Log) -> None:
    path = api.make_hook()
    cases = {
        "signature": [("X-Hub-Signature-256", "sha256=" + "0" * 64)],
        "signature missing": [("X-Hub-Signature-256", "")],
    }
    for reason, headers in cases.items():
        answer = api.deliver(path, BODY, headers=headers)
        assert answer.refusal == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Signature"
        line = fields_of(log)
        assert (line["reason"], line["source"], len(line["hook_id"])) == (reason, "shop", 12)
    assert api.pending() == []


def test_stale_delivery_is_refused(api: Api, clock: FakeClock, log: Log) -> None:
    path = api.make_hook("stripe", "whsec_stripe")
    body = b'{"id": "evt_1", "type": "charge.paid"}'
    assert_taken(api.deliver(path, body, preset="stripe", secret="whsec_stripe"))
    header = api.inbox().json["events"][0]["metadata"]["webhook"]["headers"]["stripe-signature"]
    clock.advance(seconds=301)
    answer = api.call("POST", path, key=None, body=body, headers=[("Stripe-Signature", header)])
    assert answer.refusal == (401, "UNAUTHORIZED")
    assert fields_of(log)["reason"] == "timestamp"


def test_unknown_and_revoked_hooks_are_not_found(api: Api, log: Log) -> None:
    cases = {
        "unknown": f"/v1/hooks/{generate()}",
        "revoked": api.make_hook(is_active=False, revoked_at=format_time(0)),
    }
    for reason, path in cases.items():
        assert api.deliver(path, BODY).refusal == (404, "NOT_FOUND")
        assert fields_of(log)["reason"] == reason
    assert api.deliver("/v1/hooks/hook_short", BODY).refusal == (404, "NOT_FOUND")
    assert "hook_id" not in fields_of(log)


def test_revoked_hook_takes_deliveries_until_it_leaves_the_cache(api: Api, clock: FakeClock) -> None:
    path = api.make_hook()
    assert_taken(api.deliver(path, BODY, headers=GITHUB))
    digest = hook_digest_of(path.rpartition("/")[2])
    assert api.stores.hooks.revoke(digest, at=format_time(clock()))
    clock.advance(seconds=30)
    assert api.deliver(path, BODY, headers=GITHUB).status == 404


def test_new_secret_works_within_a_second_and_the_old_one_until_its_end(api: Api, clock: FakeClock) -> None:
    path = api.make_hook()
    assert_taken(api.deliver(path, BODY, headers=GITHUB))
    record = api.stores.hooks.find(hook_digest_of(path.rpartition("/")[2]))
    assert record is not None
    until = format_time(clock() + 60 * 1_000_000)
    assert api.stores.hooks.rotate(record, secret="another-secret", old_secret_expires_at=until)
    clock.advance(seconds=1)
    assert_taken(api.deliver(path, BODY, secret="another-secret"))
    assert_taken(api.deliver(path, BODY, secret=SECRET))
    clock.advance(seconds=60)
    assert api.deliver(path, BODY, secret=SECRET).status == 401
    assert_taken(api.deliver(path, BODY, secret="another-secret"))


def test_hook_without_a_secret_is_a_503(api: Api, log: Log) -> None:
    path = api.make_hook("stripe", None)
    answer = api.deliver(path, b"{}", preset="stripe")
    assert answer.refusal == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
    assert fields_of(log)["reason"] == "secret missing"
    assert api.pending() == []


def test_hook_with_a_damaged_record_is_a_503(api: Api, log: Log) -> None:
    path = api.make_hook("no such preset")
    for _ in range(2):
        assert api.deliver(path, BODY).refusal == (503, "SERVICE_UNAVAILABLE")
        assert fields_of(log)["reason"] == "damaged"
    assert SECRET not in log.text
    (line,) = log.lines("hook cannot be read")
    assert len(line["hook_id"]) == 12, "once a second, and of this hook"


def test_damaged_claim_of_a_delivery_is_a_503(api: Api, clock: FakeClock) -> None:
    path = api.make_hook()
    claims: list[NewEvent] = []

    class Spy(FailingEvents):
        def add(self, entries: Sequence[NewEvent], **_: int) -> Any:
            claims.extend(entries)
            return [CorruptRecordError("An idempotency record does not name an event.")]

    broken = Api(with_events(api.stores, Spy(api.stores.events)), clock, door=door_of(api.stores))
    answer = broken.deliver(path, BODY, headers=GITHUB)
    assert (answer.refusal, answer.headers["retry-after"]) == ((503, "SERVICE_UNAVAILABLE"), "1")
    assert len(claims) == 1


def test_body_that_is_too_large_is_a_413(api: Api, log: Log) -> None:
    path = api.make_hook()
    answer = api.deliver(path, b"x" * (MAX_BODY_BYTES + 1))
    assert answer.refusal == (413, "PAYLOAD_TOO_LARGE")
    assert answer.error["details"]["limit_bytes"] == MAX_BODY_BYTES
    assert (fields_of(log)["reason"], len(fields_of(log)["hook_id"])) == ("too large", 12)
    assert_taken(api.deliver(path, b"x" * MAX_BODY_BYTES))


def test_body_that_fits_no_item_is_a_413(local_api: Api) -> None:
    path, noise = local_api.make_hook(), random.Random(20261128).randbytes(MAX_BODY_BYTES)
    answer = local_api.deliver(path, noise)  # text of this size always fits, because it can be compressed
    assert answer.refusal == (413, "PAYLOAD_TOO_LARGE")
    assert answer.error["details"]["limit_bytes"] == MAX_BODY_BYTES
    assert_taken(local_api.deliver(path, noise[:390_000]))
    (event_id,) = local_api.pending()
    assert local_api.get(f"/v1/events/{event_id}/body").body == noise[:390_000]


def test_delivery_that_meets_a_failing_store_is_stored_once_when_it_is_repeated(
    stores: Stores, clock: FakeClock
) -> None:
    events = FailingEvents(stores.events)
    api = Api(with_events(stores, events), clock, door=door_of(stores))
    path = api.make_hook()
    events.failure = StoreUnavailableError("The store cannot be used right now.")
    answer = api.deliver(path, BODY, headers=GITHUB)
    assert (answer.refusal, answer.headers["retry-after"]) == ((503, "SERVICE_UNAVAILABLE"), "1")
    events.failure = None
    for _ in range(2):
        assert_taken(api.deliver(path, BODY, headers=GITHUB))
    assert len(api.pending()) == 1


def test_slack_gets_its_challenge_and_nothing_is_stored(api: Api) -> None:
    path = api.make_hook("slack")
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    answer = api.deliver(path, body, preset="slack")
    assert (answer.status, answer.body) == (200, b"3eZbrw1aB")
    assert answer.headers["content-type"].startswith("text/plain")
    unsigned = api.deliver(path, body, preset="slack", headers=[("X-Slack-Signature", "v0=00")])
    assert unsigned.status == 401
    assert api.pending() == []


def test_cloudevents_sender_gets_the_consent_of_a_hook_only(api: Api) -> None:
    asks = [("WebHook-Request-Origin", "eventemitter.example.com")]
    answer = api.call("OPTIONS", api.make_hook(), key=None, headers=asks)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["webhook-allowed-origin"] == "*"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert api.call("OPTIONS", f"/v1/hooks/{generate()}", key=None, headers=asks).status == 404
    for path in ("/v1/events", "/v1/inbox"):
        assert "webhook-allowed-origin" not in api.call("OPTIONS", path, key=None, headers=asks).headers


def test_web_page_gets_the_usual_preflight_on_a_hook(local_api: Api) -> None:
    answer = local_api.call("OPTIONS", local_api.make_hook(), key=None, headers=[("Origin", "https://a.b")])
    assert "access-control-allow-methods" in answer.headers
    assert "webhook-allowed-origin" not in answer.headers


def test_hook_takes_posts_only(local_api: Api) -> None:
    answer = local_api.get(local_api.make_hook(), key=None)
    assert answer.refusal == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "OPTIONS, POST"


def test_id_of_a_hook_is_no_api_key(api: Api) -> None:
    hook_id = api.make_hook().rpartition("/")[2]
    for method, template in ENDPOINTS:
        if template in ("/v1/health", "/v1/hooks/{hook_id}"):
            continue
        path = template.replace("{event_id}", "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34")
        assert api.call(method, path, key=hook_id).refusal == (401, "UNAUTHORIZED"), template


def test_api_key_opens_no_hook(api: Api) -> None:
    assert api.call("POST", f"/v1/hooks/{api.key}", body=b"{}").refusal == (404, "NOT_FOUND")
    path = api.make_hook()
    assert api.call("POST", path, body=b"{}").refusal == (401, "UNAUTHORIZED"), "a key is no signature"


def test_neither_ids_nor_secrets_nor_bodies_are_logged(api: Api, log: Log) -> None:
    path = api.make_hook()
    assert_taken(api.deliver(path, b'{"canary-of-the-body": 1}', headers=GITHUB))
    api.deliver(path, b'{"canary-of-the-body": 1}', secret="a-wrong-secret")
    api.deliver(path, b"x" * (MAX_BODY_BYTES + 1))
    api.deliver(f"/v1/hooks/{generate()}", b'{"canary-of-the-body": 1}')
    assert path.rpartition("/")[2] not in log.text
    assert path.rpartition("/")[2][5:20] not in log.text
    for secret in (SECRET, "a-wrong-secret", "canary-of-the-body"):
        assert secret not in log.text


def test_neither_ids_nor_secrets_are_in_an_answer_or_an_export(api: Api, clock: FakeClock) -> None:
    path = api.make_hook("gitlab")
    hook_id = path.rpartition("/")[2]
    answers = [
        api.deliver(path, BODY, preset="gitlab"),
        api.deliver(path, BODY, preset="gitlab", secret="no"),
    ]
    assert [answer.status for answer in answers] == [200, 401]
    (event_id,) = api.pending()
    answers += [api.inbox(), api.get(f"/v1/events/{event_id}"), api.get(f"/v1/events/{event_id}/body")]
    event = api.stores.events.get(event_id, clock() // 1_000_000)
    assert event is not None
    for text in (to_line(event), *(f"{answer.headers} {answer.body!r}" for answer in answers)):
        assert SECRET not in text
        assert hook_id not in text


HEADER_NAMES = st.sampled_from(
    [
        *("x-hub-signature-256", "x-github-event", "x-github-delivery", "stripe-signature", "content-type"),
        *("x-slack-signature", "x-slack-request-timestamp", "webhook-id", "webhook-timestamp"),
        *("webhook-signature", "svix-id", "svix-signature", "x-gitlab-token", "linear-signature"),
        *("paddle-signature", "x-shopify-hmac-sha256", "content-encoding", "authorization", "x-request-id"),
    ]
)
HEADER_VALUES = st.text(
    st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=40
) | st.sampled_from(["t=,v1=", "t=1,v1=aa", "v0=", "sha256=", "v1,", "v1, v1,", ";;;", "gzip", "9" * 5000])


KEY = "whsec_" + "c2VjcmV0" * 4
"""A secret for every scheme."""


@pytest.mark.forms
@pytest.mark.timeout(3600)  # for the long form
def test_no_malformed_delivery_is_a_500(each_door: Api) -> None:
    in_the_query = scheme_to_text(SecretScheme("query", "t"), None)
    hooks = {preset: each_door.make_hook(preset, KEY) for preset in PRESETS}
    hooks["generic"] = each_door.make_hook("generic", KEY, scheme=in_the_query)

    @examples(quick=60, full=600, long=100_000)
    @given(
        preset=st.sampled_from([*hooks]),
        headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=6, unique_by=lambda one: one[0]),
        body=st.binary(max_size=60) | st.sampled_from([b"{}", b'{"type":1}', b'{"event":[]}', b"[" * 5000]),
        query=st.text("at=&%Z;+0\u00ff", max_size=12),
    )
    def is_refused_or_stored(preset: str, headers: list[tuple[str, str]], body: bytes, query: str) -> None:
        path = hooks[preset]
        sent = [(name, value.encode("latin-1")) for name, value in headers]
        text = quote(query, safe="&=%")
        assert each_door.call("POST", path, key=None, headers=sent, body=body, query=text).status == 401
        if preset != "generic":
            answer = each_door.deliver(path, body, preset=preset, secret=KEY, headers=sent)
            assert answer.status in (200, 401)

    is_refused_or_stored()

"""Deliveries that the vendors' libraries sign are stored, and the libraries verify what is stored of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from slack_sdk.signature import SignatureVerifier
from standardwebhooks import Webhook, WebhookVerificationError
from stripe import SignatureVerificationError
from stripe import Webhook as StripeWebhook

from tests.api.driver import Api
from tests.unit.test_hook_vendors import Headers, Sign, sign_as_slack, sign_as_standard, sign_as_stripe

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def stripe_verifies(body: bytes, headers: Headers) -> bool:
    try:
        event = StripeWebhook.construct_event(body, headers["stripe-signature"], SECRET)
    except SignatureVerificationError:
        return False
    return bool(event.id == "evt_1")


def slack_verifies(body: bytes, headers: Headers) -> bool:
    verifier, timestamp = SignatureVerifier(SECRET), headers["x-slack-request-timestamp"]
    return verifier.is_valid(body, timestamp, headers["x-slack-signature"])


def standard_verifies(body: bytes, headers: Headers) -> bool:
    try:
        Webhook(SECRET).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


@dataclass(frozen=True)
class Vendor:
    """A library, and a delivery as its provider formats it.

    Attributes:
        sign: Signs with the library.
        verifies: Verifies with the function that its documentation shows to receivers.
        body: The body.
        event_type: The type that the event must have.
        content_type: The content type of the body.
    """

    sign: Sign
    verifies: Callable[[bytes, Headers], bool]
    body: str
    event_type: str
    content_type: str = "application/json"


STRIPE = """{
  "id": "evt_1",
  "object": "event",
  "api_version": "2025-03-31.basil",
  "created": 1700000000,
  "data": {"object": {"id": "ch_1", "object": "charge", "amount": 10.0, "name": "Zo\u00eb \U0001f642"}},
  "type": "charge.succeeded"
}"""
SLACK = (
    '{"type":"event_callback","event_id":"Ev1","event":{"type":"message","text":"\\u003cb\\u003e \u00eb"}}'
)
COMMAND = "token=gIkuvaNzQIHg97ATvDxqgjtO&command=%2Fweather&text=94070%20Zo%C3%AB&trigger_id=13345224609.1"
STANDARD = '{"type": "contact.created", "data": {"id": 1.50e30, "name": "Zo\u00eb\\u2028"}}\n'
VENDORS = {
    "stripe": Vendor(sign_as_stripe, stripe_verifies, STRIPE, "charge.succeeded"),
    "slack": Vendor(sign_as_slack, slack_verifies, SLACK, "message"),
    "slack's form": Vendor(
        sign_as_slack, slack_verifies, COMMAND, "webhook", "application/x-www-form-urlencoded"
    ),
    "standard": Vendor(sign_as_standard, standard_verifies, STANDARD, "contact.created"),
}
any_vendor = pytest.mark.parametrize("name", VENDORS)


@any_vendor
def test_what_the_vendor_signs_is_stored_and_the_vendor_verifies_what_is_stored(api: Api, name: str) -> None:
    vendor, preset = VENDORS[name], name.partition("'")[0]
    path, body = api.make_hook(preset, SECRET), vendor.body.encode()
    signed = vendor.sign(SECRET, vendor.body, int(time.time()))
    headers = [*signed.items(), ("Content-Type", vendor.content_type)]
    forged = api.call("POST", path, key=None, body=body + b" ", headers=headers)
    assert forged.refusal == (401, "UNAUTHORIZED")
    for _ in range(2):
        answer = api.call("POST", path, key=None, body=body, headers=headers)
        assert (answer.status, answer.body) == (200, b"")

    (event,) = api.inbox().json["events"]
    assert event["event_type"] == vendor.event_type
    kept = event["metadata"]["webhook"]["headers"]
    stored = api.get(f"/v1/events/{event['event_id']}/body")
    assert (stored.body, stored.headers["content-type"]) == (body, vendor.content_type)
    assert vendor.verifies(stored.body, kept)
    assert not vendor.verifies(stored.body + b" ", kept)


def test_two_signatures_of_stripe_at_a_rotation_are_kept_and_verified(api: Api) -> None:
    path, now = api.make_hook("stripe", SECRET), int(time.time())
    new, old = (sign_as_stripe(one, STRIPE, now)["stripe-signature"] for one in (SECRET, "whsec_old"))
    header = f"t={now},v1={old.partition('v1=')[2]},v1={new.partition('v1=')[2]}"
    sent = [("Stripe-Signature", header)]
    assert api.call("POST", path, key=None, body=STRIPE.encode(), headers=sent).status == 200
    (event,) = api.inbox().json["events"]
    stored = api.get(f"/v1/events/{event['event_id']}/body").body
    assert stripe_verifies(stored, event["metadata"]["webhook"]["headers"])

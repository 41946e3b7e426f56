"""The vendors' libraries accept what is signed here, and what they sign is authentic here."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier
from standardwebhooks import Webhook, WebhookVerificationError
from stripe import SignatureVerificationError, WebhookSignature

from tests.support.forms import examples
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.schemes import HookRequest, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"id":"evt_1","type":"order.paid","name":"Zoë 🙂","amount": 10.0}'

Headers = dict[str, str]


class FrozenClock(Clock):
    """Slack's clock, at a time in seconds since 1970."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


def sign_as_stripe(secret: str, body: str, now: int) -> Headers:
    header = WebhookSignature.generate_signature_header(body, secret, now)
    return {"stripe-signature": header}


def sign_as_slack(secret: str, body: str, now: int) -> Headers:
    signature = SignatureVerifier(secret).generate_signature(timestamp=str(now), body=body)
    assert signature is not None
    return {"x-slack-request-timestamp": str(now), "x-slack-signature": signature}


def sign_as_standard(secret: str, body: str, now: int) -> Headers:
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(now, UTC), body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signature}


def stripe_accepts(secret: str, body: str, headers: Headers, now: int) -> bool:
    assert abs(now - time.time()) < 60, "the library reads the clock of the machine"
    try:
        WebhookSignature.verify_header(body, headers["stripe-signature"], secret, 300)
    except SignatureVerificationError:
        return False
    return True


def slack_accepts(secret: str, body: str, headers: Headers, now: int) -> bool:
    return SignatureVerifier(secret, FrozenClock(now)).is_valid_request(body, headers)


def standard_accepts(secret: str, body: str, headers: Headers, now: int) -> bool:
    assert abs(now - time.time()) < 60, "the library reads the clock of the machine"
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


Sign = Callable[[str, str, int], Headers]
Accepts = Callable[[str, str, Headers, int], bool]
VENDORS: dict[str, tuple[Sign, Accepts]] = {
    "stripe": (sign_as_stripe, stripe_accepts),
    "slack": (sign_as_slack, slack_accepts),
    "standard": (sign_as_standard, standard_accepts),
}
any_vendor = pytest.mark.parametrize("name", VENDORS)
bodies = st.text(st.characters(exclude_categories=["Cs"]))


def refusal(name: str, body: str, headers: Headers, now: int) -> str | None:
    return PRESETS[name].refusal(HookRequest(headers, {}, body.encode()), [SECRET], now=now)


def signed_here(name: str, body: str, now: int) -> Headers:
    headers, _ = sign(PRESETS[name].scheme_for(SECRET), SECRET, body.encode(), now=now, delivery_id="msg_1")
    return headers


@any_vendor
@given(body=bodies)
@examples(quick=30, full=300, long=3000)
def test_signature_of_the_vendor_is_authentic_here(name: str, body: str) -> None:
    now = int(time.time())
    headers = VENDORS[name][0](SECRET, body, now)
    assert refusal(name, body, headers, now) is None
    assert refusal(name, body + " ", headers, now) == "signature"
    assert headers == signed_here(name, body, now)


@any_vendor
@given(body=bodies)
@examples(quick=30, full=300, long=3000)
def test_vendor_accepts_what_is_signed_here(name: str, body: str) -> None:
    now = int(time.time())
    accepts = VENDORS[name][1]
    headers = signed_here(name, body, now)
    assert accepts(SECRET, body, headers, now)
    assert not accepts(SECRET, body + " ", headers, now)


@any_vendor
@pytest.mark.parametrize("age", [290, 310])
def test_vendor_and_hook_agree_on_what_is_stale(name: str, age: int) -> None:
    sign_as_vendor, accepts = VENDORS[name]
    now = int(time.time())
    headers = sign_as_vendor(SECRET, BODY, now - age)
    assert accepts(SECRET, BODY, headers, now) == (age < 300)
    assert refusal(name, BODY, headers, now) == (None if age < 300 else "timestamp")


@any_vendor
def test_vendor_and_hook_agree_on_several_signatures(name: str) -> None:
    now = int(time.time())
    headers = signed_here(name, BODY, now)
    several = {
        "stripe": {"stripe-signature": headers.get("stripe-signature", "") + f",v1={'0' * 64},v0=1"},
        "standard": {
            **headers,
            "webhook-signature": "v1a,c2ln v1,c2ln " + headers.get("webhook-signature", ""),
        },
        "slack": {**headers, "x-slack-signature": headers.get("x-slack-signature", "") + ",v0=00"},
    }[name]
    accepted = VENDORS[name][1](SECRET, BODY, several, now)
    assert accepted == (name != "slack")  # which sends one
    assert (refusal(name, BODY, several, now) is None) == accepted

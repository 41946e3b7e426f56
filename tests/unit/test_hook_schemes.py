"""Signatures of webhooks: vectors are authentic, anything else is refused, and nothing raises."""

import base64
import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.forms import examples
from tests.support.wild_texts import WILD_TEXTS
from triggers_api.core.hooks import providers
from triggers_api.core.hooks.presets import PRESETS
from triggers_api.core.hooks.schemes import (
    HmacScheme,
    HookRequest,
    OpenScheme,
    Scheme,
    SecretScheme,
    refusal,
    secret_flaw,
    sign,
)

B = '{"id":"evt_1","type":"order.paid","name":"Zoë 🙂","amount": 10.0}'.encode()
NOW = 1_700_000_000
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_WHSEC = "whsec_" + base64.b64encode(b"another key of Standard Webhooks").decode()
STRIPE_SIGNATURE = "9469e1113c73365b4e419d354706e17e46a4f4ab99022c8680cedd8ac0714112"
OLD_STRIPE_SIGNATURE = "1df535feca724e052644159ae2b8a9f15ed2d2a910ae8727bdf1458b1c4c9dc3"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
    b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
"""The body of the example in Slack's documentation."""

LINEAR_WITHOUT_TIME = replace(providers.LINEAR, timestamp_member=None)
SVIX = providers.STANDARD.alternative or providers.STANDARD
ZOOM = HmacScheme(
    "x-zm-signature",
    template="v0:{timestamp}:{body}",
    prefix="v0=",
    timestamp_header="x-zm-request-timestamp",
)


def standard_headers(delivery_id: str, timestamp: int, signature: str, *, family: str) -> dict[str, str]:
    names = ("id", "timestamp", "signature")
    values = (delivery_id, str(timestamp), signature)
    return {f"{family}-{name}": value for name, value in zip(names, values, strict=True)}


PUBLISHED_ID, PUBLISHED_TIME = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330
PUBLISHED_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
PUBLISHED_BODY = b'{"test": 2432232314}'
VECTORS: dict[str, tuple[Scheme, str, bytes, dict[str, str], int]] = {
    "GitHub, published": (
        providers.GITHUB,
        "It's a Secret to Everybody",
        b"Hello, World!",
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        NOW,
    ),
    "GitHub": (
        providers.GITHUB,
        "gh-secret",
        B,
        {"x-hub-signature-256": "sha256=373d6568b7dc61cf7c3bd8a57abd6d9010d64fe46bd2644c3f5aa40df0dcffe3"},
        NOW,
    ),
    "GitHub with SHA-1": (
        HmacScheme("x-hub-signature", algorithm="sha1", prefix="sha1="),
        "gh-secret",
        B,
        {"x-hub-signature": "sha1=edec5144d92e1e736157199e16f4d42520e860df"},
        NOW,
    ),
    "Slack, published": (
        providers.SLACK,
        "8f742231b10e8888abcd99yyyzzz85a5",
        SLACK_BODY,
        {
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        1_531_420_618,
    ),
    "Slack": (
        providers.SLACK,
        "slack-signing-secret",
        B,
        {
            "x-slack-request-timestamp": str(NOW),
            "x-slack-signature": "v0=e0b085d7c613f530232d1ec858f3153c1383fcddc5e1cea8422da725c1ac98c4",
        },
        NOW,
    ),
    "Stripe": (
        providers.STRIPE,
        "whsec_test_stripe",
        B,
        {"stripe-signature": f"t={NOW},v1={STRIPE_SIGNATURE}"},
        NOW,
    ),
    "Stripe, old secret": (
        providers.STRIPE,
        "whsec_test_stripe_old",
        B,
        {"stripe-signature": f"t={NOW},v1={STRIPE_SIGNATURE},v1={OLD_STRIPE_SIGNATURE},v0=0"},
        NOW,
    ),
    "Shopify": (
        providers.SHOPIFY,
        "shpss_test",
        B,
        {"x-shopify-hmac-sha256": "p66+xJForue2MmQ3S5ZLt+uszFLn9EVXZvMIGUkc6g4="},
        NOW,
    ),
    "Linear": (
        LINEAR_WITHOUT_TIME,
        "lin_wh_test",
        B,
        {"linear-signature": "5b4e785c0fea990c48c37825773b936c1c1ca0a49fa506f8b5d6e77d3f8bc8c9"},
        NOW,
    ),
    "Standard Webhooks, published": (
        providers.STANDARD,
        WHSEC,
        PUBLISHED_BODY,
        standard_headers(PUBLISHED_ID, PUBLISHED_TIME, PUBLISHED_SIGNATURE, family="webhook"),
        PUBLISHED_TIME,
    ),
    "Svix, published": (
        providers.STANDARD,
        WHSEC.removeprefix("whsec_"),
        PUBLISHED_BODY,
        standard_headers(PUBLISHED_ID, PUBLISHED_TIME, PUBLISHED_SIGNATURE, family="svix"),
        PUBLISHED_TIME,
    ),
    "Standard Webhooks": (
        providers.STANDARD,
        WHSEC,
        B,
        standard_headers(
            "msg_1", NOW, "v1a,c2ln v1,ejRnuHkMsN+HDG8sfgrTHUEUmUiTFYYRFP15THKLIj0=", family="webhook"
        ),
        NOW,
    ),
    "GitLab, signed": (
        providers.GITLAB_SIGNED,
        WHSEC,
        B,
        standard_headers("msg_1", NOW, "v1,ejRnuHkMsN+HDG8sfgrTHUEUmUiTFYYRFP15THKLIj0=", family="webhook"),
        NOW,
    ),
    "Paddle": (
        providers.PADDLE,
        "pdl_ntfset_test",
        B,
        {"paddle-signature": f"ts={NOW};h1=e67034401ea192ce80f57a6fdf067a5491287de3459a91f58c80a0e302439a7a"},
        NOW,
    ),
    "Zoom": (
        ZOOM,
        "zoom-secret",
        B,
        {
            "x-zm-request-timestamp": str(NOW),
            "x-zm-signature": "v0=8635d37d872ca783c8d078f4699e50fb9b1a6770a9b009b2405c953288307c85",
        },
        NOW,
    ),
    "Meta": (
        providers.GITHUB,
        "meta-app-secret",
        B,
        {"x-hub-signature-256": "sha256=9d4af46ab9e251a6a38e63efdbf132fb8d08999af4f489e5ea17d9491b63c16f"},
        NOW,
    ),
}
"""Published by the provider, or computed with the provider's library."""

SHARED = {
    "header": SecretScheme("header", "x-gitlab-token"),
    "bearer": SecretScheme("bearer"),
    "query": SecretScheme("query", "access_token"),
}
GENERIC = {
    "sha512 in base64": HmacScheme(
        "x-sig", template="{id}{body}", algorithm="sha512", encoding="base64", id_header="x-id"
    ),
    "time behind the body": HmacScheme("x-sig", template="{body}|{timestamp}", timestamp_header="x-time"),
}
SCHEMES: dict[str, Scheme] = {
    **{name: preset.scheme for name, preset in PRESETS.items()},
    "gitlab signed": providers.GITLAB_SIGNED,
    **SHARED,
    **GENERIC,
}
"""Every scheme with a secret."""

TEXT_SECRETS = {
    name: scheme
    for name, scheme in SCHEMES.items()
    if not (isinstance(scheme, HmacScheme) and scheme.base64_secret)
}
"""Those whose secret may be any text."""

TIMED = {
    "stripe": (providers.STRIPE, 300),
    "slack": (providers.SLACK, 300),
    "standard": (providers.STANDARD, 300),
    "paddle": (providers.PADDLE, 300),
    "linear": (providers.LINEAR, 60),
    "generic": (GENERIC["time behind the body"], 300),
}
LINEAR_BODY = b'{"webhookTimestamp":1700000000000,"type":"Issue"}'

any_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)


def request(body: bytes = B, query: dict[str, str] | None = None, **headers: str) -> HookRequest:
    return HookRequest({name.replace("_", "-"): value for name, value in headers.items()}, query or {}, body)


def signed(scheme: Scheme, secret: str, body: bytes = LINEAR_BODY, *, now: int = NOW) -> HookRequest:
    headers, query = sign(scheme, secret, body, now=now, delivery_id="msg_1")
    return HookRequest(headers, query, body)


def with_headers(delivery: HookRequest, **headers: str) -> HookRequest:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(delivery, headers={**delivery.headers, **changed})


def stripe_request(timestamp: str, secret: str = "s3cret") -> HookRequest:
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + B, hashlib.sha256).hexdigest()
    return request(stripe_signature=f"t={timestamp.encode().decode('latin-1')},v1={digest}")


@pytest.mark.parametrize("name", VECTORS)
def test_vector_is_authentic(name: str) -> None:
    scheme, secret, body, headers, now = VECTORS[name]
    assert refusal(scheme, HookRequest(headers, {}, body), [secret], now=now) is None


@pytest.mark.parametrize(
    "name", sorted(VECTORS.keys() - {"Stripe, old secret", "Standard Webhooks", "Svix, published"})
)
def test_sign_returns_the_headers_of_a_vector(name: str) -> None:
    scheme, secret, body, headers, now = VECTORS[name]
    delivery_id = headers.get("webhook-id", "unused")
    assert sign(scheme, secret, body, now=now, delivery_id=delivery_id) == (headers, {})


def test_sign_returns_the_svix_headers_of_a_vector() -> None:
    _, secret, body, headers, now = VECTORS["Svix, published"]
    assert sign(SVIX, secret, body, now=now, delivery_id=PUBLISHED_ID) == (headers, {})


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize(
    "change", [lambda body: body + b" ", lambda body: body[:-1], lambda body: body.swapcase()]
)
def test_changed_body_is_refused(name: str, change: Any) -> None:
    scheme, secret, body, headers, now = VECTORS[name]
    assert refusal(scheme, HookRequest(headers, {}, change(body)), [secret], now=now) == "signature"


@any_scheme
def test_signed_delivery_is_authentic_for_its_secret_only(scheme: Scheme) -> None:
    delivery = signed(scheme, WHSEC)
    assert refusal(scheme, delivery, [WHSEC], now=NOW) is None
    assert refusal(scheme, delivery, [OTHER_WHSEC], now=NOW) == "signature"
    assert refusal(scheme, delivery, [], now=NOW) == "signature"


@any_scheme
def test_old_and_new_secret_are_both_valid(scheme: Scheme) -> None:
    for secrets in ([OTHER_WHSEC, WHSEC], [WHSEC, OTHER_WHSEC]):
        for secret in secrets:
            assert refusal(scheme, signed(scheme, secret), secrets, now=NOW) is None


@any_scheme
def test_empty_or_damaged_secret_accepts_nothing(scheme: Scheme) -> None:
    empty = signed(scheme, "")
    assert refusal(scheme, empty, [""], now=NOW) in {"signature", "signature missing"}
    if isinstance(scheme, HmacScheme) and scheme.base64_secret:
        assert refusal(scheme, empty, ["whsec_", "whsec_not base64", "é"], now=NOW) == "signature"


@any_scheme
def test_delivery_without_headers_lacks_a_signature(scheme: Scheme) -> None:
    assert refusal(scheme, HookRequest({}, {}, LINEAR_BODY), [WHSEC], now=NOW) == "signature missing"


@any_scheme
def test_every_part_of_the_proof_is_needed(scheme: Scheme) -> None:
    delivery = signed(scheme, WHSEC)
    for name in delivery.headers:
        for headers in (
            {other: value for other, value in delivery.headers.items() if other != name},
            {**delivery.headers, name: ""},
        ):
            lacking = replace(delivery, headers=headers)
            assert refusal(scheme, lacking, [WHSEC], now=NOW) == "signature missing"
        wrong = replace(delivery, headers={**delivery.headers, name: delivery.headers[name] + "0"})
        assert refusal(scheme, wrong, [WHSEC], now=NOW) == "signature"
    for name in delivery.query:
        assert refusal(scheme, replace(delivery, query={}), [WHSEC], now=NOW) == "signature missing"
        assert refusal(scheme, replace(delivery, query={name: "x"}), [WHSEC], now=NOW) == "signature"


@any_scheme
def test_change_of_any_character_is_refused(scheme: Scheme) -> None:
    delivery = signed(scheme, WHSEC)
    for name, value in delivery.headers.items():
        for place in range(len(value)):
            changed = replace(
                delivery, headers={**delivery.headers, name: f"{value[:place]}!{value[place + 1 :]}"}
            )
            assert refusal(scheme, changed, [WHSEC], now=NOW) is not None


@pytest.mark.parametrize(("scheme", "tolerance"), TIMED.values(), ids=TIMED)
def test_time_may_differ_by_the_tolerance(scheme: Scheme, tolerance: int) -> None:
    delivery = signed(scheme, WHSEC)
    for difference in (-tolerance, -1, 0, 1, tolerance):
        assert refusal(scheme, delivery, [WHSEC], now=NOW + difference) is None
    for difference in (-10 * tolerance, -tolerance - 1, tolerance + 1, 10 * tolerance):
        assert refusal(scheme, delivery, [WHSEC], now=NOW + difference) == "timestamp"
        assert refusal(scheme, delivery, [OTHER_WHSEC], now=NOW + difference) == "signature"


@pytest.mark.parametrize("name", ["github", "shopify", "gitlab"])
def test_scheme_without_a_time_accepts_old_deliveries(name: str) -> None:
    scheme = SCHEMES[name]
    assert refusal(scheme, signed(scheme, WHSEC), [WHSEC], now=NOW + 10**9) is None


@pytest.mark.parametrize("milliseconds", [-1, 1])
def test_linear_counts_milliseconds(milliseconds: int) -> None:
    sent = NOW * 1000 + 60_000 * milliseconds
    for time, expected in ((sent, None), (sent + milliseconds, "timestamp")):
        delivery = signed(providers.LINEAR, "s3cret", b'{"webhookTimestamp":%d}' % time)
        assert refusal(providers.LINEAR, delivery, ["s3cret"], now=NOW) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"webhookTimestamp":null}',
        b'{"webhookTimestamp":true}',
        b'{"webhookTimestamp":"1700000000000"}',
        b'{"webhookTimestamp":1700000000000.0}',
        b'{"webhookTimestamp":NaN}',
        b'{"webhookTimestamp":1e999}',
        b'{"webhookTimestamp":' + b"9" * 4000 + b"}",
        b'{"webhookTimestamp":' + b"9" * 5000 + b"}",
        b'{"webhookTimestamp":' + b"[" * 200_000,
        b'[{"webhookTimestamp":1700000000000}]',
        b'{"a":{"webhookTimestamp":1700000000000}}',
        b"1700000000000",
        b"\xff\xfe",
        b"\xff",
        b"",
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_linear_needs_a_time_in_the_body(body: bytes) -> None:
    delivery = signed(providers.LINEAR, "s3cret", body)
    assert refusal(providers.LINEAR, delivery, ["s3cret"], now=NOW) == "timestamp"


def test_linear_body_need_not_be_strict_json() -> None:
    body = b'{"text":"\\ud83d","webhookTimestamp":1700000000000,"text":1}'
    assert refusal(providers.LINEAR, signed(providers.LINEAR, "s", body), ["s"], now=NOW) is None


@pytest.mark.parametrize(
    "timestamp",
    [
        "9" * 5000,
        "9" * 13,
        "",
        "-1700000000",
        "+1700000000",
        "1700000000.0",
        "1_700_000_000",
        "1.7e9",
        "²",
        "\u0661\u0667",
        "nan",
    ],
)
def test_malformed_time_is_refused_although_it_is_signed(timestamp: str) -> None:
    assert refusal(providers.STRIPE, stripe_request(timestamp), ["s3cret"], now=NOW) == "timestamp"


def test_time_of_the_signature_header_is_its_first() -> None:
    delivery = stripe_request(str(NOW))
    value = delivery.headers["stripe-signature"]
    first = with_headers(delivery, stripe_signature=f"{value},t=1")
    last = with_headers(delivery, stripe_signature=f"t=1,{value}")
    assert refusal(providers.STRIPE, first, ["s3cret"], now=NOW) is None
    assert refusal(providers.STRIPE, last, ["s3cret"], now=NOW) == "signature"


@pytest.mark.parametrize(
    "value",
    [
        f"v1={STRIPE_SIGNATURE},t={NOW}",
        f"t={NOW}, v1={'0' * 64}, v1={STRIPE_SIGNATURE}",
        f"t={NOW},v1=,v1=é,v1={STRIPE_SIGNATURE.upper()},x",
        f" t={NOW} , v1={STRIPE_SIGNATURE} ",
    ],
)
def test_one_of_several_signatures_is_enough(value: str) -> None:
    delivery = request(stripe_signature=value)
    assert refusal(providers.STRIPE, delivery, ["whsec_test_stripe"], now=NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        f"t={NOW},v0={STRIPE_SIGNATURE}",
        f"t={NOW},v1={STRIPE_SIGNATURE[:-1]}",
        f"t={NOW},v1={STRIPE_SIGNATURE}0",
        f"t={NOW};v1={STRIPE_SIGNATURE}",
        f"t={NOW},{STRIPE_SIGNATURE}",
        f"t={NOW - 1},v1={STRIPE_SIGNATURE}",
        f"v1={STRIPE_SIGNATURE}",
        f"t={NOW},v1=",
        ",",
    ],
)
def test_header_without_a_right_signature_is_refused(value: str) -> None:
    delivery = request(stripe_signature=value)
    assert refusal(providers.STRIPE, delivery, ["whsec_test_stripe"], now=NOW) == "signature"


def test_repeated_signature_header_is_a_list() -> None:
    new, old = signed(providers.STANDARD, WHSEC), signed(providers.STANDARD, OTHER_WHSEC)
    value = f"{old.headers['webhook-signature']}, {new.headers['webhook-signature']}"
    delivery = with_headers(new, webhook_signature=value)
    for secret in (WHSEC, OTHER_WHSEC):
        assert refusal(providers.STANDARD, delivery, [secret], now=NOW) is None


def test_asymmetric_signature_of_standard_webhooks_counts_for_nothing() -> None:
    delivery = signed(providers.STANDARD, WHSEC)
    digest = delivery.headers["webhook-signature"].removeprefix("v1,")
    delivery = with_headers(delivery, webhook_signature=f"v1a,{digest} v2,{digest} {digest}")
    assert refusal(providers.STANDARD, delivery, [WHSEC], now=NOW) == "signature"


def test_signed_id_and_time_are_those_of_the_same_family() -> None:
    delivery = signed(SVIX, WHSEC)
    mixed = {**delivery.headers, "webhook-id": "msg_2", "webhook-timestamp": str(NOW + 1)}
    assert refusal(providers.STANDARD, replace(delivery, headers=mixed), [WHSEC], now=NOW) is None
    for name in ("id", "timestamp"):
        headers = {**mixed, f"webhook-{name}": delivery.headers[f"svix-{name}"]}
        del headers[f"svix-{name}"]
        lacking = replace(delivery, headers=headers)
        assert refusal(providers.STANDARD, lacking, [WHSEC], now=NOW) == "signature missing"


def test_signature_of_the_other_family_is_ignored() -> None:
    delivery = with_headers(signed(SVIX, WHSEC), **{"webhook-id": "forged", "webhook-signature": "v1,x"})
    assert refusal(providers.STANDARD, delivery, [WHSEC], now=NOW) == "signature missing"
    delivery = with_headers(delivery, **{"webhook-timestamp": str(NOW)})
    assert refusal(providers.STANDARD, delivery, [WHSEC], now=NOW) == "signature"


@pytest.mark.parametrize("scheme", TEXT_SECRETS.values(), ids=TEXT_SECRETS)
@pytest.mark.parametrize("secret", ["Zoë 🙂", "mot de passe à", "x" * 1024, "ÿ", "a, b"])
def test_secret_may_be_any_text(scheme: Scheme, secret: str) -> None:
    delivery = signed(scheme, secret)
    for value in delivery.headers.values():
        value.encode("latin-1")
    assert refusal(scheme, delivery, [secret], now=NOW) is None
    assert secret_flaw(scheme, secret) is None
    assert refusal(scheme, delivery, [secret + "x"], now=NOW) == "signature"


@pytest.mark.parametrize("value", ["bearer s3cret", "BEARER s3cret", "Bearer  s3cret"])
def test_bearer_is_written_in_any_case(value: str) -> None:
    assert refusal(SecretScheme("bearer"), request(authorization=value), ["s3cret"], now=NOW) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [("s3cret", "signature missing"), ("Basic s3cret", "signature missing"), ("Bearer s3cre", "signature")],
)
def test_other_authorization_is_refused(value: str, reason: str) -> None:
    assert refusal(SecretScheme("bearer"), request(authorization=value), ["s3cret"], now=NOW) == reason


def test_secret_is_taken_from_its_place_only() -> None:
    everywhere = {"x-gitlab-token": "s3cret", "authorization": "Bearer s3cret"}
    delivery = HookRequest(everywhere, {"access_token": "s3cret"}, B)
    assert refusal(SHARED["query"], replace(delivery, query={}), ["s3cret"], now=NOW) == "signature missing"
    for name in everywhere:
        headers = {other: value for other, value in everywhere.items() if other != name}
        scheme = SHARED["bearer" if name == "authorization" else "header"]
        lacking = replace(delivery, headers=headers)
        assert refusal(scheme, lacking, ["s3cret"], now=NOW) == "signature missing"


def test_open_scheme_accepts_everything() -> None:
    assert refusal(OpenScheme(), HookRequest({}, {}, b""), [], now=NOW) is None
    assert sign(OpenScheme(), "", B, now=NOW, delivery_id="x") == ({}, {})


def test_placeholders_in_values_are_not_replaced() -> None:
    scheme = HmacScheme(
        "x-sig", template="{id}.{timestamp}.{body}", id_header="x-id", timestamp_header="x-time"
    )
    body = b"{timestamp}{id}{body}"
    digest = hmac.new(b"s3cret", b"{body}.%d.%b" % (NOW, body), hashlib.sha256).hexdigest()
    delivery = request(body, x_id="{body}", x_time=str(NOW), x_sig=digest)
    assert refusal(scheme, delivery, ["s3cret"], now=NOW) is None


@pytest.mark.parametrize("secret", [WHSEC, WHSEC.removeprefix("whsec_"), "whsec_" + "A" * 43, "A" * 43 + "="])
def test_standard_secret_is_base64_of_24_to_64_bytes(secret: str) -> None:
    assert secret_flaw(providers.STANDARD, secret) is None
    assert refusal(providers.STANDARD, signed(providers.STANDARD, secret), [secret], now=NOW) is None


@pytest.mark.parametrize("key", [b"x" * 23, b"x" * 65, b"x"], ids=["23 bytes", "65 bytes", "1 byte"])
def test_standard_secret_of_another_length_has_a_flaw(key: bytes) -> None:
    flaw = secret_flaw(providers.STANDARD, base64.b64encode(key).decode())
    assert flaw == "it is not the base64 of 24 to 64 bytes"
    assert secret_flaw(providers.GITHUB, base64.b64encode(key).decode()) is None


@pytest.mark.parametrize("size", [24, 64])
def test_standard_secret_at_the_limit_has_no_flaw(size: int) -> None:
    assert secret_flaw(providers.STANDARD, "whsec_" + base64.b64encode(b"x" * size).decode()) is None


@pytest.mark.parametrize(
    ("secret", "flaw"),
    [
        ("", "it is empty"),
        ("x" * 1025, "it is longer than 1,024 characters"),
        (" x", "it starts or ends with white space"),
        ("x\n", "it starts or ends with white space"),
        ("a\nb", "it has characters that cannot be printed"),
        ("a\x00b", "it has characters that cannot be printed"),
        ("a\ud800b", "it has characters that cannot be printed"),
    ],
)
@any_scheme
def test_secret_has_a_flaw(scheme: Scheme, secret: str, flaw: str) -> None:
    assert secret_flaw(scheme, secret) == flaw


@pytest.mark.parametrize(
    "secret",
    ["whsec_", "whsec_!!!", f"{WHSEC[:20]}!!!!{WHSEC[20:]}", "whsec_" + "-_" * 20, "é" * 40, "A" * 33],
)
def test_standard_secret_that_is_no_base64_has_a_flaw(secret: str) -> None:
    assert secret_flaw(providers.STANDARD, secret) == "it is not the base64 of 24 to 64 bytes"


def test_open_scheme_has_no_secret() -> None:
    assert secret_flaw(OpenScheme(), "x") == "the scheme has no secret"


def test_request_shows_nothing_of_a_delivery() -> None:
    assert repr(HookRequest({"a": "s3cret"}, {"b": "s3cret"}, b"s3cret")) == "HookRequest()"


values = WILD_TEXTS | st.sampled_from(
    [
        f"t={NOW}",
        "sha256=",
        "v1,",
        "v0=",
        "Bearer ",
        "t=,v1=",
        "ts=;h1=",
        "9" * 5000,
        f"t={'9' * 5000},v1=00",
        "²",
        "é",
        "=" * 99,
    ]
)
header_names = sorted(
    {"authorization", *(name for scheme in SCHEMES.values() for name in signed(scheme, WHSEC).headers)}
)


@given(
    st.sampled_from(list(SCHEMES.values())),
    st.dictionaries(st.sampled_from([*header_names, "svix-id", "svix-signature"]), values, max_size=8),
    st.dictionaries(st.sampled_from(["access_token", "x"]), values),
    st.binary(max_size=40) | st.just(LINEAR_BODY),
    st.lists(WILD_TEXTS, max_size=2),
)
@examples(quick=300, full=3000, long=30_000)
def test_forged_delivery_is_refused_and_never_raises(
    scheme: Scheme, headers: dict[str, str], query: dict[str, str], body: bytes, secrets: list[str]
) -> None:
    delivery = HookRequest(headers, query, body)
    reasons = {"signature missing", "signature", "timestamp"}
    assert refusal(scheme, delivery, [WHSEC], now=NOW) in reasons
    assert refusal(scheme, delivery, secrets, now=NOW) in {None, *reasons}
    for secret in secrets:
        secret_flaw(scheme, secret)


@given(st.sampled_from(list(SCHEMES.values())), st.data())
@examples(quick=300, full=3000, long=30_000)
def test_changed_header_never_raises(scheme: Scheme, data: st.DataObject) -> None:
    delivery = signed(scheme, WHSEC)
    assume(delivery.headers)
    name = data.draw(st.sampled_from(sorted(delivery.headers)))
    value = delivery.headers[name]
    place = data.draw(st.integers(0, len(value)))
    new = value[:place] + data.draw(values) + value[place + data.draw(st.integers(0, 2)) :]
    outcome = refusal(scheme, with_headers(delivery, **{name: new}), [WHSEC], now=NOW)
    assert outcome in {None, "signature missing", "signature", "timestamp"}


@given(
    st.sampled_from(list(SCHEMES.values())),
    st.binary(max_size=200),
    st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() and text == text.strip()),
    st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1).map(str.strip).filter(bool),
)
@examples(quick=200, full=2000, long=20_000)
def test_what_is_signed_is_accepted(scheme: Scheme, body: bytes, secret: str, delivery_id: str) -> None:
    if isinstance(scheme, HmacScheme) and scheme.base64_secret:
        secret = base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()
    headers, query = sign(scheme, secret, body, now=NOW, delivery_id=delivery_id)
    outcome = refusal(scheme, HookRequest(headers, query, body), [secret], now=NOW)
    assert outcome == ("timestamp" if scheme == providers.LINEAR else None)

"""Presets of webhook providers: types, delivery ids, kept headers, secrets; and generic hooks."""

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.forms import examples
from tests.support.wild_texts import WILD_TEXTS
from triggers_api.core.hooks import providers
from triggers_api.core.hooks.generic import scheme_flaw, scheme_to_text
from triggers_api.core.hooks.presets import PRESETS, Preset, generic, preset_of
from triggers_api.core.hooks.schemes import (
    HmacScheme,
    HookRequest,
    OpenScheme,
    Scheme,
    SecretScheme,
    secret_flaw,
    sign,
)
from triggers_api.errors import CorruptRecordError

NOW = 1_700_000_000
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_WHSEC = "whsec_" + base64.b64encode(b"another key of Standard Webhooks").decode()
SIGNED_ID = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": "v1,x"}
SVIX_ID = {"svix-id": "msg_2", "svix-timestamp": str(NOW), "svix-signature": "v1,x"}

DELIVERIES: list[tuple[str, dict[str, str], Any, str | None, str | None]] = [
    (
        "github",
        {"x-github-event": "pull_request", "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
        {"action": "opened", "number": 1, "pull_request": {"id": 1}},
        "pull_request.opened",
        "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    ),
    ("github", {"x-github-event": "push"}, {"ref": "refs/heads/main"}, "push", None),
    ("github", {"x-github-event": "push"}, {"action": {"a": "b"}}, "push", None),
    ("github", {"x-github-event": "issues", "x-github-delivery": "1"}, None, "issues", "1"),
    ("github", {}, {"action": "opened"}, None, None),
    (
        "stripe",
        {},
        {"id": "evt_1MqqbKLt4dXK03v5qaIbiNCC", "object": "event", "type": "invoice.paid"},
        "invoice.paid",
        "evt_1MqqbKLt4dXK03v5qaIbiNCC",
    ),
    ("stripe", {}, {"id": 1, "type": ["invoice.paid"]}, None, None),
    (
        "shopify",
        {
            "x-shopify-topic": "orders/create",
            "x-shopify-webhook-id": "b54557e4",
            "x-shopify-event-id": "98880550",
        },
        {"id": 820982911946154508},
        "orders/create",
        "b54557e4",
    ),
    (
        "slack",
        {},
        {"type": "event_callback", "event_id": "Ev0PV52K25", "event": {"type": "app_mention"}},
        "app_mention",
        "Ev0PV52K25",
    ),
    ("slack", {}, {"type": "url_verification", "challenge": "3eZb"}, "url_verification", None),
    ("slack", {}, {"type": "event_callback", "event": "text"}, "event_callback", None),
    ("slack", {}, None, None, None),
    (
        "linear",
        {"linear-event": "Issue", "linear-delivery": "234d1a4e-b617-4388-90fe-adc3633d6b72"},
        {"action": "create", "type": "Comment", "webhookTimestamp": NOW * 1000},
        "Comment.create",
        "234d1a4e-b617-4388-90fe-adc3633d6b72",
    ),
    ("linear", {"linear-event": "Issue"}, {"action": "create"}, "Issue", None),
    ("linear", {"linear-event": "Issue"}, {"type": "Project"}, "Project", None),
    (
        "gitlab",
        {"x-gitlab-event": "Merge Request Hook", "idempotency-key": "f5e5f430"},
        {"object_kind": "merge_request", "object_attributes": {"action": "open"}},
        "merge_request.open",
        "f5e5f430",
    ),
    ("gitlab", {"x-gitlab-event": "Push Hook"}, {"object_kind": "push"}, "push", None),
    ("gitlab", {"x-gitlab-event": "System Hook"}, {"event_name": "x"}, "System Hook", None),
    ("gitlab", {"idempotency-key": "forged", **SIGNED_ID}, {"object_kind": "push"}, "push", "msg_1"),
    ("gitlab", {"idempotency-key": "a", "webhook-id": "b"}, {}, None, "a"),
    ("standard", SIGNED_ID, {"type": "invoice.paid", "id": "forged"}, "invoice.paid", "msg_1"),
    ("standard", SVIX_ID, {"type": "invoice.paid"}, "invoice.paid", "msg_2"),
    ("standard", {"webhook-id": "forged", **SVIX_ID}, {}, None, "msg_2"),
    ("standard", {"svix-id": "forged", **SIGNED_ID}, {}, None, "msg_1"),
    (
        "paddle",
        {},
        {
            "event_id": "evt_01hv8wptq8987qeep44cyrewp9",
            "event_type": "transaction.billed",
            "notification_id": "ntf",
        },
        "transaction.billed",
        "evt_01hv8wptq8987qeep44cyrewp9",
    ),
]

OPTIONS: dict[str, tuple[Scheme, str | None]] = {
    "hmac": (HmacScheme("X-Signature"), None),
    "hmac with an id": (HmacScheme("X-Signature", prefix="sha1=", algorithm="sha1"), "X-Delivery"),
    "all of hmac": (
        HmacScheme(
            "X-Signature",
            template="v1:{id}:{timestamp}:{body}",
            algorithm="sha512",
            encoding="base64",
            prefix="v1,",
            timestamp_header="X-Time",
            id_header="X-Id",
        ),
        "x-id",
    ),
    "header": (SecretScheme("header", "X-Token"), "X-Delivery"),
    "bearer": (SecretScheme("bearer"), None),
    "query": (SecretScheme("query", "access_token"), None),
    "none": (OpenScheme(), "X-Delivery"),
}
any_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def request(headers: dict[str, str]) -> HookRequest:
    return HookRequest(headers, {}, b"")


def delivery(scheme: Scheme, secret: str, body: bytes = b"{}") -> HookRequest:
    headers, query = sign(scheme, secret, body, now=NOW, delivery_id="msg_1")
    return HookRequest(headers, query, body)


@pytest.mark.parametrize(("name", "headers", "value", "event_type", "delivery_id"), DELIVERIES)
def test_delivery_has_a_type_and_an_id(
    name: str, headers: dict[str, str], value: Any, event_type: str | None, delivery_id: str | None
) -> None:
    assert PRESETS[name].event_type(request(headers), value) == event_type
    assert PRESETS[name].delivery_id(request(headers), value) == delivery_id


@pytest.mark.parametrize("kind", ["", "x" * 257, "a\nb", "a\x1b[2Jb", None, 1, {}])
def test_type_that_cannot_be_used_is_none(kind: Any) -> None:
    assert PRESETS["stripe"].event_type(request({}), {"type": kind}) is None


def test_longest_type_and_id_are_kept_whole() -> None:
    value = {"type": "é" * 100, "id": "x" * 100_000}
    assert PRESETS["stripe"].event_type(request({}), value) == value["type"]
    assert PRESETS["stripe"].delivery_id(request({}), value) == value["id"]


def test_type_with_an_action_is_limited_as_a_whole() -> None:
    github = PRESETS["github"]
    headers = request({"x-github-event": "x" * 60})
    assert github.event_type(headers, {"action": "y" * 39}) == "x" * 60 + "." + "y" * 39
    assert github.event_type(headers, {"action": "y" * 40}) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WILD_TEXTS,
    lambda children: (
        st.lists(children, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "action", "id", "event", "challenge"]), children, max_size=3
        )
    ),
    max_leaves=6,
)
names = [
    *(
        "type",
        "action",
        "id",
        "event",
        "event_id",
        "event_type",
        "object_kind",
        "object_attributes",
        "challenge",
    )
]


@given(
    st.sampled_from(list(PRESETS.values())),
    st.dictionaries(
        st.sampled_from(sorted({name for one in PRESETS.values() for name in one.kept_headers})), WILD_TEXTS
    ),
    st.none() | st.dictionaries(st.sampled_from(names), json_values | st.just("url_verification")),
)
@examples(quick=300, full=3000, long=30_000)
def test_any_delivery_has_texts_or_nothing(
    preset: Preset, headers: dict[str, str], value: dict[str, Any] | None
) -> None:
    event_type = preset.event_type(request(headers), value)
    assert event_type is None or (0 < len(event_type) <= 100 and event_type.isprintable())
    for text in (preset.delivery_id(request(headers), value), preset.challenge(value)):
        assert text is None or (isinstance(text, str) and text)


def test_slack_challenge_is_answered() -> None:
    challenge = {"type": "url_verification", "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": "3eZbrw1aB"}
    assert PRESETS["slack"].challenge(challenge) == "3eZbrw1aB"
    for value in (
        None,
        {},
        {"challenge": "3eZb"},
        {**challenge, "challenge": 1},
        {**challenge, "challenge": None},
    ):
        assert PRESETS["slack"].challenge(value) is None
    assert [preset.name for preset in PRESETS.values() if preset.challenge(challenge)] == ["slack"]


@any_preset
def test_signature_is_kept_and_secret_is_not(preset: Preset) -> None:
    for secret in ("s3cret", WHSEC):
        scheme = preset.scheme_for(secret)
        for name in sign(scheme, WHSEC, b"{}", now=NOW, delivery_id="msg_1")[0]:
            assert (name in preset.kept_headers) == isinstance(scheme, HmacScheme)
    assert not {"authorization", "cookie", "x-gitlab-token", "x-api-key"} & {*preset.kept_headers}
    assert [name.lower() for name in preset.kept_headers] == [*dict.fromkeys(preset.kept_headers)]
    assert "user-agent" in preset.kept_headers


def test_headers_of_types_and_ids_are_kept() -> None:
    for name, headers, *_ in DELIVERIES:
        assert headers.keys() - {"x"} <= {*PRESETS[name].kept_headers, *SVIX_ID, *SIGNED_ID}


def test_presets_have_their_names() -> None:
    titles = {name: preset.title for name, preset in PRESETS.items()}
    assert list(titles) == [preset.name for preset in PRESETS.values()]
    assert titles == {
        "github": "GitHub",
        "stripe": "Stripe",
        "shopify": "Shopify",
        "slack": "Slack",
        "linear": "Linear",
        "gitlab": "GitLab",
        "standard": "Standard Webhooks",
        "paddle": "Paddle",
    }
    assert {name for name, preset in PRESETS.items() if preset.makes_secret} == {
        "github",
        "gitlab",
        "standard",
    }


@pytest.mark.parametrize(
    "name", [*(name for name, preset in PRESETS.items() if preset.makes_secret), "generic"]
)
def test_new_secret_is_random_and_can_be_used(name: str) -> None:
    preset = PRESETS.get(name) or generic(HmacScheme("x-sig"), id_header=None)
    first, second = preset.new_secret(), preset.new_secret()
    assert first != second
    assert len(first) >= 43
    assert first.startswith("whsec_") == (name == "standard")
    assert secret_flaw(preset.scheme_for(first), first) is None
    assert preset.refusal(delivery(preset.scheme_for(first), first), [second, first], now=NOW) is None


def test_new_secret_is_never_like_an_option() -> None:
    assert not any(PRESETS["github"].new_secret().startswith("-") for _ in range(2000))


def test_new_standard_secret_has_256_bits() -> None:
    secret = PRESETS["standard"].new_secret()
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_gitlab_secret_decides_between_token_and_signature() -> None:
    gitlab = PRESETS["gitlab"]
    assert gitlab.scheme_for("token") == SecretScheme("header", "x-gitlab-token")
    assert gitlab.scheme_for(WHSEC) == providers.GITLAB_SIGNED
    assert PRESETS["stripe"].scheme_for(WHSEC) == providers.STRIPE
    token, signed = delivery(gitlab.scheme_for("token"), "token"), delivery(gitlab.scheme_for(WHSEC), WHSEC)
    for secrets in (["token", WHSEC], [WHSEC, "token"]):
        assert gitlab.refusal(token, secrets, now=NOW) is None
        assert gitlab.refusal(signed, secrets, now=NOW) is None
        assert gitlab.refusal(signed, secrets, now=NOW + 301) == "timestamp"
        both = HookRequest({**signed.headers, "x-gitlab-token": "tok"}, {}, signed.body)
        assert gitlab.refusal(both, secrets, now=NOW + 301) == "timestamp"
        assert gitlab.refusal(request({"x-gitlab-token": "tok"}), secrets, now=NOW) == "signature"
        assert gitlab.refusal(request({}), secrets, now=NOW) == "signature missing"
    assert gitlab.refusal(token, [WHSEC], now=NOW) == "signature missing"
    assert gitlab.refusal(signed, [OTHER_WHSEC], now=NOW) == "signature"
    assert gitlab.refusal(signed, ["token"], now=NOW) == "signature missing"


def test_gitlab_signing_token_is_no_shared_token() -> None:
    assert (
        PRESETS["gitlab"].refusal(request({"x-gitlab-token": WHSEC}), [WHSEC], now=NOW) == "signature missing"
    )


def test_gitlab_is_not_signed_by_svix_headers() -> None:
    svix = providers.STANDARD.alternative
    assert svix is not None
    assert PRESETS["gitlab"].refusal(delivery(svix, WHSEC), [WHSEC], now=NOW) == "signature missing"


@any_preset
def test_hook_without_secrets_accepts_nothing(preset: Preset) -> None:
    assert preset.refusal(delivery(preset.scheme, WHSEC), [], now=NOW) == "signature"


def test_open_hook_needs_no_secret() -> None:
    assert generic(OpenScheme(), id_header=None).refusal(request({}), [], now=NOW) is None


@pytest.mark.parametrize(("scheme", "id_header"), OPTIONS.values(), ids=OPTIONS)
def test_generic_preset_is_read_from_its_text(scheme: Scheme, id_header: str | None) -> None:
    assert scheme_flaw(scheme) is None
    made = generic(scheme, id_header=id_header)
    read = preset_of("generic", scheme_to_text(scheme, id_header))
    assert (read.name, read.scheme, read.kept_headers) == ("generic", made.scheme, made.kept_headers)
    assert preset_of("generic", scheme_to_text(read.scheme, id_header)).scheme == made.scheme
    signed = delivery(read.scheme, "s3cret", b'{"type":"x"}')
    assert all(name == name.lower() for name in [*signed.headers, *read.kept_headers])
    assert read.refusal(signed, ["s3cret"], now=NOW) is None
    assert read.makes_secret == (scheme != OpenScheme())
    with_id = request({**signed.headers, **({id_header.lower(): "d1"} if id_header else {})})
    assert read.delivery_id(with_id, {"id": "x"}) == (id_header and "d1")
    assert read.event_type(with_id, {"type": "x"}) is None


def test_generic_preset_keeps_signatures_and_no_secret() -> None:
    scheme, id_header = OPTIONS["all of hmac"]
    assert generic(scheme, id_header=id_header).kept_headers == (
        "x-signature",
        "x-time",
        "x-id",
        "user-agent",
    )
    assert generic(SecretScheme("header", "X-Token"), id_header="X-Id").kept_headers == ("x-id", "user-agent")
    assert generic(SecretScheme("bearer"), id_header=None).kept_headers == ("user-agent",)


def test_generic_id_is_the_signed_one() -> None:
    scheme, _ = OPTIONS["all of hmac"]
    assert generic(scheme, id_header=None).delivery_id(request({"x-id": "a", "id": "b"}), {}) == "a"
    with pytest.raises(ValueError, match="not the one that is signed"):
        generic(scheme, id_header="x-other")


@pytest.mark.parametrize(
    ("scheme", "id_header"),
    [
        (SecretScheme("header", "X-Token"), "x-token"),
        (SecretScheme("header", "x-token"), "X-TOKEN"),
        (SecretScheme("bearer"), "Authorization"),
        (HmacScheme("x-sig"), "cookie"),
        (HmacScheme("x-sig"), ""),
        (HmacScheme("x-sig"), "x id"),
        (OpenScheme(), "authorization"),
    ],
)
def test_generic_id_header_may_hold_no_secret(scheme: Scheme, id_header: str) -> None:
    with pytest.raises(ValueError, match="id header"):
        generic(scheme, id_header=id_header)


@pytest.mark.parametrize(
    "scheme",
    [
        HmacScheme(""),
        HmacScheme("x sig"),
        HmacScheme("x-sig:"),
        HmacScheme("x-sig\n"),
        HmacScheme("é"),
        HmacScheme("x" * 257),
        HmacScheme("x-sig", algorithm="md5"),
        HmacScheme("x-sig", encoding="base32"),
        HmacScheme("x-sig", prefix="a\n"),
        HmacScheme("x-sig", prefix=" a"),
        HmacScheme("x-sig", prefix="x" * 257),
        HmacScheme("x-sig", template=""),
        HmacScheme("x-sig", template="body"),
        HmacScheme("x-sig", template="{body}{body}"),
        HmacScheme("x-sig", template="{body}{secret}"),
        HmacScheme("x-sig", template="{body}{"),
        HmacScheme("x-sig", template="{{body}}"),
        HmacScheme("x-sig", template="{body}\n"),
        HmacScheme("x-sig", template="{body}" + "x" * 256),
        HmacScheme("x-sig", template="{timestamp}{body}"),
        HmacScheme("x-sig", timestamp_header="x-time"),
        HmacScheme("x-sig", template="{id}{body}"),
        HmacScheme("x-sig", template="{timestamp}{body}", timestamp_header="x time"),
        HmacScheme("x-sig", template="{id}{body}", id_header="x id"),
        HmacScheme("x-sig", template="{id}{body}", id_header="X-Sig"),
        HmacScheme("x-sig", template="{timestamp}{body}", timestamp_header="X-Sig"),
        HmacScheme("Cookie"),
        HmacScheme("Authorization"),
        HmacScheme("x-sig", tolerance=301),
        HmacScheme("x-sig", base64_secret=True),
        providers.STANDARD,
        SecretScheme("body", "x"),
        SecretScheme("header"),
        SecretScheme("header", "x token"),
        SecretScheme("header", "User-Agent"),
        SecretScheme("header", "content-type"),
        SecretScheme("header", "X-Request-ID"),
        SecretScheme("query"),
        SecretScheme("query", "a&b c"),
        SecretScheme("bearer", "x"),
    ],
)
def test_scheme_with_a_flaw_is_no_generic_scheme(scheme: Scheme) -> None:
    flaw = scheme_flaw(scheme)
    assert flaw
    with pytest.raises(ValueError, match=re.escape(flaw)):
        generic(scheme, id_header=None)


TEXT = scheme_to_text(*OPTIONS["all of hmac"])


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "{}",
        TEXT.replace("hmac", "s3cret"),
        TEXT.replace('"hmac"', "{}"),
        TEXT.replace("{body}", "s3cret"),
        TEXT.replace("sha512", "s3cret"),
        TEXT.replace('"sha512"', "512"),
        TEXT.replace('"X-Signature"', "null"),
        TEXT.replace('"header":', '"s3cret":'),
        TEXT.replace('"x-id"', '"s3cret"'),
        TEXT.replace('"x-id"', "5"),
        TEXT.replace('"options"', '"s3cret"'),
        TEXT.replace('"id_header":"x-id"', '"a":1'),
        TEXT[:-1] + ',"s3cret":1}',
        '{"kind":"hmac","options":[],"id_header":null}',
        '{"kind":"hmac","options":{},"id_header":null}',
        '{"kind":"none","options":{"name":"x"},"id_header":null}',
        '{"kind":"secret","options":{"place":"s3cret"},"id_header":null}',
        '{"kind":"secret","options":{"place":"header","name":"x"},"id_header":"x"}',
    ],
)
def test_damaged_text_of_a_scheme_is_refused_unquoted(text: str | None) -> None:
    assert text != TEXT
    with pytest.raises(CorruptRecordError) as caught:
        preset_of("generic", text)
    assert "s3cret" not in f"{caught.value} {caught.value.reason} {caught.value.details}"
    assert caught.value.__cause__ is None


@given(WILD_TEXTS | json_values.map(json.dumps))
@examples(quick=100, full=1000, long=10_000)
def test_text_that_is_no_scheme_is_refused(text: str) -> None:
    with pytest.raises(CorruptRecordError):
        preset_of("generic", text)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_found_by_its_name(name: str) -> None:
    assert preset_of(name, None) is PRESETS[name]


@pytest.mark.parametrize("name", ["", "GitHub", "zoom", "s3cret"])
def test_unknown_preset_is_a_damaged_record(name: str) -> None:
    with pytest.raises(CorruptRecordError) as caught:
        preset_of(name, None)
    assert not name or name not in str(caught.value)

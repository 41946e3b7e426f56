"""Providers of webhooks: how each signs, names its events and deliveries, and which headers are kept."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from triggers_api.core.hooks import providers, schemes
from triggers_api.core.hooks.generic import generic_flaw, in_lower_case, scheme_from_text
from triggers_api.core.hooks.readers import Reader, either, header, member, signed_id, text, with_action
from triggers_api.core.hooks.schemes import HmacScheme, HookRequest, OpenScheme, Scheme
from triggers_api.core.hooks.signing import SECRET_PREFIX
from triggers_api.errors import CorruptRecordError

MAX_TYPE_CHARACTERS = 100

_NO_MEMBERS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider.

    Attributes:
        name: The name in commands and stored hooks.
        title: The name of the provider.
        scheme: How it signs.
        kept_headers: The headers that are kept with an event, in lower case. Signatures are, secrets never.
        makes_secret: Whether `new_secret` generates the secret: the provider lets its user choose it.
        type_reader: Reads the type of the event.
        id_reader: Reads the id of the delivery.
        signing_scheme: The scheme for secrets that start with `whsec_`, if it is another.
    """

    name: str
    title: str
    scheme: Scheme
    kept_headers: tuple[str, ...]
    makes_secret: bool
    type_reader: Reader
    id_reader: Reader
    signing_scheme: HmacScheme | None = None

    def scheme_for(self, secret: str) -> Scheme:
        """Return the scheme that a secret is for."""
        is_signing = self.signing_scheme is not None and secret.startswith(SECRET_PREFIX)
        return self.signing_scheme if self.signing_scheme and is_signing else self.scheme

    def refusal(self, request: HookRequest, secrets: Sequence[str], *, now: int) -> str | None:
        """Return why a delivery is refused, or None if it is authentic, as `schemes.refusal` does.

        Args:
            request: The delivery.
            secrets: The valid secrets, which may be for different schemes.
            now: The time in seconds since 1970.
        """
        live: dict[Scheme, list[str]] = {} if secrets else {self.scheme: []}
        for secret in secrets:
            live.setdefault(self.scheme_for(secret), []).append(secret)
        reasons = [schemes.refusal(scheme, request, live[scheme], now=now) for scheme in live]
        ranked = (None, schemes.STALE, schemes.WRONG, schemes.MISSING)
        return min(reasons, key=ranked.index)

    def event_type(self, request: HookRequest, value: Mapping[str, Any] | None) -> str | None:
        """Return the type of the event, None if it names none that can be used.

        Args:
            request: The delivery.
            value: The members of its body, None if that is no JSON object.
        """
        found = self.type_reader(request, _NO_MEMBERS if value is None else value)
        return found if found and found.isprintable() and len(found) <= MAX_TYPE_CHARACTERS else None

    def delivery_id(self, request: HookRequest, value: Mapping[str, Any] | None) -> str | None:
        """Return the id of an authentic delivery in full, None if it has none. Repeats have the same id.

        Args:
            request: The delivery.
            value: The members of its body, None if that is no JSON object.
        """
        return self.id_reader(request, _NO_MEMBERS if value is None else value) or None

    def new_secret(self) -> str:
        """Return a new secret of 256 random bits, for presets with `makes_secret`."""
        import secrets  # noqa: PLC0415 - the Lambda generates none

        if isinstance(self.scheme, HmacScheme) and self.scheme.base64_secret:
            return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        return secrets.token_hex(32)  # starts with no -, as an option does

    def challenge(self, value: Mapping[str, Any] | None) -> str | None:
        """Return what Slack expects as the answer to its first request, None for other requests."""
        if self.name != "slack" or value is None or value.get("type") != "url_verification":
            return None
        return text(value.get("challenge"))


def generic(scheme: Scheme, *, id_header: str | None) -> Preset:
    """Return the preset of a hook for any other provider.

    Args:
        scheme: How the provider signs.
        id_header: The header of the delivery's id. None: the one that the scheme signs, if any.

    Raises:
        ValueError: `generic_flaw` names the reason.
    """
    if flaw := generic_flaw(scheme, id_header):
        raise ValueError(flaw)
    scheme, kept = in_lower_case(scheme), []
    if isinstance(scheme, HmacScheme):
        id_header = id_header or scheme.id_header
        kept = [name for name in (scheme.header, scheme.timestamp_header) if name]
    if id_header:
        id_header = id_header.lower()
        kept.append(id_header)
    return Preset(
        "generic",
        "Generic",
        scheme,
        (*dict.fromkeys([*kept, "user-agent"]),),
        makes_secret=not isinstance(scheme, OpenScheme),
        type_reader=lambda _request, _value: None,
        id_reader=header(id_header or ""),
    )


def preset_of(name: str, scheme_text: str | None) -> Preset:
    """Return the preset of a stored hook.

    Args:
        name: Its preset.
        scheme_text: The text of its scheme by `scheme_to_text`, for `generic` only.

    Raises:
        CorruptRecordError: The name is unknown, or the text is damaged. Neither is quoted.
    """
    if name == "generic":
        scheme, id_header = scheme_from_text(scheme_text)
        return generic(scheme, id_header=id_header)
    if preset := PRESETS.get(name):
        return preset
    raise CorruptRecordError("The preset of a hook is unknown.")


_STANDARD_KEPT = ("webhook-id", "webhook-timestamp", "webhook-signature")

_GITHUB = Preset(
    "github",
    "GitHub",
    providers.GITHUB,
    (
        *("x-github-event", "x-github-delivery", "x-github-hook-id", "x-hub-signature-256", "user-agent"),
        *("x-github-hook-installation-target-id", "x-github-hook-installation-target-type"),
    ),
    makes_secret=True,
    type_reader=with_action(header("x-github-event"), member("action")),
    id_reader=header("x-github-delivery"),
)
_STRIPE = Preset(
    "stripe",
    "Stripe",
    providers.STRIPE,
    ("stripe-signature", "user-agent"),
    makes_secret=False,
    type_reader=member("type"),
    id_reader=member("id"),
)
_SHOPIFY = Preset(
    "shopify",
    "Shopify",
    providers.SHOPIFY,
    (
        *("x-shopify-topic", "x-shopify-shop-domain", "x-shopify-webhook-id", "x-shopify-event-id"),
        *("x-shopify-api-version", "x-shopify-triggered-at", "x-shopify-hmac-sha256", "user-agent"),
    ),
    makes_secret=False,
    type_reader=header("x-shopify-topic"),
    id_reader=header("x-shopify-webhook-id"),
)
_SLACK = Preset(
    "slack",
    "Slack",
    providers.SLACK,
    (
        *("x-slack-signature", "x-slack-request-timestamp"),
        *("x-slack-retry-num", "x-slack-retry-reason", "user-agent"),
    ),
    makes_secret=False,
    type_reader=either(member("event", "type"), member("type")),
    id_reader=member("event_id"),
)
_LINEAR = Preset(
    "linear",
    "Linear",
    providers.LINEAR,
    ("linear-event", "linear-delivery", "linear-timestamp", "linear-signature", "user-agent"),
    makes_secret=False,
    type_reader=either(with_action(member("type"), member("action")), header("linear-event")),
    id_reader=header("linear-delivery"),
)
_GITLAB = Preset(
    "gitlab",
    "GitLab",
    providers.GITLAB_TOKEN,
    (
        *("x-gitlab-event", "x-gitlab-event-uuid", "x-gitlab-webhook-uuid", "x-gitlab-instance"),
        *("idempotency-key", *_STANDARD_KEPT, "user-agent"),
    ),
    makes_secret=True,
    type_reader=either(
        with_action(member("object_kind"), member("object_attributes", "action")), header("x-gitlab-event")
    ),
    id_reader=signed_id(providers.GITLAB_SIGNED, otherwise="idempotency-key"),
    signing_scheme=providers.GITLAB_SIGNED,
)
_STANDARD_WEBHOOKS = Preset(
    "standard",
    "Standard Webhooks",
    providers.STANDARD,
    (*_STANDARD_KEPT, "svix-id", "svix-timestamp", "svix-signature", "user-agent"),
    makes_secret=True,
    type_reader=member("type"),
    id_reader=signed_id(providers.STANDARD),
)
_PADDLE = Preset(
    "paddle",
    "Paddle",
    providers.PADDLE,
    ("paddle-signature", "user-agent"),
    makes_secret=False,
    type_reader=member("event_type"),
    id_reader=member("event_id"),
)

_ALL = (_GITHUB, _STRIPE, _SHOPIFY, _SLACK, _LINEAR, _GITLAB, _STANDARD_WEBHOOKS, _PADDLE)
PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})
"""The presets by name, without `generic`."""

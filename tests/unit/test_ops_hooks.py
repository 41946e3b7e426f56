"""The operations of `triggers hooks`, on a store in memory, and samples at a service in this process."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.support.clock import FakeClock
from tests.unit.memory_store import MemoryEventStore
from triggers_api.core.hooks.generic import scheme_from_text
from triggers_api.core.hooks.presets import PRESETS, preset_of
from triggers_api.core.hooks.receiving import HookIntake
from triggers_api.core.hooks.records import HookRecord, generate, hook_digest_of, is_hook_id, prefix_of
from triggers_api.core.hooks.schemes import HmacScheme, HookRequest, OpenScheme, SecretScheme
from triggers_api.core.ids import EventIds
from triggers_api.core.keys import generate as generate_key
from triggers_api.core.retention import Retention
from triggers_api.core.times import format_time
from triggers_api.errors import (
    ChecksFailedError,
    ConfigurationError,
    CorruptRecordError,
    HookNotFoundError,
    HookStateError,
    TriggersError,
)
from triggers_api.ops.hook_delivery.delivery import HookTest
from triggers_api.ops.hook_delivery.samples import signed_sample
from triggers_api.ops.hooks.generic import GenericOptions, generic_scheme
from triggers_api.ops.hooks.new_hook import HookPlan, plan_hook, with_secret
from triggers_api.ops.hooks.operations import Hooks, NewHook
from triggers_api.ops.hooks.references import whole_id_in
from triggers_api.ops.hooks.states import hook_state, old_secret_end

BASE = "http://127.0.0.1:8000"
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OWN_SECRET = "the-operators-own-signing-secret"
GENERIC = {
    "none": GenericOptions("none"),
    "bearer": GenericOptions("secret", bearer=True),
    "query": GenericOptions("secret", query="token"),
    "header": GenericOptions("secret", header="X-Token", id_header="X-Id"),
    "plain hmac": GenericOptions("hmac", header="X-Signature"),
    "hmac": GenericOptions(
        "hmac",
        header="X-Signature",
        algorithm="sha512",
        encoding="base64",
        prefix="v1=",
        template="{timestamp}.{id}.{body}",
        timestamp_header="X-Time",
        id_header="X-Id",
    ),
}


class MemoryHookStore:
    """Keeps hooks in a dictionary. `in_between` is a change by another user just before a rotation."""

    def __init__(self) -> None:
        self.records: dict[str, HookRecord] = {}
        self.damaged: dict[str, CorruptRecordError] = {}
        self.in_between: HookRecord | None = None

    def find(self, digest: str) -> HookRecord | None:
        if digest in self.damaged:
            raise self.damaged[digest]
        return self.records.get(digest)

    def add(self, record: HookRecord) -> bool:
        return self.records.setdefault(record.digest, record) is record

    def list(self) -> Iterator[HookRecord | CorruptRecordError]:
        yield from self.damaged.values()
        yield from sorted(self.records.values(), key=lambda record: record.digest)

    def revoke(self, digest: str, *, at: str) -> bool:
        if digest in self.damaged:
            return True
        if (record := self.records.get(digest)) is None:
            return False
        at = record.revoked_at or at
        self.records[digest] = replace(record, is_active=False, revoked_at=at, secret=None, old_secret=None)
        return True

    def rotate(self, old: HookRecord, *, secret: str, old_secret_expires_at: str) -> bool:
        if self.in_between is not None:
            self.records[old.digest] = self.in_between
        stored = self.records[old.digest]
        if not stored.is_active or stored.secret != old.secret:
            return False
        self.records[old.digest] = replace(
            stored, secret=secret, old_secret=old.secret, old_secret_expires_at=old_secret_expires_at
        )
        return True


@pytest.fixture
def store() -> MemoryHookStore:
    return MemoryHookStore()


@pytest.fixture
def hooks(store: MemoryHookStore, clock: FakeClock) -> Hooks:
    return Hooks(store, clock=clock)


def plan(preset: str = "github", **chosen: Any) -> HookPlan:
    return plan_hook(preset=preset, source="shop", **chosen)


def create(hooks: Hooks, preset: str = "github", *, secret: str | None = None, **chosen: Any) -> NewHook:
    return hooks.create(with_secret(plan(preset, **chosen), secret))


def reply(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    """Return a response whose body is not read yet."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def text_of(error: TriggersError) -> str:
    return f"{error.message} {error.reason} {error.hint} {error!r}"


# Create


def test_create_stores_the_digest_of_the_id_and_a_new_secret(
    hooks: Hooks, store: MemoryHookStore, clock: FakeClock
) -> None:
    new = create(hooks, event_type="t", dedupe="none")
    assert is_hook_id(new.hook_id)
    assert new.made_secret
    assert store.records == {new.record.digest: new.record}
    assert new.record == HookRecord(
        hook_digest_of(new.hook_id),
        is_active=True,
        source="shop",
        preset="github",
        event_type="t",
        dedupe="none",
        secret=new.made_secret,
        created_at=format_time(clock()),
        prefix=prefix_of(new.hook_id),
    )
    assert create(hooks).made_secret != new.made_secret
    for secret in (new.hook_id, new.made_secret):
        assert secret not in repr(new)


def test_secret_of_the_operator_is_not_returned(hooks: Hooks) -> None:
    new = create(hooks, secret=OWN_SECRET)
    assert (new.made_secret, new.record.secret) == (None, OWN_SECRET)
    assert OWN_SECRET not in repr(with_secret(plan(), OWN_SECRET)) + repr(new)


@pytest.mark.parametrize("preset", PRESETS)
def test_hook_without_a_secret_gets_one_unless_its_provider_makes_it(hooks: Hooks, preset: str) -> None:
    new = create(hooks, preset)
    made = PRESETS[preset].makes_secret
    assert (new.made_secret is not None) == made
    assert hook_state(new.record) == ("active" if made else "no secret")


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"preset": "nobody"}, "github"),
        ({"source": ""}, "--source"),
        ({"source": " \u3000"}, "--source"),
        ({"source": "a" * 101}, "--source"),
        ({"source": "a\nb"}, "--source"),
        ({"event_type": "\x7f"}, "--event-type"),
        ({"dedupe": "body"}, "id or none"),
        ({"options": GenericOptions("none")}, "--scheme is for --preset generic"),
        ({"options": GenericOptions(id_header="X")}, "--id-header is for --preset generic"),
        ({"options": GenericOptions(bearer=True)}, "--bearer is for --preset generic"),
        ({"preset": "generic"}, "--scheme hmac"),
    ],
    ids=str,
)
def test_wrong_value_is_refused_with_its_option(chosen: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan_hook(**{"preset": "github", "source": "shop", **chosen})
    assert named in text_of(caught.value)


def test_api_key_is_no_source(hooks: Hooks) -> None:
    key = generate_key("prod")
    with pytest.raises(ConfigurationError, match="--source contains an API key") as caught:
        plan_hook(preset="github", source=f"of {key}")
    assert key not in text_of(caught.value)


@pytest.mark.parametrize(
    ("preset", "secret"),
    [("github", ""), ("github", " x"), ("standard", "whsec_tooshort"), ("stripe", "a" * 2000)],
)
def test_bad_secret_is_refused_and_not_repeated(preset: str, secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        with_secret(plan(preset), secret)
    assert caught.value.reason
    assert not secret.strip() or secret not in text_of(caught.value)


def test_scheme_none_takes_no_secret() -> None:
    with pytest.raises(ConfigurationError, match="--secret has no meaning"):
        with_secret(plan("generic", options=GENERIC["none"]), OWN_SECRET)


@pytest.mark.parametrize(
    ("options", "scheme"),
    [
        (GENERIC["none"], OpenScheme()),
        (GENERIC["bearer"], SecretScheme("bearer")),
        (GENERIC["query"], SecretScheme("query", "token")),
        (GENERIC["header"], SecretScheme("header", "X-Token")),
        (GENERIC["plain hmac"], HmacScheme("X-Signature")),
        (
            GENERIC["hmac"],
            HmacScheme(
                "X-Signature",
                "{timestamp}.{id}.{body}",
                "sha512",
                "base64",
                "v1=",
                timestamp_header="X-Time",
                id_header="X-Id",
            ),
        ),
    ],
)
def test_options_describe_a_scheme(options: GenericOptions, scheme: object) -> None:
    assert scheme_from_text(generic_scheme(options)) == (scheme, options.id_header)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (GenericOptions("rsa"), "--scheme hmac"),
        (GenericOptions("hmac"), "--header"),
        (GenericOptions("hmac", header="two words"), "token"),
        (GenericOptions("hmac", header="X", bearer=True), "--bearer has no meaning with --scheme hmac"),
        (GenericOptions("hmac", header="X", query="q"), "--query has no meaning"),
        (GenericOptions("hmac", header="X", algorithm="md5"), "sha256"),
        (GenericOptions("hmac", header="X", encoding="base32"), "base64"),
        (GenericOptions("hmac", header="X", template=""), "{body} once"),
        (GenericOptions("hmac", header="X", template="{timestamp}{body}"), "timestamp header"),
        (GenericOptions("hmac", header="X", timestamp_header="T"), "timestamp header"),
        (GenericOptions("hmac", header="X", template="{id}{body}"), "id header"),
        (GenericOptions("secret"), "one of --header, --query and --bearer"),
        (GenericOptions("secret", header="X", bearer=True), "one of --header, --query and --bearer"),
        (GenericOptions("secret", header="X", template="{body}"), "--template has no meaning"),
        (GenericOptions("secret", header="X", id_header="x"), "secret"),
        (GenericOptions("none", header="X"), "--header has no meaning with --scheme none"),
    ],
)
def test_contradictory_options_are_refused_with_the_reason(options: GenericOptions, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        generic_scheme(options)
    assert named in text_of(caught.value)
    assert "--help" in caught.value.hint


# References


def test_hook_is_found_by_each_of_its_names(hooks: Hooks) -> None:
    new = create(hooks)
    create(hooks)
    record = new.record
    references = (record.id, record.id[:6], record.prefix, record.digest, new.hook_id)
    for reference in (*references, f"{BASE}/v1/hooks/{new.hook_id}/", f"/v1/hooks/{new.hook_id}?utm=1"):
        assert hooks.show(str(reference)) == record


@pytest.mark.parametrize(
    "reference", ["", "0", "0123456789ab", "hook_", "hook_abcd", "github", "-", "hook_é"]
)
def test_unknown_hook_is_not_found(hooks: Hooks, reference: str) -> None:
    create(hooks)
    with pytest.raises(HookNotFoundError) as caught:
        hooks.show(reference)
    assert "hooks list" in caught.value.hint


def test_unknown_or_mistyped_id_is_not_repeated(hooks: Hooks) -> None:
    new = create(hooks)
    for text in (generate(), f"{new.hook_id}x", new.hook_id[:-1], generate_key("prod")):
        for change in (hooks.show, hooks.revoke):
            with pytest.raises(HookNotFoundError) as caught:
                change(text)
            assert text not in text_of(caught.value)


def test_reference_that_matches_several_hooks_is_refused(hooks: Hooks, store: MemoryHookStore) -> None:
    first = create(hooks).record
    twin = replace(first, digest=first.digest[:-4] + "0000")
    assert store.add(twin)
    for reference in (first.id, str(first.prefix)):
        with pytest.raises(HookNotFoundError, match="matches 2 hooks"):
            hooks.show(reference)


def test_damaged_hook_can_be_revoked_but_not_shown(hooks: Hooks, store: MemoryHookStore) -> None:
    digest = hook_digest_of(hook_id := generate())
    store.damaged[digest] = CorruptRecordError("Hook is damaged.", details={"digest": digest})
    short_id = hooks.revoke(hook_id)
    assert hooks.revoke(short_id) == short_id
    with pytest.raises(CorruptRecordError) as caught:
        hooks.show(short_id)
    assert f"hooks revoke {short_id}" in caught.value.hint
    assert hooks.list(everything=False, source=None) == ([], [store.damaged[digest]])


@pytest.mark.parametrize(
    "damage", [{"preset": "x"}, {"preset": "generic"}, {"scheme": "{", "preset": "generic"}]
)
def test_hook_with_a_damaged_preset_is_listed_as_damaged(
    hooks: Hooks, store: MemoryHookStore, damage: dict[str, str]
) -> None:
    record = create(hooks).record
    store.records[record.digest] = replace(record, **damage)  # type: ignore[arg-type]  # texts
    found, (error,) = hooks.list(everything=True, source=None)
    assert (found, record.id in error.message) == ([], True)
    with pytest.raises(CorruptRecordError) as caught:
        hooks.show(record.id)
    assert f"hooks revoke {record.id}" in caught.value.hint
    assert hooks.revoke(record.id) == record.id


@pytest.mark.parametrize("text", ["", "hook_abcd", "https://x.example/v1/hooks/", "trg_dev_x"])
def test_text_without_a_whole_id_has_none(text: str) -> None:
    assert whole_id_in(text) is None


# List, revoke and rotate


def test_list_shows_active_hooks_oldest_first(hooks: Hooks, clock: FakeClock) -> None:
    made = []
    for _ in range(3):
        made.append(create(hooks).record)
        clock.advance(seconds=1)
    hooks.revoke(made[1].id)
    assert hooks.list(everything=False, source=None) == ([made[0], made[2]], [])
    shown, _ = hooks.list(everything=True, source="shop")
    assert [one.id for one in shown] == [one.id for one in made]
    assert hooks.list(everything=True, source="another") == ([], [])


def test_revoked_hook_cannot_be_rotated_or_tested(hooks: Hooks) -> None:
    new = create(hooks)
    assert hooks.revoke(new.hook_id) == hooks.revoke(new.record.id) == new.record.id
    record = hooks.show(new.record.id)
    assert hook_state(record) == "revoked"
    with pytest.raises(HookStateError, match="revoked") as rotated:
        hooks.rotate(new.hook_id, secret=None, overlap=60)
    with pytest.raises(ChecksFailedError, match="revoked") as tested:
        HookTest(BASE).run(new.hook_id, record, MemoryEventStore())
    for caught in (rotated, tested):
        assert caught.value.hint.endswith("triggers hooks create --preset github --source shop")


def test_fix_for_a_revoked_generic_hook_names_the_help_of_create(hooks: Hooks) -> None:
    new = create(hooks, "generic", options=GENERIC["none"])
    hooks.revoke(new.hook_id)
    with pytest.raises(HookStateError, match="revoked") as caught:
        hooks.rotate(new.hook_id, secret=None, overlap=60)
    assert "triggers hooks create" in caught.value.hint
    assert "--help" in caught.value.hint


def test_rotation_keeps_the_old_secret_for_the_overlap(hooks: Hooks, clock: FakeClock) -> None:
    new = create(hooks)
    rotation = hooks.rotate(new.record.id, secret=None, overlap=3600)
    assert rotation.had_secret
    record = hooks.show(new.record.id)
    assert rotation.record == record
    assert record.secret == rotation.made_secret != new.made_secret
    assert record.secrets_at(hooks.now) == [rotation.made_secret, new.made_secret]
    assert old_secret_end(record, hooks.now) == format_time(clock() + 3_600_000_000)
    clock.advance(seconds=3600)
    assert record.secrets_at(hooks.now) == [rotation.made_secret]
    assert old_secret_end(record, hooks.now) is None
    assert str(rotation.made_secret) not in repr(rotation)


def test_rotation_sets_the_secret_that_the_provider_made_later(hooks: Hooks) -> None:
    new = create(hooks, "stripe")
    with pytest.raises(ConfigurationError, match="Stripe") as caught:
        hooks.rotate(new.record.id, secret=None, overlap=60)
    assert "--secret -" in caught.value.hint
    rotation = hooks.rotate(new.record.id, secret="whsec_of_stripe", overlap=60)
    assert (rotation.made_secret, rotation.had_secret) == (None, False)
    assert hook_state(hooks.show(new.record.id)) == "active"
    with pytest.raises(ConfigurationError, match="already"):
        hooks.rotate(new.record.id, secret="whsec_of_stripe", overlap=60)


def test_rotation_is_refused_if_nothing_can_be_rotated(hooks: Hooks) -> None:
    new = create(hooks, "generic", options=GENERIC["none"])
    with pytest.raises(HookStateError, match="no secret that could be rotated"):
        hooks.rotate(new.record.id, secret=OWN_SECRET, overlap=60)
    with pytest.raises(ConfigurationError, match="9999"):
        hooks.rotate(create(hooks).record.id, secret=None, overlap=10**12)


def test_rotation_that_another_user_overtakes_changes_nothing(hooks: Hooks, store: MemoryHookStore) -> None:
    record = create(hooks).record
    store.in_between = replace(record, secret="of another user")
    with pytest.raises(HookStateError, match="another user"):
        hooks.rotate(record.id, secret=None, overlap=60)
    assert store.records[record.digest] == store.in_between


# Samples


class Service:
    """The service of hooks, without HTTP's details. `broken` answers in its place."""

    def __init__(self, hooks: Hooks, events: MemoryEventStore, clock: FakeClock) -> None:
        self.broken: httpx.Response | Exception | None = None
        self.paths: list[str] = []
        self._hooks = hooks
        self._intake = HookIntake(events, ids=EventIds(clock), clock=clock, retention=Retention(days=7))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        if isinstance(self.broken, Exception):
            raise self.broken
        if self.broken is not None:
            return self.broken
        hook = self._hooks.show(request.url.path)
        headers = dict(httpx.Headers(request.headers.raw, encoding="latin-1"))  # a repeated one is joined
        delivery = HookRequest(headers, dict(request.url.params), request.content)
        if self._intake.refusal(hook, delivery) is not None:
            return reply(401)
        self._intake.receive(hook, delivery)
        return reply(200)


@pytest.fixture
def events() -> MemoryEventStore:
    return MemoryEventStore()


@pytest.fixture
def service(hooks: Hooks, events: MemoryEventStore, clock: FakeClock) -> Service:
    return Service(hooks, events, clock)


@pytest.fixture
def hook_test(service: Service, clock: FakeClock) -> HookTest:
    def sleep(seconds: float) -> None:
        clock.advance(seconds=seconds)

    return HookTest(BASE, transport=httpx.MockTransport(service), clock=clock, sleep=sleep)


@pytest.mark.parametrize(
    ("preset", "options"),
    [*((name, None) for name in PRESETS), *(("generic", one) for one in GENERIC.values())],
    ids=[*PRESETS, *GENERIC],
)
def test_sample_of_each_preset_becomes_an_event(
    hooks: Hooks,
    events: MemoryEventStore,
    hook_test: HookTest,
    preset: str,
    options: GenericOptions | None,
) -> None:
    needs = preset != "generic" or options != GENERIC["none"]
    new = create(hooks, preset, options=options, secret=STANDARD_SECRET if needs else None)
    first, second = (hook_test.run(new.hook_id, new.record, events) for _ in range(2))
    assert first.event != second.event
    assert list(events.events.values()) == [first.event, second.event]
    assert (first.event.source, first.event.status) == ("shop", "pending")
    assert first.event.webhook is not None
    details = json.loads(first.event.webhook.details)
    knows_id = preset != "generic" or (options and options.id_header)
    assert details.get("delivery_id") == (first.delivery_id if knows_id else None)
    if preset != "generic":
        assert first.event.event_type != "webhook"


def test_gitlab_sample_has_the_token_if_the_secret_is_one(
    hooks: Hooks, events: MemoryEventStore, hook_test: HookTest
) -> None:
    new = create(hooks, "gitlab", secret="a-token")
    assert hook_test.run(new.hook_id, new.record, events).event.event_type == "test"


def test_hook_without_its_secret_is_not_tested(
    hooks: Hooks, events: MemoryEventStore, hook_test: HookTest, service: Service
) -> None:
    new = create(hooks, "slack")
    with pytest.raises(ChecksFailedError, match="no signing secret yet") as caught:
        hook_test.run(new.hook_id, new.record, events)
    assert f"hooks rotate {new.record.id} --secret -" in caught.value.hint
    assert service.paths == []


FAILURES = {
    "another service": (reply(200, b"<html>"), "another service"),
    "another secret": (reply(401), "another secret"),
    "wrong clock": (reply(401, Date="Sun, 06 Nov 1994 08:49:37 GMT"), "clocks"),
    "unreadable date": (reply(401, Date="soon"), "another secret"),
    "unknown hook": (reply(404), "not the API of the stage"),
    "too large": (reply(413), "no hook answers"),
    "throttled": (reply(429), "throttle"),
    "redirect": (reply(301, Location="https://x.example"), "no hook answers"),
    "store fails": (reply(503), "store right now"),
    "nothing listens": (httpx.ConnectError("refused"), "no connection"),
    "broken answer": (httpx.RemoteProtocolError("broken"), "broke"),
    "silent": (TimeoutError(), "overloaded"),
}


@pytest.mark.parametrize(("broken", "why"), FAILURES.values(), ids=FAILURES.keys())
def test_failure_names_its_reason_and_no_secret(
    hooks: Hooks,
    events: MemoryEventStore,
    hook_test: HookTest,
    service: Service,
    broken: httpx.Response | Exception,
    why: str,
) -> None:
    new = create(hooks)
    service.broken = broken
    with pytest.raises(ChecksFailedError) as caught:
        hook_test.run(new.hook_id, new.record, events)
    told = text_of(caught.value) + text_of(caught.value.__cause__ or caught.value)  # type: ignore[arg-type]  # ours
    assert why in told
    assert caught.value.hint
    assert new.hook_id not in told
    assert str(new.made_secret) not in told
    assert events.events == {}


def test_event_that_is_not_stored_is_a_failure(
    hooks: Hooks, hook_test: HookTest, service: Service, clock: FakeClock
) -> None:
    new = create(hooks)
    before = clock()
    with pytest.raises(ChecksFailedError, match="not among the newest of source shop") as caught:
        hook_test.run(new.hook_id, new.record, MemoryEventStore())
    assert "events list" in caught.value.hint
    assert clock() - before >= 15_000_000
    assert service.paths == [f"/v1/hooks/{new.hook_id}"]


def test_changed_secret_fails_the_sample(hooks: Hooks, events: MemoryEventStore, hook_test: HookTest) -> None:
    new = create(hooks)
    hooks.rotate(new.hook_id, secret=None, overlap=0)
    with pytest.raises(ChecksFailedError, match="401"):
        hook_test.run(new.hook_id, new.record, events)


def test_sample_shows_no_secret(hooks: Hooks, clock: FakeClock) -> None:
    new = create(hooks, "generic", options=GENERIC["query"])
    record = new.record
    sample = signed_sample(record, preset_of(record.preset, record.scheme), now=clock())
    assert sample.query == {"token": new.made_secret}
    assert str(new.made_secret) not in repr(sample)

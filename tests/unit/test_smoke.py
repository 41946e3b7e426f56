"""`SmokeRun`: the service passes every check, each defect fails its own check, and nothing is left behind."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.conftest import Stores
from tests.support import broken_api
from tests.support.broken_api import KEY, Ask, Defect, Reply, hanging, is_delivery, late, real_api
from tests.support.sample_events import page_query
from tests.support.smoke_in_process import make_run, run_smoke
from triggers_api.api.web_access import LocalAccess
from triggers_api.cli import config
from triggers_api.cli.commands.openapi import openapi
from triggers_api.core.access import ALL_SCOPES
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.errors import ConfigurationError
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.smoke.check_runner import CHECKS
from triggers_api.ops.smoke.health_check import HEALTH
from triggers_api.ops.smoke.smoke_run import SmokeOptions, SmokeRun
from triggers_api.ops.target import Target

OF_THE_KEY = {"no key", "wrong key"}
OF_HOOKS = {check.name for check in CHECKS if check.needs_hook}


@pytest.fixture
def api(sqlite_stores: Stores) -> ASGIApp:
    return real_api(sqlite_stores)


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """The local stage, whose folder is that of `sqlite_stores`."""
    return config.resolve(stage="local", data_dir=tmp_path / "data", variables={})


def failed(findings: Mapping[str, Finding]) -> set[str]:
    return {name for name, one in findings.items() if not one.passed}


def pending(stores: Stores) -> list[str]:
    """Return the sources of the events in the inbox."""
    return [event.source for event in stores.events.page(page_query(now=0)).events]


def only_key(stores: Stores) -> KeyRecord:
    (record,) = stores.keys.list()
    assert isinstance(record, KeyRecord)
    return record


def add_key(stores: Stores, *, source: str | None = None, scopes: str = ALL_SCOPES) -> str:
    key = generate("local")
    assert stores.keys.add(KeyRecord(digest_of(key), is_active=True, source=source, scopes=scopes))
    return key


# --- A sound API


def test_the_service_passes_every_check_and_no_event_is_left(api: ASGIApp, sqlite_stores: Stores) -> None:
    findings = run_smoke(api, key=add_key(sqlite_stores))
    assert failed(findings) == set()
    assert len(findings) == len(CHECKS) + 2
    assert (next(iter(findings)), [*findings][-1]) == ("health", "clean up")
    assert pending(sqlite_stores) == []


def test_every_finding_has_a_request_id_of_the_run_unless_the_api_generates_it(api: ASGIApp) -> None:
    findings = run_smoke(api, run="0123abcd")
    assert SmokeOptions("http://127.0.0.1:1", KEY).total == len(findings)
    generated = findings.pop("request id made").request_id
    assert generated
    assert not generated.startswith("smoke-")
    assert all(one.request_id.startswith("smoke-0123abcd-") for one in findings.values() if one.was_run)


def test_a_run_without_a_key_creates_one_and_revokes_it(
    api: ASGIApp, sqlite_stores: Stores, target: Target
) -> None:
    findings = run_smoke(api, target=target, run="0123abcd")
    assert failed(findings) == set()
    assert [*findings][-2:] == ["revoke the hook", "revoke the key"]
    assert SmokeOptions("http://127.0.0.1:1", target=target).total == len(findings)
    record = only_key(sqlite_stores)
    assert (record.name, record.is_active) == ("smoke 0123abcd", False)
    assert record.expires_at is not None
    assert pending(sqlite_stores) == []


def test_a_run_leaves_a_backlog_and_the_events_of_another_producer_as_they_were(api: ASGIApp) -> None:
    transport = httpx.ASGITransport(api)
    other = httpx.AsyncClient(transport=transport, base_url="http://api.example", headers={"X-API-Key": KEY})

    async def ingest(count: int) -> list[str]:
        event = {"source": "shop", "event_type": "order.paid", "payload": {}}
        return [(await other.post("/v1/events", json=event)).json()["event_id"] for _ in range(count)]

    async def inbox() -> list[str]:
        ids: list[str] = []
        query = {"limit": "100"}
        while True:
            page = (await other.get("/v1/inbox", params=query)).json()
            ids += [event["event_id"] for event in page["events"]]
            if "next_cursor" not in page["pagination"]:
                return ids
            query["cursor"] = page["pagination"]["next_cursor"]

    class BusyApi(Defect):
        """Stores an event of another producer after each event of the run."""

        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            reply = await ask(scope)
            if is_ingest(scope):
                arrived.extend(await ingest(1))
            return reply

    arrived: list[str] = []
    backlog = asyncio.run(ingest(120))
    assert failed(run_smoke(BusyApi(api))) == set()
    assert arrived
    assert asyncio.run(inbox()) == backlog + arrived


def test_a_narrowed_cors_origin_passes(sqlite_stores: Stores) -> None:
    assert failed(run_smoke(real_api(sqlite_stores, cors_allow_origin="https://shop.example"))) == set()


def test_a_service_that_pages_of_its_machine_alone_may_call_passes(sqlite_stores: Stores) -> None:
    access = LocalAccess(hosts=["api.example"], origins=[])
    assert failed(run_smoke(real_api(sqlite_stores, access=access))) == set()


def test_a_short_page_with_a_cursor_passes(api: ASGIApp) -> None:
    assert failed(run_smoke(broken_api.FirstPageEmpty(api))) == set()


def test_a_few_checks_run_at_a_time(api: ASGIApp) -> None:
    class Counting(Defect):
        now = most = 0

        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await asyncio.sleep(0.01)
                return await ask(scope)
            finally:
                self.now -= 1

    counting = Counting(api)
    assert failed(run_smoke(counting)) == set()
    assert 1 < counting.most <= 4


# --- Which checks there are


def endpoints(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return each endpoint of the OpenAPI document, as `METHOD path`, with its description."""
    openapi()
    paths = json.loads(capsys.readouterr().out)["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def test_every_endpoint_has_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    covered = {call for one in (HEALTH, *CHECKS) if one.name not in OF_THE_KEY for call in one.covers}
    known = endpoints(capsys).keys()
    assert covered == known, f"Add a check for {sorted(known - covered)} to triggers_api/ops/smoke"


def test_every_endpoint_that_needs_a_key_is_called_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    with_key = {name for name, operation in endpoints(capsys).items() if operation.get("security")}
    for check in CHECKS:
        if check.name in OF_THE_KEY:
            missing, public = sorted(with_key - set(check.covers)), sorted(set(check.covers) - with_key)
            assert not missing, f"Add a check for {missing} to triggers_api/ops/smoke"
            assert not public, f"Give the check of {public}, which need no key, needs_key=False"


def test_the_names_of_the_checks_are_unique() -> None:
    assert len({one.name for one in (HEALTH, *CHECKS)}) == len(CHECKS) + 1


# --- Defects

FILTERS = {"filter by source", "filter by type", "filter by both"}
CORS = {"CORS preflight", "CORS headers"}


@pytest.mark.slow("runs the smoke test for each defect")
@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (broken_api.KeyNotChecked, OF_THE_KEY),
        (broken_api.AnyKeyAccepted, {"wrong key"}),
        (broken_api.KeyNotCheckedOnDelete, OF_THE_KEY),
        (broken_api.Answers422, {"bad request"}),
        (broken_api.AcceptsLargeBodies, {"too large"}),
        (broken_api.DoubleAck, {"acknowledge twice", "lost lease"}),
        (broken_api.CursorRepeats, {"cursor"}),
        (broken_api.CursorSkips, {"cursor"}),
        (broken_api.CursorMissing, {"cursor", "limit"}),
        (broken_api.LimitIgnored, {"limit"}),
        (broken_api.FilterIgnored, FILTERS),
        (broken_api.SourceFilterIgnored, {"filter by source", "filter by both"}),
        (broken_api.StatusFilterIgnored, {"filter by status"}),
        (broken_api.StatsWithoutAge, {"stats"}),
        (broken_api.BatchAcceptsAll, {"batch ingest"}),
        (broken_api.LeasesIgnored, {"receive", "release"}),
        (broken_api.AnyLeaseAccepted, {"lost lease"}),
        (broken_api.ExtendShortens, {"extend"}),
        (broken_api.ReasonForgotten, {"dead"}),
        (broken_api.ManageDoesNothing, {"requeue", "purge"}),
        (broken_api.PayloadRounded, {"event by id", "event body", "inbox"}),
        (broken_api.IdNotEchoed, {"request id given"}),
        (broken_api.TimeBasedId, {"request id made"}),
        (broken_api.ErrorWithoutId, {"request id of errors"}),
        (broken_api.ErrorWithoutIdInHeader, {"request id of errors"}),
        (broken_api.NoCors, CORS),
        (broken_api.NoCorsOnPreflight, {"CORS preflight"}),
        (broken_api.NoCorsOnErrors, {"CORS headers"}),
        (broken_api.CorsEchoesOrigin, CORS),
        (broken_api.CorsOfTwoOrigins, {"CORS headers"}),
        (broken_api.CorsHidesHeaders, {"CORS headers"}),
        (broken_api.Cacheable, {"not cached"}),
        (broken_api.NoHead, {"HEAD"}),
        (broken_api.DeleteOnce, {"delete twice"}),
        (broken_api.DeleteDoesNothing, {"delete"}),
        (broken_api.IdempotencyIgnored, {"idempotency replay", "idempotency reuse"}),
        (broken_api.ReplayWithoutHeader, {"idempotency replay"}),
    ],
)
def test_a_defect_fails_its_own_check_and_no_other(
    api: ASGIApp, sqlite_stores: Stores, defect: type[Defect], expected: set[str]
) -> None:
    findings = run_smoke(defect(api), timeout=5)
    assert failed(findings) == expected
    for name in expected:
        assert findings[name].state is State.FAILED
        assert findings[name].expected
        assert findings[name].message
        assert findings[name].request_id
    if defect is not broken_api.DeleteDoesNothing:
        assert pending(sqlite_stores) == []


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (broken_api.SignatureNotChecked, "webhook wrong signature"),
        (broken_api.DeliveriesRepeat, "webhook repeated"),
        (broken_api.DeliveriesRepeatLate, "webhook repeated"),
        (broken_api.DeliveryTypeForgotten, "webhook"),
        (broken_api.WebhookBodyWrittenAgain, "webhook"),
    ],
)
def test_a_defect_of_hooks_fails_its_own_check_and_no_other(
    api: ASGIApp, sqlite_stores: Stores, target: Target, defect: type[Defect], expected: str
) -> None:
    findings = run_smoke(defect(api), target=target, timeout=5)
    assert failed(findings) == {expected}
    assert findings[expected].message
    assert findings[expected].request_id
    assert pending(sqlite_stores) == []


def test_a_run_with_a_given_key_leaves_out_the_checks_of_hooks(api: ASGIApp, sqlite_stores: Stores) -> None:
    findings = run_smoke(api)
    left_out = {name for name, one in findings.items() if one.state is State.SKIPPED}
    assert left_out == OF_HOOKS
    assert findings["webhook"].message == "not run: only a run that creates its key also creates a hook"
    assert [*sqlite_stores.hooks.list()] == []


def test_a_run_revokes_its_hook(api: ASGIApp, sqlite_stores: Stores, target: Target) -> None:
    run_smoke(api, target=target, run="0123abcd")
    (hook,) = sqlite_stores.hooks.list()
    assert isinstance(hook, HookRecord)
    assert (hook.source, hook.is_active, hook.secret) == ("smoke-0123abcd-hook", False, None)


def test_events_of_unanswered_deliveries_are_removed(
    api: ASGIApp, sqlite_stores: Stores, target: Target
) -> None:
    findings = run_smoke(hanging(api, is_delivery, after_its_work=True), target=target, timeout=1.5)
    assert failed(findings) == OF_HOOKS
    assert findings["webhook"].message == "no response to POST /v1/hooks/{hook_id} within 1.5 s"
    assert findings["clean up"].passed
    assert pending(sqlite_stores) == []


def test_a_key_bound_to_a_source_is_reported_and_the_checks_without_a_key_run(
    api: ASGIApp, sqlite_stores: Stores
) -> None:
    findings = run_smoke(api, key=add_key(sqlite_stores, source="shop"))
    assert findings["ingest"].message == "not run: the key is bound to another source"
    assert findings["ingest"].state is State.UNKNOWN
    assert "use a key that is not bound" in findings["ingest"].fix
    assert findings["no key"].passed
    assert pending(sqlite_stores) == []


@pytest.mark.parametrize("scopes", ["ingest consume", "consume ingest other"])
def test_checks_that_need_a_missing_scope_are_left_out(
    api: ASGIApp, sqlite_stores: Stores, scopes: str
) -> None:
    findings = run_smoke(api, key=add_key(sqlite_stores, scopes=scopes))
    assert failed(findings) == set()
    left_out = {name for name, one in findings.items() if one.state is State.SKIPPED}
    assert left_out == {"requeue", "purge", *OF_HOOKS}
    assert findings["purge"].message == "not run: the key does not have the scope manage"
    assert len(findings) == len(CHECKS) + 2
    assert pending(sqlite_stores) == []


@pytest.mark.parametrize(
    ("scopes", "missing"), [("manage", "consume"), ("ingest", "consume"), ("consume", "ingest")]
)
def test_a_key_without_the_usual_scopes_is_reported(
    api: ASGIApp, sqlite_stores: Stores, scopes: str, missing: str
) -> None:
    findings = run_smoke(api, key=add_key(sqlite_stores, scopes=scopes))
    assert findings["ingest"].message == f"not run: the key does not have the scope {missing}"
    assert findings["ingest"].state is State.UNKNOWN
    assert "ingest and consume" in findings["ingest"].fix
    assert findings["no key"].passed


def test_a_refused_key_is_reported_and_the_checks_without_a_key_run(api: ASGIApp) -> None:
    findings = run_smoke(api, key=generate("local"))
    assert {findings[name].message for name in failed(findings)} == {"not run: the key is refused"}
    assert "`triggers keys show -` reads the key and prints its state" in findings["ingest"].fix
    assert not failed(findings) & {*OF_THE_KEY, "CORS preflight", "request id given"}


def is_ack(scope: Scope) -> bool:
    return bool(scope["path"].startswith("/v1/events/") and scope["path"].endswith("/ack"))


def is_delete(scope: Scope) -> bool:
    return bool(scope["method"] == "DELETE")


def has_key(scope: Scope) -> bool:
    return any(name == b"x-api-key" for name, _ in scope["headers"])


def test_a_hanging_endpoint_is_named_and_the_other_checks_pass(api: ASGIApp, sqlite_stores: Stores) -> None:
    findings = run_smoke(hanging(api, lambda scope: is_ack(scope) and has_key(scope)), timeout=4)
    acknowledging = {"acknowledge", "acknowledge twice", "acknowledge unknown"}
    # These acknowledge as well: as a part of the check, with another key, or to cause an error.
    also = {"filter by status", "lost lease", "requeue", "purge", "wrong key", "request id of errors"}
    assert failed(findings) == acknowledging | also
    for name in failed(findings):
        assert findings[name].message.startswith("no response to POST /v1/events/")
        assert findings[name].message.endswith("/ack within 4 s")
        assert findings[name].milliseconds == pytest.approx(4000, abs=50)
    assert pending(sqlite_stores) == []


def test_a_long_cursor_fails_its_check(api: ASGIApp) -> None:
    findings = run_smoke(broken_api.CursorTooLong(api))
    assert "cursor" in failed(findings)
    assert findings["health"].passed


def test_a_compressed_response_is_not_unpacked(api: ASGIApp) -> None:
    findings = run_smoke(broken_api.Gzipped(api))
    assert findings["limit"].message == "a response that cannot be read"


@pytest.mark.slow("runs the smoke test for each response")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{" * 5000,
        b'{"events": [5, {"event_id": {}, "payload": NaN}], "pagination": 7, "error": []}',
        b'{"events": [5, {"event_id": {}, "payload": 1e999}], "pagination": {"next_cursor": "\\ud800"}}',
        b'{"event_id": "../../x", "error": {"code": {}, "request_id": []}, "status": {}}',
    ],
)
@pytest.mark.parametrize("status", [200, 201, 404])
def test_a_malformed_response_fails_checks_and_never_the_run(api: ASGIApp, body: bytes, status: int) -> None:
    class Malformed(Defect):
        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            reply = await ask(scope)
            return reply if scope["path"] == "/v1/health" else replace(reply, status=status, body=body)

    findings = run_smoke(Malformed(api), timeout=0.5)
    assert {"ingest", "event by id", "inbox", "cursor", *FILTERS} <= failed(findings)
    assert len(findings) == len(CHECKS) + 2


def test_no_finding_holds_the_key_or_the_payload(api: ASGIApp, sqlite_stores: Stores) -> None:
    key = add_key(sqlite_stores)

    class Leaking(Defect):
        """Repeats the key in every part of the response that may be shown."""

        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            reply = await ask(scope)
            if scope["path"] == "/v1/health":
                return reply
            body = {"error": {"code": key, "message": key, "request_id": key}, "status": key, "events": [key]}
            return replace(reply.saying(body, status=418), headers={"x-request-id": f"{key}"})

    findings = run_smoke(Leaking(api), key=key, timeout=2)
    assert len(failed(findings)) > 20
    assert key not in repr(findings)
    assert "世界" not in repr(findings)
    assert key not in repr(SmokeOptions("http://127.0.0.1:1", key))


# --- An API that was just deployed


@pytest.mark.parametrize(
    "until_then",
    [
        pytest.param(lambda _: broken_api.fixed(Reply(403, {}, b'{"message":"Forbidden"}')), id="new API"),
        pytest.param(broken_api.OnlyHealthWorks, id="new role"),
        pytest.param(broken_api.NoCors, id="stale origin"),
    ],
)
def test_failures_are_retried_while_the_api_settles(
    api: ASGIApp, until_then: Callable[[ASGIApp], ASGIApp]
) -> None:
    settling = broken_api.settling(api, 15.0, until_then(api))
    assert failed(run_smoke(settling, settling=20.0)) == set()


# --- Clean-up


def is_ingest(scope: Scope) -> bool:
    return bool((scope["method"], scope["path"]) == ("POST", "/v1/events"))


def test_events_of_unanswered_ingests_are_removed(api: ASGIApp, sqlite_stores: Stores) -> None:
    findings = run_smoke(hanging(api, is_ingest, after_its_work=True), timeout=1.5)
    assert "no response to POST /v1/events within 1.5 s" in findings["ingest"].message
    assert findings["clean up"].passed
    assert pending(sqlite_stores) == []


@pytest.mark.slow("waits for the deadline of a request")
def test_an_event_that_is_stored_after_its_request_timed_out_is_removed(
    api: ASGIApp, sqlite_stores: Stores
) -> None:
    findings = run_smoke(late(api, 5.0), timeout=1.0)
    assert "ingest" in failed(findings)
    assert findings["clean up"].passed
    assert pending(sqlite_stores) == []


def test_events_whose_id_is_not_in_the_response_are_removed(api: ASGIApp, sqlite_stores: Stores) -> None:
    findings = run_smoke(broken_api.EventIdRenamed(api))
    assert not findings["ingest"].passed
    assert findings["clean up"].passed
    assert pending(sqlite_stores) == []


def test_events_that_cannot_be_removed_are_a_failure_that_names_them(
    api: ASGIApp, sqlite_stores: Stores
) -> None:
    findings = run_smoke(hanging(api, is_delete), timeout=1.5)
    left = sqlite_stores.events.page(page_query(now=0)).events
    assert not findings["clean up"].passed
    assert findings["clean up"].message.partition(" left")[0].isdigit()
    assert any(event.event_id in findings["clean up"].message for event in left)
    assert "DELETE /v1/events/ID" in findings["clean up"].fix


# --- Interrupted runs


class Interrupted:
    """A run that stops, or raises, once a check has ended."""

    def __init__(self, app: ASGIApp, check: str, how: Callable[[SmokeRun], None], **options: Any) -> None:
        self.findings: list[Finding] = []
        self.notices: list[str] = []
        self._check, self._how = check, how
        self.run = make_run(app, self._report, notify=self.notices.append, **options)

    def _report(self, finding: Finding) -> None:
        self.findings.append(finding)
        if finding.check == self._check:
            self._how(self.run)


def press_ctrl_c(_: SmokeRun) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [SmokeRun.stop, press_ctrl_c])
def test_an_interrupted_run_removes_its_events_and_revokes_its_key(
    api: ASGIApp, sqlite_stores: Stores, target: Target, how: Callable[[SmokeRun], None]
) -> None:
    interrupted = Interrupted(hanging(api, is_ack), "ingest", how, target=target)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run.execute()
    reported = [one.check for one in interrupted.findings]
    assert reported[0] == "health"
    assert not {"clean up", "revoke the hook", "revoke the key"} & set(reported)
    assert interrupted.notices == []
    assert pending(sqlite_stores) == []
    assert not only_key(sqlite_stores).is_active
    assert [hook.is_active for hook in sqlite_stores.hooks.list() if isinstance(hook, HookRecord)] == [False]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_of_the_report_passes_through_and_no_event_is_left(
    api: ASGIApp, sqlite_stores: Stores, error: type[BaseException]
) -> None:
    def fail(_: SmokeRun) -> None:
        raise error

    with pytest.raises(error):
        Interrupted(api, "ingest", fail).run.execute()
    assert pending(sqlite_stores) == []


def test_a_run_that_is_interrupted_before_it_starts_sends_nothing(
    sqlite_stores: Stores, target: Target
) -> None:
    requests: list[Scope] = []

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        requests.append(scope)

    run = make_run(listening, lambda _: None, target=target)
    run.stop()
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    assert requests == []
    assert not only_key(sqlite_stores).is_active


def test_a_clean_up_that_has_started_is_finished_when_interrupted(
    api: ASGIApp, sqlite_stores: Stores
) -> None:
    class StopsAtClean(Defect):
        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            if b"-clean-up-" in dict(scope["headers"])[b"x-request-id"]:
                run.stop()
                await asyncio.sleep(0.1)
            return await ask(scope)

    findings: list[Finding] = []
    run = make_run(StopsAtClean(api), findings.append)
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    assert len(findings) == len(CHECKS) + 1
    assert pending(sqlite_stores) == []


def test_a_second_interrupt_skips_the_clean_up_but_revokes_the_key(
    api: ASGIApp, sqlite_stores: Stores, target: Target
) -> None:
    """The second Ctrl-C of the CLI is a `SystemExit`."""

    class ExitsAtClean(Defect):
        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            if b"-clean-up-" in dict(scope["headers"])[b"x-request-id"]:
                cleaning.append(scope)
                raise SystemExit(130)
            return await ask(scope)

    cleaning: list[Scope] = []
    interrupted = Interrupted(ExitsAtClean(hanging(api, is_ack)), "ingest", SmokeRun.stop, target=target)
    with pytest.raises(SystemExit):
        interrupted.run.execute()
    assert len(cleaning) <= 4
    assert pending(sqlite_stores) != []
    assert not only_key(sqlite_stores).is_active


@pytest.mark.slow("waits for a request that is interrupted")
def test_an_interrupt_during_an_ingest_leaves_no_event_of_it(api: ASGIApp, sqlite_stores: Stores) -> None:
    ingests: list[Scope] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if is_ingest(scope):
            ingests.append(scope)
            run.stop()
        await slow(scope, receive, send)

    slow = late(api, 10.0)
    run = make_run(noting, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        run.execute()
    assert ingests
    assert pending(sqlite_stores) == []


def test_an_interrupted_run_reports_what_it_could_not_remove(api: ASGIApp) -> None:
    interrupted = Interrupted(hanging(api, is_delete), "ingest", SmokeRun.stop, timeout=2.0)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run.execute()
    notices = [one for one in interrupted.notices if not one.startswith("Still waiting")]
    assert len(notices) == 1
    assert notices[0].startswith("clean up failed: ")
    assert "left: " in notices[0]


def test_a_silent_run_reports_what_it_waits_for(api: ASGIApp) -> None:
    notices: list[str] = []
    run_smoke(
        hanging(api, lambda scope: is_ack(scope) and has_key(scope)), timeout=50.0, notify=notices.append
    )
    assert all(one.startswith("Still waiting: ") for one in notices)
    assert "acknowledge (POST /v1/events/" in notices[0]
    assert len(notices) == 6, "after 20 s and 40 s, for three groups of checks"


# --- Refused options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("ALL_PROXY", "ftp://user:s3cret@127.0.0.1"),
        ("HTTP_PROXY", "foo:bar"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
def test_unusable_proxy_and_certificate_settings_are_reported_before_a_key_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Target, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    options = SmokeOptions("http://example.invalid/prod", target=target)
    with pytest.raises(ConfigurationError, match="proxy or certificate") as caught:
        SmokeRun(options, report=lambda _: None).execute()
    assert "s3cret" not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("seconds", [0, -1, 56, float("nan")])
def test_a_time_out_that_is_out_of_range_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="--timeout"):
        SmokeOptions("http://127.0.0.1:1", KEY, timeout=seconds)

"""`triggers smoke` as a program uses it: the product passes, and each defect fails its own check."""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Scope

from tests.conftest import Stores
from tests.support import broken_api
from tests.support.api_client import ApiClient
from tests.support.broken_api import KEY, Ask, Defect, Reply, hanging, late, real_api, serving
from triggers_api.cli import config
from triggers_api.core.keys import KeyRecord, digest_of, generate
from triggers_api.core.paging import PendingQuery
from triggers_api.errors import ConfigurationError
from triggers_api.ops.results import Result
from triggers_api.ops.smoke.smoke import SmokeOptions, smoke

TIMEOUT = 10.0


@pytest.fixture(autouse=True)
def soon_nothing_comes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingest that nobody answered is waited for as long as API Gateway may take; here a second."""
    wait_for_late_events(monkeypatch, 1.0)
    monkeypatch.setattr("triggers_api.ops.smoke.run._CLEAN_UP_SECONDS", 10.0)


def wait_for_late_events(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("triggers_api.ops.smoke.cleaning.LATEST_SECONDS", seconds)


def results_of(app: ASGIApp, *, key: str = KEY, timeout: float = TIMEOUT) -> dict[str, Result]:
    """Check an API that is served for the occasion."""
    with serving(app) as url:
        return by_name(smoke(SmokeOptions(url, key, timeout=timeout)))


def by_name(results: Iterable[Result]) -> dict[str, Result]:
    found = list(results)
    named = {one.check: one for one in found}
    assert len(named) == len(found), "a check was told twice"
    return named


def failed(results: dict[str, Result]) -> set[str]:
    return {name for name, one in results.items() if not one.passed}


def pending(stores: Stores) -> list[str]:
    """Return the sources of what is in the inbox."""
    return [event.source for event in stores.events.pending(PendingQuery(100, 0)).events]


def add_key(stores: Stores, *, source: str | None = None) -> str:
    key = generate("local")
    assert stores.keys.add(KeyRecord(digest_of(key), is_active=True, source=source))
    return key


def test_the_product_passes_every_check_and_nothing_is_left(sqlite_stores: Stores) -> None:
    results = results_of(real_api(sqlite_stores), key=add_key(sqlite_stores))
    assert failed(results) == set()
    assert len(results) == 26
    assert pending(sqlite_stores) == []


def test_every_result_but_the_one_of_a_made_id_has_an_id_of_the_run(sqlite_stores: Stores) -> None:
    with serving(real_api(sqlite_stores)) as url:
        options = SmokeOptions(url, KEY, run="0123abcd")
        results = by_name(smoke(options))
    made = results.pop("request id made").request_id
    assert made
    assert not made.startswith("smoke-")
    assert all(one.request_id.startswith("smoke-0123abcd-") for one in results.values())
    assert options.total == len(results) + 1


def test_without_a_key_it_makes_one_of_its_own_and_revokes_it(sqlite_stores: Stores, tmp_path: Path) -> None:
    target = config.resolve(stage="local", data_dir=tmp_path / "data", variables={})
    with serving(real_api(sqlite_stores)) as url:
        options = SmokeOptions(url, target=target, run="0123abcd")
        results = by_name(smoke(options))
    assert failed(results) == set()
    assert list(results)[-1] == "revoke the key"
    assert options.total == len(results)
    (record,) = sqlite_stores.keys.list()
    assert isinstance(record, KeyRecord)
    assert (record.name, record.is_active) == ("smoke 0123abcd", False)
    assert record.expires_at is not None
    assert pending(sqlite_stores) == []


FILTERS = {"filter by source", "filter by type", "filter by both"}
CORS = {"CORS preflight", "CORS headers"}


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        (broken_api.KeyNotChecked, {"no key", "wrong key"}),
        (broken_api.AnyKeyTaken, {"wrong key"}),
        (broken_api.KeyNotCheckedOnDelete, {"no key", "wrong key"}),
        (broken_api.Says422, {"bad request"}),
        (broken_api.TakesAnything, {"too large"}),
        (broken_api.DoubleAck, {"acknowledge twice"}),
        (broken_api.CursorRepeats, {"cursor"}),
        (broken_api.CursorSkips, {"cursor"}),
        (broken_api.CursorMissing, {"cursor", "limit"}),
        (broken_api.LimitIgnored, {"limit"}),
        (broken_api.FilterIgnored, FILTERS),
        (broken_api.SourceFilterIgnored, {"filter by source", "filter by both"}),
        (broken_api.PayloadRounded, {"event by id", "inbox"}),
        (broken_api.IdNotEchoed, {"request id given"}),
        (broken_api.IdWithAClockInIt, {"request id made"}),
        (broken_api.ErrorWithoutId, {"request id of errors"}),
        (broken_api.ErrorWithoutIdInHeader, {"request id of errors"}),
        (broken_api.NoCors, CORS),
        (broken_api.NoCorsOnPreflight, {"CORS preflight"}),
        (broken_api.NoCorsOnErrors, {"CORS headers"}),
        (broken_api.CorsOfAnybody, CORS),
        (broken_api.CorsOfTwo, {"CORS headers"}),
        (broken_api.DeleteOnce, {"delete twice"}),
        (broken_api.DeleteDoesNothing, {"delete"}),
        (broken_api.IdempotencyIgnored, {"idempotency replay", "idempotency reuse"}),
        (broken_api.ReplayUntold, {"idempotency replay"}),
    ],
)
def test_a_defect_fails_its_own_check_and_no_other(
    sqlite_stores: Stores, defect: type[Defect], expected: set[str]
) -> None:
    results = results_of(defect(real_api(sqlite_stores)), timeout=5)
    assert failed(results) == expected
    for name in expected:
        assert results[name].expected
        assert results[name].saw
        assert results[name].request_id
    if defect is not broken_api.DeleteDoesNothing:
        assert pending(sqlite_stores) == []


def test_an_inbox_with_a_backlog_and_another_producer_is_checked_and_left_as_it_was(
    sqlite_stores: Stores,
) -> None:
    app = real_api(sqlite_stores)
    with serving(app) as url, ApiClient(url) as other:
        before = [other.ingest({"n": n}).body["event_id"] for n in range(120)]
        arrived = []
        results = {}
        for one in smoke(SmokeOptions(url, KEY, timeout=TIMEOUT)):
            results[one.check] = one
            arrived.append(other.ingest({}).body["event_id"])
        assert failed(results) == set()
        assert [event["event_id"] for event in other.inbox()] == before + arrived


def test_an_origin_that_was_narrowed_is_right(sqlite_stores: Stores) -> None:
    assert failed(results_of(real_api(sqlite_stores, cors_allow_origin="https://shop.example"))) == set()


def test_a_short_page_with_a_cursor_is_right(sqlite_stores: Stores) -> None:
    assert failed(results_of(broken_api.FirstPageEmpty(real_api(sqlite_stores)))) == set()


def test_a_key_that_is_bound_to_a_source_is_told_plainly(sqlite_stores: Stores) -> None:
    results = results_of(real_api(sqlite_stores), key=add_key(sqlite_stores, source="shop"))
    assert results["ingest"].saw == "not run: the key is bound to another source"
    assert "use one that is not" in results["ingest"].fix
    assert results["no key"].passed
    assert pending(sqlite_stores) == []


def test_a_key_that_is_refused_is_told_plainly_and_what_needs_none_is_checked(sqlite_stores: Stores) -> None:
    results = results_of(real_api(sqlite_stores), key=generate("local"))
    assert {results[name].saw for name in failed(results)} == {"not run: the key is refused"}
    assert "`triggers keys show` tells" in results["ingest"].fix
    assert not failed(results) & {"no key", "wrong key", "CORS preflight", "request id given"}


def test_a_route_that_hangs_is_named_and_the_others_are_right(sqlite_stores: Stores) -> None:
    app = hanging(real_api(sqlite_stores), lambda scope: scope["path"].endswith("/ack") and _has_key(scope))
    results = results_of(app, timeout=4)
    acknowledging = {"acknowledge", "acknowledge twice", "acknowledge unknown"}
    # These two ask for an acknowledgement too: with another key, or for the sake of an error.
    assert failed(results) == acknowledging | {"wrong key", "request id of errors"}
    for name in failed(results):
        assert results[name].saw.startswith("no answer to POST /v1/events/")
        assert results[name].saw.endswith("/ack within 4 s")
    assert pending(sqlite_stores) == []


def _has_key(scope: Scope) -> bool:
    return any(name == b"x-api-key" for name, _ in scope["headers"])


def test_events_whose_answer_was_lost_are_found_and_removed(sqlite_stores: Stores) -> None:
    app = hanging(
        real_api(sqlite_stores),
        lambda scope: scope["method"] == "POST" and scope["path"] == "/v1/events",
        after_its_work=True,
    )
    results = results_of(app, timeout=1.5)
    assert "no answer to POST /v1/events within 1.5 s" in results["ingest"].saw
    assert results["clean up"].passed
    assert pending(sqlite_stores) == []


def test_what_cannot_be_removed_is_a_failure_that_names_it(sqlite_stores: Stores) -> None:
    app = hanging(real_api(sqlite_stores), lambda scope: scope["method"] == "DELETE")
    results = results_of(app, timeout=1.5)
    left = sqlite_stores.events.pending(PendingQuery(100, 0)).events
    assert not results["clean up"].passed
    assert results["clean up"].saw.partition(" left")[0].isdigit()
    assert any(event.event_id in results["clean up"].saw for event in left)
    assert "DELETE /v1/events/ID" in results["clean up"].fix


def test_who_stops_reading_in_the_middle_leaves_nothing(sqlite_stores: Stores, tmp_path: Path) -> None:
    target = config.resolve(stage="local", data_dir=tmp_path / "data", variables={})
    app = hanging(real_api(sqlite_stores), lambda scope: scope["path"].endswith("/ack"))
    with serving(app) as url:
        results = smoke(SmokeOptions(url, target=target, timeout=TIMEOUT))
        seen = [one.check for one in islice(results, 3)]
        assert pending(sqlite_stores) != []
        results.close()
    assert seen[0] == "health"
    assert pending(sqlite_stores) == []
    (record,) = sqlite_stores.keys.list()
    assert isinstance(record, KeyRecord)
    assert not record.is_active


def test_an_event_that_comes_when_nobody_waits_for_its_answer_is_removed_too(
    sqlite_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_late_events(monkeypatch, 3.0)
    with serving(late(real_api(sqlite_stores), 2.0)) as url:
        results = by_name(smoke(SmokeOptions(url, KEY, timeout=1.0)))
        assert "ingest" in failed(results)
        assert results["clean up"].passed
        time.sleep(2.5)
        assert pending(sqlite_stores) == []


def test_who_interrupts_an_ingest_leaves_no_event_of_it(
    sqlite_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_late_events(monkeypatch, 3.0)
    with serving(late(real_api(sqlite_stores), 1.5)) as url:
        with closing(smoke(SmokeOptions(url, KEY, timeout=TIMEOUT))) as results:
            assert next(results).check == "health"
            time.sleep(0.5)  # the first ingests are under way
        time.sleep(2.0)
        assert pending(sqlite_stores) == []


def test_what_an_interrupted_run_could_not_remove_is_told(
    sqlite_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers_api.ops.smoke.run._CLEAN_UP_SECONDS", 2.0)
    told: list[str] = []
    app = hanging(real_api(sqlite_stores), lambda scope: scope["method"] == "DELETE")
    with serving(app) as url:
        options = SmokeOptions(url, KEY, timeout=2.0)
        with pytest.raises(KeyboardInterrupt), closing(smoke(options, notice=told.append)) as results:
            _press_ctrl_c_at("ingest", results)
    assert len(told) == 1
    assert told[0].startswith("clean up failed: ")
    assert "left: " in told[0]


def test_where_nothing_ends_for_a_while_it_says_what_is_waited_for(
    sqlite_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers_api.ops.smoke.smoke._SILENCE_SECONDS", 0.2)
    told: list[str] = []
    app = hanging(real_api(sqlite_stores), lambda scope: scope["path"].endswith("/ack"))
    with serving(app) as url:
        list(smoke(SmokeOptions(url, KEY, timeout=5.0), notice=told.append))
    assert any("acknowledge (POST /v1/events/" in one for one in told), told


@pytest.mark.parametrize(
    "until_then",
    [
        pytest.param(lambda _: broken_api.fixed(Reply(403, {}, b'{"message":"Forbidden"}')), id="a new API"),
        pytest.param(broken_api.HealthAlone, id="a new role"),
        pytest.param(broken_api.NoCors, id="a stale origin"),
    ],
)
def test_an_api_that_was_just_deployed_may_need_a_moment(
    sqlite_stores: Stores, until_then: Callable[[ASGIApp], ASGIApp]
) -> None:
    whole = real_api(sqlite_stores)
    with serving(broken_api.settling(whole, 2.0, until_then(whole))) as url:
        results = by_name(smoke(SmokeOptions(url, KEY, timeout=TIMEOUT, settling=20.0)))
    assert failed(results) == set()


def test_events_of_which_the_answer_names_no_id_are_found_and_removed(sqlite_stores: Stores) -> None:
    results = results_of(broken_api.EventIdRenamed(real_api(sqlite_stores)))
    assert not results["ingest"].passed
    assert results["clean up"].passed
    assert pending(sqlite_stores) == []


def test_a_cursor_that_fits_into_no_query_is_a_failed_check(sqlite_stores: Stores) -> None:
    results = results_of(broken_api.CursorTooLong(real_api(sqlite_stores)))
    assert "cursor" in failed(results)
    assert results["health"].passed


def test_an_answer_in_an_encoding_that_was_not_asked_for_is_not_unpacked(sqlite_stores: Stores) -> None:
    results = results_of(broken_api.Gzipped(real_api(sqlite_stores)), timeout=5.0)
    assert results["limit"].saw == "an answer that cannot be read"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1"),
        ("ALL_PROXY", "ftp://user:s3cret@127.0.0.1"),
        ("HTTP_PROXY", "foo:bar"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
def test_settings_of_the_environment_that_cannot_be_used_are_told_before_a_key_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    target = config.resolve(stage="local", data_dir=tmp_path / "data", variables={})
    with pytest.raises(ConfigurationError, match="proxies or certificates") as caught:
        list(smoke(SmokeOptions("http://example.invalid/prod", target=target)))
    assert name in caught.value.hint
    assert "s3cret" not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"
    assert not (tmp_path / "data").exists()


def test_an_exception_of_the_reader_passes_and_leaves_nothing(sqlite_stores: Stores) -> None:
    with serving(real_api(sqlite_stores)) as url:
        with pytest.raises(KeyboardInterrupt), closing(smoke(SmokeOptions(url, KEY))) as results:
            _press_ctrl_c_at("ingest", results)
        assert pending(sqlite_stores) == []


def _press_ctrl_c_at(check: str, results: Iterable[Result]) -> None:
    for one in results:
        if one.check == check:
            raise KeyboardInterrupt


def test_no_text_of_a_result_holds_the_key_or_the_payload(sqlite_stores: Stores) -> None:
    key = add_key(sqlite_stores)

    class TellsAll(Defect):
        """Answers what it was told, in every place that has room for it."""

        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            reply = await ask(scope)
            if scope["path"] == "/v1/health":
                return reply
            told = {"error": {"code": key, "message": key, "request_id": key}, "status": key, "events": [key]}
            return replace(reply.saying(told, status=418), headers={"x-request-id": f"{key}"})

    results = results_of(TellsAll(real_api(sqlite_stores)), key=key, timeout=2)
    assert len(failed(results)) > 20
    assert key not in repr(results)
    assert "世界" not in repr(results)
    assert key not in repr(SmokeOptions("http://127.0.0.1:1", key))


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
def test_answers_of_any_kind_fail_checks_and_never_the_run(
    sqlite_stores: Stores, body: bytes, status: int
) -> None:
    class Junk(Defect):
        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            reply = await ask(scope)
            return reply if scope["path"] == "/v1/health" else replace(reply, status=status, body=body)

    results = results_of(Junk(real_api(sqlite_stores)), timeout=0.5)
    assert {"ingest", "event by id", "inbox", "cursor", *FILTERS} <= failed(results)
    assert len(results) == 26


def test_the_stage_is_never_asked_more_than_a_few_things_at_once(sqlite_stores: Stores) -> None:
    class Counting(Defect):
        now = most = 0

        async def answer(self, scope: Scope, ask: Ask) -> Reply:
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                return await ask(scope)
            finally:
                self.now -= 1

    app = Counting(real_api(sqlite_stores))
    assert failed(results_of(app)) == set()
    assert 1 < app.most <= 4


@pytest.mark.parametrize("seconds", [0, -1, 56, float("nan")])
def test_a_bound_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="--timeout"):
        SmokeOptions("http://127.0.0.1:1", KEY, timeout=seconds)

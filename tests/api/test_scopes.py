"""Scopes: the whole table of call, scope and source, and the order of refusals."""

from collections.abc import Set as AbstractSet

import pytest

from tests.api.driver import Answer, Api
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.contract import CONTRACT, DOCUMENT
from triggers_api.core.access import DEFAULT_SCOPES, Scope
from triggers_api.core.keys import LOCAL_KEY

SCOPES = {call: Scope(row.scope) for call, row in CONTRACT.items() if row.scope is not None}
"""The scope of each call that needs a key, as the README states it."""
KEYS = {
    "no attribute": (None, DEFAULT_SCOPES),
    "ingest": ("ingest", {Scope.INGEST}),
    "consume": ("consume", {Scope.CONSUME}),
    "manage": ("manage", {Scope.MANAGE}),
    "all": ("ingest consume manage", set(Scope)),
    "unknown": ("administer", set[Scope]()),
    "empty": ("", set[Scope]()),
}
"""Each key: the attribute of its record, and the scopes that it has."""

pytestmark = pytest.mark.promise(7)


def call(api: Api, method: str, path: str, key: str | None, *, source: str, event_id: str) -> Answer:
    """Make a valid call about a source."""
    event = {"source": source, "event_type": "t", "payload": {}}
    entry = {"event_id": event_id, "lease": "of no receive"}
    bodies = {
        "/v1/events": event,
        "/v1/events/batch": {"events": [event]},
        "/v1/inbox/receive": {"source": source},
        "/v1/inbox/ack": {"events": [entry]},
        "/v1/inbox/extend": {"events": [entry], "lease_seconds": 1},
        "/v1/inbox/release": {"events": [entry]},
        "/v1/inbox/delete": {"event_ids": [event_id]},
        "/v1/inbox/requeue": {"filter": {"status": "dead", "source": source}},
        "/v1/inbox/purge": {"filter": {"status": "dead", "source": source}},
    }
    query = {"source": source} if method == "GET" and takes_source(method, path) else ""
    url = path.format(event_id=event_id)
    body = bodies.get(path) if method == "POST" else None
    return api.call(method, url, query=query, json_body=body, key=key)


def takes_source(method: str, path: str) -> bool:
    """Return whether a call has a query parameter `source`."""
    parameters = DOCUMENT["paths"][path][method.lower()]["parameters"]
    return any(one["name"] == "source" for one in parameters)


def outcome(answer: Answer) -> int | str:
    """Return the status of a call, of its only entry, or the scope that the key lacks."""
    if answer.status == 200 and "results" in answer.json:
        status: int = answer.json["results"][0]["status"]
        return status
    scope: str | None = answer.error["details"].get("scope") if answer.status == 403 else None
    return scope or answer.status


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("bound", [False, True])
def test_each_call_needs_its_scope_and_then_its_source(each_door: Api, name: str, bound: bool) -> None:
    attribute, scopes = KEYS[name]
    key = each_door.make_key("shop" if bound else None, scopes=attribute)
    for (method, path), scope in SCOPES.items():
        for source in ("shop", "depot"):
            event_id = each_door.add(source=source)
            seen = outcome(call(each_door, method, path, key, source=source, event_id=event_id))
            foreign = bound and source == "depot"
            assert seen == expected(method, path, scope, scopes, foreign=foreign), (method, path, source)


def expected(method: str, path: str, scope: Scope, scopes: AbstractSet[str], *, foreign: bool) -> int | str:
    if scope not in scopes:
        return scope.value
    if not foreign:
        created = scope is Scope.INGEST
        has_no_lease = path in {"/v1/inbox/ack", "/v1/inbox/extend", "/v1/inbox/release"}
        return 409 if has_no_lease else 201 if created else 200
    if method == "DELETE" or path == "/v1/inbox/delete":
        return 200
    if "{" in path or path in {"/v1/inbox/ack", "/v1/inbox/extend", "/v1/inbox/release"}:
        return 404
    reads_no_events = method == "GET" and not takes_source(method, path)
    return 200 if reads_no_events else 403


def test_published_key_has_every_scope(sqlite_stores: Stores, clock: FakeClock) -> None:
    api = Api(sqlite_stores, clock, door="asgi", accept_local_key=True)
    for method, path in SCOPES:
        answer = call(api, method, path, LOCAL_KEY, source="shop", event_id=api.add())
        assert answer.status < 400, (method, path)


@pytest.mark.parametrize(("method", "path"), SCOPES)
def test_refusals_come_in_the_order_key_scope_request_source(each_door: Api, method: str, path: str) -> None:
    url = path.format(event_id="no-uuid")
    scope = SCOPES[method, path]
    without = each_door.make_key(scopes=" ".join(one for one in Scope if one != scope))
    bound = each_door.make_key("shop", scopes=scope.value)
    body = b"not JSON" if method == "POST" else None
    query = "unknown=1"
    for key, refusal in (
        (None, (401, "UNAUTHORIZED")),
        (without, (403, "FORBIDDEN")),
        (bound, (400, "VALIDATION_ERROR")),
    ):
        assert each_door.call(method, url, query=query, body=body, key=key).refusal == refusal

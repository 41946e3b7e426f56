"""The OpenAPI document: valid, the same as the routes, and true. `promises` holds every answer against it."""

import json
import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from starlette.routing import Route

from tests.api.documented import schema
from tests.api.driver import Api
from tests.support import template
from tests.support.clock import FakeClock
from tests.support.contract import CONTRACT, DOCUMENT
from triggers_api.api.errors import error_response
from triggers_api.errors import StoreUnavailableError, TriggersError
from triggers_api.version import VERSION

OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


EVENT_PATH = "/v1/events/{event_id}"
WITHOUT_JSON: dict[str, set[str]] = {
    "deliver_webhook": set(),
    "get_event_body": {"application/octet-stream", "*/*"},
}
"""The calls whose success is no JSON, with their media types."""
DIFFERS = {
    *("event_id", "created_at", "acknowledged_at", "timestamp", "request_id"),
    *("leased_until", "expires_at", "token", "oldest_created_at", "oldest_age_seconds"),
}


@pytest.fixture
def served(each_door: Api) -> dict[str, Any]:
    answer = each_door.get("/openapi.json", key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json
    return found


def test_the_document_is_served_without_a_key_and_is_valid_openapi_3_1(served: dict[str, Any]) -> None:
    assert served == DOCUMENT
    assert served["openapi"].startswith("3.1.")
    assert served["info"]["version"] == VERSION
    validate(served, cls=OpenAPIV31SpecValidator)


def test_it_has_the_routes_of_v1_and_no_other(local_api: Api) -> None:
    documented = {(method.upper(), path) for path, method, _ in OPERATIONS}
    routes = {
        (method, route.path)
        for route in local_api.app.routes
        if isinstance(route, Route) and route.path.startswith("/v1/")
        for method in set(route.methods or ()) - {"OPTIONS"}
    }
    assert documented == routes
    assert set(CONTRACT) == routes, "README.md: its table of endpoints must have each call and no other"


def test_its_server_is_relative_so_that_it_is_right_under_any_prefix() -> None:
    for server in DOCUMENT["servers"]:
        assert "://" not in server["url"]
        assert not server["url"].startswith("/")


def test_every_call_but_the_public_ones_needs_the_key_in_its_header() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    (name,) = schemes
    assert {part: schemes[name][part] for part in ("type", "in", "name")} == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
    }
    for path, method, operation in OPERATIONS:
        scope = CONTRACT[method.upper(), path].scope
        assert operation["security"] == ([] if scope is None else [{name: []}])
        assert scope is None or operation["description"].endswith(f"Needs a key with the scope `{scope}`.")


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_the_statuses_are_those_of_the_contract(path: str, method: str, operation: dict[str, Any]) -> None:
    row = CONTRACT[method.upper(), path]
    with_a_key = set() if row.scope is None else {"401", "403", "503"}
    expected = row.statuses | with_a_key | {"429", "500"}
    documented = set(operation["responses"])
    shown = sorted(row.statuses | (documented - expected) - (expected - documented))
    assert documented == expected, f"README.md: the row of {method.upper()} {path} must be {', '.join(shown)}"


def test_every_answer_is_json_with_a_request_id_and_its_own_words() -> None:
    for path, method, operation in OPERATIONS:
        assert operation["summary"]
        for status, response in operation["responses"].items():
            where = f"{method} {path} {status}"
            assert response["description"], where
            assert set(response.get("content", ())) == media_types_of(operation, status), where
            assert "X-Request-ID" in response["headers"], where
            assert ("Retry-After" in response["headers"]) == (status in {"429", "503"}), where


def media_types_of(operation: dict[str, Any], status: str) -> set[str]:
    """Return the media types of an answer. Every error is JSON."""
    json_only = {"application/json"}
    return WITHOUT_JSON.get(operation["operationId"], json_only) if status == "200" else json_only


def test_no_default_error_of_the_framework_is_documented() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])


def test_every_schema_of_the_document_is_used() -> None:
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert used == set(DOCUMENT["components"]["schemas"])


def test_every_parameter_is_documented_with_its_bounds() -> None:
    (inbox,) = (operation for path, _, operation in OPERATIONS if path == "/v1/inbox")
    parameters = {one["name"]: one for one in inbox["parameters"]}
    assert set(parameters) == {
        *("limit", "cursor", "source", "event_type", "status", "order", "since", "until", "available"),
        "X-Request-ID",
    }
    assert (parameters["event_type"]["schema"]["type"], parameters["event_type"]["schema"]["maxItems"]) == (
        "array",
        20,
    )
    limit = parameters["limit"]["schema"]
    assert (limit["type"], limit["minimum"], limit["maximum"], limit["default"]) == ("integer", 1, 100, 50)
    assert not any(one.get("required") for one in parameters.values())
    (ingest,) = (operation for path, _, operation in OPERATIONS if path == "/v1/events")
    assert "Idempotency-Key" in {one["name"] for one in ingest["parameters"]}
    assert ingest["requestBody"]["required"] is True


def test_a_body_is_required_unless_every_member_has_a_default() -> None:
    optional = {
        operation["operationId"]
        for *_, operation in OPERATIONS
        if "requestBody" in operation and not operation["requestBody"].get("required")
    }
    assert optional == {"acknowledge_event", "receive_events"}
    assert '"default"' not in json.dumps([one.get("requestBody") for *_, one in OPERATIONS])


def test_its_request_examples_are_requests_that_the_service_takes(local_api: Api) -> None:
    for path, method, operation in OPERATIONS:
        if "requestBody" not in operation:
            continue
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        assert "full" in examples
        for example in examples.values():
            assert example["summary"]
            answer = local_api.call(
                method.upper(), path.format(event_id=local_api.add()), json_body=example["value"]
            )
            not_leased = path == f"{EVENT_PATH}/ack" and "lease" in example["value"]
            assert answer.status == (409 if not_leased else 201 if path == "/v1/events" else 200), path


def test_every_answer_has_an_example_of_its_schema() -> None:
    for path, method, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            if "application/json" not in media_types_of(operation, status):
                continue
            media_type = response["content"]["application/json"]
            assert "example" in media_type, f"{method} {path} {status}: add one to api/v1/examples.py"
            name = media_type["schema"]["$ref"].rpartition("/")[2]
            problems = [problem.message for problem in schema(name).iter_errors(media_type["example"])]
            assert problems == [], f"{method} {path} {status}"


def test_answer_examples_are_what_the_service_answers_to_the_request_example(local_api: Api) -> None:
    full = example_of("post", "/v1/events", "request")
    ingested = local_api.post("/v1/events", full).json
    path = f"/v1/events/{ingested['event_id']}"
    answered = {
        ("get", EVENT_PATH): local_api.get(path),
        ("get", "/v1/inbox"): local_api.inbox(),
        ("get", "/v1/inbox/stats"): local_api.get("/v1/inbox/stats"),
        ("post", f"{EVENT_PATH}/ack"): local_api.post(f"{path}/ack"),
        ("delete", EVENT_PATH): local_api.delete(path),
        ("get", "/v1/health"): local_api.get("/v1/health", key=None),
    }
    assert stable(ingested) == stable(example_of("post", "/v1/events", "201"))
    for (method, of), answer in answered.items():
        assert stable(answer.json) == stable(example_of(method, of, "200")), of


def test_answer_examples_of_the_queue_are_what_the_service_answers(local_api: Api, clock: FakeClock) -> None:
    """One event goes through all calls. In the examples its id and token replace the shown ones."""
    shown = example_of("post", "/v1/inbox/receive", "200")["events"][0]
    texts = {shown["event_id"]: shown["event_id"], shown["lease"]["token"]: shown["lease"]["token"]}
    for path, name in (
        ("/v1/events/batch", "full"),
        ("/v1/inbox/receive", "full"),
        ("/v1/inbox/extend", "full"),
        ("/v1/inbox/release", "full"),
        ("/v1/inbox/ack", "full"),
        ("/v1/inbox/requeue", "events"),
        ("/v1/inbox/purge", "full"),
        ("/v1/inbox/delete", "full"),
    ):
        body = json.dumps(example_of("post", path, "request", name))
        for example, real in texts.items():
            body = body.replace(example, real)
        answer = local_api.post(path, json.loads(body))
        assert stable(answer.json) == stable(example_of("post", path, "200")), path
        if path == "/v1/inbox/receive":
            (event,) = answer.json["events"]
            texts = {shown["event_id"]: event["event_id"], shown["lease"]["token"]: event["lease"]["token"]}
        clock.advance(seconds=1)


def test_error_examples_are_what_the_service_answers(local_api: Api) -> None:
    bound = local_api.make_key("shop")
    event = f"/v1/events/{local_api.add()}"
    assert local_api.ingest({"a": 1}, headers=[("Idempotency-Key", "k")]).status == 201
    assert local_api.post(f"{event}/ack").status == 200
    nowhere = EVENT_PATH.replace("{event_id}", "01936b2e-8f3a-7c41-9d2e-5b7f6a1c0e34")
    answers = {
        ("post", "/v1/events", "400"): local_api.post("/v1/events", {"event_type": "t", "payload": {}}),
        ("post", "/v1/events", "401"): local_api.ingest(key=None),
        ("post", "/v1/events", "403"): local_api.ingest(source="other", key=bound),
        ("post", "/v1/events", "413"): local_api.post("/v1/events", body=b" " * 409_601),
        ("post", "/v1/events", "422"): local_api.ingest({"a": 2}, headers=[("Idempotency-Key", "k")]),
        ("get", EVENT_PATH, "404"): local_api.get(nowhere),
        ("get", EVENT_PATH, "422"): local_api.get("/v1/events/x"),
        ("get", EVENT_PATH, "400"): local_api.get(event, query="limit=1"),
        ("get", "/v1/inbox", "400"): local_api.inbox(limit="many"),
        ("post", f"{EVENT_PATH}/ack", "409"): local_api.post(f"{event}/ack"),
        ("get", EVENT_PATH, "403"): local_api.get(event, key=local_api.make_key(scopes="ingest")),
        ("get", "/v1/inbox/stats", "400"): local_api.get("/v1/inbox/stats", query="limit=1"),
        ("post", "/v1/inbox/receive", "400"): local_api.post("/v1/inbox/receive", {"source": 7}),
        ("post", "/v1/inbox/receive", "403"): local_api.post("/v1/inbox/receive", {"source": "x"}, key=bound),
        ("post", "/v1/inbox/ack", "400"): local_api.post("/v1/inbox/ack", {"events": []}),
        ("post", "/v1/inbox/ack", "413"): local_api.post("/v1/inbox/ack", body=b" " * 2_000_001),
    }
    for (method, path, status), answer in answers.items():
        assert str(answer.status) == status
        assert stable(answer.json) == stable(example_of(method, path, status))


def test_examples_of_the_gateway_and_of_failures_are_their_answers() -> None:
    gateway = template.load()["Resources"]["TriggersApi"]["Properties"]["GatewayResponses"]
    throttled = gateway["THROTTLED"]["ResponseTemplates"]["application/json"]
    bug, unavailable = TriggersError("x"), StoreUnavailableError("The store cannot be used right now.")
    for status, answer in (
        ("429", json.loads(throttled)),
        ("500", json.loads(bytes(error_response(bug, "an-id").body))),
        ("503", json.loads(bytes(error_response(unavailable, "an-id").body))),
    ):
        assert stable(answer) == stable(example_of("get", "/v1/inbox", status))


def test_it_describes_the_first_steps_and_its_tags() -> None:
    description = DOCUMENT["info"]["description"]
    for step in ("1. **Get a key**", "2. **Post an event**", "3. **Receive**", "4. **Handle**"):
        assert step in description
    described = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert all(described.values())
    assert {tag for *_, operation in OPERATIONS for tag in operation["tags"]} == described.keys()


def test_a_time_has_the_format_of_a_time() -> None:
    for name, member in (("Event", "created_at"), ("Health", "timestamp"), ("Event", "acknowledged_at")):
        assert schema_of(name)["properties"][member]["format"] == "date-time"


def test_the_request_id_is_not_prefilled() -> None:
    """Swagger UI sends an example unless its user removes it: every request would have the same id."""
    for *_, operation in OPERATIONS:
        (parameter,) = (one for one in operation["parameters"] if one["name"] == "X-Request-ID")
        assert not {"example", "examples"} & {*parameter, *parameter["schema"]}


def example_of(method: str, path: str, status: str, name: str = "full") -> Any:
    """Return the example of an answer, or one of the request."""
    operation = DOCUMENT["paths"][path][method]
    if status == "request":
        return operation["requestBody"]["content"]["application/json"]["examples"][name]["value"]
    return operation["responses"][status]["content"]["application/json"]["example"]


def stable(answer: Any) -> Any:
    """Return an answer without what differs each time: ids and times."""
    if isinstance(answer, dict):
        return {name: "..." if name in DIFFERS else stable(one) for name, one in answer.items()}
    return [stable(one) for one in answer] if isinstance(answer, list) else answer


def test_its_schemas_allow_answers_with_further_members() -> None:
    """What a later version adds must not break a client that was generated from this document."""
    for *_, operation in OPERATIONS:
        if operation["operationId"] in WITHOUT_JSON:
            continue
        (success,) = (one for status, one in operation["responses"].items() if status.startswith("2"))
        name = success["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert "additionalProperties" not in schema_of(name)
        assert list(schema(name).iter_errors({})) != []
    assert "additionalProperties" not in schema_of("ErrorResponse")


def test_an_error_code_is_an_open_string_with_its_known_values_listed() -> None:
    code = schema_of("Problem")["properties"]["code"]
    assert code == schema_of("ErrorBody")["properties"]["code"]
    assert "enum" not in code
    assert set(code["x-extensible-enum"]) == {
        *("VALIDATION_ERROR", "UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "METHOD_NOT_ALLOWED", "CONFLICT"),
        *("REQUEST_TIMEOUT", "LEASE_LOST"),
        *("PAYLOAD_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED", "TOO_MANY_REQUESTS", "INTERNAL_ERROR"),
        *("SERVICE_UNAVAILABLE", "UNSUPPORTED_MEDIA_TYPE", "MISDIRECTED_REQUEST"),
    }


def test_a_status_is_an_open_string_with_its_known_values_listed() -> None:
    status = schema_of("Event")["properties"]["status"]
    assert status["x-extensible-enum"] == ["pending", "acknowledged", "dead"]
    assert "enum" not in status


def test_an_optional_member_is_never_null_and_has_no_default() -> None:
    for name, one in DOCUMENT["components"]["schemas"].items():
        for member in one.get("properties", {}).values():
            if name not in {"IngestRequest", "EventMetadata"}:
                assert "anyOf" not in member, name
            assert "default" not in member, name


def schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][name]
    return found


@pytest.mark.parametrize("value", ["k", "k-1", '"k-1"', '"a\\"b"', "x" * 256, '"' + "x" * 256 + '"'])
def test_the_documented_pattern_of_an_idempotency_key_takes_what_the_service_takes(
    served: dict[str, Any], local_api: Api, value: str
) -> None:
    parameters = served["paths"]["/v1/events"]["post"]["parameters"]
    (pattern,) = [one["schema"]["pattern"] for one in parameters if one["name"] == "Idempotency-Key"]
    assert re.search(pattern, value)
    assert local_api.ingest(headers=[("Idempotency-Key", value)]).status == 201

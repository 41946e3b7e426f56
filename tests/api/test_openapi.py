"""The OpenAPI document: valid, the same as the routes, and true. `promises` holds every answer against it."""

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from starlette.routing import Route

from tests.api.documented import schema
from tests.api.driver import Api
from tests.support.contract import DOCUMENT
from triggers_api.version import VERSION

OPERATIONS = [
    (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


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
        for method in route.methods or ()
    }
    assert documented == routes
    assert documented == {
        ("GET", "/v1/health"),
        ("POST", "/v1/events"),
        ("GET", "/v1/events/{event_id}"),
        ("GET", "/v1/inbox"),
        ("POST", "/v1/events/{event_id}/ack"),
        ("DELETE", "/v1/events/{event_id}"),
    }


def test_its_server_is_relative_so_that_it_is_right_under_any_prefix() -> None:
    for server in DOCUMENT["servers"]:
        assert "://" not in server["url"]
        assert not server["url"].startswith("/")


def test_every_call_but_health_needs_the_key_in_its_header() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    (name,) = schemes
    assert {part: schemes[name][part] for part in ("type", "in", "name")} == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
    }
    for path, _, operation in OPERATIONS:
        scopes = {"/v1/health": None, "/v1/events": ["ingest"]}.get(path, ["consume"])
        assert operation.get("security") == (None if scopes is None else [{name: scopes}])


def test_the_statuses_are_those_of_the_contract() -> None:
    everywhere = {"401", "403", "429", "500", "503"}
    expected = {
        "health": {"200", "429", "500"},
        "ingest_event": {"201", "400", "413", "422", *everywhere},
        "get_event": {"200", "404", "422", *everywhere},
        "list_inbox": {"200", "400", *everywhere},
        "acknowledge_event": {"200", "404", "409", "422", *everywhere},
        "delete_event": {"200", "422", *everywhere},
    }
    assert {operation["operationId"]: set(operation["responses"]) for *_, operation in OPERATIONS} == expected


def test_every_answer_is_json_with_a_request_id_and_its_own_words() -> None:
    for path, method, operation in OPERATIONS:
        assert operation["summary"]
        for status, response in operation["responses"].items():
            where = f"{method} {path} {status}"
            assert response["description"], where
            assert set(response["content"]) == {"application/json"}, where
            assert "X-Request-ID" in response["headers"], where
            assert ("Retry-After" in response["headers"]) == (status == "503"), where


def test_no_default_error_of_the_framework_is_documented() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])


def test_every_parameter_is_documented_with_its_bounds() -> None:
    (inbox,) = (operation for path, _, operation in OPERATIONS if path == "/v1/inbox")
    parameters = {one["name"]: one for one in inbox["parameters"]}
    assert set(parameters) == {"limit", "cursor", "source", "event_type", "X-Request-ID"}
    limit = parameters["limit"]["schema"]
    assert (limit["type"], limit["minimum"], limit["maximum"], limit["default"]) == ("integer", 1, 100, 50)
    assert not any(one.get("required") for one in parameters.values())
    (ingest,) = (operation for path, _, operation in OPERATIONS if path == "/v1/events")
    assert "Idempotency-Key" in {one["name"] for one in ingest["parameters"]}
    assert ingest["requestBody"]["required"] is True


def test_its_examples_are_requests_that_the_service_takes(local_api: Api) -> None:
    examples = schema_of("IngestRequest")["examples"]
    assert examples
    for example in examples:
        assert local_api.post("/v1/events", example).status == 201


def test_its_schemas_allow_answers_with_further_members() -> None:
    """What a later version adds must not break a client that was generated from this document."""
    for name in (
        "Health",
        "StoredEvent",
        "SingleEvent",
        "Inbox",
        "AcknowledgedEvent",
        "DeletedEvent",
        "Error",
    ):
        assert "additionalProperties" not in schema_of(name)
        assert list(schema(name).iter_errors({})) != []


def test_an_error_code_is_an_open_string_with_its_known_values_listed() -> None:
    code = schema_of("ErrorBody")["properties"]["code"]
    assert "enum" not in code
    assert set(code["x-extensible-enum"]) == {
        *("VALIDATION_ERROR", "UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "METHOD_NOT_ALLOWED", "CONFLICT"),
        "REQUEST_TIMEOUT",
        *("PAYLOAD_TOO_LARGE", "IDEMPOTENCY_KEY_REUSED", "TOO_MANY_REQUESTS", "INTERNAL_ERROR"),
        "SERVICE_UNAVAILABLE",
    }


def test_a_status_is_an_open_string_with_its_known_values_listed() -> None:
    status = schema_of("Event")["properties"]["status"]
    assert status["x-extensible-enum"] == ["pending", "acknowledged"]
    assert "enum" not in status


def test_an_optional_member_of_an_answer_is_never_null() -> None:
    for name in ("Event", "ListedMetadata", "Pagination"):
        for member in schema_of(name)["properties"].values():
            assert "anyOf" not in member
            assert "default" not in member


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

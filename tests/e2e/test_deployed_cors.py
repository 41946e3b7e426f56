"""CORS of the deployed API (requirements, section 7.7): of the service, of the gateway, and in a browser."""

import json
import os
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.e2e.conftest import Deployed
from tests.support import browser, reverse_proxy
from tests.support.api_client import ApiClient
from tests.support.curl import CurlAnswer, curl
from triggers_api.api.headers import CORS_HEADERS, CORS_METHODS, EXPOSED_HEADERS

pytestmark = pytest.mark.timeout(600)

PREFLIGHT = (
    "-X",
    "OPTIONS",
    "-H",
    "Origin: https://example.com",
    "-H",
    "Access-Control-Request-Method: POST",
)
GATEWAY_RESPONSES = {
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "THROTTLED",
    "REQUEST_TOO_LARGE",
    "MISSING_AUTHENTICATION_TOKEN",
}

FOREIGN_PAGE = """<!doctype html><title>another origin</title><p id="seen">nothing</p><script>
fetch("__API__/v1/events", {
  method: "POST",
  headers: {"Content-Type": "application/json", "X-API-Key": "__KEY__", "X-Request-ID": "from-a-page"},
  body: '{"source": "page", "event_type": "page.opened", "payload": {"from": "a browser"}}',
}).then(answer => answer.json().then(body => {
  document.getElementById("seen").textContent =
    `${answer.status} ${answer.headers.get("X-Request-ID")} ${body.event_id} ${body.request_id}`;
})).catch(error => { document.getElementById("seen").textContent = `${error}`; });
</script>"""


@pytest.fixture(scope="module")
def body(deployed: Deployed) -> dict[str, Any]:
    """Return the OpenAPI document of the gateway from the template that SAM's transform created."""
    template = deployed.client("cloudformation").get_template(
        StackName="triggers-api-prod", TemplateStage="Processed"
    )["TemplateBody"]
    document: dict[str, Any] = template["Resources"]["TriggersApi"]["Properties"]["Body"]
    return document


def written(value: Any) -> str:
    """Return a text of the template, also if it is a substitution without variables."""
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    assert "${" not in text
    return str(text)


def assert_is_a_preflights_answer(answer: CurlAnswer) -> None:
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == CORS_METHODS
    assert answer.headers["access-control-allow-headers"] == CORS_HEADERS
    assert answer.headers["access-control-max-age"] == "3600"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/events", "/v1/inbox", "/v1/events/1/ack", "/docs", "/"])
def test_a_preflight_is_answered_with_the_cors_headers(deployed: Deployed, path: str) -> None:
    assert_is_a_preflights_answer(curl(*PREFLIGHT, f"{deployed.url}{path}"))


def test_every_answer_of_the_service_lets_any_origin_read_it(deployed: Deployed) -> None:
    key = ("-H", f"X-API-Key: {deployed.key}", "-H", "Origin: https://example.com")
    url = f"{deployed.url}/v1"
    answers = {
        200: curl(*key, f"{url}/inbox"),
        401: curl(f"{url}/inbox"),
        404: curl(*key, f"{url}/elsewhere"),
        405: curl(*key, "-X", "PUT", f"{url}/inbox"),
        400: curl(*key, "-X", "POST", f"{url}/events", "-d", "{"),
    }
    for status, answer in answers.items():
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == "*", status
        assert answer.headers["access-control-expose-headers"] == EXPOSED_HEADERS, status
        assert answer.headers["cache-control"] == "no-store", status
        assert answer.headers["x-request-id"] == answer.body.get("error", answer.body)["request_id"]


@pytest.mark.parametrize("path", ["/v1/health", "/v1/inbox", "/openapi.json", "/docs"])
def test_head_is_answered_through_the_gateway(deployed: Deployed, path: str) -> None:
    headers = {"X-API-Key": deployed.key}
    get, head = (
        httpx.request(method, f"{deployed.url}{path}", headers=headers, trust_env=False)
        for method in ("GET", "HEAD")
    )
    assert (get.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["cache-control"] == "no-store"


def test_a_path_outside_of_the_specification_is_answered_404_in_the_services_shape(
    deployed: Deployed,
) -> None:
    answer = curl(f"{deployed.url}/elsewhere")
    assert (answer.status, answer.body["error"]["code"]) == (404, "NOT_FOUND")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert UUID(answer.headers["x-request-id"]).version == 4


@pytest.mark.parametrize("path", ["/", "/{proxy+}"])
def test_the_gateways_own_preflight_integration_has_the_headers(body: dict[str, Any], path: str) -> None:
    operations = body["paths"][path]
    assert operations.keys() == {"x-amazon-apigateway-any-method", "options"}
    integration = operations["options"]["x-amazon-apigateway-integration"]
    assert integration["type"] == "mock"
    assert integration["requestTemplates"] == {"application/json": '{\n  "statusCode" : 200\n}\n'}
    (answer,) = integration["responses"].values()
    assert answer["statusCode"] == "200"
    assert {name: written(value) for name, value in answer["responseParameters"].items()} == {
        "method.response.header.Access-Control-Allow-Origin": "'*'",
        "method.response.header.Access-Control-Allow-Methods": f"'{CORS_METHODS}'",
        "method.response.header.Access-Control-Allow-Headers": f"'{CORS_HEADERS}'",
        "method.response.header.Access-Control-Max-Age": "'3600'",
    }
    declared = operations["options"]["responses"]["200"]["headers"]
    assert {f"method.response.header.{name}" for name in declared} == answer["responseParameters"].keys()


def test_a_page_may_read_what_the_gateway_answers_by_itself(body: dict[str, Any]) -> None:
    responses = body["x-amazon-apigateway-gateway-responses"]
    assert responses.keys() == GATEWAY_RESPONSES
    for name, response in responses.items():
        parameters = response["responseParameters"]
        header = "gatewayresponse.header"
        assert written(parameters[f"{header}.Access-Control-Allow-Origin"]) == "'*'", name
        assert parameters[f"{header}.Access-Control-Expose-Headers"] == f"'{EXPOSED_HEADERS}'", name
        assert parameters[f"{header}.Cache-Control"] == "'no-store'", name
        assert parameters[f"{header}.X-Request-ID"] == "context.requestId", name
        template = response["responseTemplates"]["application/json"]
        shape = json.loads(template.replace("$context.error.messageString", '"message"'))
        assert shape["error"].keys() == {"code", "message", "details", "request_id"}, name


def test_a_page_of_another_origin_posts_an_event_and_reads_the_answer_and_its_request_id(
    deployed: Deployed,
) -> None:
    if reason := browser.why_not():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    html = FOREIGN_PAGE.replace("__API__", deployed.url).replace("__KEY__", deployed.key)
    with reverse_proxy.page(html) as foreign:
        assert httpx.URL(foreign.url).port != httpx.URL(deployed.url).port
        visit = browser.visit(foreign.url)
    with ApiClient(deployed.url, key=deployed.key) as client:
        made = next(event for event in client.inbox() if event["source"] == "page")
    assert made["payload"] == {"from": "a browser"}
    seen = f"201 from-a-page {made['event_id']} from-a-page"
    assert f'<p id="seen">{seen}</p>' in visit.dom

"""Webhooks at the gateway of a deployed stage: who answers which path and method."""

from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Deployed
from triggers_api.api.headers import CORS_METHODS

pytestmark = pytest.mark.timeout(600)

HOOKS_PATH = "/v1/hooks/{hook_id}"
UNKNOWN = f"hook_{'x' * 43}"
LOG_GROUP = "/aws/lambda/triggers-api-prod"


def ask(deployed: Deployed, method: str, path: str, request_id: str) -> httpx.Response:
    """Send a request whose id the service repeats, and the gateway does not."""
    headers = {"X-Request-ID": request_id, "WebHook-Request-Origin": "events.example"}
    return httpx.request(method, f"{deployed.url}{path}", headers=headers, trust_env=False, timeout=30)


@pytest.fixture(scope="module")
def paths(deployed: Deployed) -> dict[str, Any]:
    """Return the paths of the gateway's OpenAPI document, which SAM's transform created."""
    template = deployed.client("cloudformation").get_template(
        StackName="triggers-api-prod", TemplateStage="Processed"
    )["TemplateBody"]
    found: dict[str, Any] = template["Resources"]["TriggersApi"]["Properties"]["Body"]["paths"]
    return found


def test_every_method_of_a_hook_is_for_the_function_also_options(paths: dict[str, Any]) -> None:
    assert paths.keys() == {"/", "/{proxy+}", HOOKS_PATH}
    methods = paths[HOOKS_PATH]
    assert methods.keys() == {"x-amazon-apigateway-any-method", "options"}
    for method in methods.values():
        assert method["x-amazon-apigateway-integration"]["type"] == "aws_proxy"


@pytest.fixture(scope="module")
def hook(deployed: Deployed) -> str:
    """Return the path of a new hook of the stage."""
    options = ("--preset", "github", "--source", "shop", "--yes")
    made = deployed.rehearsal.ask("hooks", "create", "--stage", "prod", *options)
    return str(made["url"]).removeprefix(deployed.url)


def test_the_service_consents_to_webhooks_of_a_hook(deployed: Deployed, hook: str) -> None:
    answer = ask(deployed, "OPTIONS", hook, "a-handshake")
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "a-handshake")
    assert answer.headers["webhook-allowed-origin"] == "*"
    assert "POST" in answer.headers["allow"]


def test_the_service_answers_other_methods_of_a_hook(deployed: Deployed, hook: str) -> None:
    for method, status in (("POST", 401), ("PUT", 405), ("DELETE", 405)):
        answer = ask(deployed, method, hook, "another-method")
        assert (answer.status_code, answer.headers["x-request-id"]) == (status, "another-method"), method


def test_the_service_does_not_consent_to_webhooks_of_an_unknown_hook(deployed: Deployed) -> None:
    answer = ask(deployed, "OPTIONS", f"/v1/hooks/{UNKNOWN}", "no-handshake")
    assert (answer.status_code, answer.json()["error"]["request_id"]) == (404, "no-handshake")
    assert "webhook-allowed-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/events", "/v1/hooks", f"/v1/hooks/{UNKNOWN}/more"])
def test_options_for_any_other_path_is_answered_by_the_gateway(deployed: Deployed, path: str) -> None:
    answer = ask(deployed, "OPTIONS", path, "a-preflight")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-methods"] == CORS_METHODS
    assert "x-request-id" not in answer.headers


def test_an_unknown_hook_is_answered_404_by_the_service_and_its_id_is_not_logged(deployed: Deployed) -> None:
    answer = ask(deployed, "POST", f"/v1/hooks/{UNKNOWN}", "to-an-unknown-hook")
    assert (answer.status_code, answer.headers["x-request-id"]) == (404, "to-an-unknown-hook")
    error = answer.json()["error"]
    assert (error["code"], error["request_id"]) == ("NOT_FOUND", "to-an-unknown-hook")
    events = deployed.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
    assert [one for one in events if "to-an-unknown-hook" in one["message"]]
    assert not [one for one in events if UNKNOWN in one["message"]]


def test_the_paths_beside_a_hook_reach_the_service_as_before(deployed: Deployed) -> None:
    """`/v1` and `/v1/hooks` are resources of the gateway without a method."""
    for path in ("/v1", "/v1/hooks", f"/v1/hooks/{UNKNOWN}/more", "/v1/elsewhere"):
        answer = ask(deployed, "GET", path, "beside-a-hook")
        assert (answer.status_code, answer.headers["x-request-id"]) == (404, "beside-a-hook"), path
    assert ask(deployed, "GET", "/v1/health", "beside-a-hook").status_code == 200


def test_the_stage_throttles_webhooks_on_their_own(deployed: Deployed) -> None:
    gateway = deployed.client("apigateway")
    settings = gateway.get_stage(restApiId=deployed.outputs["ApiId"], stageName="prod")["methodSettings"]
    limits = {
        key.replace("~1", "/").lstrip("/"): (one["throttlingRateLimit"], one["throttlingBurstLimit"])
        for key, one in settings.items()
    }
    assert limits == {"*/*": (100, 200), "v1/hooks/{hook_id}/POST": (50, 100)}
    assert deployed.rehearsal.ask("verify", "--stage", "prod")["passed"] is True

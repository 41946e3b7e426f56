"""The role of the deployed function: it has exactly the permissions that the calls need.

The emulator enforces the policies of IAM, so a permission that is taken away breaks what needs it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tests.support.api_client import Answer, ApiClient

pytestmark = pytest.mark.timeout(600)

_TABLES = "arn:aws:dynamodb:us-east-1:000000000000:table"
EVENTS = f"{_TABLES}/triggers-api-events-prod"
INDEX = f"{EVENTS}/index/status-created_at-index"
KEYS = f"{_TABLES}/triggers-api-keys-prod"
LOG_GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/triggers-api-prod:*"
OF_THE_EVENTS = ("PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query")

Request = Callable[[ApiClient, str], Answer]
"""Something that a client does; it may need the id of an event that is there."""


def ingest(client: ApiClient, event_id: str) -> Answer:
    return client.ingest({"made": "without a permission"})


def acknowledge(client: ApiClient, event_id: str) -> Answer:
    return client.acknowledge(event_id)


def get(client: ApiClient, event_id: str) -> Answer:
    return client.get(event_id)


def delete(client: ApiClient, event_id: str) -> Answer:
    return client.call("DELETE", f"/v1/events/{event_id}")


def inbox(client: ApiClient, event_id: str) -> Answer:
    return client.call("GET", "/v1/inbox")


OPERATIONS: dict[str, Request] = {one.__name__: one for one in (ingest, get, inbox, acknowledge, delete)}


@pytest.fixture
def policy(deployed: Deployed) -> dict[str, Any]:
    """Return the role's one policy, as it is deployed."""
    role = deployed.outputs["RoleName"]
    (name,) = deployed.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    document: dict[str, Any] = deployed.client("iam").get_role_policy(RoleName=role, PolicyName=name)[
        "PolicyDocument"
    ]
    return document


def grants_of(policy: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every pair of an action and a resource that a policy allows."""
    found = set()
    for statement in policy["Statement"]:
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        actions, resources = (
            [one] if isinstance(one, str) else one for one in (statement["Action"], statement["Resource"])
        )
        found |= {(action, resource) for action in actions for resource in resources}
    return found


@contextmanager
def without(deployed: Deployed, policy: dict[str, Any], action: str, *resources: str) -> Iterator[None]:
    """Take one action on resources out of the role's policy, and put it back."""
    grants = grants_of(policy)
    taken = {(action, resource) for resource in resources}
    assert taken <= grants
    rest = [{"Effect": "Allow", "Action": what, "Resource": where} for what, where in sorted(grants - taken)]
    iam, role = deployed.client("iam"), deployed.outputs["RoleName"]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]

    def put(document: dict[str, Any]) -> None:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    put({**policy, "Statement": rest})
    try:
        yield
    finally:
        put(policy)


@pytest.fixture
def event_id(deployed: Deployed) -> str:
    """Return an event that is there; its making also puts the key into the service's cache."""
    with ApiClient(deployed.url, key=deployed.key) as client:
        made = client.ingest({})
        assert made.status == 201, made
        return str(made.body["event_id"])


def test_the_policy_is_exactly_what_the_contract_lists(policy: dict[str, Any]) -> None:
    expected = {(f"dynamodb:{action}", where) for action in OF_THE_EVENTS for where in (EVENTS, INDEX)}
    expected |= {("dynamodb:GetItem", KEYS)}
    expected |= {(f"logs:{action}", LOG_GROUP) for action in ("CreateLogStream", "PutLogEvents")}
    assert grants_of(policy) == expected


def test_role_has_no_attached_policy_and_only_lambda_may_assume_it(deployed: Deployed) -> None:
    iam, role = deployed.client("iam"), deployed.outputs["RoleName"]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
    function = deployed.client("lambda").get_function_configuration(
        FunctionName=deployed.outputs["FunctionName"]
    )
    assert function["Role"] == f"arn:aws:iam::000000000000:role/{role}"


def test_every_operation_works_with_all_permissions(deployed: Deployed, event_id: str) -> None:
    with ApiClient(deployed.url, key=deployed.key) as client:
        answers = {name: request(client, event_id).status for name, request in OPERATIONS.items()}
    assert answers == {"ingest": 201, "get": 200, "inbox": 200, "acknowledge": 200, "delete": 200}


@pytest.mark.parametrize(
    ("action", "resource", "broken"),
    [
        ("PutItem", EVENTS, {"ingest"}),
        ("GetItem", EVENTS, {"get"}),
        ("UpdateItem", EVENTS, {"acknowledge"}),
        ("DeleteItem", EVENTS, {"delete"}),
        ("Query", INDEX, {"inbox"}),
    ],
)
def test_operation_without_its_permission_is_503(
    deployed: Deployed, policy: dict[str, Any], event_id: str, action: str, resource: str, broken: set[str]
) -> None:
    with (
        without(deployed, policy, f"dynamodb:{action}", resource),
        ApiClient(deployed.url, key=deployed.key) as client,
    ):
        answers = {name: request(client, event_id) for name, request in OPERATIONS.items()}
    assert {name for name, answer in answers.items() if answer.status >= 400} == broken
    for name in broken:
        assert answers[name].status == 503
        assert answers[name].body["error"]["code"] == "SERVICE_UNAVAILABLE"
        assert action not in json.dumps(answers[name].body), (
            "a client must not learn which permission is missing"
        )


def test_uncached_key_is_503_without_permission_to_read_keys(
    deployed: Deployed, policy: dict[str, Any]
) -> None:
    fresh = deployed.rehearsal.key("prod")
    with without(deployed, policy, "dynamodb:GetItem", KEYS), ApiClient(deployed.url, key=fresh) as client:
        refused = inbox(client, "")
    assert (refused.status, refused.body["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    with ApiClient(deployed.url, key=fresh) as client:
        assert inbox(client, "").status == 200

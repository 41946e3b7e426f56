"""Probes of the function's role (requirements, section 10): its permissions, and who may assume it.

The permissions are written down here and not read from the template: a check that compares the template with
itself would not notice a template that was loosened.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.probe import Expectation, Probe, Value
from triggers_api.store.dynamodb.schema import STATUS_INDEX

ON_EVENTS = ("PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query")
ON_LOGS = ("CreateLogStream", "PutLogEvents")


def permissions(live: LiveStack) -> frozenset[str]:
    """Return all permissions of the role, as `action on resource`."""
    events, keys = (f"table/{live.expected(one)['TableName']}" for one in ("EventsTable", "ApiKeysTable"))
    log_group = live.expected("TriggersApiLogGroup")["LogGroupName"]
    return frozenset(
        [
            *(
                f"dynamodb:{action} on {live.arn('dynamodb', resource)}"
                for action in ON_EVENTS
                for resource in (events, f"{events}/index/{STATUS_INDEX}")
            ),
            f"dynamodb:GetItem on {live.arn('dynamodb', keys)}",
            *(f"logs:{action} on {live.arn('logs', f'log-group:{log_group}:*')}" for action in ON_LOGS),
        ]
    )


def make_probes(live: LiveStack) -> list[Probe]:
    """Return the probes. A permissions boundary can only narrow the permissions, so it is not checked."""
    iam, name = live.clients["iam"], live.outputs.get("RoleName", "ROLE")
    wanted = live.expected("TriggersApiRole")
    policy = wanted["Policies"][0]["PolicyName"]

    def role() -> dict[str, str]:
        return {"RoleName": live.output("RoleName")}

    def names() -> list[str]:
        pages = iam.get_paginator("list_role_policies").paginate(**role())
        return [one for page in pages for one in page["PolicyNames"]]

    def documents() -> list[Any]:
        return [iam.get_role_policy(**role(), PolicyName=one)["PolicyDocument"] for one in names()]

    def attached() -> list[str]:
        pages = iam.get_paginator("list_attached_role_policies").paginate(**role())
        return [one["PolicyArn"] for page in pages for one in page["AttachedPolicies"]]

    def trust() -> list[Any]:
        return [iam.get_role(**role())["Role"]["AssumeRolePolicyDocument"]]

    def probe(
        ask: Callable[[], Any], check: str, expected: Value, read: Callable[[Any], Value], fix: str
    ) -> Probe:
        return Probe(ask, (Expectation(f"role: {check}", expected, read, fix),))

    def command(operation: str, *words: str) -> str:
        return aws_command("iam", operation, "--role-name", name, *words)

    only_lambda = frozenset({"sts:AssumeRole by Service lambda.amazonaws.com"})
    return [
        probe(
            documents,
            "permissions",
            permissions(live),
            _all_grants,
            f"In IAM, remove the extra permissions from the role {name}, and add the missing ones to its "
            f"policy {policy}.",
        ),
        probe(
            names,
            "inline policies",
            frozenset({policy}),
            frozenset,
            f"To restore a missing policy {policy}, create it with what the check of permissions expects. "
            f"To delete an extra policy: {command('delete-role-policy', '--policy-name', 'NAME')}",
        ),
        probe(
            attached,
            "attached policies",
            frozenset(),
            frozenset,
            command("detach-role-policy", "--policy-arn", "ARN"),
        ),
        probe(
            trust,
            "who may be it",
            only_lambda,
            _all_grants,
            command(
                "update-assume-role-policy",
                "--policy-document",
                json.dumps(wanted["AssumeRolePolicyDocument"]),
            ),
        ),
    ]


def _all_grants(documents: Any) -> Value:
    return frozenset(grant for document in documents for grant in grants_of(document))


def grants_of(document: Mapping[str, Any]) -> list[str]:
    """Return a policy's grants, one action on one resource each.

    Everything else in a statement becomes part of its grants, so that only a plain `Allow` can equal an
    expected grant.
    """
    return [grant for statement in _listed(document.get("Statement", [])) for grant in _grants(statement)]


def _grants(statement: Mapping[str, Any]) -> list[str]:
    effect = "" if statement.get("Effect") == "Allow" else f"{statement.get('Effect')} "
    actions = _listed(statement.get("Action", []))
    actions += [f"all but {one}" for one in _listed(statement.get("NotAction", []))]
    objects = [f"on {one}" for one in _listed(statement.get("Resource", []))]
    objects += [f"on all but {one}" for one in _listed(statement.get("NotResource", []))]
    objects += [f"by {one}" for one in _principals(statement.get("Principal", {}))]
    objects += [f"by all but {one}" for one in _principals(statement.get("NotPrincipal", {}))]
    condition = " on a condition" if statement.get("Condition") else ""
    return [f"{effect}{action} {one}{condition}" for action in actions for one in objects]


def _principals(principal: Any) -> list[str]:
    if not isinstance(principal, Mapping):
        return [str(principal)]  # "*"
    return [f"{kind} {one}" for kind, ones in principal.items() for one in _listed(ones)]


def _listed(value: Any) -> list[Any]:
    """Return a list. IAM writes a list of one without brackets."""
    return list(value) if isinstance(value, list) else [value]

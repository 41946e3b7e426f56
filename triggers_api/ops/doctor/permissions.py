"""Check whether the operator's credentials have the permissions that a deployment needs.

IAM can simulate the policies of a user or a role, but not of the root user. It does not see every limit (an
organisation's policies, those of a session), so a positive result is a good sign and not a promise.
"""

import re
from collections.abc import Iterator
from itertools import islice

from botocore.exceptions import ClientError

from triggers_api.ops.aws import Aws
from triggers_api.ops.aws_refusals import DENIED
from triggers_api.ops.findings import Finding, State

ACTIONS = {
    "CloudFormation": (
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:DeleteChangeSet",
        "cloudformation:DescribeStacks",
        "cloudformation:DescribeStackEvents",
        "cloudformation:DescribeEvents",
        "cloudformation:ListChangeSets",
        "cloudformation:DescribeStackResources",
        "cloudformation:ListStackResources",
        "cloudformation:GetTemplate",
        "cloudformation:GetTemplateSummary",
        "cloudformation:TagResource",
        "cloudformation:UntagResource",
        "cloudformation:DeleteStack",
    ),
    "Lambda": (
        "lambda:CreateFunction",
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:TagResource",
        "lambda:UntagResource",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "lambda:DeleteFunction",
        "lambda:AddPermission",
        "lambda:RemovePermission",
    ),
    "API Gateway": (
        "apigateway:GET",
        "apigateway:POST",
        "apigateway:PUT",
        "apigateway:PATCH",
        "apigateway:DELETE",
    ),
    "API Gateway tags": ("apigateway:PUT", "apigateway:DELETE"),
    "DynamoDB": (
        "dynamodb:CreateTable",
        "dynamodb:DescribeTable",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DeleteTable",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:ListTagsOfResource",
    ),
    "IAM": (
        "iam:CreateRole",
        "iam:GetRole",
        "iam:PassRole",
        "iam:PutRolePolicy",
        "iam:DeleteRolePolicy",
        "iam:DeleteRole",
        "iam:TagRole",
        "iam:UntagRole",
    ),
    "CloudWatch Logs": (
        "logs:CreateLogGroup",
        "logs:DescribeLogGroups",
        "logs:PutRetentionPolicy",
        "logs:DeleteLogGroup",
        "logs:TagResource",
        "logs:UntagResource",
        "logs:ListTagsForResource",
    ),
    "API keys": ("dynamodb:PutItem", "dynamodb:UpdateItem"),
    "shards": ("dynamodb:Query",),
    "S3": ("s3:CreateBucket", "s3:ListBucket", "s3:ListBucketVersions"),
    "S3 objects": ("s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
}
"""The permissions to deploy, change and delete the stack, by service (requirements, section 5.1)."""

SCHEDULE_ACTIONS = {
    "EventBridge": (
        "events:PutRule",
        "events:DescribeRule",
        "events:DeleteRule",
        "events:PutTargets",
        "events:ListTargetsByRule",
        "events:RemoveTargets",
        "events:TagResource",
        "events:UntagResource",
    ),
}
"""The further permissions for a stack that measures its backlog."""

_FOR_SMOKE_TEST = "API keys"
"""A deployment without these permissions skips the smoke test, or uses an existing key."""

_RESOURCES = {
    "CloudFormation": "arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/*",
    "Lambda": "arn:{partition}:lambda:{region}:{account}:function:{stack}-TriggersApiFunction-0123456789AB",
    "API Gateway": "arn:{partition}:apigateway:{region}::/restapis/0123456789",
    "API Gateway tags": "arn:{partition}:apigateway:{region}::/tags/arn%3A{partition}%3Aapigateway",
    "DynamoDB": "arn:{partition}:dynamodb:{region}:{account}:table/triggers-api-events-{stage}",
    "API keys": "arn:{partition}:dynamodb:{region}:{account}:table/triggers-api-keys-{stage}",
    "shards": "arn:{partition}:dynamodb:{region}:{account}:table/triggers-api-events-{stage}/index/*",
    "EventBridge": "arn:{partition}:events:{region}:{account}:rule/triggers-api-{stage}-backlog",
    "IAM": "arn:{partition}:iam::{account}:role/{stack}-TriggersApiRole-0123456789AB",
    "CloudWatch Logs": "arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/triggers-api-{stage}:*",
    "S3": "arn:{partition}:s3:::aws-sam-cli-managed-default-samclisourcebucket-012345678",
    "S3 objects": "arn:{partition}:s3:::aws-sam-cli-managed-default-samclisourcebucket-012345678/{stack}/x",
}
"""The resources of each service: a policy may be narrower than `*`."""

_ASSUMED = re.compile(r"arn:([\w-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")


def simulate(aws: Aws, caller: str, *, with_schedule: bool) -> Iterator[Finding]:
    """Ask IAM, service by service, whether the caller has the permissions.

    Args:
        aws: The account.
        caller: The ARN of the credentials.
        with_schedule: The stack measures its backlog.

    Raises:
        ClientError: AWS failed, other than by a refusal to simulate.
    """
    if caller.endswith(":root"):
        yield Finding(
            "permissions", State.OK, "The credentials are those of the root user, who has every permission."
        )
        return
    principal = _principal(aws, caller)
    for service, actions in (ACTIONS | (SCHEDULE_ACTIONS if with_schedule else {})).items():
        try:
            denied = _denied(aws, principal, actions, _RESOURCES[service])
        except ClientError as error:
            if error.response["Error"]["Code"] not in {*DENIED, "NoSuchEntity", "InvalidInput"}:
                raise
            yield Finding(
                "permissions",
                State.UNKNOWN,
                "The permissions could not be simulated: " + error.response["Error"].get("Message", ""),
                "Ask for iam:SimulatePrincipalPolicy, or try to deploy.",
            )
            return
        check = f"permissions: {service}"
        if denied:
            state, fix = State.FAILED, f"Ask for {', '.join(denied)}."
            if service == _FOR_SMOKE_TEST:
                state, fix = (
                    State.WARNING,
                    f"{fix[:-1]}, or deploy with --no-smoke, or with TRIGGERS_API_KEY set.",
                )
            yield Finding(check, state, f"{len(denied)} of {len(actions)} are denied.", fix)
        else:
            yield Finding(check, State.OK, "All are granted, as IAM simulates them.")


def _principal(aws: Aws, caller: str) -> str:
    """Return the user or role of the credentials: IAM cannot simulate a session."""
    assumed = _ASSUMED.fullmatch(caller)
    if assumed is None:
        return caller
    try:
        arn: str = aws.client("iam").get_role(RoleName=assumed.group(3))["Role"]["Arn"]
    except ClientError:
        # Without iam:GetRole the role's path is unknown; most roles have none.
        return f"arn:{assumed.group(1)}:iam::{assumed.group(2)}:role/{assumed.group(3)}"
    return arn


def _denied(aws: Aws, principal: str, actions: tuple[str, ...], resource: str) -> list[str]:
    _, partition, _, _, account, _ = principal.split(":", 5)
    arn = resource.format(
        partition=partition,
        region=aws.region.value,
        account=account,
        stack=aws.target.stack_name.value,
        stage=aws.target.stage.value,
    )
    context = [
        {"ContextKeyName": name, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for name, value in (
            ("aws:RequestedRegion", aws.region.value),
            ("iam:PassedToService", "lambda.amazonaws.com"),
        )
    ]
    pages = (
        aws.client("iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn=principal, ActionNames=list(actions), ResourceArns=[arn], ContextEntries=context
        )
    )
    return [
        one["EvalActionName"]
        for page in islice(pages, 20)
        for one in page["EvaluationResults"]
        if one["EvalDecision"] != "allowed"
    ]

"""A sound deployed stage as AWS describes it. A test changes one answer and asserts what is found.

The answers follow AWS's documentation, and each is checked against the service's model. Each may be asked for
any number of times, in any order, by several threads.
"""

import io
import json
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import quote

import boto3
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.validate import validate_parameters

from tests.support.one_api import OneApi
from tests.support.stubbed_aws import ACCOUNT, AT, NAME, REGION, described, make_target
from tests.support.template import load
from triggers_api.api.headers import CORS_HEADERS, CORS_METHODS, EXPOSED_HEADERS
from triggers_api.ops.aws import Aws
from triggers_api.ops.target import Setting

_SESSION: Any = boto3.Session(
    "test", "test", region_name=REGION
)  # one session: it reads the model of each service once
FUNCTION = f"{NAME}-TriggersApiFunction-0123456789AB"
ROLE = f"{NAME}-TriggersApiRole-0123456789AB"
API = "a1b2c3d4e5"
EVENTS, KEYS = "triggers-api-events-dev", "triggers-api-keys-dev"
LOG_GROUP = "/aws/lambda/triggers-api-dev"
RULE = "triggers-api-dev-backlog"
RULE_ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{RULE}"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
HOOKS = "/v1/hooks/{hook_id}"
LIMITS_OF_HOOKS = "~1v1~1hooks~1{hook_id}/POST"
INDEX = "status-created_at-index"
PARAMETERS = {
    "Stage": "dev",
    "CorsAllowOrigin": "https://shop.example",
    "EventTtlDays": "30",
    "MaxDeliveries": "5",
    "InboxShards": "2",
    "InboxShardsRead": "4",
    "LogLevel": "INFO",
    "LogRetentionDays": "14",
    "Runtime": "python3.13",
    "Architecture": "arm64",
    "MemorySize": "1024",
    "ThrottlingRateLimit": "50",
    "ThrottlingBurstLimit": "75",
    "HooksRateLimit": "20",
    "HooksBurstLimit": "30",
    "PointInTimeRecovery": "true",
    "DeletionProtection": "true",
    "AccessLogs": "false",
    "AlarmEmail": "",
    "MaxPendingMinutes": "0",
    "Dashboard": "false",
}
CORS = {
    "Access-Control-Allow-Origin": "'https://shop.example'",
    "Access-Control-Allow-Methods": f"'{CORS_METHODS}'",
    "Access-Control-Allow-Headers": f"'{CORS_HEADERS}'",
    "Access-Control-Max-Age": "'3600'",
}
POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Events",
            "Effect": "Allow",
            "Action": [
                f"dynamodb:{one}" for one in ("PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query")
            ],
            "Resource": [
                f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{EVENTS}",
                f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{EVENTS}/index/{INDEX}",
            ],
        },
        {
            "Sid": "ApiKeys",
            "Effect": "Allow",
            "Action": "dynamodb:GetItem",
            "Resource": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{KEYS}",
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{LOG_GROUP}:*",
        },
    ],
}
TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}

Asked = Mapping[str, Any]
Answer = Mapping[str, Any] | Callable[[Asked], Mapping[str, Any]]


def refusal(code: str, message: str = "no") -> Callable[[Asked], Mapping[str, Any]]:
    """Return an answer that raises an error."""

    def refuse(_: Asked) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "Operation")

    return refuse


class SoundStack(Aws):
    """The account of the stage. A test changes `answers`, by service and operation, in place."""

    latest: ClassVar["SoundStack"]
    """The stack that answers: the clients are shared, since to create one takes 40 ms."""

    def __init__(self, api: OneApi, **parameters: str) -> None:
        super().__init__(make_target(), Setting(REGION, "--region"))
        self._session: Any = _SESSION
        SoundStack.latest = self
        self.api = api
        self.stack = _stack(api.url, PARAMETERS | parameters)
        self.function = _function()
        self.tables = {EVENTS: _events_table(), KEYS: _keys_table()}
        self.ttl = {EVENTS: _ttl("ENABLED"), KEYS: _ttl("DISABLED")}
        self.backups = {EVENTS: _backups("ENABLED"), KEYS: _backups("ENABLED")}
        self.policies = {"triggers-api": json.loads(json.dumps(POLICY))}
        self.attached: list[str] = []
        self.trust = json.loads(json.dumps(TRUST))
        self.rest_api: dict[str, Any] = {"id": API, "name": NAME, "minimumCompressionSize": 1024}
        self.stages = [_stage()]
        self.paths = {path: _methods() for path in ("/", "/{proxy+}")} | {HOOKS: _methods_of_hooks()}
        self.gateway_responses = _gateway_responses()
        self.log_groups = [
            {"logGroupName": LOG_GROUP, "retentionInDays": 14},
            {"logGroupName": f"{LOG_GROUP}-2", "retentionInDays": 1},
        ]
        self.rule = {"Name": RULE, "ScheduleExpression": "rate(5 minutes)", "State": "ENABLED"}
        self.targets: list[dict[str, Any]] = [{"Id": "function", "Arn": FUNCTION_ARN}]
        self.permissions = [
            _invocation("apigateway", "arn:aws:execute-api:x"),
            _invocation("events", RULE_ARN),
        ]
        self.alarms = _alarms()
        self.answers: dict[str, Answer] = {
            "cloudformation.DescribeStacks": lambda _: {"Stacks": [self.stack]},
            "lambda.GetFunctionConfiguration": lambda _: self.function,
            "lambda.GetPolicy": lambda _: {"Policy": json.dumps({"Statement": self.permissions})},
            "events.DescribeRule": lambda _: self.rule,
            "events.ListTargetsByRule": lambda _: {"Targets": self.targets},
            "cloudwatch.DescribeAlarms": lambda _: {"MetricAlarms": self.alarms},
            "logs.DescribeLogGroups": lambda _: {"logGroups": self.log_groups},
            "logs.FilterLogEvents": {"events": []},
            "dynamodb.DescribeTable": lambda asked: {"Table": self.tables[asked["TableName"]]},
            "dynamodb.DescribeTimeToLive": lambda asked: {
                "TimeToLiveDescription": self.ttl[asked["TableName"]]
            },
            "dynamodb.DescribeContinuousBackups": lambda asked: {
                "ContinuousBackupsDescription": self.backups[asked["TableName"]]
            },
            "iam.ListRolePolicies": lambda _: {"PolicyNames": list(self.policies), "IsTruncated": False},
            "iam.GetRolePolicy": self._policy,
            "iam.ListAttachedRolePolicies": self._attached_policies,
            "iam.GetRole": lambda _: {"Role": _role(self.trust)},
            "apigateway.GetRestApi": lambda _: self.rest_api,
            "apigateway.GetStages": lambda _: {"item": self.stages},
            "apigateway.GetExport": self._export,
            "apigateway.GetGatewayResponses": lambda _: {"items": self.gateway_responses},
        }

    def client(self, service: str) -> Any:
        assert SoundStack.latest is self
        return _client(service)

    def _policy(self, asked: Asked) -> Mapping[str, Any]:
        name = asked["PolicyName"]
        document = quote(json.dumps(self.policies[name]))  # as IAM encodes it; botocore decodes it
        return {"RoleName": asked["RoleName"], "PolicyName": name, "PolicyDocument": document}

    def _attached_policies(self, asked: Asked) -> Mapping[str, Any]:
        """Return one policy a page."""
        at = int(asked.get("Marker", "0"))
        page = [
            {"PolicyArn": arn, "PolicyName": arn.rpartition("/")[2]} for arn in self.attached[at : at + 1]
        ]
        if at + 1 < len(self.attached):
            return {"AttachedPolicies": page, "IsTruncated": True, "Marker": str(at + 1)}
        return {"AttachedPolicies": page, "IsTruncated": False}

    def _export(self, asked: Asked) -> Mapping[str, Any]:
        assert asked["parameters"] == {"extensions": "apigateway"}
        body = json.dumps({"openapi": "3.0.1", "paths": self.paths}).encode()
        return {"contentType": "application/json", "body": StreamingBody(io.BytesIO(body), len(body))}


@cache
def _client(service: str) -> Any:
    client = _SESSION.client(service)

    def note(params: Any, context: Any, **_: Any) -> None:
        context["asked"] = params

    def answer(model: Any, context: Any, **_: Any) -> Any:
        recorded = SoundStack.latest.answers[f"{service}.{model.name}"]
        found = dict(recorded(context["asked"]) if callable(recorded) else recorded)
        validate_parameters(found, model.output_shape)
        response: Any = SimpleNamespace(status_code=200, headers={})
        return response, found

    client.meta.events.register("before-parameter-build.*", note)
    client.meta.events.register("before-call.*", answer)
    return client


def logged(*messages: str) -> list[dict[str, Any]]:
    """Return log lines as `FilterLogEvents` returns them."""
    return [
        {"eventId": f"{number:056d}", "timestamp": 1_795_000_000_000 + number, "message": message}
        for number, message in enumerate(messages)
    ]


def _stack(api_url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    outputs = {"ApiUrl": api_url, "ApiId": API, "FunctionName": FUNCTION, "RoleName": ROLE}
    found: dict[str, Any] = described(
        "UPDATE_COMPLETE",
        Outputs=[{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )["Stacks"][0]
    return found


def _function() -> dict[str, Any]:
    return {
        "FunctionName": FUNCTION,
        "Runtime": "python3.13",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
        "Handler": "triggers_api.main.handler",
        "Timeout": 30,
        "MemorySize": 1024,
        "Environment": {
            "Variables": {
                "STAGE": "dev",
                "DYNAMODB_TABLE_EVENTS": EVENTS,
                "DYNAMODB_TABLE_KEYS": KEYS,
                "AUTH_MODE": "aws",
                "LOG_LEVEL": "INFO",
                "EVENT_TTL_DAYS": "30",
                "MAX_DELIVERIES": "5",
                "INBOX_SHARDS": "2",
                "INBOX_SHARDS_READ": "4",
                "CORS_ALLOW_ORIGIN": "https://shop.example",
            }
        },
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Architectures": ["arm64"],
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": LOG_GROUP},
    }


def _invocation(service: str, source: str) -> dict[str, Any]:
    """Return a permission to call the function, as Lambda describes it."""
    return {
        "Sid": f"{service}-1",
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": FUNCTION_ARN,
        "Condition": {"ArnLike": {"AWS:SourceArn": source}},
    }


def _alarms() -> list[dict[str, Any]]:
    """Return the alarms of the backlog if events are kept for 30 days, and one without a formula."""
    at_least, over = "GreaterThanOrEqualToThreshold", "GreaterThanThreshold"
    described = {
        "PendingExpiresAlarm": ("100 * age / (30 * 86400)", at_least, 80.0, "breaching"),
        "MaxPendingAlarm": ("age / 60", over, 45.0, "breaching"),
        "DeadEventsAlarm": ("DIFF(dead)", at_least, 1.0, "notBreaching"),
    }
    errors = {"AlarmName": f"{NAME}-FunctionErrorsAlarm-0123", "MetricName": "Errors", "ActionsEnabled": True}
    return [
        errors,
        *(
            {
                "AlarmName": f"{NAME}-{name}-0123456789AB",
                "ActionsEnabled": True,
                "Metrics": [{"Id": "e", "Expression": expression}, {"Id": "m", "ReturnData": False}],
                "ComparisonOperator": comparison,
                "Threshold": threshold,
                "TreatMissingData": missing,
            }
            for name, (expression, comparison, threshold, missing) in described.items()
        ),
    ]


def _table(name: str, types: Mapping[str, str], key: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "TableName": name,
        "TableStatus": "ACTIVE",
        "AttributeDefinitions": [
            {"AttributeName": one, "AttributeType": kind} for one, kind in sorted(types.items())
        ],
        "KeySchema": [{"AttributeName": one, "KeyType": kind} for one, kind in key],
        "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": AT},
        "SSEDescription": {
            "Status": "ENABLED",
            "SSEType": "KMS",
            "KMSMasterKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/aaaa-1",
        },
        "DeletionProtectionEnabled": True,
    }


def _events_table() -> dict[str, Any]:
    types = dict.fromkeys(("event_id", "created_at", "status"), "S")
    index = {
        "IndexName": INDEX,
        "IndexStatus": "ACTIVE",
        "KeySchema": [
            {"AttributeName": "status", "KeyType": "HASH"},
            {"AttributeName": "created_at", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "ALL"},
    }
    table = _table(EVENTS, types, [("event_id", "HASH"), ("created_at", "RANGE")])
    return table | {"GlobalSecondaryIndexes": [index]}


def _keys_table() -> dict[str, Any]:
    return _table(KEYS, {"api_key": "S"}, [("api_key", "HASH")])


def _ttl(status: str) -> dict[str, Any]:
    # DynamoDB names no attribute if time to live is off.
    return {"TimeToLiveStatus": status} | ({"AttributeName": "ttl"} if status == "ENABLED" else {})


def _backups(status: str) -> dict[str, Any]:
    return {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status},
    }


def _role(trust: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Path": "/",
        "RoleName": ROLE,
        "RoleId": "AROA0123456789ABCDEF",
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/{ROLE}",
        "CreateDate": AT,
        "AssumeRolePolicyDocument": quote(json.dumps(trust)),
        # A boundary can only narrow the permissions.
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
        },
    }


def _stage() -> dict[str, Any]:
    others = {
        "metricsEnabled": False,
        "dataTraceEnabled": False,
        "loggingLevel": "OFF",
        "cachingEnabled": False,
    }
    settings = {
        method: {"throttlingRateLimit": rate, "throttlingBurstLimit": burst, **others}
        for method, rate, burst in (("*/*", 50.0, 75), (LIMITS_OF_HOOKS, 20.0, 30))
    }
    return {"stageName": "dev", "deploymentId": "d1", "methodSettings": settings}


def _methods() -> dict[str, Any]:
    """Return a path's methods as API Gateway exports them."""
    return {
        "options": {
            "responses": {"200": {"description": "200 response"}},
            "x-amazon-apigateway-integration": {
                "responses": {
                    "default": {
                        "statusCode": "200",
                        "responseParameters": {
                            f"method.response.header.{name}": value for name, value in CORS.items()
                        },
                        "responseTemplates": {"application/json": "{}\n"},
                    }
                },
                "requestTemplates": {"application/json": '{\n  "statusCode" : 200\n}\n'},
                "passthroughBehavior": "when_no_match",
                "type": "mock",
            },
        },
        "x-amazon-apigateway-any-method": _call_of_the_function(),
        "parameters": [{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}],
    }


def _methods_of_hooks() -> dict[str, Any]:
    return {
        "options": _call_of_the_function(),
        "x-amazon-apigateway-any-method": _call_of_the_function(),
        "parameters": [{"name": "hook_id", "in": "path", "required": True, "schema": {"type": "string"}}],
    }


def _call_of_the_function() -> dict[str, Any]:
    return {
        "x-amazon-apigateway-integration": {
            "responses": {"default": {"statusCode": "200"}},
            "httpMethod": "POST",
            "uri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION_ARN}/invocations",
            "passthroughBehavior": "when_no_match",
            "type": "aws_proxy",
        }
    }


def _gateway_responses() -> list[dict[str, Any]]:
    """Return our responses, and one that API Gateway derives from them."""
    headers = {
        "Access-Control-Allow-Origin": CORS["Access-Control-Allow-Origin"],
        "Access-Control-Expose-Headers": f"'{EXPOSED_HEADERS}'",
        "Cache-Control": "'no-store'",
        "X-Request-ID": "context.requestId",
    }
    written = load()["Resources"]["TriggersApi"]["Properties"]["GatewayResponses"]
    # The gateway also returns its default statuses.
    statuses = {
        "DEFAULT_5XX": "503",
        "THROTTLED": "429",
        "REQUEST_TOO_LARGE": "413",
        "MISSING_AUTHENTICATION_TOKEN": "404",
    }
    later = {**headers, "Retry-After": "'1'"}
    ours = {
        "DEFAULT_4XX": headers,
        "DEFAULT_5XX": later,
        "THROTTLED": later,
        "REQUEST_TOO_LARGE": headers,
        "MISSING_AUTHENTICATION_TOKEN": headers,
    }
    found = [
        {
            "responseType": kind,
            "responseParameters": _response_parameters(names),
            "responseTemplates": dict(written[kind]["ResponseTemplates"]),
            "defaultResponse": False,
        }
        | ({"statusCode": statuses[kind]} if kind in statuses else {})
        for kind, names in ours.items()
    ]
    inherited = {"responseType": "ACCESS_DENIED", "responseParameters": {}, "defaultResponse": True}
    return [*found, inherited]


def _response_parameters(headers: Mapping[str, str]) -> dict[str, str]:
    return {f"gatewayresponse.header.{name}": value for name, value in headers.items()}

"""`verify` on a stack as AWS describes it: each defect fails its own check."""

import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.response import StreamingBody

from tests.support.one_api import OneApi
from tests.support.sound_stack import (
    API,
    EVENTS,
    FUNCTION,
    HOOKS,
    INDEX,
    KEYS,
    LIMITS_OF_HOOKS,
    LOG_GROUP,
    POLICY,
    ROLE,
    TRUST,
    SoundStack,
    logged,
    refusal,
)
from tests.support.stubbed_aws import ACCOUNT, REGION
from tests.support.template import load
from triggers_api.errors import StackMissingError
from triggers_api.ops.findings import Finding
from triggers_api.ops.shell_commands import set_target
from triggers_api.ops.target import Setting
from triggers_api.ops.verify.verification import verify

REFUSED = "request: an unknown key is refused"
IN_THE_LOGS = "request: its id is in the logs"
NOT_IN_THE_LOGS = "request: key and payload are not in the logs"
REQUEST_CHECKS = {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
CHECKS = [
    "stack: state",
    "function: state",
    "function: handler",
    "function: runtime",
    "function: architecture",
    "function: memory",
    "function: timeout",
    "function: role",
    "function: log group",
    "function: log format",
    "function: STAGE",
    "function: DYNAMODB_TABLE_EVENTS",
    "function: DYNAMODB_TABLE_KEYS",
    "function: AUTH_MODE",
    "function: LOG_LEVEL",
    "function: EVENT_TTL_DAYS",
    "function: MAX_DELIVERIES",
    "function: INBOX_SHARDS",
    "function: INBOX_SHARDS_READ",
    "function: CORS_ALLOW_ORIGIN",
    "function: other variables",
    "log group: retention",
    *(
        f"{table}: {check}"
        for table in ("events table", "keys table")
        for check in (
            "state",
            "key",
            "index",
            "billing",
            "encryption",
            "deletion protection",
            "time to live",
            "point-in-time recovery",
        )
    ),
    "role: permissions",
    "role: inline policies",
    "role: attached policies",
    "role: who may be it",
    "api: compression",
    "api: stages",
    "api: no requests logged, no answers cached",
    "api: throttling",
    "api: routes",
    "api: preflight",
    "api: gateway responses",
    REFUSED,
    IN_THE_LOGS,
    NOT_IN_THE_LOGS,
]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def api() -> OneApi:
    return OneApi()


@pytest.fixture
def aws(api: OneApi) -> SoundStack:
    """A sound stack, whose function logs the id of each request."""
    aws = SoundStack(api)
    aws.answers["logs.FilterLogEvents"] = lambda _: {
        "events": logged(*(f'{{"request_id":"{one.headers["x-request-id"]}"}}' for one in api.requests))
    }
    return aws


def findings_of(aws: SoundStack) -> dict[str, Finding]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    transport = aws.api.transport
    verification = verify(aws, sleep=sleep, monotonic=lambda: now[0], transport=transport)
    findings = list(verification.findings)
    assert len(findings) == verification.total
    return {one.check: one for one in findings}


def failed(aws: SoundStack) -> dict[str, Finding]:
    """Return the failed checks, and assert that each has a fix."""
    found = {name: one for name, one in findings_of(aws).items() if not one.passed}
    for one in found.values():
        assert one.expected
        assert one.message
        assert one.message != one.expected
        assert one.fix
    return found


def variables(aws: SoundStack) -> dict[str, str]:
    found: dict[str, str] = aws.function["Environment"]["Variables"]
    return found


# --- A sound stack


def test_a_sound_stack_passes_every_check_in_a_stable_order(aws: SoundStack) -> None:
    results = findings_of(aws)
    assert [*results] == CHECKS
    assert {name: one.message for name, one in results.items() if not one.passed} == {}
    for one in results.values():
        assert one.message == one.expected
        assert one.fix == ""


def test_expectations_come_from_the_template_and_the_stack_parameters(aws: SoundStack) -> None:
    expected = {name: one.expected for name, one in findings_of(aws).items()}
    assert expected["function: handler"] == "triggers_api.main.handler"
    assert expected["function: runtime"] == "python3.13"
    assert expected["function: AUTH_MODE"] == "aws"
    assert expected["events table: key"] == "event_id (HASH, S), created_at (RANGE, S)"
    assert expected["events table: index"] == (
        f"{INDEX}: status (HASH, S), created_at (RANGE, S), projects ALL"
    )
    assert expected["log group: retention"] == f"{LOG_GROUP}, 14 days"
    assert expected["function: MAX_DELIVERIES"] == "5"
    assert expected["api: compression"] == "of answers of 1024 bytes or more"
    assert expected["api: throttling"] == (
        "*/*: 50 a second and 75 at once, /v1/hooks/{hook_id}/POST: 20 a second and 30 at once"
    )


def test_a_parameter_that_the_stack_lacks_has_its_default(aws: SoundStack) -> None:
    aws.stack["Parameters"] = [
        one for one in aws.stack["Parameters"] if one["ParameterKey"] != "LogRetentionDays"
    ]
    assert failed(aws).keys() == {"log group: retention"}


def test_the_expected_permissions_are_those_of_the_template() -> None:
    """They are written down in the code a second time, on purpose; the sound stack has what the code says."""
    arns = {
        "EventsTable": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{EVENTS}",
        "ApiKeysTable": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{KEYS}",
        "TriggersApiLogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{LOG_GROUP}:*",
    }

    def with_arns(part: Any) -> Any:
        match part:
            case {"Fn::GetAtt": [name, "Arn"]}:
                return arns[name]
            case {"Fn::Sub": text}:
                return text.replace("${EventsTable.Arn}", arns["EventsTable"])
            case dict():
                return {name: with_arns(one) for name, one in part.items()}
            case list():
                return [with_arns(one) for one in part]
        return part

    (policy,) = load()["Resources"]["TriggersApiRole"]["Properties"]["Policies"]
    assert with_arns(policy["PolicyDocument"]) == POLICY


# --- Defects

Change = Callable[[SoundStack], Any]


def changed_statement(**changes: Any) -> Change:
    """Return a change of the statement that is about the keys; what is None goes."""

    def change(aws: SoundStack) -> None:
        statement = aws.policies["triggers-api"]["Statement"][1]
        statement.update(changes)
        for name in [name for name, value in statement.items() if value is None]:
            del statement[name]

    return change


def in_the_export(change: Callable[[dict[str, Any]], Any]) -> Change:
    return lambda aws: change(aws.paths)


GET_KEYS = f"dynamodb:GetItem on arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{KEYS}"
HEADER = "method.response.header.Access-Control-Allow-Origin"
MOCK = "x-amazon-apigateway-integration"
ANY = "x-amazon-apigateway-any-method"
INVOKED = (
    f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{ACCOUNT}:function"
)

DEFECTS: dict[str, tuple[Change, str, str]] = {
    "an update rolled back": (
        lambda aws: aws.stack.update(StackStatus="UPDATE_ROLLBACK_COMPLETE"),
        "stack: state",
        "UPDATE_ROLLBACK_COMPLETE",
    ),
    "an update in progress": (
        lambda aws: aws.stack.update(StackStatus="UPDATE_IN_PROGRESS"),
        "stack: state",
        "UPDATE_IN_PROGRESS",
    ),
    "another handler": (lambda aws: aws.function.update(Handler="x.y"), "function: handler", "x.y"),
    "another Python": (
        lambda aws: aws.function.update(Runtime="python3.11"),
        "function: runtime",
        "python3.11",
    ),
    "another processor": (
        lambda aws: aws.function.update(Architectures=["x86_64"]),
        "function: architecture",
        "missing: arm64; extra: x86_64",
    ),
    "a function that failed": (
        lambda aws: aws.function.update(State="Failed", StateReasonCode="InvalidImage"),
        "function: state",
        "Failed (InvalidImage), last update Successful",
    ),
    "an update that failed": (
        lambda aws: aws.function.update(
            LastUpdateStatus="Failed", LastUpdateStatusReasonCode="InsufficientRolePermissions"
        ),
        "function: state",
        "Active, last update Failed (InsufficientRolePermissions)",
    ),
    "an inactive function": (
        lambda aws: aws.function.update(State="Inactive", StateReasonCode="Idle"),
        "function: state",
        "Inactive (Idle), last update Successful",
    ),
    "another log format": (
        lambda aws: aws.function.update(LoggingConfig={"LogFormat": "JSON", "LogGroup": LOG_GROUP}),
        "function: log format",
        "JSON",
    ),
    "less memory": (lambda aws: aws.function.update(MemorySize=128), "function: memory", "128 MB"),
    "less time": (lambda aws: aws.function.update(Timeout=3), "function: timeout", "3 s"),
    "another role": (
        lambda aws: aws.function.update(Role=f"arn:aws:iam::{ACCOUNT}:role/Admin"),
        "function: role",
        f"arn:aws:iam::{ACCOUNT}:role/Admin",
    ),
    "another log group": (
        lambda aws: aws.function.update(LoggingConfig={"LogFormat": "Text", "LogGroup": "/elsewhere"}),
        "function: log group",
        "/elsewhere",
    ),
    "AUTH_MODE": (lambda aws: variables(aws).update(AUTH_MODE="local"), "function: AUTH_MODE", "local"),
    "no AUTH_MODE": (lambda aws: variables(aws).pop("AUTH_MODE"), "function: AUTH_MODE", "not set"),
    "another table": (
        lambda aws: variables(aws).update(DYNAMODB_TABLE_KEYS="mine"),
        "function: DYNAMODB_TABLE_KEYS",
        "mine",
    ),
    "an extra endpoint": (
        lambda aws: variables(aws).update(DYNAMODB_ENDPOINT_URL="https://s3cret.example"),
        "function: other variables",
        "extra: DYNAMODB_ENDPOINT_URL",
    ),
    "no retention": (
        lambda aws: aws.log_groups[0].pop("retentionInDays"),
        "log group: retention",
        f"{LOG_GROUP}, never expires",
    ),
    "no log group": (
        lambda aws: aws.log_groups.pop(0),
        "log group: retention",
        f"there is no log group {LOG_GROUP}",
    ),
    "a table whose KMS key is unavailable": (
        lambda aws: aws.tables[EVENTS].update(TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS"),
        "events table: state",
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
    ),
    "a table that is being created": (
        lambda aws: aws.tables[KEYS].update(TableStatus="CREATING"),
        "keys table: state",
        "CREATING",
    ),
    "another key": (
        lambda aws: aws.tables[KEYS]["KeySchema"][0].update(AttributeName="id"),
        "keys table: key",
        "id (HASH, ?)",
    ),
    "another type": (
        lambda aws: aws.tables[KEYS]["AttributeDefinitions"][0].update(AttributeType="B"),
        "keys table: key",
        "api_key (HASH, B)",
    ),
    "no sort key": (
        lambda aws: aws.tables[EVENTS]["KeySchema"].pop(),
        "events table: key",
        "event_id (HASH, S)",
    ),
    "no index": (
        lambda aws: aws.tables[EVENTS].pop("GlobalSecondaryIndexes"),
        "events table: index",
        f"missing: {INDEX}: ",
    ),
    "an index of keys only": (
        lambda aws: aws.tables[EVENTS]["GlobalSecondaryIndexes"][0].update(
            Projection={"ProjectionType": "KEYS_ONLY"}
        ),
        "events table: index",
        "projects KEYS_ONLY",
    ),
    "an index that is being filled": (
        lambda aws: aws.tables[EVENTS]["GlobalSecondaryIndexes"][0].update(IndexStatus="CREATING"),
        "events table: index",
        "projects ALL, CREATING",
    ),
    "provisioned capacity": (
        lambda aws: aws.tables[EVENTS].pop("BillingModeSummary"),
        "events table: billing",
        "PROVISIONED",
    ),
    "DynamoDB's own encryption": (
        lambda aws: aws.tables[KEYS].pop("SSEDescription"),
        "keys table: encryption",
        "with DynamoDB's own key (DISABLED)",
    ),
    "a key that cannot be used": (
        lambda aws: aws.tables[KEYS]["SSEDescription"].update(Status="DISABLED"),
        "keys table: encryption",
        "with DynamoDB's own key (DISABLED)",
    ),
    "no protection": (
        lambda aws: aws.tables[EVENTS].update(DeletionProtectionEnabled=False),
        "events table: deletion protection",
        "off",
    ),
    "TTL off": (
        lambda aws: aws.ttl.update({EVENTS: {"TimeToLiveStatus": "DISABLING", "AttributeName": "ttl"}}),
        "events table: time to live",
        "off",
    ),
    "TTL on another attribute": (
        lambda aws: aws.ttl[EVENTS].update(AttributeName="expires_at"),
        "events table: time to live",
        "on expires_at",
    ),
    "keys that expire": (
        lambda aws: aws.ttl.update({KEYS: {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}}),
        "keys table: time to live",
        "on ttl",
    ),
    "no backups": (
        lambda aws: aws.backups[EVENTS]["PointInTimeRecoveryDescription"].update(
            PointInTimeRecoveryStatus="DISABLED"
        ),
        "events table: point-in-time recovery",
        "off",
    ),
    "a wildcard": (
        changed_statement(Action="dynamodb:*"),
        "role: permissions",
        f"missing: {GET_KEYS}; extra: dynamodb:* on ",
    ),
    "a wildcard resource": (
        changed_statement(Resource="*"),
        "role: permissions",
        f"missing: {GET_KEYS}; extra: dynamodb:GetItem on *",
    ),
    "one action more": (
        changed_statement(Action=["dynamodb:GetItem", "dynamodb:Scan"]),
        "role: permissions",
        "extra: dynamodb:Scan on ",
    ),
    "all actions but some": (
        changed_statement(Action=None, NotAction="iam:*"),
        "role: permissions",
        "extra: all but iam:* on ",
    ),
    "all resources but one": (
        changed_statement(Resource=None, NotResource="arn:aws:s3:::x"),
        "role: permissions",
        "dynamodb:GetItem on all but arn:aws:s3:::x",
    ),
    "a denial": (changed_statement(Effect="Deny"), "role: permissions", f"extra: Deny {GET_KEYS}"),
    "a condition": (
        changed_statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        "role: permissions",
        f"extra: {GET_KEYS} on a condition",
    ),
    "a statement that is alone": (
        lambda aws: aws.policies["triggers-api"].update(
            Statement={"Effect": "Allow", "Action": "*", "Resource": "*"}
        ),
        "role: permissions",
        "extra: * on *",
    ),
    "a second inline policy": (
        lambda aws: aws.policies.update(more=POLICY),
        "role: inline policies",
        "extra: more",
    ),
    "attached policies on two pages": (
        lambda aws: aws.attached.extend(["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]),
        "role: attached policies",
        "extra: arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B",
    ),
    "a second service": (
        lambda aws: aws.trust["Statement"][0].update(
            Principal={"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}
        ),
        "role: who may be it",
        "extra: sts:AssumeRole by Service ec2.amazonaws.com",
    ),
    "an account": (
        lambda aws: aws.trust["Statement"][0].update(Principal={"AWS": "*"}),
        "role: who may be it",
        "extra: sts:AssumeRole by AWS *",
    ),
    "everybody but one": (
        lambda aws: aws.trust["Statement"].append(
            {"Effect": "Allow", "NotPrincipal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        ),
        "role: who may be it",
        f"extra: sts:AssumeRole by all but AWS {ACCOUNT}",
    ),
    "no compression": (
        lambda aws: aws.rest_api.pop("minimumCompressionSize"),
        "api: compression",
        "off",
    ),
    "compression of small answers": (
        lambda aws: aws.rest_api.update(minimumCompressionSize=0),
        "api: compression",
        "of answers of 0 bytes or more",
    ),
    "the stage named Stage": (
        lambda aws: aws.stages.append({"stageName": "Stage"}),
        "api: stages",
        "extra: Stage",
    ),
    "a data trace": (
        lambda aws: aws.stages[0]["methodSettings"]["*/*"].update(dataTraceEnabled=True),
        "api: no requests logged, no answers cached",
        "extra: */*: dataTraceEnabled True",
    ),
    "the gateway's log": (
        lambda aws: aws.stages[0]["methodSettings"]["*/*"].update(loggingLevel="INFO"),
        "api: no requests logged, no answers cached",
        "loggingLevel INFO",
    ),
    "a cache": (
        lambda aws: aws.stages[0]["methodSettings"]["*/*"].update(cachingEnabled=True),
        "api: no requests logged, no answers cached",
        "cachingEnabled True",
    ),
    "other limits": (
        lambda aws: aws.stages[0]["methodSettings"]["*/*"].update(throttlingRateLimit=10000.0),
        "api: throttling",
        "extra: */*: 10000 a second and 75 at once",
    ),
    "other limits of one method": (
        lambda aws: aws.stages[0]["methodSettings"].update(
            {"~1v1~1events/POST": {"throttlingRateLimit": 10000.0, "throttlingBurstLimit": 5000}}
        ),
        "api: throttling",
        "extra: /v1/events/POST: 10000 a second and 5000 at once",
    ),
    "other limits of webhooks": (
        lambda aws: aws.stages[0]["methodSettings"][LIMITS_OF_HOOKS].update(throttlingRateLimit=10000.0),
        "api: throttling",
        "missing: /v1/hooks/{hook_id}/POST: 20 a second and 30 at once; extra: ",
    ),
    "no limits of webhooks": (
        lambda aws: aws.stages[0]["methodSettings"].pop(LIMITS_OF_HOOKS),
        "api: throttling",
        "missing: /v1/hooks/{hook_id}/POST: 20 a second and 30 at once",
    ),
    "a data trace of webhooks": (
        lambda aws: aws.stages[0]["methodSettings"][LIMITS_OF_HOOKS].update(dataTraceEnabled=True),
        "api: no requests logged, no answers cached",
        "extra: /v1/hooks/{hook_id}/POST: dataTraceEnabled True",
    ),
    "no limits": (lambda aws: aws.stages[0].pop("methodSettings"), "api: throttling", "missing: */*: 50 "),
    "no root": (
        in_the_export(lambda paths: paths["/"].pop(ANY)),
        "api: routes",
        "missing: ANY / to arn:aws:",
    ),
    "another function": (
        in_the_export(lambda paths: paths["/"][ANY][MOCK].update(uri=f"{INVOKED}:other/invocations")),
        "api: routes",
        "extra: ANY / to arn:aws:lambda:eu-west-1:123456789012:function:other",
    ),
    "another address": (
        in_the_export(
            lambda paths: paths["/"].update(get={MOCK: {"type": "http_proxy", "uri": "https://x.example"}})
        ),
        "api: routes",
        "extra: GET / to http_proxy",
    ),
    "a handshake that the gateway refuses": (
        in_the_export(lambda paths: paths[HOOKS].pop("options")),
        "api: routes",
        "missing: OPTIONS /v1/hooks/{hook_id} to arn:aws:",
    ),
    "a preflight from before": (
        in_the_export(
            lambda paths: paths["/{proxy+}"]["options"][MOCK]["responses"]["default"][
                "responseParameters"
            ].update({HEADER: "'*'"})
        ),
        "api: preflight",
        "extra: /{proxy+} Access-Control-Allow-Origin: '*'",
    ),
    "a gateway response without CORS": (
        lambda aws: aws.gateway_responses[1]["responseParameters"].pop(
            "gatewayresponse.header.Access-Control-Allow-Origin"
        ),
        "api: gateway responses",
        "missing: DEFAULT_5XX Access-Control-Allow-Origin: 'https://shop.example'",
    ),
    "a gateway response with status 200": (
        lambda aws: aws.gateway_responses[2].update(statusCode="200"),
        "api: gateway responses",
        "missing: THROTTLED status: 429; extra: THROTTLED status: 200",
    ),
    "a status for every error": (
        lambda aws: aws.gateway_responses[0].update(statusCode="200"),
        "api: gateway responses",
        "missing: DEFAULT_4XX status: that of the error; extra: DEFAULT_4XX status: 200",
    ),
    "a gateway response of another shape": (
        lambda aws: aws.gateway_responses[3].update(responseTemplates={"application/json": "oops"}),
        "api: gateway responses",
        "extra: REQUEST_TOO_LARGE application/json: oops",
    ),
    "a gateway response with an extra body": (
        lambda aws: aws.gateway_responses[3]["responseTemplates"].update({"text/html": "<p>"}),
        "api: gateway responses",
        "extra: REQUEST_TOO_LARGE text/html: <p>",
    ),
    "the default of AWS for an unknown path": (
        lambda aws: aws.gateway_responses[4].update(statusCode="403"),
        "api: gateway responses",
        "missing: MISSING_AUTHENTICATION_TOKEN status: 404; extra: ",
    ),
}


@pytest.mark.slow("runs all checks for each defect")
@pytest.mark.parametrize(("change", "check", "saw"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_fails_its_own_check_and_no_other(
    aws: SoundStack, change: Change, check: str, saw: str
) -> None:
    change(aws)
    found = failed(aws)
    assert found.keys() == {check}
    assert saw in found[check].message


def test_a_missing_preflight_fails_routes_and_cors(aws: SoundStack) -> None:
    """An OPTIONS method that is gone is a route that is missing, and its headers are missing too."""
    del aws.paths["/"]["options"]
    assert failed(aws).keys() == {"api: routes", "api: preflight"}


def test_a_preflight_in_place_of_the_handshake_of_hooks_fails_routes_and_cors(aws: SoundStack) -> None:
    aws.paths[HOOKS]["options"] = aws.paths["/"]["options"]
    found = failed(aws)
    assert found.keys() == {"api: routes", "api: preflight"}
    assert "extra: OPTIONS /v1/hooks/{hook_id} to the gateway itself" in found["api: routes"].message


def test_a_stack_from_before_webhooks_lacks_their_routes_and_limits(aws: SoundStack) -> None:
    del aws.paths[HOOKS], aws.stages[0]["methodSettings"][LIMITS_OF_HOOKS]
    aws.stack["Parameters"] = [
        one for one in aws.stack["Parameters"] if not one["ParameterKey"].startswith("Hooks")
    ]
    found = failed(aws)
    assert found.keys() == {"api: routes", "api: throttling"}
    routes, limits = found["api: routes"].message, found["api: throttling"].message
    assert re.findall(r"(\w+) /v1/hooks/\{hook_id\} to arn:", routes) == ["ANY", "OPTIONS"]
    assert limits == "missing: /v1/hooks/{hook_id}/POST: 50 a second and 100 at once"


def test_variables_that_lambda_cannot_decrypt_fail(aws: SoundStack) -> None:
    aws.function["Environment"] = {"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms"}}
    found = failed(aws)
    of_variables = {one for one in CHECKS if one.partition(": ")[2].isupper()}
    assert found.keys() == of_variables | {"function: other variables"}
    for one in found.values():
        assert one.message == "could not check: Lambda cannot decrypt the function's variables. (kms)"
        assert "KMS" in one.fix


def test_the_value_of_an_extra_variable_is_not_shown(aws: SoundStack) -> None:
    variables(aws)["TOKEN"] = "s3cret-value"
    assert "s3cret-value" not in str(findings_of(aws))


@pytest.mark.parametrize("status", ["ENABLED", "ENABLING"])
def test_time_to_live_that_is_being_enabled_passes(aws: SoundStack, status: str) -> None:
    aws.ttl[EVENTS]["TimeToLiveStatus"] = status
    assert failed(aws) == {}


def test_encryption_whose_key_is_being_changed_passes(aws: SoundStack) -> None:
    aws.tables[EVENTS]["SSEDescription"]["Status"] = "UPDATING"
    assert failed(aws) == {}


@pytest.mark.usefixtures("dev_target")
def test_the_fix_of_a_setting_is_the_command_that_restores_it(aws: SoundStack) -> None:
    aws.function.update(MemorySize=128)
    aws.log_groups[0]["retentionInDays"] = 1
    variables(aws)["AUTH_MODE"] = "local"
    found = failed(aws)
    update = f"aws lambda update-function-configuration --region {REGION} --function-name {FUNCTION}"
    assert found["function: memory"].fix == f"{update} --memory-size 1024"
    assert found["log group: retention"].fix == (
        f"aws logs put-retention-policy --region {REGION} --log-group-name {LOG_GROUP} --retention-in-days 14"
    )
    of_variables = found["function: AUTH_MODE"].fix
    assert of_variables.startswith(f"{update} --environment 'Variables={{STAGE=dev,")
    assert ",AUTH_MODE=aws," in of_variables


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"profile": Setting("two words", "--profile")}, f" --region {REGION} --profile 'two words' --"),
        (
            {"endpoints": {"AWS_ENDPOINT_URL": "http://localhost:1"}},
            f" --region {REGION} --endpoint-url http://localhost:1 --",
        ),
        # It is of the commands that ask DynamoDB alone; this one does not go there.
        ({"endpoints": {"DYNAMODB_ENDPOINT_URL": "http://localhost:2"}}, f" --region {REGION} --"),
    ],
    ids=["profile", "emulator", "emulator of DynamoDB"],
)
def test_every_command_of_a_fix_names_the_region_profile_and_endpoint(
    api: OneApi, change: dict[str, Any], place: str
) -> None:
    aws = SoundStack(api)
    aws.target = replace(aws.target, **change)
    set_target(aws.target)
    for defect, check, _ in DEFECTS.values():
        if not check.startswith(("stack: ", "events table: key", "keys table: key")):
            with suppress(KeyError, IndexError):  # an earlier one took away what this one changes
                defect(aws)
    services = set()
    for one in failed(aws).values():
        for service, rest in re.findall(r"\baws (\w+) [a-z-]+(.*?)(?=\baws |$)", one.fix):
            services.add(service)
            assert rest.startswith(place)
    assert services == {"lambda", "logs", "dynamodb", "iam", "apigateway"}


def test_the_fix_of_throttling_names_the_api(aws: SoundStack) -> None:
    aws.stages[0]["methodSettings"]["*/*"]["throttlingBurstLimit"] = 1
    fix = failed(aws)["api: throttling"].fix
    assert f"--rest-api-id {API} --stage-name dev" in fix
    assert "path=/*/*/throttling/burstLimit,value=75" in fix
    assert "path=/~1v1~1hooks~1{hook_id}/POST/throttling/rateLimit,value=20" in fix


def test_the_fix_of_a_missing_index_is_one_complete_command(aws: SoundStack) -> None:
    del aws.tables[EVENTS]["GlobalSecondaryIndexes"]
    command = failed(aws)["events table: index"].fix.rpartition("create the missing index with ")[2]
    words = shlex.split(command.strip("`"))
    assert words[:3] == ["aws", "dynamodb", "update-table"]
    assert "AttributeName=status,AttributeType=S" in words
    ((made,),) = [json.loads(words[-1])]
    assert made["Create"]["IndexName"] == INDEX
    assert made["Create"]["Projection"] == {"ProjectionType": "ALL"}


def test_the_fix_of_the_trust_policy_has_the_whole_document(aws: SoundStack) -> None:
    aws.trust["Statement"][0]["Principal"] = {"AWS": "*"}
    words = shlex.split(failed(aws)["role: who may be it"].fix)
    assert json.loads(words[-1]) == TRUST


def test_deletion_protection_is_not_checked_if_the_parameter_is_off(api: OneApi) -> None:
    aws = SoundStack(api, DeletionProtection="false")
    assert [one for one in findings_of(aws).values() if "protection" in one.check + one.fix] == []


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
def test_a_table_that_is_being_updated_passes(aws: SoundStack, status: str) -> None:
    aws.tables[KEYS]["TableStatus"] = status
    assert failed(aws) == {}


# --- Failed calls

TABLE_CHECKS = ("state", "key", "index", "billing", "encryption", "deletion protection")
CHECKS_BY_OPERATION = {
    "lambda.GetFunctionConfiguration": {one for one in CHECKS if one.startswith("function: ")},
    "logs.DescribeLogGroups": {"log group: retention"},
    "logs.FilterLogEvents": {IN_THE_LOGS, NOT_IN_THE_LOGS},
    "dynamodb.DescribeTable": {
        f"{one} table: {check}" for one in ("events", "keys") for check in TABLE_CHECKS
    },
    "dynamodb.DescribeTimeToLive": {"events table: time to live", "keys table: time to live"},
    "dynamodb.DescribeContinuousBackups": {
        "events table: point-in-time recovery",
        "keys table: point-in-time recovery",
    },
    "iam.GetRole": {"role: who may be it"},
    "iam.GetRolePolicy": {"role: permissions"},
    "iam.ListRolePolicies": {"role: permissions", "role: inline policies"},
    "iam.ListAttachedRolePolicies": {"role: attached policies"},
    "apigateway.GetRestApi": {"api: compression"},
    "apigateway.GetStages": {"api: stages", "api: no requests logged, no answers cached", "api: throttling"},
    "apigateway.GetExport": {"api: routes", "api: preflight"},
    "apigateway.GetGatewayResponses": {"api: gateway responses"},
}


@pytest.mark.parametrize(("operation", "checks"), CHECKS_BY_OPERATION.items(), ids=CHECKS_BY_OPERATION.keys())
def test_a_denied_operation_fails_its_checks_and_the_others_run(
    aws: SoundStack, operation: str, checks: set[str]
) -> None:
    aws.answers[operation] = refusal("AccessDeniedException", f"not authorized to perform: {operation}")
    found = failed(aws)
    assert found.keys() == checks
    for one in found.values():
        assert one.message == (
            "could not check: These AWS credentials lack a permission. "
            f"(not authorized to perform: {operation})"
        )
        assert "--profile" in one.fix


def test_a_missing_field_fails_the_checks_of_that_field_and_no_other(aws: SoundStack) -> None:
    del aws.function["MemorySize"]
    del aws.tables[EVENTS]["AttributeDefinitions"]
    found = failed(aws)
    assert found.keys() == {"function: memory", "events table: key", "events table: index"}
    for one in found.values():
        assert one.message == "could not check: unrecognised response (KeyError)"


@pytest.mark.parametrize("body", ["[" * 200_000, "no JSON", "[]"], ids=["deep", "text", "a list"])
def test_an_unreadable_export_fails_its_checks_and_the_others_run(aws: SoundStack, body: str) -> None:
    stream = body.encode()
    aws.answers["apigateway.GetExport"] = lambda _: {"body": StreamingBody(io.BytesIO(stream), len(stream))}
    found = failed(aws)
    assert found.keys() == {"api: routes", "api: preflight"}
    for one in found.values():
        assert one.message.startswith("could not check: unrecognised response (")


def test_throttling_is_reported(aws: SoundStack) -> None:
    aws.answers["iam.GetRole"] = refusal("Throttling", "Rate exceeded")
    (one,) = failed(aws).values()
    assert "Rate exceeded" in one.message
    assert "Try again" in one.fix


def test_an_unreachable_service_is_reported(aws: SoundStack) -> None:
    def unreachable(_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://apigateway.example")

    aws.answers["apigateway.GetStages"] = unreachable
    found = failed(aws)
    assert found.keys() == {
        "api: stages",
        "api: no requests logged, no answers cached",
        "api: throttling",
    }
    for one in found.values():
        assert "cannot be reached in eu-west-1" in one.message
        assert "network" in one.fix


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("lambda.GetFunctionConfiguration", "ResourceNotFoundException"),
        ("dynamodb.DescribeTable", "ResourceNotFoundException"),
        ("iam.GetRole", "NoSuchEntity"),
        ("apigateway.GetStages", "NotFoundException"),
        ("logs.FilterLogEvents", "ResourceNotFoundException"),
    ],
)
def test_a_deleted_resource_is_reported(aws: SoundStack, operation: str, code: str) -> None:
    aws.answers[operation] = refusal(code)
    found = failed(aws)
    assert found.keys() == CHECKS_BY_OPERATION[operation]
    for one in found.values():
        assert one.message == "it does not exist"
        assert "triggers deploy" in one.fix


def test_every_check_runs_on_a_stack_without_outputs(aws: SoundStack) -> None:
    aws.stack.update(StackStatus="ROLLBACK_COMPLETE", Outputs=[])
    found = failed(aws)
    assert found["function: handler"].message == (
        "could not check: The stack has no output FunctionName. (its state is ROLLBACK_COMPLETE)"
    )
    assert {"stack: state", "role: permissions", "api: stages", *REQUEST_CHECKS} <= found.keys()


def test_a_missing_stack_is_an_error_and_nothing_is_checked(aws: SoundStack) -> None:
    aws.answers = {
        "cloudformation.DescribeStacks": refusal("ValidationError", "Stack with id x does not exist")
    }
    with pytest.raises(StackMissingError):
        verify(aws)


def test_a_stack_of_another_stage_is_an_error(aws: SoundStack) -> None:
    aws.stack["Parameters"][0]["ParameterValue"] = "prod"
    with pytest.raises(StackMissingError):
        verify(aws)


def test_the_name_of_the_role_is_that_of_the_output(aws: SoundStack) -> None:
    asked: list[str] = []
    sound = aws.answers["iam.GetRole"]

    def noted(given: Any) -> Any:
        asked.append(given["RoleName"])
        return sound(given) if callable(sound) else sound

    aws.answers["iam.GetRole"] = noted
    assert failed(aws) == {}
    assert asked == [ROLE]

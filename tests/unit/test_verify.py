"""What `triggers verify` finds in a stack as AWS describes it: each defect by the check that is its own."""

import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.response import StreamingBody

from tests.support import one_api
from tests.support.one_api import OneApi
from tests.support.sound_stack import (
    API,
    EVENTS,
    FUNCTION,
    INDEX,
    KEYS,
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
from triggers_api.ops.results import Result
from triggers_api.ops.target import Setting
from triggers_api.ops.verify.verify import verify

REFUSED = "request: an unknown key is refused"
IN_THE_LOGS = "request: its id is in the logs"
NOT_IN_THE_LOGS = "request: key and payload are not in the logs"
OF_THE_REQUEST = {REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS}
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
def api() -> Iterator[OneApi]:
    with one_api.running() as api:
        yield api


@pytest.fixture
def aws(api: OneApi) -> SoundStack:
    """Give a sound stack, whose function logs each request by its id."""
    aws = SoundStack(api.url)
    aws.answers["logs.FilterLogEvents"] = lambda _: {
        "events": logged(*(f'{{"request_id":"{one.headers["x-request-id"]}"}}' for one in api.asked))
    }
    return aws


def results_of(aws: SoundStack) -> dict[str, Result]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    found = verify(aws, sleep=sleep, monotonic=lambda: now[0])
    results = list(found.results)
    assert len(results) == found.total
    return {one.check: one for one in results}


def failed(aws: SoundStack) -> dict[str, Result]:
    """Return the checks that failed, each of which must say what to do."""
    found = {name: one for name, one in results_of(aws).items() if not one.passed}
    for one in found.values():
        assert one.expected
        assert one.saw
        assert one.saw != one.expected
        assert one.fix
    return found


def variables(aws: SoundStack) -> dict[str, str]:
    found: dict[str, str] = aws.function["Environment"]["Variables"]
    return found


# --- A sound stack


def test_a_sound_stack_passes_every_check_in_a_stable_order(aws: SoundStack) -> None:
    results = results_of(aws)
    assert [*results] == CHECKS
    assert {name: one.saw for name, one in results.items() if not one.passed} == {}
    for one in results.values():
        assert one.saw == one.expected
        assert one.fix == ""


def test_what_is_expected_comes_from_the_template_and_the_stacks_parameters(aws: SoundStack) -> None:
    expected = {name: one.expected for name, one in results_of(aws).items()}
    assert expected["function: handler"] == "triggers_api.main.handler"
    assert expected["function: runtime"] == "python3.13"
    assert expected["function: AUTH_MODE"] == "aws"
    assert expected["events table: key"] == "event_id (HASH, S), created_at (RANGE, S)"
    assert expected["events table: index"] == (
        f"{INDEX}: status (HASH, S), created_at (RANGE, S), projects ALL"
    )
    assert expected["log group: retention"] == f"{LOG_GROUP}, 14 days"
    assert expected["api: throttling"] == "*/*: 50 a second and 75 at once"


def test_a_parameter_that_the_stack_does_not_have_yet_has_its_default(aws: SoundStack) -> None:
    aws.stack["Parameters"] = [
        one for one in aws.stack["Parameters"] if one["ParameterKey"] != "LogRetentionDays"
    ]
    assert failed(aws).keys() == {"log group: retention"}


def test_the_permissions_that_are_checked_are_those_of_the_template() -> None:
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
    "an update at work": (
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
        "missing: arm64; too much: x86_64",
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
    "a function that sleeps": (
        lambda aws: aws.function.update(State="Inactive", StateReasonCode="Idle"),
        "function: state",
        "Inactive (Idle), last update Successful",
    ),
    "another format of the log": (
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
    "an endpoint of somebody's": (
        lambda aws: variables(aws).update(DYNAMODB_ENDPOINT_URL="https://s3cret.example"),
        "function: other variables",
        "too much: DYNAMODB_ENDPOINT_URL",
    ),
    "no retention": (
        lambda aws: aws.log_groups[0].pop("retentionInDays"),
        "log group: retention",
        f"{LOG_GROUP}, for ever",
    ),
    "no log group": (
        lambda aws: aws.log_groups.pop(0),
        "log group: retention",
        f"there is no log group {LOG_GROUP}",
    ),
    "a table whose key of KMS is away": (
        lambda aws: aws.tables[EVENTS].update(TableStatus="INACCESSIBLE_ENCRYPTION_CREDENTIALS"),
        "events table: state",
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
    ),
    "a table that is being made": (
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
        f"missing: {GET_KEYS}; too much: dynamodb:* on ",
    ),
    "a wildcard resource": (
        changed_statement(Resource="*"),
        "role: permissions",
        f"missing: {GET_KEYS}; too much: dynamodb:GetItem on *",
    ),
    "one action more": (
        changed_statement(Action=["dynamodb:GetItem", "dynamodb:Scan"]),
        "role: permissions",
        "too much: dynamodb:Scan on ",
    ),
    "all actions but some": (
        changed_statement(Action=None, NotAction="iam:*"),
        "role: permissions",
        "too much: all but iam:* on ",
    ),
    "all resources but one": (
        changed_statement(Resource=None, NotResource="arn:aws:s3:::x"),
        "role: permissions",
        "dynamodb:GetItem on all but arn:aws:s3:::x",
    ),
    "a denial": (changed_statement(Effect="Deny"), "role: permissions", f"too much: Deny {GET_KEYS}"),
    "a condition": (
        changed_statement(Condition={"Bool": {"aws:SecureTransport": "true"}}),
        "role: permissions",
        f"too much: {GET_KEYS} on a condition",
    ),
    "a statement that is alone": (
        lambda aws: aws.policies["triggers-api"].update(
            Statement={"Effect": "Allow", "Action": "*", "Resource": "*"}
        ),
        "role: permissions",
        "too much: * on *",
    ),
    "a second inline policy": (
        lambda aws: aws.policies.update(more=POLICY),
        "role: inline policies",
        "too much: more",
    ),
    "attached policies on two pages": (
        lambda aws: aws.attached.extend(["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"]),
        "role: attached policies",
        "too much: arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B",
    ),
    "a second service": (
        lambda aws: aws.trust["Statement"][0].update(
            Principal={"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}
        ),
        "role: who may be it",
        "too much: sts:AssumeRole by Service ec2.amazonaws.com",
    ),
    "an account": (
        lambda aws: aws.trust["Statement"][0].update(Principal={"AWS": "*"}),
        "role: who may be it",
        "too much: sts:AssumeRole by AWS *",
    ),
    "everybody but one": (
        lambda aws: aws.trust["Statement"].append(
            {"Effect": "Allow", "NotPrincipal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        ),
        "role: who may be it",
        f"too much: sts:AssumeRole by all but AWS {ACCOUNT}",
    ),
    "the stage named Stage": (
        lambda aws: aws.stages.append({"stageName": "Stage"}),
        "api: stages",
        "too much: Stage",
    ),
    "a data trace": (
        lambda aws: aws.stages[0]["methodSettings"]["*/*"].update(dataTraceEnabled=True),
        "api: no requests logged, no answers cached",
        "too much: */*: dataTraceEnabled True",
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
        "too much: */*: 10000 a second and 75 at once",
    ),
    "other limits for one method": (
        lambda aws: aws.stages[0]["methodSettings"].update(
            {"~1v1~1events/POST": {"throttlingRateLimit": 10000.0, "throttlingBurstLimit": 5000}}
        ),
        "api: throttling",
        "too much: ~1v1~1events/POST: 10000 a second and 5000 at once",
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
        "too much: ANY / to arn:aws:lambda:eu-west-1:123456789012:function:other",
    ),
    "another address": (
        in_the_export(
            lambda paths: paths["/"].update(get={MOCK: {"type": "http_proxy", "uri": "https://x.example"}})
        ),
        "api: routes",
        "too much: GET / to http_proxy",
    ),
    "a preflight from before": (
        in_the_export(
            lambda paths: paths["/{proxy+}"]["options"][MOCK]["responses"]["default"][
                "responseParameters"
            ].update({HEADER: "'*'"})
        ),
        "api: preflight",
        "too much: /{proxy+} Access-Control-Allow-Origin: '*'",
    ),
    "a gateway response without CORS": (
        lambda aws: aws.gateway_responses[1]["responseParameters"].pop(
            "gatewayresponse.header.Access-Control-Allow-Origin"
        ),
        "api: gateway responses",
        "missing: DEFAULT_5XX Access-Control-Allow-Origin: 'https://shop.example'",
    ),
    "a gateway response that is a success": (
        lambda aws: aws.gateway_responses[2].update(statusCode="200"),
        "api: gateway responses",
        "missing: THROTTLED status: 429; too much: THROTTLED status: 200",
    ),
    "a status for whatever was wrong": (
        lambda aws: aws.gateway_responses[0].update(statusCode="200"),
        "api: gateway responses",
        "missing: DEFAULT_4XX status: that of the error; too much: DEFAULT_4XX status: 200",
    ),
    "a gateway response of another shape": (
        lambda aws: aws.gateway_responses[3].update(responseTemplates={"application/json": "oops"}),
        "api: gateway responses",
        "too much: REQUEST_TOO_LARGE application/json: oops",
    ),
    "a gateway response for others too": (
        lambda aws: aws.gateway_responses[3]["responseTemplates"].update({"text/html": "<p>"}),
        "api: gateway responses",
        "too much: REQUEST_TOO_LARGE text/html: <p>",
    ),
    "a path that is not known, as AWS has it": (
        lambda aws: aws.gateway_responses[4].update(statusCode="403"),
        "api: gateway responses",
        "missing: MISSING_AUTHENTICATION_TOKEN status: 404; too much: ",
    ),
}


@pytest.mark.parametrize(("change", "check", "saw"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_fails_its_own_check_and_no_other(
    aws: SoundStack, change: Change, check: str, saw: str
) -> None:
    change(aws)
    found = failed(aws)
    assert found.keys() == {check}
    assert saw in found[check].saw


def test_without_the_preflight_neither_route_nor_cors_is_right(aws: SoundStack) -> None:
    """An OPTIONS method that is gone is a route that is missing, and its headers are missing too."""
    del aws.paths["/"]["options"]
    assert failed(aws).keys() == {"api: routes", "api: preflight"}


def test_variables_that_lambda_cannot_decrypt_have_not_passed(aws: SoundStack) -> None:
    aws.function["Environment"] = {"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms"}}
    found = failed(aws)
    of_variables = {one for one in CHECKS if one.partition(": ")[2].isupper()}
    assert found.keys() == of_variables | {"function: other variables"}
    for one in found.values():
        assert one.saw == "it cannot be told: Lambda cannot decrypt the function's variables. (kms)"
        assert "KMS" in one.fix


def test_what_somebody_put_into_a_variable_of_his_own_is_not_told(aws: SoundStack) -> None:
    variables(aws)["TOKEN"] = "s3cret-value"
    assert "s3cret-value" not in str(results_of(aws))


@pytest.mark.parametrize("status", ["ENABLED", "ENABLING"])
def test_a_ttl_that_was_switched_on_within_the_hour_is_on(aws: SoundStack, status: str) -> None:
    aws.ttl[EVENTS]["TimeToLiveStatus"] = status
    assert failed(aws) == {}


def test_an_encryption_that_changes_its_key_is_on(aws: SoundStack) -> None:
    aws.tables[EVENTS]["SSEDescription"]["Status"] = "UPDATING"
    assert failed(aws) == {}


def test_the_fix_of_a_setting_is_the_command_that_puts_it_back(aws: SoundStack) -> None:
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
        ({"endpoint_url": "http://localhost:1"}, f" --region {REGION} --endpoint-url http://localhost:1 --"),
        # It is of the commands that ask DynamoDB alone; this one does not go there.
        ({"dynamodb_endpoint_url": "http://localhost:2"}, f" --region {REGION} --"),
    ],
    ids=["profile", "emulator", "emulator of DynamoDB"],
)
def test_every_command_of_a_fix_goes_where_was_looked_and_not_to_the_stage_of_that_name_elsewhere(
    api: OneApi, change: dict[str, Any], place: str
) -> None:
    aws = SoundStack(api.url)
    aws.target = replace(aws.target, **change)
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


def test_the_fix_of_an_api_names_it(aws: SoundStack) -> None:
    aws.stages[0]["methodSettings"]["*/*"]["throttlingBurstLimit"] = 1
    fix = failed(aws)["api: throttling"].fix
    assert f"--rest-api-id {API} --stage-name dev" in fix
    assert "path=/*/*/throttling/burstLimit,value=75" in fix


def test_a_missing_index_comes_back_with_one_command_that_has_all_of_it(aws: SoundStack) -> None:
    del aws.tables[EVENTS]["GlobalSecondaryIndexes"]
    command = failed(aws)["events table: index"].fix.rpartition("make what is missing with ")[2]
    words = shlex.split(command)
    assert words[:3] == ["aws", "dynamodb", "update-table"]
    assert "AttributeName=status,AttributeType=S" in words
    ((made,),) = [json.loads(words[-1])]
    assert made["Create"]["IndexName"] == INDEX
    assert made["Create"]["Projection"] == {"ProjectionType": "ALL"}


def test_the_fix_of_the_trust_has_the_whole_document(aws: SoundStack) -> None:
    aws.trust["Statement"][0]["Principal"] = {"AWS": "*"}
    words = shlex.split(failed(aws)["role: who may be it"].fix)
    assert json.loads(words[-1]) == TRUST


def test_protection_that_somebody_has_switched_on_is_left_on(api: OneApi) -> None:
    aws = SoundStack(api.url, DeletionProtection="false")
    assert [one for one in results_of(aws).values() if "protection" in one.check + one.fix] == []


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
def test_a_table_that_is_changed_is_in_use(aws: SoundStack, status: str) -> None:
    aws.tables[KEYS]["TableStatus"] = status
    assert failed(aws) == {}


# --- What cannot be asked

OF_A_TABLE = ("state", "key", "index", "billing", "encryption", "deletion protection")
RESTS_ON = {
    "lambda.GetFunctionConfiguration": {one for one in CHECKS if one.startswith("function: ")},
    "logs.DescribeLogGroups": {"log group: retention"},
    "logs.FilterLogEvents": {IN_THE_LOGS, NOT_IN_THE_LOGS},
    "dynamodb.DescribeTable": {f"{one} table: {check}" for one in ("events", "keys") for check in OF_A_TABLE},
    "dynamodb.DescribeTimeToLive": {"events table: time to live", "keys table: time to live"},
    "dynamodb.DescribeContinuousBackups": {
        "events table: point-in-time recovery",
        "keys table: point-in-time recovery",
    },
    "iam.GetRole": {"role: who may be it"},
    "iam.GetRolePolicy": {"role: permissions"},
    "iam.ListRolePolicies": {"role: permissions", "role: inline policies"},
    "iam.ListAttachedRolePolicies": {"role: attached policies"},
    "apigateway.GetStages": {"api: stages", "api: no requests logged, no answers cached", "api: throttling"},
    "apigateway.GetExport": {"api: routes", "api: preflight"},
    "apigateway.GetGatewayResponses": {"api: gateway responses"},
}


@pytest.mark.parametrize(("operation", "checks"), RESTS_ON.items(), ids=RESTS_ON.keys())
def test_what_may_not_be_asked_has_not_passed_and_the_rest_is_checked(
    aws: SoundStack, operation: str, checks: set[str]
) -> None:
    aws.answers[operation] = refusal("AccessDeniedException", f"not authorized to perform: {operation}")
    found = failed(aws)
    assert found.keys() == checks
    for one in found.values():
        assert one.saw == (
            "it cannot be told: These AWS credentials lack a permission. "
            f"(not authorized to perform: {operation})"
        )
        assert "--profile" in one.fix


def test_an_answer_that_lacks_a_field_fails_the_checks_of_that_field_and_no_other(aws: SoundStack) -> None:
    del aws.function["MemorySize"]
    del aws.tables[EVENTS]["AttributeDefinitions"]
    found = failed(aws)
    assert found.keys() == {"function: memory", "events table: key", "events table: index"}
    for one in found.values():
        assert one.saw == "it cannot be told: the answer is not understood (KeyError)"


@pytest.mark.parametrize("body", ["[" * 200_000, "no JSON", "[]"], ids=["deep", "text", "a list"])
def test_an_export_that_cannot_be_read_has_not_passed_and_the_rest_is_checked(
    aws: SoundStack, body: str
) -> None:
    stream = body.encode()
    aws.answers["apigateway.GetExport"] = lambda _: {"body": StreamingBody(io.BytesIO(stream), len(stream))}
    found = failed(aws)
    assert found.keys() == {"api: routes", "api: preflight"}
    for one in found.values():
        assert one.saw.startswith("it cannot be told: the answer is not understood (")


def test_a_service_that_throttles_says_so(aws: SoundStack) -> None:
    aws.answers["iam.GetRole"] = refusal("Throttling", "Rate exceeded")
    (one,) = failed(aws).values()
    assert "Rate exceeded" in one.saw
    assert "Try again" in one.fix


def test_a_service_that_is_not_reached_says_so(aws: SoundStack) -> None:
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
        assert "cannot be reached in eu-west-1" in one.saw
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
def test_what_was_deleted_is_not_there(aws: SoundStack, operation: str, code: str) -> None:
    aws.answers[operation] = refusal(code)
    found = failed(aws)
    assert found.keys() == RESTS_ON[operation]
    for one in found.values():
        assert one.saw == "it is not there"
        assert "triggers deploy" in one.fix


def test_a_stack_whose_create_failed_has_nothing_to_look_at_and_every_check_is_made(aws: SoundStack) -> None:
    aws.stack.update(StackStatus="ROLLBACK_COMPLETE", Outputs=[])
    found = failed(aws)
    assert found["function: handler"].saw == (
        "it cannot be told: The stack has no output FunctionName. (its state is ROLLBACK_COMPLETE)"
    )
    assert {"stack: state", "role: permissions", "api: stages", *OF_THE_REQUEST} <= found.keys()


def test_no_stack_is_an_error_and_nothing_is_looked_at(aws: SoundStack) -> None:
    aws.answers = {
        "cloudformation.DescribeStacks": refusal("ValidationError", "Stack with id x does not exist")
    }
    with pytest.raises(StackMissingError):
        verify(aws)


def test_a_stack_of_another_stage_is_not_verified(aws: SoundStack) -> None:
    aws.stack["Parameters"][0]["ParameterValue"] = "prod"
    with pytest.raises(StackMissingError):
        verify(aws)


def test_a_name_that_stands_for_the_role_is_that_of_the_output(aws: SoundStack) -> None:
    asked: list[str] = []
    sound = aws.answers["iam.GetRole"]

    def noted(given: Any) -> Any:
        asked.append(given["RoleName"])
        return sound(given) if callable(sound) else sound

    aws.answers["iam.GetRole"] = noted
    assert failed(aws) == {}
    assert asked == [ROLE]

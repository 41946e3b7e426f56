"""The template, compared to the requirements (section 2) and to the code that it deploys."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import template
from tests.support.contract import DOCUMENT
from tests.support.template import PATH, Stack
from triggers_api.api.backlog import EXPIRING_PERCENT, NAMESPACE, metric_line
from triggers_api.api.headers import CORS_HEADERS, CORS_MAX_AGE_SECONDS, CORS_METHODS, answer_headers
from triggers_api.api.v1.models import ErrorBody
from triggers_api.core.inbox import Stats
from triggers_api.core.paging import DeadStats, PendingStats
from triggers_api.ops.cloudformation.template import Template, measures_backlog
from triggers_api.ops.dev_tables import events_table, keys_table
from triggers_api.settings import LOG_LEVELS, Settings
from triggers_api.version import VERSION

TEMPLATE = template.load()
RESOURCES = TEMPLATE["Resources"]
FUNCTION = RESOURCES["TriggersApiFunction"]["Properties"]
API = RESOURCES["TriggersApi"]["Properties"]
EVENTS = RESOURCES["EventsTable"]["Properties"]
KEYS = RESOURCES["ApiKeysTable"]["Properties"]
GLOBALS = TEMPLATE["Globals"]["Function"]
VARIABLES = GLOBALS["Environment"]["Variables"]
ALARMS = {
    name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"
}

SCHEDULE = {"BacklogSchedule", "BacklogPermission"}
BACKLOG_ALARMS = {"PendingExpiresAlarm", "MaxPendingAlarm", "DeadEventsAlarm"}

HOOKS_PATH = "/v1/hooks/{hook_id}"
REQUEST_ID = "0d4ac3a5-3c3d-4b8f-9d35-b0a8e8b3f6c1"
SAMPLES = {
    "$context.requestId": REQUEST_ID,
    "$context.error.responseType": "ACCESS_DENIED",
    "$context.error.messageString": json.dumps('Explicit "deny"'),  # the gateway's own: it has the quotes
}
GATEWAY_ERRORS: dict[str, tuple[int | None, str, dict[str, int]]] = {
    "DEFAULT_4XX": (None, "ACCESS_DENIED", {}),
    "DEFAULT_5XX": (503, "SERVICE_UNAVAILABLE", {}),
    "THROTTLED": (None, "TOO_MANY_REQUESTS", {}),
    # The gateway has its own limit, which is larger than both of the service.
    "REQUEST_TOO_LARGE": (None, "PAYLOAD_TOO_LARGE", {}),
    "MISSING_AUTHENTICATION_TOKEN": (404, "NOT_FOUND", {}),
}
"""The gateway's own errors: status (None keeps the gateway's), code and details."""

READ_BUT_NOT_SET = {
    "AWS_REGION": "Lambda sets it, and refuses a function that does",
    "AWS_LAMBDA_FUNCTION_NAME": "Lambda sets it; that is how the service knows where it is",
    "DYNAMODB_ENDPOINT_URL": "for local work; the stack uses the region's own DynamoDB",
    "TRIGGERS_DATA_DIR": "for SQLite, which no stack has",
    "AUTH_CACHE_SECONDS": "its default is what a stack wants",
}


class Recording(Mapping[str, str]):
    """An environment that records the variables that are read."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        pytest.fail("the settings read the whole environment")

    def __len__(self) -> int:
        return len(self._variables)


def variables_of(stack: Stack) -> dict[str, str]:
    """Return the environment of the function, including the variables that Lambda adds."""
    own: dict[str, str] = stack.value(VARIABLES)
    return {**own, "AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_NAME": "some-function"}


def sub(text: str) -> dict[str, str]:
    return {"Fn::Sub": text}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


# --- The document


def test_template_is_a_sam_template() -> None:
    assert TEMPLATE["AWSTemplateFormatVersion"] == "2010-09-09"
    assert TEMPLATE["Transform"] == "AWS::Serverless-2016-10-31"


def test_template_has_no_yaml_aliases() -> None:
    events = list(yaml.parse(PATH.read_text(encoding="utf-8")))
    assert len(events) > 500
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]


def test_default_stack_has_the_expected_resources() -> None:
    assert {name: one["Type"] for name, one in Stack().resources.items()} == {
        "TriggersApi": "AWS::Serverless::Api",
        "TriggersApiFunction": "AWS::Serverless::Function",
        "TriggersApiRole": "AWS::IAM::Role",
        "TriggersApiLogGroup": "AWS::Logs::LogGroup",
        "EventsTable": "AWS::DynamoDB::Table",
        "ApiKeysTable": "AWS::DynamoDB::Table",
    }


def test_product_and_tests_read_the_same_template() -> None:
    product = Template.load()
    handed = json.loads(product.sam_template(code=Path("built"), cors_allow_origin="*"))
    for own in (handed["Resources"], read := dict(RESOURCES)):
        del own["TriggersApiFunction"], own["TriggersApi"]  # which the product completes
    assert handed == {**TEMPLATE, "Resources": read}
    defaults = {name: str(one["Default"]) for name, one in TEMPLATE["Parameters"].items()}
    assert {name: one.default for name, one in product.parameters.items()} == defaults


def test_every_parameter_has_its_default() -> None:
    assert {name: (one["Type"], one["Default"]) for name, one in TEMPLATE["Parameters"].items()} == {
        "Stage": ("String", "prod"),
        "CorsAllowOrigin": ("String", "*"),
        "EventTtlDays": ("Number", 7),
        "MaxDeliveries": ("Number", 10),
        "InboxShards": ("Number", 1),
        "InboxShardsRead": ("Number", 0),
        "LogLevel": ("String", "INFO"),
        "LogRetentionDays": ("Number", 7),
        "Runtime": ("String", "python3.11"),
        "Architecture": ("String", "x86_64"),
        "MemorySize": ("Number", 512),
        "ThrottlingRateLimit": ("Number", 100),
        "ThrottlingBurstLimit": ("Number", 200),
        "HooksRateLimit": ("Number", 50),
        "HooksBurstLimit": ("Number", 100),
        "PointInTimeRecovery": ("String", "true"),
        "DeletionProtection": ("String", "false"),
        "AccessLogs": ("String", "false"),
        "AlarmEmail": ("String", ""),
        "MaxPendingMinutes": ("Number", 0),
        "Dashboard": ("String", "false"),
    }


@pytest.mark.parametrize("name", TEMPLATE["Parameters"])
def test_every_parameter_is_described_and_used(name: str) -> None:
    assert TEMPLATE["Parameters"][name]["Description"]
    used = json.dumps({key: part for key, part in TEMPLATE.items() if key != "Parameters"})
    assert f'{{"Ref": "{name}"}}' in used or f"${{{name}}}" in used


def test_runtimes_are_the_supported_pythons() -> None:
    runtimes = TEMPLATE["Parameters"]["Runtime"]["AllowedValues"]
    assert runtimes == ["python3.11", "python3.12", "python3.13", "python3.14"]


def test_outputs_name_the_created_resources() -> None:
    assert {name: one["Value"] for name, one in TEMPLATE["Outputs"].items()} == {
        "ApiUrl": sub("https://${TriggersApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}"),
        "EventsTableName": ref("EventsTable"),
        "ApiKeysTableName": ref("ApiKeysTable"),
        "ApiId": ref("TriggersApi"),
        "FunctionName": ref("TriggersApiFunction"),
        "LogGroupName": ref("TriggersApiLogGroup"),
        "RoleName": ref("TriggersApiRole"),
        "Version": VERSION,
    }


# --- The tables


def test_events_table_matches_the_requirements() -> None:
    assert EVENTS["AttributeDefinitions"] == [
        {"AttributeName": "event_id", "AttributeType": "S"},
        {"AttributeName": "created_at", "AttributeType": "S"},
        {"AttributeName": "status", "AttributeType": "S"},
    ]
    assert EVENTS["KeySchema"] == [
        {"AttributeName": "event_id", "KeyType": "HASH"},
        {"AttributeName": "created_at", "KeyType": "RANGE"},
    ]
    assert EVENTS["GlobalSecondaryIndexes"] == [
        {
            "IndexName": "status-created_at-index",
            "KeySchema": [
                {"AttributeName": "status", "KeyType": "HASH"},
                {"AttributeName": "created_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    assert EVENTS["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_keys_table_matches_the_requirements() -> None:
    assert KEYS["AttributeDefinitions"] == [{"AttributeName": "api_key", "AttributeType": "S"}]
    assert KEYS["KeySchema"] == [{"AttributeName": "api_key", "KeyType": "HASH"}]
    assert "GlobalSecondaryIndexes" not in KEYS
    assert "TimeToLiveSpecification" not in KEYS


@pytest.mark.parametrize(("stage", "suffix"), [(None, "prod"), ("staging", "staging")])
def test_tables_are_named_after_the_stage(stage: str | None, suffix: str) -> None:
    stack = Stack(Stage=stage) if stage else Stack()
    assert stack.value(EVENTS["TableName"]) == f"triggers-api-events-{suffix}"
    assert stack.value(KEYS["TableName"]) == f"triggers-api-keys-{suffix}"


@pytest.mark.parametrize("table", ["EventsTable", "ApiKeysTable"])
def test_tables_are_billed_by_request_and_encrypted(table: str) -> None:
    properties = RESOURCES[table]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True}


@pytest.mark.parametrize("table", ["EventsTable", "ApiKeysTable"])
def test_tables_are_retained_except_after_a_failed_create(table: str) -> None:
    assert RESOURCES[table]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[table]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("table", ["EventsTable", "ApiKeysTable"])
def test_backups_and_deletion_protection_are_parameters(table: str) -> None:
    properties = RESOURCES[table]["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": ref("PointInTimeRecovery")
    }
    assert properties["DeletionProtectionEnabled"] == ref("DeletionProtection")


@pytest.mark.parametrize(
    ("properties", "local"),
    [(EVENTS, events_table("triggers-api-events-prod")), (KEYS, keys_table("triggers-api-keys-prod"))],
    ids=["events", "keys"],
)
def test_table_created_without_cloudformation_is_the_same(
    properties: Mapping[str, Any], local: dict[str, Any]
) -> None:
    shared = {name: Stack().value(properties[name]) for name in properties if name in local}
    assert shared == local


# --- The function


def test_globals_match_the_requirements() -> None:
    assert Stack().value({name: GLOBALS[name] for name in GLOBALS if name != "Environment"}) == {
        "Runtime": "python3.11",
        "Timeout": 30,
        "MemorySize": "512",
        "Architectures": ["x86_64"],
    }


def test_function_uses_the_handler_and_overrides_no_global() -> None:
    assert FUNCTION["Handler"] == "triggers_api.main.handler"
    assert not FUNCTION.keys() & {"Runtime", "Timeout", "MemorySize", "Architectures", "Environment"}


def test_function_is_built_by_the_makefile() -> None:
    assert RESOURCES["TriggersApiFunction"]["Metadata"] == {"BuildMethod": "makefile", "ContextPath": "."}


def test_function_serves_every_method_on_every_path() -> None:
    assert all(one["Type"] == "Api" for one in FUNCTION["Events"].values())
    events = [one["Properties"] for one in FUNCTION["Events"].values()]
    assert all(one["RestApiId"] == ref("TriggersApi") for one in events)
    assert [(one["Method"], one["Path"]) for one in events] == [
        ("ANY", "/"),
        ("ANY", "/{proxy+}"),
        ("ANY", HOOKS_PATH),
        ("OPTIONS", HOOKS_PATH),
    ]


# --- Its variables


def test_variables_match_the_requirements_and_parameters() -> None:
    assert GLOBALS["Environment"] == {
        "Variables": {
            "STAGE": ref("Stage"),
            "DYNAMODB_TABLE_EVENTS": ref("EventsTable"),
            "DYNAMODB_TABLE_KEYS": ref("ApiKeysTable"),
            "AUTH_MODE": "aws",
            "LOG_LEVEL": ref("LogLevel"),
            "EVENT_TTL_DAYS": ref("EventTtlDays"),
            "MAX_DELIVERIES": ref("MaxDeliveries"),
            "INBOX_SHARDS": ref("InboxShards"),
            "INBOX_SHARDS_READ": ref("InboxShardsRead"),
            "CORS_ALLOW_ORIGIN": ref("CorsAllowOrigin"),
        }
    }


def test_template_does_not_set_the_region() -> None:
    assert "AWS_REGION" not in json.dumps(TEMPLATE)


def test_template_variables_are_those_that_settings_reads() -> None:
    environment = Recording(variables_of(Stack()))
    Settings.from_environment(environment)
    assert VARIABLES.keys() <= environment.asked
    assert environment.asked - VARIABLES.keys() == READ_BUT_NOT_SET.keys()


def test_settings_start_from_the_stack_variables() -> None:
    stack = Stack(
        Stage="staging",
        EventTtlDays="30",
        MaxDeliveries="0",
        InboxShards="4",
        InboxShardsRead="8",
        LogLevel="DEBUG",
        CorsAllowOrigin="https://example.com",
    )
    assert Settings.from_environment(variables_of(stack)) == Settings(
        table_events="triggers-api-events-staging",
        table_keys="triggers-api-keys-staging",
        dynamodb_endpoint_url=None,
        region="eu-central-1",
        auth_mode="aws",
        auth_cache_seconds=30,
        event_ttl_days=30,
        max_deliveries=0,
        inbox_shards=4,
        inbox_shards_read=8,
        cors_allow_origin="https://example.com",
        log_level="DEBUG",
        stage="staging",
        data_dir=None,
        in_lambda=True,
    )


def test_parameter_bounds_are_those_of_the_settings() -> None:
    assert TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"] == list(LOG_LEVELS)
    days, deliveries = (TEMPLATE["Parameters"][name] for name in ("EventTtlDays", "MaxDeliveries"))
    for end in ("MinValue", "MaxValue"):
        stack = Stack(EventTtlDays=str(days[end]), MaxDeliveries=str(deliveries[end]))
        settings = Settings.from_environment(variables_of(stack))
        assert (settings.event_ttl_days, settings.max_deliveries) == (days[end], deliveries[end])
    assert (days["MinValue"], days["MaxValue"]) == (1, 3650)
    assert (deliveries["MinValue"], deliveries["MaxValue"]) == (0, 1000)


# --- The role


def test_role_can_be_assumed_by_lambda_only() -> None:
    assert FUNCTION["Role"] == arn("TriggersApiRole")
    assert RESOURCES["TriggersApiRole"]["Properties"]["AssumeRolePolicyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def test_role_has_one_policy_and_nothing_attached() -> None:
    role = RESOURCES["TriggersApiRole"]["Properties"]
    assert role.keys() == {"Description", "AssumeRolePolicyDocument", "Policies"}
    assert len(role["Policies"]) == 1
    assert [name for name, one in RESOURCES.items() if one["Type"].startswith("AWS::IAM::")] == [
        "TriggersApiRole"
    ]
    assert not FUNCTION.keys() & {"Policies", "PermissionsBoundary"}
    assert not GLOBALS.keys() & {"Policies", "Role"}


def test_role_has_exactly_these_permissions() -> None:
    (policy,) = RESOURCES["TriggersApiRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert all(one.keys() == {"Sid", "Effect", "Action", "Resource"} for one in statements)
    assert [(one["Effect"], one["Action"], one["Resource"]) for one in statements] == [
        (
            "Allow",
            [
                "dynamodb:PutItem",
                "dynamodb:GetItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:Query",
            ],
            [arn("EventsTable"), sub("${EventsTable.Arn}/index/status-created_at-index")],
        ),
        ("Allow", "dynamodb:GetItem", arn("ApiKeysTable")),
        ("Allow", ["logs:CreateLogStream", "logs:PutLogEvents"], arn("TriggersApiLogGroup")),
    ]
    assert "*" not in json.dumps(policy)


# --- The log group


def test_function_writes_to_the_stacks_own_log_group() -> None:
    assert FUNCTION["LoggingConfig"] == {"LogGroup": ref("TriggersApiLogGroup")}
    group = RESOURCES["TriggersApiLogGroup"]
    assert Stack(Stage="staging").value(group["Properties"]) == {
        "LogGroupName": "/aws/lambda/triggers-api-staging",
        "RetentionInDays": "7",
    }
    assert group["DeletionPolicy"] == group["UpdateReplacePolicy"] == "Delete"


def test_access_logs_are_off_by_default() -> None:
    assert "AccessLogGroup" not in Stack().resources
    assert "AccessLogGroup" in Stack(AccessLogs="true").resources
    condition, setting, otherwise = API["AccessLogSetting"]["Fn::If"]
    assert condition == RESOURCES["AccessLogGroup"]["Condition"] == "WithAccessLogs"
    assert setting["DestinationArn"] == arn("AccessLogGroup")
    assert otherwise == ref("AWS::NoValue")


def test_access_log_line_is_json_without_the_path() -> None:
    line = API["AccessLogSetting"]["Fn::If"][1]["Format"]
    assert "\n" not in line
    assert json.loads(line)["gateway_request_id"] == "$context.requestId"
    assert "path" not in line.lower()


# --- The API


def test_api_has_the_stages_name_and_no_second_stage() -> None:
    assert API["StageName"] == ref("Stage")
    assert API["OpenApiVersion"] == "3.0.1"


def test_api_is_regional_and_leaves_authentication_to_the_service() -> None:
    assert API["EndpointConfiguration"] == {"Type": "REGIONAL"}
    assert "Auth" not in API


def test_api_throttles_every_path_and_method_and_webhooks_on_their_own() -> None:
    assert API["MethodSettings"] == [
        {
            "ResourcePath": "/*",
            "HttpMethod": "*",
            "ThrottlingRateLimit": ref("ThrottlingRateLimit"),
            "ThrottlingBurstLimit": ref("ThrottlingBurstLimit"),
        },
        {
            "ResourcePath": "/" + HOOKS_PATH.replace("/", "~1"),
            "HttpMethod": "POST",
            "ThrottlingRateLimit": ref("HooksRateLimit"),
            "ThrottlingBurstLimit": ref("HooksBurstLimit"),
        },
    ]


def test_bodies_reach_the_service_as_text_so_that_the_preflight_works() -> None:
    """With `BinaryMediaTypes` of `*/*`, the gateway's mocks fail (serverless-application-model #1344)."""
    assert "BinaryMediaTypes" not in API


def test_cors_preflight_of_gateway_and_service_agree() -> None:
    assert Stack().value(API["Cors"]) == {
        "AllowOrigin": "'*'",
        "AllowMethods": f"'{CORS_METHODS}'",
        "AllowHeaders": f"'{CORS_HEADERS}'",
        "MaxAge": f"'{CORS_MAX_AGE_SECONDS}'",
    }


def test_cors_origin_is_one_parameter() -> None:
    stack = Stack(CorsAllowOrigin="https://example.com")
    assert stack.value(API["Cors"]["AllowOrigin"]) == "'https://example.com'"
    assert stack.value(VARIABLES["CORS_ALLOW_ORIGIN"]) == "https://example.com"
    for answer in API["GatewayResponses"].values():
        headers = stack.value(answer["ResponseParameters"]["Headers"])
        assert headers["Access-Control-Allow-Origin"] == "'https://example.com'"


def test_every_gateway_error_is_defined() -> None:
    assert API["GatewayResponses"].keys() == GATEWAY_ERRORS.keys()


@pytest.mark.parametrize("name", GATEWAY_ERRORS)
def test_gateway_error_has_our_shape(name: str) -> None:
    status, code, details = GATEWAY_ERRORS[name]
    answer = API["GatewayResponses"][name]
    assert answer.get("StatusCode") == status
    assert answer["ResponseTemplates"].keys() == {"application/json"}
    body = answer["ResponseTemplates"]["application/json"]
    for variable, sample in SAMPLES.items():
        body = body.replace(variable, sample)
    assert "$" not in body
    error = json.loads(body)
    assert error.keys() == {"error"}
    assert (
        error["error"].keys() == {"code", "message", "details", "request_id"} == set(ErrorBody.model_fields)
    )
    assert error["error"]["code"] == code
    assert error["error"]["message"]
    assert error["error"]["details"] == details
    assert error["error"]["request_id"] == REQUEST_ID


@pytest.mark.parametrize("name", sorted(GATEWAY_ERRORS.keys() - {"DEFAULT_4XX"}))
def test_gateway_error_has_a_documented_code(name: str) -> None:
    documented = DOCUMENT["components"]["schemas"]["ErrorBody"]["properties"]["code"]["x-extensible-enum"]
    assert GATEWAY_ERRORS[name][1] in documented


@pytest.mark.parametrize("name", GATEWAY_ERRORS)
def test_gateway_error_has_the_headers_of_the_service(name: str) -> None:
    (kind,) = API["GatewayResponses"][name]["ResponseParameters"]
    headers = Stack().value(API["GatewayResponses"][name]["ResponseParameters"]["Headers"])
    assert kind == "Headers"
    common = answer_headers(cors_allow_origin="*")
    retry_after = {"retry-after": "'1'"} if name in {"DEFAULT_5XX", "THROTTLED"} else {}
    assert {header.lower(): value for header, value in headers.items()} == {
        **{header: f"'{value}'" for header, value in common.items()},
        "x-request-id": "context.requestId",
        **retry_after,
    }


# --- Alarms and the dashboard


def test_alarms_are_absent_without_an_address() -> None:
    types = {one["Type"] for one in Stack().resources.values()}
    assert not types & {"AWS::CloudWatch::Alarm", "AWS::SNS::Topic"}


def test_alarms_are_sent_to_the_address() -> None:
    stack = Stack(AlarmEmail="operator@example.com", MaxPendingMinutes="30")
    added = stack.resources.keys() - Stack().resources.keys()
    assert ALARMS.keys() | {"AlarmTopic"} | SCHEDULE == added
    assert stack.value(RESOURCES["AlarmTopic"]["Properties"]["Subscription"]) == [
        {"Protocol": "email", "Endpoint": "operator@example.com"}
    ]


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_notifies_when_it_starts(alarm: str) -> None:
    assert ALARMS[alarm]["AlarmActions"] == [ref("AlarmTopic")]
    assert ALARMS[alarm].get("ActionsEnabled", True) is True


@pytest.mark.parametrize("alarm", sorted(ALARMS.keys() - {"DeadEventsAlarm"}))
def test_alarm_notifies_when_it_ends(alarm: str) -> None:
    assert ALARMS[alarm]["OKActions"] == [ref("AlarmTopic")]


@pytest.mark.parametrize("alarm", ALARMS)
def test_missing_data_is_an_alarm_for_the_age_of_pending_events_only(alarm: str) -> None:
    of_the_age = alarm in {"PendingExpiresAlarm", "MaxPendingAlarm"}
    assert ALARMS[alarm]["TreatMissingData"] == ("breaching" if of_the_age else "notBreaching")


def test_alarms_watch_the_function_the_api_and_the_tables() -> None:
    single = {name: one for name, one in ALARMS.items() if "Metrics" not in one}
    assert {
        name: (one["Namespace"], one["MetricName"], one.get("Statistic") or one["ExtendedStatistic"])
        for name, one in single.items()
    } == {
        "FunctionErrorsAlarm": ("AWS/Lambda", "Errors", "Sum"),
        "FunctionThrottlesAlarm": ("AWS/Lambda", "Throttles", "Sum"),
        "ApiErrorsAlarm": ("AWS/ApiGateway", "5XXError", "Sum"),
        "ApiLatencyAlarm": ("AWS/ApiGateway", "Latency", "p95"),
    }
    function = [{"Name": "FunctionName", "Value": ref("TriggersApiFunction")}]
    # SAM names the API after the stack.
    api = [{"Name": "ApiName", "Value": ref("AWS::StackName")}, {"Name": "Stage", "Value": ref("Stage")}]
    assert "Name" not in API
    for name, one in single.items():
        assert one["Dimensions"] == (function if name.startswith("Function") else api)
    assert ALARMS.keys() - single.keys() == {"TableThrottlesAlarm", *BACKLOG_ALARMS}


def test_table_alarm_sums_all_throttled_requests() -> None:
    total, *parts = ALARMS["TableThrottlesAlarm"]["Metrics"]
    assert total["Expression"] == " + ".join(f"FILL({part['Id']}, 0)" for part in parts)
    assert all(part["ReturnData"] is False for part in parts)
    watched = [part["MetricStat"]["Metric"] for part in parts]
    assert {one["Namespace"] for one in watched} == {"AWS/DynamoDB"}
    assert {one["MetricName"] for one in watched} == {"WriteThrottleEvents", "ReadThrottleEvents"}
    tables = [one["Dimensions"][0]["Value"] for one in watched]
    assert ref("EventsTable") in tables
    assert ref("ApiKeysTable") in tables


def test_dashboard_is_optional_and_valid_json() -> None:
    assert "OperatorDashboard" not in Stack().resources
    body = Stack(Dashboard="true").resources["OperatorDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert {widget["type"] for widget in json.loads(body)["widgets"]} == {"metric"}


# --- The measurement of the backlog


@pytest.mark.parametrize(
    ("parameters", "measures"),
    [
        ({}, False),
        ({"AlarmEmail": "a@example.com"}, True),
        ({"Dashboard": "true"}, True),
        ({"AlarmEmail": "a@example.com", "Dashboard": "true"}, True),
        ({"MaxPendingMinutes": "5"}, False),
    ],
    ids=["neither", "alarms", "dashboard", "both", "a limit without alarms"],
)
def test_backlog_is_measured_with_alarms_or_a_dashboard(parameters: dict[str, str], measures: bool) -> None:
    assert SCHEDULE & Stack(**parameters).resources.keys() == (SCHEDULE if measures else set())
    assert measures_backlog(parameters) is measures


def test_schedule_calls_the_function_every_five_minutes() -> None:
    assert Stack(Stage="staging").value(RESOURCES["BacklogSchedule"]["Properties"]["Name"]) == (
        "triggers-api-staging-backlog"
    )
    assert RESOURCES["BacklogSchedule"]["Properties"]["ScheduleExpression"] == "rate(5 minutes)"
    assert RESOURCES["BacklogSchedule"]["Properties"]["State"] == "ENABLED"
    (target,) = RESOURCES["BacklogSchedule"]["Properties"]["Targets"]
    assert target == {"Id": "function", "Arn": arn("TriggersApiFunction")}, "the whole event, as it is"


def test_only_that_schedule_may_call_the_function() -> None:
    permissions = [one for one in RESOURCES.values() if one["Type"] == "AWS::Lambda::Permission"]
    assert [one["Properties"] for one in permissions] == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": ref("TriggersApiFunction"),
            "Principal": "events.amazonaws.com",
            "SourceArn": arn("BacklogSchedule"),
        }
    ]


def backlog_metrics(part: Any) -> list[dict[str, Any]]:
    """Return the metrics of an alarm that the function writes, without its expression."""
    return [one["MetricStat"] for one in part["Metrics"] if "MetricStat" in one]


@pytest.mark.parametrize(
    ("alarm", "metric", "expression", "comparison", "threshold"),
    [
        (
            "PendingExpiresAlarm",
            "OldestPendingSeconds",
            "100 * age / (30 * 86400)",
            "GreaterThanOrEqualToThreshold",
            EXPIRING_PERCENT,
        ),
        ("MaxPendingAlarm", "OldestPendingSeconds", "age / 60", "GreaterThanThreshold", "15"),
        # The number of dead events stays, its rise does not.
        ("DeadEventsAlarm", "Dead", "DIFF(dead)", "GreaterThanOrEqualToThreshold", 1),
    ],
)
def test_backlog_alarm_watches_its_metric(
    alarm: str, metric: str, expression: str, comparison: str, threshold: object
) -> None:
    written = {name: part for name, part in ALARMS[alarm].items() if not name.endswith("Actions")}
    found = Stack(EventTtlDays="30", MaxPendingMinutes="15").value(written)
    (watched,) = backlog_metrics(found)
    assert watched == {
        "Metric": {
            "Namespace": NAMESPACE,
            "MetricName": metric,
            "Dimensions": [{"Name": "Stage", "Value": "prod"}],
        },
        "Stat": "Maximum",
        "Period": 600,
    }
    (expressed,) = [one for one in found["Metrics"] if "Expression" in one]
    assert expressed["Expression"] == expression
    assert [one.get("ReturnData", True) for one in found["Metrics"]] == [True, False]
    assert (found["ComparisonOperator"], found["Threshold"]) == (comparison, threshold)
    assert found["EvaluationPeriods"] == 1


def test_limit_of_the_age_is_off_by_default() -> None:
    assert "MaxPendingAlarm" not in Stack(AlarmEmail="a@example.com").resources
    assert "MaxPendingAlarm" not in Stack(MaxPendingMinutes="30", Dashboard="true").resources


def test_dashboard_shows_the_backlog() -> None:
    body = RESOURCES["OperatorDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = [metric for one in json.loads(body)["widgets"] for metric in one["properties"]["metrics"]]
    assert shown[-3:] == [
        [NAMESPACE, "OldestPendingSeconds", "Stage", "${Stage}"],
        [NAMESPACE, "Pending", "Stage", "${Stage}"],
        [".", "Dead", ".", "."],
    ]


def test_alarms_and_dashboard_name_the_metrics_that_are_written() -> None:
    stats = Stats(PendingStats(0, False, 0, None, None), None, DeadStats(0, False, None))
    (written,) = json.loads(metric_line(stats, stage="prod", timestamp=0))["_aws"]["CloudWatchMetrics"]
    names = {
        one["Metric"]["MetricName"] for alarm in BACKLOG_ALARMS for one in backlog_metrics(ALARMS[alarm])
    }
    assert names < {one["Name"] for one in written["Metrics"]} == {"OldestPendingSeconds", "Pending", "Dead"}
    assert written["Dimensions"] == [["Stage"]]

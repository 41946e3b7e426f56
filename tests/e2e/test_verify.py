"""`triggers verify` on a deployed stage: it passes, and each defect put in by hand fails its own check.

The tests go on with one account; each defect is taken out again, and at the end all is as it was.
"""

import json
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.documents import OPERATING, REFERENCE, recorded
from tests.support.rehearsal import Rehearsal, error_of, said, traces
from triggers_api.version import VERSION

pytestmark = pytest.mark.timeout(900)

EVENTS, KEYS = "triggers-api-events-prod", "triggers-api-keys-prod"
LOG_GROUP = "/aws/lambda/triggers-api-prod"
INDEX = "status-created_at-index"
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
READS = (
    "cloudformation:DescribeStacks",
    "lambda:GetFunctionConfiguration",
    "logs:DescribeLogGroups",
    "logs:FilterLogEvents",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:DescribeContinuousBackups",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListRolePolicies",
    "iam:ListAttachedRolePolicies",
    "apigateway:GET",
)
"""The permissions that the guide lists."""

REFUSED = "request: an unknown key is refused"
IN_THE_LOGS = "request: its id is in the logs"
NOT_IN_THE_LOGS = "request: key and payload are not in the logs"


@dataclass(frozen=True)
class Stage:
    """The deployed stage."""

    rehearsal: Rehearsal
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:
        return self.rehearsal.emulator.client(service)

    def failed(self) -> dict[str, dict[str, Any]]:
        """Verify, and return the checks that failed."""
        done = self.rehearsal.run("verify", "--json")
        document = json.loads(done.stdout)
        found = {one["check"]: one for one in document["checks"] if not one["passed"]}
        assert done.returncode == (6 if found else 0), said(done)
        assert document["passed"] is not bool(found)
        for one in found.values():
            assert one["saw"]
            assert one["saw"] != one["expected"]
            assert one["fix"]
        return found


@pytest.fixture(scope="module")
def stage(rehearsal: Rehearsal) -> Stage:
    return Stage(rehearsal, rehearsal.deploy("prod", "--no-smoke")[-1]["outputs"])


# --- The defects


@contextmanager
def configured(stage: Stage, **changes: Any) -> Iterator[None]:
    """Change the function's configuration."""
    functions, name = stage.client("lambda"), stage.outputs["FunctionName"]
    before = functions.get_function_configuration(FunctionName=name)

    def update(**settings: Any) -> None:
        functions.update_function_configuration(FunctionName=name, **settings)
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    update(**changes)
    try:
        yield
    finally:
        update(**{key: before[key] for key in changes})


@contextmanager
def variable(stage: Stage, name: str, value: str) -> Iterator[None]:
    function = stage.client("lambda").get_function_configuration(FunctionName=stage.outputs["FunctionName"])
    variables = {**function["Environment"]["Variables"], name: value}
    with configured(stage, Environment={"Variables": variables}):
        yield


@contextmanager
def policy(stage: Stage, change: Callable[[Any], None]) -> Iterator[None]:
    """Change the document of the role's policy."""
    iam = stage.client("iam")
    asked = {"RoleName": stage.outputs["RoleName"], "PolicyName": "triggers-api"}
    before = json.dumps(iam.get_role_policy(**asked)["PolicyDocument"])
    changed = json.loads(before)
    change(changed["Statement"])
    iam.put_role_policy(**asked, PolicyDocument=json.dumps(changed))
    try:
        yield
    finally:
        iam.put_role_policy(**asked, PolicyDocument=before)


def any_action(stage: Stage) -> AbstractContextManager[None]:
    return policy(stage, lambda statements: statements[0].update(Action="dynamodb:*"))


def any_resource(stage: Stage) -> AbstractContextManager[None]:
    return policy(stage, lambda statements: statements[2].update(Resource="*"))


def one_permission_less(stage: Stage) -> AbstractContextManager[None]:
    return policy(stage, lambda statements: statements[0]["Action"].remove("dynamodb:DeleteItem"))


@contextmanager
def managed_policy(stage: Stage) -> Iterator[None]:
    iam, asked = stage.client("iam"), {"RoleName": stage.outputs["RoleName"], "PolicyArn": BASIC_EXECUTION}
    iam.attach_role_policy(**asked)
    try:
        yield
    finally:
        iam.detach_role_policy(**asked)


@contextmanager
def second_policy(stage: Stage) -> Iterator[None]:
    """Give the role a second policy that repeats permissions."""
    iam, role = stage.client("iam"), stage.outputs["RoleName"]
    document = iam.get_role_policy(RoleName=role, PolicyName="triggers-api")["PolicyDocument"]
    iam.put_role_policy(RoleName=role, PolicyName="more", PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="more")


@contextmanager
def trusted_by_all(stage: Stage) -> Iterator[None]:
    iam, role = stage.client("iam"), stage.outputs["RoleName"]
    before = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    statement = {**before["Statement"][0], "Principal": "*"}
    changed = {**before, "Statement": [*before["Statement"], statement]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(changed))
    try:
        yield
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(before))


@contextmanager
def kept_for(stage: Stage, days: int | None) -> Iterator[None]:
    logs = stage.client("logs")
    if days is None:
        logs.delete_retention_policy(logGroupName=LOG_GROUP)
    else:
        logs.put_retention_policy(logGroupName=LOG_GROUP, retentionInDays=days)
    try:
        yield
    finally:
        logs.put_retention_policy(logGroupName=LOG_GROUP, retentionInDays=7)


@contextmanager
def without_ttl(stage: Stage) -> Iterator[None]:
    def switch(on: bool) -> None:
        stage.client("dynamodb").update_time_to_live(
            TableName=EVENTS, TimeToLiveSpecification={"Enabled": on, "AttributeName": "ttl"}
        )

    switch(False)
    try:
        yield
    finally:
        switch(True)


@contextmanager
def without_backups(stage: Stage) -> Iterator[None]:
    def switch(on: bool) -> None:
        stage.client("dynamodb").update_continuous_backups(
            TableName=KEYS, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on}
        )

    switch(False)
    try:
        yield
    finally:
        switch(True)


@contextmanager
def without_index(stage: Stage) -> Iterator[None]:
    dynamodb = stage.client("dynamodb")
    table = dynamodb.describe_table(TableName=EVENTS)["Table"]
    (index,) = table["GlobalSecondaryIndexes"]
    dynamodb.update_table(TableName=EVENTS, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": INDEX}}])
    try:
        yield
    finally:
        made = {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        dynamodb.update_table(
            TableName=EVENTS,
            AttributeDefinitions=table["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[{"Create": made}],
        )


@contextmanager
def second_stage(stage: Stage) -> Iterator[None]:
    gateway, api = stage.client("apigateway"), stage.outputs["ApiId"]
    (only,) = gateway.get_stages(restApiId=api)["item"]
    gateway.create_stage(restApiId=api, stageName="Stage", deploymentId=only["deploymentId"])
    try:
        yield
    finally:
        gateway.delete_stage(restApiId=api, stageName="Stage")


@contextmanager
def more_at_once(stage: Stage, methods: str, normally: str) -> Iterator[None]:
    def limit(burst: str) -> None:
        change = {"op": "replace", "path": f"/{methods}/throttling/burstLimit", "value": burst}
        stage.client("apigateway").update_stage(
            restApiId=stage.outputs["ApiId"], stageName="prod", patchOperations=[change]
        )

    limit("5000")
    try:
        yield
    finally:
        limit(normally)


@contextmanager
def small_answers_compressed(stage: Stage) -> Iterator[None]:
    def compress(smallest: str) -> None:
        change = {"op": "replace", "path": "/minimumCompressionSize", "value": smallest}
        stage.client("apigateway").update_rest_api(restApiId=stage.outputs["ApiId"], patchOperations=[change])

    compress("0")
    try:
        yield
    finally:
        compress("1024")


@contextmanager
def another_origin(stage: Stage) -> Iterator[None]:
    """Let the preflight of one path answer another origin."""
    gateway, api = stage.client("apigateway"), stage.outputs["ApiId"]
    resources = gateway.get_resources(restApiId=api, limit=500)["items"]
    (proxy,) = (one["id"] for one in resources if one["path"] == "/{proxy+}")
    where = {"restApiId": api, "resourceId": proxy, "httpMethod": "OPTIONS", "statusCode": "200"}
    before = gateway.get_integration_response(**where)
    kept = {name: before[name] for name in ("responseParameters", "responseTemplates")}

    def answer(origin: str) -> None:
        header = "method.response.header.Access-Control-Allow-Origin"
        changed = {**kept, "responseParameters": {**kept["responseParameters"], header: f"'{origin}'"}}
        gateway.put_integration_response(**where, **changed)
        gateway.create_deployment(restApiId=api, stageName="prod")

    answer("https://elsewhere.example")
    try:
        yield
    finally:
        answer("*")


@contextmanager
def handshake_by_the_gateway(stage: Stage) -> Iterator[None]:
    gateway, api = stage.client("apigateway"), stage.outputs["ApiId"]
    resources = gateway.get_resources(restApiId=api, limit=500)["items"]
    (hook,) = (one["id"] for one in resources if one["path"] == "/v1/hooks/{hook_id}")
    asked = {"restApiId": api, "resourceId": hook, "httpMethod": "OPTIONS"}
    before = gateway.get_integration(**asked)

    def integrate(**integration: str) -> None:
        gateway.put_integration(**asked, **integration)
        gateway.create_deployment(restApiId=api, stageName="prod")

    integrate(type="MOCK")
    try:
        yield
    finally:
        integrate(type=before["type"], uri=before["uri"], integrationHttpMethod="POST")


@contextmanager
def throttled_without_cors(stage: Stage) -> Iterator[None]:
    gateway = stage.client("apigateway")
    asked = {"restApiId": stage.outputs["ApiId"], "responseType": "THROTTLED"}
    before = gateway.get_gateway_response(**asked)
    kept = {name: before[name] for name in ("responseParameters", "responseTemplates")}
    gateway.put_gateway_response(**asked, responseTemplates=kept["responseTemplates"])
    try:
        yield
    finally:
        gateway.put_gateway_response(**asked, **kept)


@contextmanager
def throttled_as_success(stage: Stage) -> Iterator[None]:
    gateway = stage.client("apigateway")
    asked = {"restApiId": stage.outputs["ApiId"], "responseType": "THROTTLED"}
    before = gateway.get_gateway_response(**asked)
    kept = {name: before[name] for name in ("responseParameters", "responseTemplates")}
    templates = {"application/json": "oops"}
    gateway.put_gateway_response(**asked, **{**kept, "responseTemplates": templates}, statusCode="200")
    try:
        yield
    finally:
        gateway.put_gateway_response(**asked, **kept)


Defect = Callable[[Stage], AbstractContextManager[None]]

DEFECTS: dict[str, tuple[Defect, set[str], str]] = {
    "a wildcard in the role": (any_action, {"role: permissions"}, "dynamodb:* on"),
    "a wildcard for what it may do it to": (any_resource, {"role: permissions"}, "logs:PutLogEvents on *"),
    "a permission too few": (one_permission_less, {"role: permissions"}, "missing: dynamodb:DeleteItem on"),
    "an extra managed policy": (managed_policy, {"role: attached policies"}, BASIC_EXECUTION),
    "an extra inline policy": (second_policy, {"role: inline policies"}, "extra: more"),
    "a role for everybody": (trusted_by_all, {"role: who may be it"}, "sts:AssumeRole by *"),
    "another retention": (lambda stage: kept_for(stage, 14), {"log group: retention"}, "14 days"),
    "no retention": (lambda stage: kept_for(stage, None), {"log group: retention"}, "never expires"),
    "TTL off": (without_ttl, {"events table: time to live"}, "off"),
    "no backups": (without_backups, {"keys table: point-in-time recovery"}, "off"),
    "the index missing": (without_index, {"events table: index"}, INDEX),
    # The service starts in Lambda with no other mode (DESIGN, section 4): the request gets no answer.
    "AUTH_MODE changed": (
        lambda stage: variable(stage, "AUTH_MODE", "local"),
        {"function: AUTH_MODE", REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS},
        "local",
    ),
    # There is nothing under that name that could answer the request.
    "another handler": (
        lambda stage: configured(stage, Handler="main.handler"),
        {"function: handler", REFUSED, IN_THE_LOGS, NOT_IN_THE_LOGS},
        "main.handler",
    ),
    "a wrong table of events": (
        lambda stage: variable(stage, "DYNAMODB_TABLE_EVENTS", "triggers-api-events-other"),
        {"function: DYNAMODB_TABLE_EVENTS"},
        "triggers-api-events-other",
    ),
    # A key that cannot be looked up is answered 503, never 401.
    "a wrong table of keys": (
        lambda stage: variable(stage, "DYNAMODB_TABLE_KEYS", "triggers-api-keys-other"),
        {"function: DYNAMODB_TABLE_KEYS", REFUSED},
        "triggers-api-keys-other",
    ),
    "a variable that overrides": (
        lambda stage: variable(stage, "AUTH_CACHE_SECONDS", "3600"),
        {"function: other variables"},
        "AUTH_CACHE_SECONDS",
    ),
    "another memory": (lambda stage: configured(stage, MemorySize=1024), {"function: memory"}, "1024 MB"),
    "a second stage": (second_stage, {"api: stages"}, "extra: Stage"),
    "small answers compressed": (small_answers_compressed, {"api: compression"}, "of 0 bytes or more"),
    "another throttling": (
        lambda stage: more_at_once(stage, "*/*", "200"),
        {"api: throttling"},
        "5000 at once",
    ),
    "another throttling of webhooks": (
        lambda stage: more_at_once(stage, "~1v1~1hooks~1{hook_id}/POST", "100"),
        {"api: throttling"},
        "extra: /v1/hooks/{hook_id}/POST: ",
    ),
    "a preflight in place of the handshake of hooks": (
        handshake_by_the_gateway,
        {"api: routes"},
        "extra: OPTIONS /v1/hooks/{hook_id} to the gateway itself",
    ),
    "another origin in the preflight": (another_origin, {"api: preflight"}, "https://elsewhere.example"),
    "a throttle that is a success": (
        throttled_as_success,
        {"api: gateway responses"},
        "THROTTLED status: 200",
    ),
    "no CORS at 429": (throttled_without_cors, {"api: gateway responses"}, "missing: THROTTLED"),
}
"""How to create each defect, the checks that fail, and what the first of them reports."""


# --- The tests


def test_verify_passes_every_check_on_a_fresh_deployment(stage: Stage) -> None:
    done = stage.rehearsal.run("verify")
    assert done.returncode == 0, said(done)
    head, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert head == ["GROUP", "CHECKS", "RESULT", "SLOWEST MS"]
    assert {row[2] for row in rows} == {"ok"}
    assert f"All {sum(int(row[1]) for row in rows)} checks passed." in done.stderr
    assert done.stderr.startswith("Verify: account 000000000000")
    in_the_guide = re.findall(
        r"^ (\w.*?) {2,}\d+ +ok +\d+$",
        recorded(OPERATING.read_text(encoding="utf-8"), "verify"),
        re.MULTILINE,
    )
    assert [row[0] for row in rows] == in_the_guide


def test_verify_changes_nothing(stage: Stage) -> None:
    before = traces(stage.rehearsal.emulator)
    assert stage.failed() == {}
    assert traces(stage.rehearsal.emulator) == before
    for table in (EVENTS, KEYS):
        assert stage.client("dynamodb").scan(TableName=table)["Items"] == []


def test_verify_json_names_the_stage_and_has_a_record_of_each_check(stage: Stage) -> None:
    document = stage.rehearsal.ask("verify")
    checks = document.pop("checks")
    assert document == {
        "stage": "prod",
        "stack": "triggers-api-prod",
        "region": "us-east-1",
        "version": VERSION,
        "program_version": VERSION,
        "passed": True,
    }
    names = [one["check"] for one in checks]
    assert len(names) == len(set(names))
    for one in checks:
        assert one["passed"] is True
        assert one["saw"] == one["expected"]
        assert one["fix"] is None


def test_request_of_verify_is_logged_and_rejected(stage: Stage) -> None:
    checks = {one["check"]: one for one in stage.rehearsal.ask("verify")["checks"]}
    request_id = checks[IN_THE_LOGS]["request_id"]
    events = stage.client("logs").filter_log_events(logGroupName=LOG_GROUP)["events"]
    (line,) = (json.loads(one["message"]) for one in events if request_id in one["message"])
    assert (line["route"], line["status"]) == ("/v1/events", 401)


@pytest.mark.parametrize(("defect", "broken", "saw"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_fails_its_own_check(stage: Stage, defect: Defect, broken: set[str], saw: str) -> None:
    with defect(stage):
        found = stage.failed()
    assert found.keys() == broken, found
    own = next(name for name in found if not name.startswith("request: "))
    assert saw in found[own]["saw"]


def test_verify_compares_a_stage_with_its_own_parameters(stage: Stage) -> None:
    given = ("LogRetentionDays=14", "EventTtlDays=30", "MemorySize=256", "PointInTimeRecovery=false")
    more = (
        "ThrottlingRateLimit=50",
        "HooksRateLimit=20",
        "CorsAllowOrigin=https://shop.example",
        "LogLevel=WARNING",
    )
    arguments = [word for one in ("MaxDeliveries=0", *given, *more) for word in ("--parameter", one)]
    stage.rehearsal.deploy("other", "--no-smoke", *arguments)
    document = stage.rehearsal.ask("verify", "--stage", "other")
    expected = {one["check"]: one["expected"] for one in document["checks"]}
    assert expected["log group: retention"] == "/aws/lambda/triggers-api-other, 14 days"
    assert expected["function: EVENT_TTL_DAYS"] == "30"
    assert expected["function: MAX_DELIVERIES"] == "0"
    assert expected["function: memory"] == "256 MB"
    assert expected["keys table: point-in-time recovery"] == "off"
    assert expected["api: throttling"] == (
        "*/*: 50 a second and 200 at once, /v1/hooks/{hook_id}/POST: 20 a second and 100 at once"
    )
    assert "https://shop.example" in expected["api: preflight"]
    assert "WARNING" in expected[IN_THE_LOGS]


def test_verify_needs_no_more_permissions_than_the_guide_lists(stage: Stage) -> None:
    permissions = REFERENCE.read_text(encoding="utf-8").partition("\n## Permissions\n")[2]
    assert [one for one in READS if f"`{one}`" not in permissions] == []
    reader = stage.rehearsal.emulator.user(
        "reader", {"Effect": "Allow", "Action": list(READS), "Resource": "*"}
    )
    assert stage.rehearsal.as_user(reader).ask("verify")["passed"] is True


def test_unreadable_resource_fails_its_checks_and_the_others_run(stage: Stage) -> None:
    allowed = [one for one in READS if not one.startswith("iam:")]
    user = stage.rehearsal.emulator.user("blind", {"Effect": "Allow", "Action": allowed, "Resource": "*"})
    document = stage.rehearsal.as_user(user).ask("verify", code=6)
    failed = {one["check"]: one for one in document["checks"] if not one["passed"]}
    assert failed.keys() == {
        "role: permissions",
        "role: inline policies",
        "role: attached policies",
        "role: who may be it",
    }
    for one in failed.values():
        assert one["saw"].startswith("could not check: These AWS credentials lack a permission.")
        assert "--profile" in one["fix"]


def test_verify_exits_4_when_the_stack_may_not_be_read(stage: Stage) -> None:
    user = stage.rehearsal.emulator.user(
        "nobody", {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    )
    done = stage.rehearsal.as_user(user).run("verify", "--json")
    assert done.returncode == 4, said(done)
    assert error_of(done)["code"] == "PERMISSION_DENIED"


def test_verify_exits_1_when_the_stage_is_not_deployed(stage: Stage) -> None:
    done = stage.rehearsal.run("verify", "--stage", "nowhere", "--json")
    assert done.returncode == 1, said(done)
    assert error_of(done)["code"] == "STACK_MISSING"


def test_ctrl_c_exits_130_without_a_traceback(stage: Stage) -> None:
    with stage.rehearsal.started("verify") as process:
        assert process.stderr is not None
        said_first = [process.stderr.readline(), process.stderr.readline()]
        assert said_first[1].startswith("Checking.")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr


def test_verify_on_a_terminal_shows_a_table_and_the_defects_below(stage: Stage) -> None:
    with kept_for(stage, 14):
        session = stage.rehearsal.on_terminal("verify")
    assert session.code == 6
    below = session.screen.rpartition("log group: retention\n")[2].splitlines()
    assert below[0].strip() == f"expected: {LOG_GROUP}, 7 days"
    assert below[1].strip() == f"saw: {LOG_GROUP}, 14 days"
    assert "put-retention-policy" in below[2]


def test_stage_is_unchanged_after_all_tests(stage: Stage) -> None:
    assert stage.failed() == {}

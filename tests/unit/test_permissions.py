"""IAM's simulation of the operator's permissions: for root, for users, and for the role of a session."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stubbed_aws import ACCOUNT, NAME, REGION, StubbedAws
from triggers_api.ops.doctor.permissions import ACTIONS, SCHEDULE_ACTIONS, simulate
from triggers_api.ops.findings import Finding, State

USER = f"arn:aws:iam::{ACCOUNT}:user/team/anna"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/anna@example.com"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Deployer"
ROLE_IN_A_PATH = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/Deployer"


@pytest.fixture
def aws() -> StubbedAws:
    return StubbedAws()


def asked(aws: StubbedAws) -> list[dict[str, Any]]:
    """Return a list to which every simulation is added."""
    seen: list[dict[str, Any]] = []
    aws.client("iam").meta.events.register(
        "provide-client-params.iam.SimulatePrincipalPolicy", lambda params, **_: seen.append(dict(params))
    )
    return seen


def decides(aws: StubbedAws, decision: str = "allowed", **by_action: str) -> None:
    """Record IAM's decisions, service by service; `by_action` sets single ones."""
    for actions in ACTIONS.values():
        results = [
            {"EvalActionName": one, "EvalDecision": by_action.get(one.replace(":", "_"), decision)}
            for one in actions
        ]
        aws.answers("iam", "simulate_principal_policy", {"EvaluationResults": results})


def found(aws: StubbedAws, caller: str, *, with_schedule: bool = False) -> list[Finding]:
    findings = list(simulate(aws, caller, with_schedule=with_schedule))
    assert aws.was_asked_all()
    return findings


def knows_role(aws: StubbedAws, arn: str) -> None:
    role = {
        "Path": "/",
        "RoleName": "Deployer",
        "RoleId": "AROA0123456789ABCDEF",
        "Arn": arn,
        "CreateDate": "2026-01-01",
    }
    aws.answers("iam", "get_role", {"Role": role}, {"RoleName": "Deployer"})


@pytest.mark.parametrize("account", ["000000000000", ACCOUNT])
def test_root_has_every_permission_and_nothing_is_simulated(aws: StubbedAws, account: str) -> None:
    (finding,) = found(aws, f"arn:aws:iam::{account}:root")
    assert finding.state is State.OK


def test_a_user_is_simulated_service_by_service(aws: StubbedAws) -> None:
    seen = asked(aws)
    decides(aws)
    findings = found(aws, USER)
    assert [one.check for one in findings] == [f"permissions: {service}" for service in ACTIONS]
    assert {one.state for one in findings} == {State.OK}
    assert {one["PolicySourceArn"] for one in seen} == {USER}
    assert [tuple(one["ActionNames"]) for one in seen] == list(ACTIONS.values())


def test_each_service_is_simulated_with_the_resources_of_the_stack(aws: StubbedAws) -> None:
    seen = asked(aws)
    decides(aws)
    found(aws, USER)
    arns = {service: one["ResourceArns"] for service, one in zip(ACTIONS, seen, strict=True)}
    assert arns["CloudFormation"] == [f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{NAME}/*"]
    assert arns["DynamoDB"] == [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/triggers-api-events-dev"]
    assert all("{" not in arn for (arn,) in arns.values())
    assert arns["S3 objects"][0].startswith(f"{arns['S3'][0]}/{NAME}/")


def test_the_simulation_has_the_region_and_the_service_of_a_passed_role(aws: StubbedAws) -> None:
    seen = asked(aws)
    decides(aws)
    found(aws, USER)
    for one in seen:
        context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in one["ContextEntries"]}
        assert context == {
            "aws:RequestedRegion": [REGION],
            "iam:PassedToService": ["lambda.amazonaws.com"],
        }


def test_a_stack_that_measures_its_backlog_needs_the_permissions_of_its_rule(aws: StubbedAws) -> None:
    seen = asked(aws)
    decides(aws)
    (denied,) = SCHEDULE_ACTIONS.values()
    results = [{"EvalActionName": one, "EvalDecision": "implicitDeny"} for one in denied]
    aws.answers("iam", "simulate_principal_policy", {"EvaluationResults": results})
    last = found(aws, USER, with_schedule=True)[-1]
    assert (last.check, last.state) == ("permissions: EventBridge", State.FAILED)
    assert "events:PutRule" in last.fix
    assert seen[-1]["ResourceArns"] == [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/triggers-api-dev-backlog"]


def test_another_partition_is_simulated_with_its_own_arns(aws: StubbedAws) -> None:
    seen = asked(aws)
    decides(aws)
    found(aws, USER.replace("arn:aws:", "arn:aws-cn:"))
    assert {one["ResourceArns"][0].split(":")[1] for one in seen} == {"aws-cn"}


@pytest.mark.parametrize("decision", ["implicitDeny", "explicitDeny"])
def test_denied_actions_are_named_and_the_other_services_are_simulated(
    aws: StubbedAws, decision: str
) -> None:
    decides(aws, iam_PassRole=decision, iam_CreateRole=decision)
    findings = {one.check: one for one in found(aws, USER)}
    denied = findings.pop("permissions: IAM")
    assert denied.state is State.FAILED
    assert denied.message == f"2 of {len(ACTIONS['IAM'])} are denied."
    assert denied.fix == "Ask for iam:CreateRole, iam:PassRole."
    assert {one.state for one in findings.values()} == {State.OK}


def test_a_session_is_simulated_as_its_role_with_its_path(aws: StubbedAws) -> None:
    seen = asked(aws)
    knows_role(aws, ROLE_IN_A_PATH)
    decides(aws)
    found(aws, SESSION)
    assert {one["PolicySourceArn"] for one in seen} == {ROLE_IN_A_PATH}


def test_a_role_that_cannot_be_read_is_simulated_without_a_path(aws: StubbedAws) -> None:
    seen = asked(aws)
    aws.refuses("iam", "get_role", "AccessDenied")
    decides(aws)
    found(aws, SESSION)
    assert {one["PolicySourceArn"] for one in seen} == {ROLE}


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "NoSuchEntity"])
def test_a_denied_simulation_is_unknown(aws: StubbedAws, code: str) -> None:
    aws.refuses("iam", "simulate_principal_policy", code, "not authorized to simulate")
    (finding,) = found(aws, USER)
    assert finding.state is State.UNKNOWN
    assert "not authorized to simulate" in finding.message
    assert "iam:SimulatePrincipalPolicy" in finding.fix


def test_a_federated_user_is_unknown(aws: StubbedAws) -> None:
    message = "Invalid Entity Arn: arn:aws:sts::123456789012:federated-user/anna does not clearly define..."
    aws.refuses("iam", "simulate_principal_policy", "InvalidInput", message)
    (finding,) = found(aws, f"arn:aws:sts::{ACCOUNT}:federated-user/anna")
    assert finding.state is State.UNKNOWN


def test_another_error_is_raised(aws: StubbedAws) -> None:
    aws.refuses("iam", "simulate_principal_policy", "Throttling", "Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        found(aws, USER)


def test_the_pages_of_a_simulation_are_read_together(aws: StubbedAws) -> None:
    first, *rest = ACTIONS.items()
    service, actions = first
    allowed = {"EvalActionName": actions[0], "EvalDecision": "allowed"}
    denied = {"EvalActionName": actions[1], "EvalDecision": "implicitDeny"}
    page = {"EvaluationResults": [allowed], "IsTruncated": True, "Marker": "2"}
    aws.answers("iam", "simulate_principal_policy", page)
    aws.answers("iam", "simulate_principal_policy", {"EvaluationResults": [denied]})
    for _ in rest:
        aws.answers("iam", "simulate_principal_policy", {"EvaluationResults": []})
    findings = {one.check: one for one in found(aws, USER)}
    assert findings[f"permissions: {service}"].fix == f"Ask for {actions[1]}."

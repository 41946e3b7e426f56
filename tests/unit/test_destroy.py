"""What `triggers destroy` would delete and keep, from the template that CloudFormation returns."""

import json
from typing import Any

import pytest

from tests.support.stubbed_aws import NAME, STACK_ID, StubbedAws, described
from triggers_api.ops.deploy.destroy import take_inventory

PARAMETERS = {"Stage": "dev", "EventTtlDays": "7", "CorsAllowOrigin": "*"}
RESOURCES: dict[str, Any] = {
    "EventsTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "RetainExceptOnCreate"},
    "OldTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"},
    "Role": {"Type": "AWS::IAM::Role", "DeletionPolicy": "Delete"},
    "LogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Stage"}}},
}
YAML = """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  EventsTable: {Type: AWS::DynamoDB::Table, DeletionPolicy: RetainExceptOnCreate}
  OldTable: {Type: AWS::DynamoDB::Table, DeletionPolicy: Retain}
  Role: {Type: AWS::IAM::Role, DeletionPolicy: Delete}
  LogGroup:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: !Sub /aws/lambda/${Stage}
"""


def account(status: str, template: str) -> StubbedAws:
    aws = StubbedAws()
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()]
    aws.answers("cloudformation", "describe_stacks", described(status, Parameters=parameters))
    asked = {"StackName": STACK_ID, "TemplateStage": "Processed"}
    aws.answers("cloudformation", "get_template", {"TemplateBody": template}, asked)
    resources = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": name.lower(),
            "ResourceType": one["Type"],
            "ResourceStatus": "DELETE_COMPLETE" if name == "LogGroup" else "CREATE_COMPLETE",
            "LastUpdatedTimestamp": "2026-11-22T10:30:00Z",
        }
        for name, one in RESOURCES.items()
    ]
    aws.answers("cloudformation", "list_stack_resources", {"StackResourceSummaries": resources})
    aws.answers("cloudformation", "list_change_sets", {"Summaries": []}, {"StackName": NAME})
    return aws


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_COMPLETE", "DELETE_FAILED"])
@pytest.mark.parametrize("template", [YAML, json.dumps({"Resources": RESOURCES})], ids=["YAML", "JSON"])
def test_inventory_reads_the_template_as_text_and_as_json(status: str, template: str) -> None:
    """botocore decodes a template that is JSON, and returns another one as its text."""
    inventory = take_inventory(account(status, template))
    assert [one.logical_id for one in inventory.kept] == ["EventsTable", "OldTable"]
    assert [one.logical_id for one in inventory.deleted] == ["Role"]


@pytest.mark.parametrize("template", ["nothing", "{}"])
def test_template_without_resources_keeps_nothing(template: str) -> None:
    assert take_inventory(account("ROLLBACK_COMPLETE", template)).kept == ()

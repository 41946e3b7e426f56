"""Kept tables as they come into a new stack: with the settings that each has now."""

from typing import Any

import pytest

from tests.support.stubbed_aws import AT, StubbedAws
from triggers_api.errors import PreflightError
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy import adopt

NAME = "triggers-api-events-dev"
WANTED = Template.load().properties_of(["EventsTable"])
FORM: dict[str, Any] = {
    "TableName": NAME,
    "KeySchema": WANTED["EventsTable"]["KeySchema"],
    "AttributeDefinitions": WANTED["EventsTable"]["AttributeDefinitions"],
    "GlobalSecondaryIndexes": WANTED["EventsTable"]["GlobalSecondaryIndexes"],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
(INDEX,) = FORM["GlobalSecondaryIndexes"]
NUMBERS = [{**one, "AttributeType": "N"} for one in FORM["AttributeDefinitions"]]


def as_it_is(
    table: dict[str, Any], time_to_live: dict[str, Any] | None = None, recovery: str = "DISABLED"
) -> dict[str, Any]:
    aws = StubbedAws()
    aws.answers("dynamodb", "describe_table", {"Table": table}, {"TableName": NAME})
    description = {"TimeToLiveDescription": time_to_live or {"TimeToLiveStatus": "DISABLED"}}
    aws.answers("dynamodb", "describe_time_to_live", description)
    backups = {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {
            "PointInTimeRecoveryStatus": recovery,
            "EarliestRestorableDateTime": AT,
        },
    }
    answer = {"ContinuousBackupsDescription": backups}
    aws.answers("dynamodb", "describe_continuous_backups", answer)
    return adopt.as_they_are(aws, {"EventsTable": NAME}, WANTED)["EventsTable"]


def test_a_table_without_settings_has_none_in_the_import() -> None:
    found = as_it_is(FORM)
    assert found["DeletionProtectionEnabled"] is False
    assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}
    assert not {"SSESpecification", "TimeToLiveSpecification"} & set(found)
    for name in ("TableName", "BillingMode", "KeySchema", "GlobalSecondaryIndexes"):
        assert found[name] == WANTED["EventsTable"][name]


def test_the_settings_of_a_table_are_in_the_import() -> None:
    table = {**FORM, "DeletionProtectionEnabled": True, "SSEDescription": {"Status": "ENABLED"}}
    found = as_it_is(table, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}, "ENABLED")
    assert found["DeletionProtectionEnabled"] is True
    assert found["SSESpecification"] == {"SSEEnabled": True}
    assert found["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize(
    "other",
    [
        {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]},
        {"AttributeDefinitions": NUMBERS},
        {"GlobalSecondaryIndexes": []},
        {"GlobalSecondaryIndexes": [{**INDEX, "Projection": {"ProjectionType": "KEYS_ONLY"}}]},
        {"LocalSecondaryIndexes": [{"IndexName": "local", "KeySchema": FORM["KeySchema"]}]},
    ],
    ids=["keys", "types", "no index", "projection", "local index"],
)
def test_a_table_of_another_form_is_not_adopted(other: dict[str, Any]) -> None:
    with pytest.raises(PreflightError, match=NAME) as caught:
        as_it_is({**FORM, **other})
    assert "--stage" in caught.value.hint


@pytest.mark.parametrize("billing", [{}, {"BillingMode": "PROVISIONED"}])
def test_a_table_that_is_billed_otherwise_is_not_adopted(billing: dict[str, str]) -> None:
    with pytest.raises(PreflightError, match="provisioned") as caught:
        as_it_is({**FORM, "BillingModeSummary": billing})
    assert "--billing-mode PAY_PER_REQUEST" in caught.value.hint


@pytest.mark.parametrize("on", [True, False])
def test_whether_a_kept_table_is_protected_against_deletion(on: bool) -> None:
    aws = StubbedAws()
    table = {"TableName": NAME, "DeletionProtectionEnabled": on}
    aws.answers("dynamodb", "describe_table", {"Table": table}, {"TableName": NAME})
    assert adopt.is_protected(aws, NAME) is on

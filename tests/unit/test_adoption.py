"""The description of kept tables for an import, with the settings that each has now."""

from typing import Any

import pytest

from tests.support.stubbed_aws import AT, StubbedAws
from triggers_api.errors import PreflightError
from triggers_api.ops.cloudformation.template import Template
from triggers_api.ops.deploy import adopt

NAME = "triggers-api-events-dev"
IN_TEMPLATE = Template.load().properties(["EventsTable"])
TABLE: dict[str, Any] = {
    "TableName": NAME,
    "KeySchema": IN_TEMPLATE["EventsTable"]["KeySchema"],
    "AttributeDefinitions": IN_TEMPLATE["EventsTable"]["AttributeDefinitions"],
    "GlobalSecondaryIndexes": IN_TEMPLATE["EventsTable"]["GlobalSecondaryIndexes"],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
(INDEX,) = TABLE["GlobalSecondaryIndexes"]
NUMBERS = [{**one, "AttributeType": "N"} for one in TABLE["AttributeDefinitions"]]


def import_properties(
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
    return adopt.describe_tables(aws, {"EventsTable": NAME}, IN_TEMPLATE)["EventsTable"]


def test_import_of_table_without_settings_has_none() -> None:
    found = import_properties(TABLE)
    assert found["DeletionProtectionEnabled"] is False
    assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": False}
    assert not {"SSESpecification", "TimeToLiveSpecification"} & set(found)
    for name in ("TableName", "BillingMode", "KeySchema", "GlobalSecondaryIndexes"):
        assert found[name] == IN_TEMPLATE["EventsTable"][name]


def test_import_states_the_current_settings_of_a_table() -> None:
    table = {**TABLE, "DeletionProtectionEnabled": True, "SSEDescription": {"Status": "ENABLED"}}
    found = import_properties(table, {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}, "ENABLED")
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
        {"LocalSecondaryIndexes": [{"IndexName": "local", "KeySchema": TABLE["KeySchema"]}]},
    ],
    ids=["keys", "types", "no index", "projection", "local index"],
)
def test_table_with_another_schema_is_not_adopted(other: dict[str, Any]) -> None:
    with pytest.raises(PreflightError, match=NAME) as caught:
        import_properties({**TABLE, **other})
    assert "--stage" in caught.value.hint


@pytest.mark.parametrize("billing", [{}, {"BillingMode": "PROVISIONED"}])
def test_table_with_provisioned_billing_is_not_adopted(billing: dict[str, str]) -> None:
    with pytest.raises(PreflightError, match="provisioned") as caught:
        import_properties({**TABLE, "BillingModeSummary": billing})
    assert "--billing-mode PAY_PER_REQUEST" in caught.value.hint


@pytest.mark.parametrize("on", [True, False])
def test_is_protected_reads_deletion_protection(on: bool) -> None:
    aws = StubbedAws()
    table = {"TableName": NAME, "DeletionProtectionEnabled": on}
    aws.answers("dynamodb", "describe_table", {"Table": table}, {"TableName": NAME})
    assert adopt.is_protected(aws, NAME) is on

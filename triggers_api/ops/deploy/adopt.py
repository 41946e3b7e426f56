"""Tables kept from an earlier stack: what they are, and how they come into a new one.

An import takes a table as it is and sets nothing. So the template of the import says what each table has now;
the deployment that follows changes what the template wants otherwise, and CloudFormation sees that it must.
"""

from collections.abc import Mapping
from typing import Any

from triggers_api.errors import PreflightError
from triggers_api.ops.aws import Aws


def as_they_are(
    aws: Aws, tables: Mapping[str, str], wanted: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the properties of tables, by logical id, with the settings that each has now.

    `PreflightError` where a table has other keys, or lacks the index: it is not one of this program.
    """
    dynamodb = aws.client("dynamodb")
    return {logical_id: _as_it_is(dynamodb, name, wanted[logical_id]) for logical_id, name in tables.items()}


def is_protected(aws: Aws, name: str) -> bool:
    """Tell whether a table is protected against deletion."""
    table = aws.client("dynamodb").describe_table(TableName=name)["Table"]
    return table.get("DeletionProtectionEnabled") is True


def _as_it_is(dynamodb: Any, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    table = dynamodb.describe_table(TableName=name)["Table"]
    _check_form(name, table, wanted)
    properties = {key: value for key, value in wanted.items() if key not in _SETTINGS}
    properties["DeletionProtectionEnabled"] = table.get("DeletionProtectionEnabled") is True
    if table.get("SSEDescription", {}).get("Status") == "ENABLED":
        properties["SSESpecification"] = {"SSEEnabled": True}
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        properties["TimeToLiveSpecification"] = {"AttributeName": ttl["AttributeName"], "Enabled": True}
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": recovery == "ENABLED"}
    return properties


_SETTINGS = (
    "DeletionProtectionEnabled",
    "SSESpecification",
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
)


def _check_form(name: str, table: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Return where keys and indexes are those of the template, and the table is billed by request."""
    if _form(table) != _form(wanted):
        raise PreflightError(
            f"The table {name} cannot be adopted: it is not one of this program.",
            reason="its keys or its indexes are others",
            hint="Choose another --stage, or delete the table if nobody needs it.",
        )
    if table.get("BillingModeSummary", {}).get("BillingMode") != wanted["BillingMode"]:
        raise PreflightError(
            f"The table {name} cannot be adopted: it is billed by provisioned capacity.",
            reason="the stack has it billed by request, and an import changes nothing",
            hint=f"Run aws dynamodb update-table --table-name {name} --billing-mode {wanted['BillingMode']}.",
        )


def _form(table: Mapping[str, Any]) -> Any:
    """Return what of a table cannot be changed, of the template or as DynamoDB describes it."""
    attributes = {one["AttributeName"]: one["AttributeType"] for one in table.get("AttributeDefinitions", [])}
    indexes = {
        one["IndexName"]: (one["KeySchema"], one["Projection"])
        for one in table.get("GlobalSecondaryIndexes", [])
    }
    return table["KeySchema"], attributes, indexes, table.get("LocalSecondaryIndexes", [])

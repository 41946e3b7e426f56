"""Describe tables that an earlier stack kept, so that a new stack can import them.

An import takes a table as it is and changes no setting. The import's template therefore states the settings
that each table has now. CloudFormation then sees the difference to the real template in the deployment that
follows, and applies it.
"""

from collections.abc import Mapping
from typing import Any

from triggers_api.errors import PreflightError
from triggers_api.ops.aws import Aws
from triggers_api.ops.shell_commands import aws_command

_SETTINGS = (
    "DeletionProtectionEnabled",
    "SSESpecification",
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
)


def describe_tables(
    aws: Aws, tables: Mapping[str, str], template: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the template properties of tables with the settings that each table has now.

    Args:
        aws: The account.
        tables: The tables' names by logical id.
        template: The tables' properties in the template, by logical id.

    Raises:
        PreflightError: A table differs in something that cannot be changed, such as its keys.
    """
    dynamodb = aws.client("dynamodb")
    return {name: _describe_table(dynamodb, table, template[name]) for name, table in tables.items()}


def is_protected(aws: Aws, name: str) -> bool:
    """Return whether a table is protected against deletion."""
    return _has_protection(aws.client("dynamodb").describe_table(TableName=name)["Table"])


def _describe_table(dynamodb: Any, name: str, template: Mapping[str, Any]) -> dict[str, Any]:
    table = dynamodb.describe_table(TableName=name)["Table"]
    _check_adoptable(name, table, template)
    properties = {key: value for key, value in template.items() if key not in _SETTINGS}
    properties["DeletionProtectionEnabled"] = _has_protection(table)
    if table.get("SSEDescription", {}).get("Status") == "ENABLED":
        properties["SSESpecification"] = {"SSEEnabled": True}
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        properties["TimeToLiveSpecification"] = {"AttributeName": ttl["AttributeName"], "Enabled": True}
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": recovery == "ENABLED"}
    return properties


def _has_protection(table: Mapping[str, Any]) -> bool:
    return table.get("DeletionProtectionEnabled") is True


def _check_adoptable(name: str, table: Mapping[str, Any], template: Mapping[str, Any]) -> None:
    """Raise `PreflightError` unless keys, indexes and billing mode are those of the template."""
    if _schema(table) != _schema(template):
        raise PreflightError(
            f"Table {name} cannot be adopted: it was not created by this program.",
            reason="its keys or its indexes differ from the template's",
            hint="Choose another --stage, or delete the table if it is not needed.",
        )
    if table.get("BillingModeSummary", {}).get("BillingMode") != template["BillingMode"]:
        mode = template["BillingMode"]
        raise PreflightError(
            f"Table {name} cannot be adopted: it is billed by provisioned capacity.",
            reason="the stack's tables are billed by request, and an import changes no setting",
            hint="Change that, and deploy again: "
            + aws_command("dynamodb", "update-table", "--table-name", name, "--billing-mode", mode),
        )


def _schema(table: Mapping[str, Any]) -> Any:
    """Return the unchangeable part of a table, from the template or from DynamoDB's description."""
    attributes = {one["AttributeName"]: one["AttributeType"] for one in table.get("AttributeDefinitions", [])}
    indexes = {
        one["IndexName"]: (one["KeySchema"], one["Projection"])
        for one in table.get("GlobalSecondaryIndexes", [])
    }
    return table["KeySchema"], attributes, indexes, table.get("LocalSecondaryIndexes", [])

"""Probes of the two tables (requirements, section 9)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from triggers_api.ops.shell_commands import aws_command, triggers_command
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.probe import Expectation, Probe, Value

_IN_USE = "ACTIVE, or UPDATING"


def make_probes(live: LiveStack, logical_id: str, label: str) -> list[Probe]:
    """Return the probes of a table. The names of its checks begin with `label`."""
    wanted = live.expected(logical_id)
    name = wanted["TableName"]
    dynamodb = live.clients["dynamodb"]
    recovery = _is_on(wanted["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])
    ttl = wanted.get("TimeToLiveSpecification")
    ttl_wanted = (
        f"Enabled=true,AttributeName={ttl['AttributeName']}" if ttl else "Enabled=false,AttributeName=NAME"
    )

    def command(operation: str, *words: str) -> str:
        return aws_command("dynamodb", operation, "--table-name", name, *words)

    return [
        Probe(
            lambda: dynamodb.describe_table(TableName=name)["Table"],
            _expect_description(wanted, label, command),
        ),
        Probe(
            lambda: dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
            (
                Expectation(
                    f"{label}: time to live",
                    f"on {ttl['AttributeName']}" if ttl else "off",
                    _read_time_to_live,
                    command("update-time-to-live", "--time-to-live-specification", ttl_wanted),
                ),
            ),
        ),
        Probe(
            lambda: dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"],
            (
                Expectation(
                    f"{label}: point-in-time recovery",
                    _on_or_off(recovery),
                    _read_recovery,
                    command(
                        "update-continuous-backups",
                        "--point-in-time-recovery-specification",
                        f"PointInTimeRecoveryEnabled={str(recovery).lower()}",
                    ),
                ),
            ),
        ),
    ]


def _expect_description(
    wanted: Mapping[str, Any], label: str, command: Callable[..., str]
) -> tuple[Expectation, ...]:
    protection = Expectation(
        f"{label}: deletion protection",
        "on",
        lambda table: _on_or_off(table.get("DeletionProtectionEnabled", False)),
        command("update-table", "--deletion-protection-enabled"),
    )
    return (
        Expectation(
            f"{label}: state",
            _IN_USE,
            _read_state,
            "If the KMS key is the cause, allow DynamoDB to use the key; a table that is being created or "
            f"restored needs time. For details: {command('describe-table')}",
        ),
        Expectation(
            f"{label}: key",
            _key(wanted["KeySchema"], wanted),
            lambda table: _key(table["KeySchema"], table),
            "The key of a table cannot be changed. Save its data, and create a new table: "
            + triggers_command("deploy"),
        ),
        Expectation(
            f"{label}: index",
            _indexes(wanted),
            _indexes,
            _fix_indexes(wanted, command),
        ),
        Expectation(
            f"{label}: billing",
            wanted["BillingMode"],
            lambda table: str(table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")),
            command("update-table", "--billing-mode", wanted["BillingMode"]),
        ),
        Expectation(
            f"{label}: encryption",
            "with the AWS managed key, or one of the account",
            _read_encryption,
            command("update-table", "--sse-specification", "Enabled=true"),
        ),
        # If the parameter is off, protection that was switched on by hand is not a fault.
        *([protection] if _is_on(wanted["DeletionProtectionEnabled"]) else []),
    )


def _fix_indexes(wanted: Mapping[str, Any], command: Callable[..., str]) -> str:
    """Return how to restore the indexes. DynamoDB accepts one change at a time."""
    delete = json.dumps([{"Delete": {"IndexName": "NAME"}}])
    steps = [f"delete an extra index with `{_update_indexes(command, delete)}`"]
    for index in wanted.get("GlobalSecondaryIndexes", []):
        types = [
            f"AttributeName={one['AttributeName']},AttributeType={one['AttributeType']}"
            for one in wanted["AttributeDefinitions"]
        ]
        create = _update_indexes(command, json.dumps([{"Create": index}]), "--attribute-definitions", *types)
        steps.append(f"create the missing index with `{create}`")
    return f"An index that is being created needs time. Otherwise {', and '.join(steps)}"


def _update_indexes(command: Callable[..., str], change: str, *more: str) -> str:
    return command("update-table", *more, "--global-secondary-index-updates", change)


def _read_state(table: Mapping[str, Any]) -> str:
    status = str(table.get("TableStatus"))
    return _IN_USE if status in {"ACTIVE", "UPDATING"} else status


def _key(schema: Any, table: Mapping[str, Any]) -> str:
    """Return a key with the types of its attributes: `event_id (HASH, S), created_at (RANGE, S)`."""
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    return ", ".join(
        f"{one['AttributeName']} ({one['KeyType']}, {types.get(one['AttributeName'], '?')})" for one in schema
    )


def _indexes(table: Mapping[str, Any]) -> Value:
    return frozenset(
        f"{one['IndexName']}: {_key(one['KeySchema'], table)}, projects {one['Projection']['ProjectionType']}"
        # An index in a template has no status. DynamoDB does not use an index that it still fills.
        + ("" if one.get("IndexStatus", "ACTIVE") == "ACTIVE" else f", {one['IndexStatus']}")
        for one in table.get("GlobalSecondaryIndexes", [])
    )


def _read_encryption(table: Mapping[str, Any]) -> str:
    """Return which key is used. Without a KMS key, DynamoDB describes no encryption at all."""
    described = table.get("SSEDescription", {})
    if described.get("SSEType") == "KMS" and described.get("Status") in {"ENABLED", "UPDATING"}:
        return "with the AWS managed key, or one of the account"
    return f"with DynamoDB's own key ({described.get('Status', 'DISABLED')})"


def _read_time_to_live(found: Mapping[str, Any]) -> str:
    # The status may be ENABLING for an hour after time to live was switched on.
    if found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        return f"on {found.get('AttributeName')}"
    return "off"


def _read_recovery(found: Mapping[str, Any]) -> str:
    status = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    return _on_or_off(status == "ENABLED")


def _is_on(value: Any) -> bool:
    """Return a switch of the template, which is a text if a parameter sets it."""
    return str(value).lower() == "true"


def _on_or_off(on: bool) -> str:
    return "on" if on else "off"

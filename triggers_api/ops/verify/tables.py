"""The two tables as DynamoDB has them (requirements, section 9)."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from triggers_api.ops.verify.live import Live
from triggers_api.ops.verify.look import Check, Look, Value

_IN_USE = "ACTIVE, or UPDATING"


def looks(live: Live, logical_id: str, label: str) -> list[Look]:
    """Return what to look at of one table; `label` is how its checks are called."""
    wanted = live.expected(logical_id)
    name = wanted["TableName"]
    dynamodb = live.clients["dynamodb"]
    recovery = _is_on(wanted["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"])
    ttl = wanted.get("TimeToLiveSpecification")
    ttl_wanted = (
        f"Enabled=true,AttributeName={ttl['AttributeName']}" if ttl else "Enabled=false,AttributeName=NAME"
    )

    def command(operation: str, *words: str) -> str:
        return live.command("dynamodb", operation, "--table-name", name, *words)

    return [
        Look(
            lambda: dynamodb.describe_table(TableName=name)["Table"],
            _checks_of_the_table(wanted, label, command),
        ),
        Look(
            lambda: dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
            (
                Check(
                    f"{label}: time to live",
                    f"on {ttl['AttributeName']}" if ttl else "off",
                    _time_to_live,
                    command("update-time-to-live", "--time-to-live-specification", ttl_wanted),
                ),
            ),
        ),
        Look(
            lambda: dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"],
            (
                Check(
                    f"{label}: point-in-time recovery",
                    _switch(recovery),
                    _point_in_time_recovery,
                    command(
                        "update-continuous-backups",
                        "--point-in-time-recovery-specification",
                        f"PointInTimeRecoveryEnabled={str(recovery).lower()}",
                    ),
                ),
            ),
        ),
    ]


def _checks_of_the_table(
    wanted: Mapping[str, Any], label: str, command: Callable[..., str]
) -> tuple[Check, ...]:
    protection = Check(
        f"{label}: deletion protection",
        "on",
        lambda table: _switch(table.get("DeletionProtectionEnabled", False)),
        command("update-table", "--deletion-protection-enabled"),
    )
    return (
        Check(
            f"{label}: state",
            _IN_USE,
            _state,
            f"{command('describe-table')} tells more. Where its key of KMS is why, let DynamoDB use the key; "
            "a table that is being made or restored needs time.",
        ),
        Check(
            f"{label}: key",
            _key(wanted["KeySchema"], wanted),
            lambda table: _key(table["KeySchema"], table),
            "The key of a table cannot be changed: keep its data, and let triggers deploy make another.",
        ),
        Check(
            f"{label}: index",
            _indexes(wanted),
            _indexes,
            _fix_of_the_indexes(wanted, command),
        ),
        Check(
            f"{label}: billing",
            wanted["BillingMode"],
            lambda table: str(table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")),
            command("update-table", "--billing-mode", wanted["BillingMode"]),
        ),
        Check(
            f"{label}: encryption",
            "with the AWS managed key, or one of the account",
            _encryption,
            command("update-table", "--sse-specification", "Enabled=true"),
        ),
        # Where the parameter is off, protection that somebody has switched on is no fault.
        *([protection] if _is_on(wanted["DeletionProtectionEnabled"]) else []),
    )


def _fix_of_the_indexes(wanted: Mapping[str, Any], command: Callable[..., str]) -> str:
    """Return how to put the indexes back: DynamoDB takes one change of them at a time."""
    delete = json.dumps([{"Delete": {"IndexName": "NAME"}}])
    steps = [f"take away what is too much with {_update_of_indexes(command, delete)}"]
    for index in wanted.get("GlobalSecondaryIndexes", []):
        types = [
            f"AttributeName={one['AttributeName']},AttributeType={one['AttributeType']}"
            for one in wanted["AttributeDefinitions"]
        ]
        create = _update_of_indexes(
            command, json.dumps([{"Create": index}]), "--attribute-definitions", *types
        )
        steps.append(f"make what is missing with {create}")
    return f"One that is being made needs time. Else {', and '.join(steps)}"


def _update_of_indexes(command: Callable[..., str], change: str, *more: str) -> str:
    return command("update-table", *more, "--global-secondary-index-updates", change)


def _state(table: Mapping[str, Any]) -> str:
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
        # A template's index has no state; one that DynamoDB still fills is no good yet.
        + ("" if one.get("IndexStatus", "ACTIVE") == "ACTIVE" else f", {one['IndexStatus']}")
        for one in table.get("GlobalSecondaryIndexes", [])
    )


def _encryption(table: Mapping[str, Any]) -> str:
    """Tell whether a key of KMS is used: without one DynamoDB describes no encryption at all."""
    described = table.get("SSEDescription", {})
    if described.get("SSEType") == "KMS" and described.get("Status") in {"ENABLED", "UPDATING"}:
        return "with the AWS managed key, or one of the account"
    return f"with DynamoDB's own key ({described.get('Status', 'DISABLED')})"


def _time_to_live(found: Mapping[str, Any]) -> str:
    # DynamoDB may call it ENABLING for an hour after it was switched on.
    if found.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        return f"on {found.get('AttributeName')}"
    return "off"


def _point_in_time_recovery(found: Mapping[str, Any]) -> str:
    status = found.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    return _switch(status == "ENABLED")


def _is_on(value: Any) -> bool:
    """Read a switch of the template, which is a text where a parameter sets it."""
    return str(value).lower() == "true"


def _switch(on: bool) -> str:
    return "on" if on else "off"

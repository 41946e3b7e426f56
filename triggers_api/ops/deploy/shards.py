"""Check that no event is in a shard of the index that the deployment would no longer read."""

from collections.abc import Iterator, Mapping, Sequence

from triggers_api.core.events import DEAD, PENDING
from triggers_api.core.paging import MAX_SHARDS
from triggers_api.ops.aws import Aws
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.store.dynamodb.schema import STATUS_INDEX
from triggers_api.store.dynamodb.shards import shard_key


def shards_read(parameters: Mapping[str, str]) -> int:
    """Return how many shards a stack with these parameters reads. Older stacks have one."""
    return max(int(parameters.get(name, "1")) for name in ("InboxShards", "InboxShardsRead"))


def check_lowered_shards(aws: Aws, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Finding]:
    """Check the shards that a deployed stack reads and the new one would not."""
    shards = range(shards_read(after), shards_read(before))
    yield from _fail_if_used(aws, shards, after)
    if shards:
        message = "The shards that are no longer read have no pending and no dead events."
        yield Finding("shards", State.OK, f"{message} Acknowledged ones expire there unseen.")


def check_adopted_shards(aws: Aws, parameters: Mapping[str, str]) -> Iterator[Finding]:
    """Check the shards that an adopted table may have and the new stack would not read."""
    yield from _fail_if_used(aws, range(shards_read(parameters), MAX_SHARDS), parameters)


def _fail_if_used(aws: Aws, shards: Sequence[int], parameters: Mapping[str, str]) -> Iterator[Finding]:
    keys = [shard_key(status, shard) for shard in shards for status in (PENDING, DEAD)]
    used = [key for key in keys if _has_events(aws, key)]
    if not used:
        return
    highest = int(used[-1].rpartition("#")[2]) + 1
    read = triggers_command(
        "deploy",
        "--parameter",
        f"InboxShards={parameters['InboxShards']}",
        "--parameter",
        f"InboxShardsRead={highest}",
    )
    yield Finding(
        "shards",
        State.FAILED,
        f"These shards have events and would not be read: {', '.join(used)}.",
        f"Read them until they are empty: {read}",
    )


def _has_events(aws: Aws, key: str) -> bool:
    answer = aws.client("dynamodb").query(
        TableName=aws.target.events_table,
        IndexName=STATUS_INDEX,
        KeyConditionExpression="#status = :key",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":key": {"S": key}},
        Select="COUNT",
        Limit=1,
    )
    return bool(answer["Count"])
